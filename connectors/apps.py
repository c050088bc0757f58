from django.apps import AppConfig
from django.core import checks


class ConnectorsConfig(AppConfig):
    name = "connectors"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from connectors.checks import check_adapters, check_stored_secrets  # noqa: PLC0415  # models are ready only now

        checks.register(check_adapters)
        checks.register(check_stored_secrets, checks.Tags.database)
