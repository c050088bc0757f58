from django.db import migrations

from organisation.operations import HistoryTables


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial"), ("organisation", "0002_row_security")]

    operations = [
        HistoryTables(
            "event", "historicalapitoken", "historicalmembership", "historicalorganisation", "historicaluser"
        ),
    ]
