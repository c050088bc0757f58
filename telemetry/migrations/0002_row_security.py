from django.db import migrations

from organisation.operations import TenantTables

# Rows are updated in place, on their page, as often as signals change.
ROOM = "ALTER TABLE telemetry_latestreading SET (fillfactor = 50)"
NO_ROOM = "ALTER TABLE telemetry_latestreading RESET (fillfactor)"


class Migration(migrations.Migration):
    dependencies = [("telemetry", "0001_initial"), ("gis", "0002_row_security")]

    operations = [
        TenantTables("acknowledgement", "alarm", "latestreading", "reading", "signal"),
        migrations.RunSQL(ROOM, NO_ROOM),
    ]
