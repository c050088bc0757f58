from django.db import migrations

from organisation.operations import HistoryTables, TenantTables


class Migration(migrations.Migration):
    dependencies = [("gis", "0001_initial"), ("connectors", "0002_row_security")]

    operations = [
        TenantTables(
            "deadrange",
            "elementalias",
            "elementnumbers",
            "feature",
            "network",
            "networkelement",
            "noderanking",
            "switchopening",
            "switchposition",
            "unsuppliednode",
            "zone",
        ),
        HistoryTables("historicalelementalias"),
    ]
