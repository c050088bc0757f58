from django.db import migrations

from organisation.operations import TenantTables


class Migration(migrations.Migration):
    dependencies = [("customer", "0003_paged_counts")]

    operations = [
        TenantTables("cumulativecounts"),
    ]
