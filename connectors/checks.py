"""What must be true before connectors can work: the keys open what is stored, adapters keep to the contracts."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error
from django.db import connection

from connectors import queries, registry, secrets
from connectors.models import Connector


def require_keys() -> None:
    """
    Called when a process starts.

    :raises KeysUnusable: if SECRETS_KEYS does not open the secrets that are stored
    """
    secrets.check_keys(queries.one_secret_of_each_key())


def check_adapters(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    try:
        registry.adapters()
    except registry.DeclarationRefused as error:
        return [Error(str(error), id="connectors.E001")]
    return []


def check_stored_secrets(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **options: Any
) -> list[CheckMessage]:
    # `migrate` checks before it has made the first table.
    if not databases or Connector._meta.db_table not in connection.introspection.table_names():
        return []
    try:
        require_keys()
    except secrets.KeysUnusable as error:
        return [Error(str(error), id="connectors.E002")]
    return []
