from django.apps import AppConfig
from django.core import checks


class OutageConfig(AppConfig):
    name = "outage"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from outage.checks import check_signing  # noqa: PLC0415  # models are ready only now

        checks.register(check_signing)
