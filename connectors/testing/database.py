"""A pytest plugin: a database of its own for each session of tests, made by its owner and used by the role app."""

import os
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.models.signals import pre_migrate
from django.test.utils import setup_databases, teardown_databases

from organisation.database import create_roles


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """A database of its own for each session, so that several may run on the shared server at once."""
    test = connection.settings_dict["TEST"]
    suffix = os.environ.get("PYTEST_XDIST_WORKER", "main")
    test["NAME"] = f"test_{os.getppid() if 'PYTEST_XDIST_WORKER' in os.environ else os.getpid()}_{suffix}"


@pytest.fixture(scope="session")
def django_db_setup(request: pytest.FixtureRequest) -> Iterator[None]:
    """Creates the database as its owner, roles first, and hands it to the tests as the role app."""
    pre_migrate.connect(_roles_before_the_first_table, dispatch_uid="tests.roles")
    request.getfixturevalue("_created_database")
    connection.settings_dict["OPTIONS"]["assume_role"] = "app"
    connection.close()
    flush = connection.ops.execute_sql_flush

    def flush_as_owner(statements: Iterable[str]) -> None:
        flush(["RESET ROLE;", *statements, "SET ROLE app;"])

    connection.ops.execute_sql_flush = flush_as_owner  # type: ignore[method-assign,assignment]  # only the owner may truncate
    yield
    connection.settings_dict["OPTIONS"].pop("assume_role")
    connection.close()


@pytest.fixture(scope="session")
def _created_database(
    request: pytest.FixtureRequest,
    django_test_environment: None,
    django_db_blocker: Any,
    django_db_modify_db_settings: None,
) -> Iterator[None]:
    with django_db_blocker.unblock():
        created = setup_databases(verbosity=0, interactive=False, serialized_aliases=[])
    yield
    with django_db_blocker.unblock():
        teardown_databases(created, verbosity=0)


def _roles_before_the_first_table(**options: Any) -> None:
    create_roles(app_password=None)
    pre_migrate.disconnect(dispatch_uid="tests.roles")
