from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AuditConfig(AppConfig):
    name = "audit"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        post_migrate.connect(write_triggers_after_migrations, sender=self, dispatch_uid="audit.triggers")


def write_triggers_after_migrations(plan: list[Any] | None = None, **options: Any) -> None:
    """Column lists follow the models: whenever a migration ran, the triggers are written anew."""
    from audit.triggers import install_triggers  # noqa: PLC0415  # models are loaded by now, not at import

    if plan:
        install_triggers()
