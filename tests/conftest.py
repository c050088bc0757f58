from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.conf import settings

from organisation.models import Membership, Organisation, User
from organisation.roles import CAPABILITIES, Role
from organisation.scope import Origin, Scope, acting_for, system_job

pytest_plugins = ("connectors.testing.database",)


@pytest.fixture(scope="session", autouse=True)
def _cheap_passwords() -> None:
    """A hash that is meant to take a third of a second takes more than most tests."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


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
