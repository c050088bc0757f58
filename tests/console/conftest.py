from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from organisation.models import Membership, Organisation
from organisation.roles import Role
from tests.conftest import PASSWORD, Tenants
from tests.console.nights import Night


@pytest.fixture
def night(utility: Organisation) -> Night:
    """Four outages on one network, as they stand some minutes after the first of them."""
    return Night(utility, now=timezone.now() - timedelta(seconds=1))


@pytest.fixture
def signed_in(coordinator: Membership) -> Client:
    return client_of(coordinator)


@pytest.fixture
def auditor(utility: Organisation, tenants: Tenants) -> Client:
    return client_of(tenants.member(utility, Role.AUDITOR))


def client_of(member: Membership) -> Client:
    client = Client()
    assert client.login(username=member.user.email, password=PASSWORD)
    return client
