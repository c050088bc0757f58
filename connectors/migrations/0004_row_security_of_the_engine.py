from django.db import migrations

from organisation.operations import HistoryTables, TenantTables


class Migration(migrations.Migration):
    dependencies = [("connectors", "0003_engine")]

    operations = [
        TenantTables("knownpage", "recordchange", "retention"),
        HistoryTables("historicalretention"),
    ]
