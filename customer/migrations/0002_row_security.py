from django.db import migrations

from organisation.operations import TenantTables


class Migration(migrations.Migration):
    dependencies = [("customer", "0001_initial"), ("connectors", "0002_row_security")]

    operations = [
        TenantTables("cumulativecounts", "servicepoint"),
    ]
