from django.db import migrations

from organisation.operations import HistoryTables, TenantTables


class Migration(migrations.Migration):
    dependencies = [("connectors", "0007_draft_requests")]

    operations = [
        TenantTables("draftrequest"),
        HistoryTables("historicaldraftrequest"),
    ]
