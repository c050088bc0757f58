from django.db import migrations

from organisation.operations import HistoryTables, TenantTables

REFUSE = """
CREATE FUNCTION outage_alert_is_kept() RETURNS trigger LANGUAGE plpgsql AS $refuse$
BEGIN
  RAISE EXCEPTION 'An issued alert is kept as it went out: % cannot be %.', OLD.identifier,
    CASE TG_OP WHEN 'DELETE' THEN 'deleted' ELSE 'changed' END
    USING ERRCODE = 'restrict_violation';
END $refuse$;
CREATE TRIGGER alert_is_kept BEFORE UPDATE OR DELETE ON outage_issuedalert
FOR EACH ROW EXECUTE FUNCTION outage_alert_is_kept();
"""
ALLOW = """
DROP TRIGGER alert_is_kept ON outage_issuedalert;
DROP FUNCTION outage_alert_is_kept();
"""


class Migration(migrations.Migration):
    dependencies = [("outage", "0004_alerts")]

    operations = [
        TenantTables("alertsettings", "issuedalert"),
        HistoryTables("historicalalertsettings", "historicalissuedalert"),
        migrations.RunSQL(REFUSE, ALLOW),
    ]
