from django.db import migrations

from organisation.operations import HistoryTables, TenantTables

# For each row, so that a statement which finds none is no offence. TRUNCATE, by the owner alone, empties test databases.
REFUSE = """
CREATE FUNCTION outage_timeline_is_kept() RETURNS trigger LANGUAGE plpgsql AS $refuse$
BEGIN
  RAISE EXCEPTION 'The timeline of an outage is kept as it is: entry % cannot be %.', OLD.id,
    CASE TG_OP WHEN 'DELETE' THEN 'deleted' ELSE 'changed' END
    USING ERRCODE = 'restrict_violation';
END $refuse$;
CREATE TRIGGER timeline_is_kept BEFORE UPDATE OR DELETE ON outage_timelineentry
FOR EACH ROW EXECUTE FUNCTION outage_timeline_is_kept();
"""
ALLOW = """
DROP TRIGGER timeline_is_kept ON outage_timelineentry;
DROP FUNCTION outage_timeline_is_kept();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("outage", "0001_initial"),
        ("telemetry", "0002_row_security"),
        ("customer", "0002_row_security"),
        ("gis", "0002_row_security"),
    ]

    operations = [
        TenantTables(
            "affectedservicepoint", "evidence", "numberseries", "outage", "restorationestimate", "timelineentry"
        ),
        HistoryTables("historicaloutage"),
        migrations.RunSQL(REFUSE, ALLOW),
    ]
