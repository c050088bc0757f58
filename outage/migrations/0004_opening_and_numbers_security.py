from django.db import migrations

from organisation.operations import TenantTables

OPENING_OF_THE_SAME_ORGANISATION = """
ALTER TABLE outage_outage ADD CONSTRAINT outage_outage_opening_id_same_organisation
FOREIGN KEY (organisation_id, opening_id) REFERENCES gis_switchopening (organisation_id, id)
DEFERRABLE INITIALLY DEFERRED
"""


class Migration(migrations.Migration):
    dependencies = [("outage", "0003_opening_and_numbers")]

    operations = [
        TenantTables("numberseries"),
        migrations.RunSQL(
            OPENING_OF_THE_SAME_ORGANISATION,
            "ALTER TABLE outage_outage DROP CONSTRAINT outage_outage_opening_id_same_organisation",
        ),
    ]
