from django.apps import AppConfig
from django.core import checks


class OrganisationConfig(AppConfig):
    name = "organisation"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Models are loaded by now, not at import.
        from organisation.checks import (  # noqa: PLC0415
            check_every_table_has_an_organisation,
            check_row_security,
        )

        checks.register(check_every_table_has_an_organisation)
        checks.register(check_row_security, checks.Tags.database)
