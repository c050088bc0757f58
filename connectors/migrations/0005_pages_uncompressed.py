from django.db import migrations

# Keys are written once or twice, read once, and dropped: to compress them takes longer than all of that.
UNCOMPRESSED = """
ALTER TABLE connectors_seenpage ALTER COLUMN external_ids SET STORAGE EXTERNAL;
ALTER TABLE connectors_knownpage ALTER COLUMN external_ids SET STORAGE EXTERNAL;
"""
COMPRESSED = UNCOMPRESSED.replace("EXTERNAL", "EXTENDED")


class Migration(migrations.Migration):
    dependencies = [("connectors", "0004_row_security_of_the_engine")]

    operations = [migrations.RunSQL(UNCOMPRESSED, COMPRESSED)]
