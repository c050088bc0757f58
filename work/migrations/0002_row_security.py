from django.db import migrations

from organisation.operations import TenantTables


class Migration(migrations.Migration):
    dependencies = [("work", "0001_initial"), ("gis", "0002_row_security")]

    operations = [
        TenantTables("assignment", "crew", "equipment", "workorder"),
    ]
