from django.db import migrations

from organisation import operations

MEMBERS_SEE_EACH_OTHER = "id = (SELECT app_actor()) OR EXISTS (SELECT 1 FROM organisation_membership shared WHERE shared.user_id = organisation_user.id)"
ORGANISATION_IN_SCOPE = "id = ANY ((SELECT app_organisations())::bigint[])"


class Migration(migrations.Migration):
    dependencies = [("organisation", "0001_initial")]

    operations = [
        migrations.RunSQL(operations.SCOPE_FUNCTIONS, operations.DROP_SCOPE_FUNCTIONS),
        operations.TenantTables("membership", "apitoken"),
        migrations.RunSQL(
            list(operations.scope_policies("organisation_organisation", ORGANISATION_IN_SCOPE)),
            list(operations.drop_scope_policies("organisation_organisation")),
        ),
        migrations.RunSQL(
            list(operations.scope_policies("organisation_user", MEMBERS_SEE_EACH_OTHER)),
            list(operations.drop_scope_policies("organisation_user")),
        ),
    ]
