from django.db import migrations

from organisation.operations import HistoryTables, TenantTables


class Migration(migrations.Migration):
    dependencies = [
        ("outage", "0001_initial"),
        ("telemetry", "0002_row_security"),
        ("customer", "0002_row_security"),
        ("gis", "0002_row_security"),
    ]

    operations = [
        TenantTables(
            "outage",
            "evidence",
            "affectedservicepoint",
            "timelineentry",
            "restorationestimate",
        ),
        HistoryTables("historicaloutage"),
    ]
