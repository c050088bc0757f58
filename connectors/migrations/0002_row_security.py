from django.db import migrations

from organisation.operations import HistoryTables, TenantTables


class Migration(migrations.Migration):
    dependencies = [("connectors", "0001_initial"), ("organisation", "0002_row_security")]

    operations = [
        TenantTables(
            "connector",
            "connectorprobe",
            "connectortoken",
            "lease",
            "outboxitem",
            "rejectedrecord",
            "run",
            "schedule",
            "seenpage",
            "stream",
            "streamstate",
        ),
        HistoryTables("historicalconnector", "historicalconnectortoken", "historicalschedule", "historicalstream"),
    ]
