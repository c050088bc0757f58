import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.db.models.signals import pre_migrate
from django.test.utils import setup_databases, teardown_databases

from organisation.database import create_roles
from organisation.models import Membership, Organisation, User
from organisation.roles import CAPABILITIES, Role
from organisation.scope import Origin, Scope, acting_for, system_job


@pytest.fixture(scope="session", autouse=True)
def _cheap_passwords() -> None:
    """A hash that is meant to take a third of a second takes more than most tests."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


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


@pytest.fixture
def now() -> datetime:
    """02:15 on a night in November."""
    return datetime(2026, 11, 24, 2, 15, tzinfo=UTC)


PASSWORD = "long enough"


class Tenants:
    """Makes organisations and their people, as the named system job that the product would use."""

    def organisation(
        self, slug: str, *, name: str | None = None, allowed_networks: tuple[str, ...] = ()
    ) -> Organisation:
        with system_job("test"):
            return Organisation.objects.create(
                slug=slug, name=name or slug.title(), allowed_networks=list(allowed_networks)
            )

    def member(
        self, organisation: Organisation, role: Role, *, email: str | None = None, password: str = PASSWORD
    ) -> Membership:
        with system_job("test"):
            user = User.objects.create_user(email or f"{role.lower()}@{organisation.slug}.example", password)
            return Membership.objects.create(organisation=organisation, user=user, role=role)


@pytest.fixture
def tenants() -> Tenants:
    return Tenants()


@pytest.fixture
def utility(db: None, tenants: Tenants) -> Organisation:
    """The organisation of most tests; connectors in it may reach loopback, where the simulator is."""
    return tenants.organisation("utility", name="Utility", allowed_networks=("127.0.0.0/8", "::1/128"))


@pytest.fixture
def neighbour(db: None, tenants: Tenants) -> Organisation:
    return tenants.organisation("neighbour", name="Neighbour")


@pytest.fixture
def coordinator(utility: Organisation, tenants: Tenants) -> Membership:
    return tenants.member(utility, Role.COORDINATOR)


@pytest.fixture
def administrator(utility: Organisation, tenants: Tenants) -> Membership:
    return tenants.member(utility, Role.ADMINISTRATOR)


def scope_for(membership: Membership, *, origin: Origin = Origin.CONSOLE) -> Scope:
    return Scope(
        organisation_id=membership.organisation_id,
        actor_id=membership.user_id,
        origin=origin,
        capabilities=CAPABILITIES[Role(membership.role)],
    )


@pytest.fixture
def scope(utility: Organisation) -> Iterator[Scope]:
    """Acts for the utility as the system itself, for the whole test."""
    with acting_for(Scope(organisation_id=utility.pk)) as entered:
        yield entered
