from django.db import migrations

from organisation.operations import TenantTables


class Migration(migrations.Migration):
    dependencies = [("gis", "0003_paged_numbering")]

    operations = [
        TenantTables("elementnumbers", "noderanking", "deadrange", "unsuppliednode"),
    ]
