from django.db import migrations

from organisation.operations import TenantTables


class Migration(migrations.Migration):
    dependencies = [("telemetry", "0005_alarm_actions")]

    operations = [TenantTables("alarmaction")]
