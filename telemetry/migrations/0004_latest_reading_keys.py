from django.db import migrations

# Nothing refers to a newest reading by its key, and an index that begins with the organisation alone would be
# taken for the one of organisation and signal.
DROP = 'ALTER TABLE "telemetry_latestreading" DROP CONSTRAINT "telemetry_latestreading_organisation_key"'
ADD = (
    'ALTER TABLE "telemetry_latestreading" '
    'ADD CONSTRAINT "telemetry_latestreading_organisation_key" UNIQUE (organisation_id, id)'
)


class Migration(migrations.Migration):
    dependencies = [("telemetry", "0003_source_tables")]

    operations = [migrations.RunSQL(DROP, ADD)]
