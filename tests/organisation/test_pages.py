import re

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from organisation.models import ApiToken, Membership, Organisation
from organisation.queries import TokenExpired, find_token_holder
from organisation.roles import Role
from organisation.scope import acting_for, system_job
from tests.conftest import PASSWORD, Tenants, scope_for

pytestmark = pytest.mark.django_db


def signed_in(member: Membership) -> Client:
    client = Client()
    client.force_login(member.user)
    return client


def test_one_signs_in_by_e_mail_and_password(coordinator: Membership) -> None:
    client = Client()
    address = reverse("admin:login")

    refused = client.post(address, {"username": coordinator.user.email, "password": "wrong"})
    accepted = client.post(address, {"username": coordinator.user.email.upper(), "password": PASSWORD})

    assert (refused.status_code, accepted.status_code) == (200, 302)
    with acting_for(scope_for(coordinator)):
        coordinator.user.refresh_from_db()
        assert coordinator.user.signed_in_at is not None


def test_an_administrator_adds_a_member_who_can_sign_in(administrator: Membership) -> None:
    given = {"email": "new@utility.example", "name": "Newcomer", "password": "a long first one", "role": "DISPATCHER"}

    response = signed_in(administrator).post(reverse("admin:organisation_membership_add"), given)

    assert response.status_code == 302, response.content.decode()[-1000:]
    assert Client().login(username="new@utility.example", password="a long first one")
    with acting_for(scope_for(administrator)):
        assert Membership.objects.get(user__email="new@utility.example").role == Role.DISPATCHER


def test_the_last_administrator_cannot_step_down(administrator: Membership) -> None:
    address = reverse("admin:organisation_membership_change", args=[administrator.pk])

    answer = signed_in(administrator).post(address, {"role": "AUDITOR", "is_active": "on"}).content.decode()

    assert "is the last administrator" in answer
    with acting_for(scope_for(administrator)):
        administrator.refresh_from_db()
        assert administrator.role == Role.ADMINISTRATOR


def test_a_member_who_is_switched_off_sees_nothing_any_more(administrator: Membership, coordinator: Membership) -> None:
    theirs = signed_in(coordinator)
    address = reverse("admin:organisation_membership_change", args=[coordinator.pk])

    signed_in(administrator).post(address, {"role": "COORDINATOR"})

    assert theirs.get(reverse("admin:index")).status_code in (302, 403)
    with acting_for(scope_for(administrator)):
        coordinator.refresh_from_db()
        assert coordinator.is_active is False


@pytest.mark.parametrize("role", [Role.COORDINATOR, Role.DISPATCHER, Role.AUDITOR])
def test_members_are_the_administrators_business(utility: Organisation, tenants: Tenants, role: Role) -> None:
    client = signed_in(tenants.member(utility, role))
    assert client.get(reverse("admin:organisation_membership_changelist")).status_code == 403
    assert client.post(reverse("admin:organisation_membership_add"), {}).status_code == 403


def test_a_token_is_shown_once_and_works_until_it_is_revoked(coordinator: Membership) -> None:
    client = signed_in(coordinator)
    given = {"name": "Wall", "scopes": ["operations:read"], "days": "30"}

    shown = client.post(reverse("admin:organisation_apitoken_add"), given, follow=True).content.decode()

    [token] = set(re.findall(r"uec_[\w-]{20,}", shown))
    holder = find_token_holder(token, now=timezone.now())
    assert holder is not None
    assert sorted(holder.scope.capabilities) == ["operations:read"]
    assert token not in client.get(reverse("admin:organisation_apitoken_changelist")).content.decode()
    with acting_for(scope_for(coordinator)):
        stored = ApiToken.objects.get()
    address = reverse("admin:organisation_apitoken_revoke", args=[stored.pk])
    assert "Whoever uses it is refused from now on." in client.get(address).content.decode()
    assert find_token_holder(token, now=timezone.now()) is not None, "asking is not doing"

    client.post(address)

    with pytest.raises(TokenExpired):
        find_token_holder(token, now=timezone.now())
    assert client.get(address).status_code == 302, "there is nothing left to ask"


def test_a_token_may_not_do_what_its_owner_may_not(coordinator: Membership) -> None:
    given = {"name": "Wall", "scopes": ["members:manage"], "days": "30"}

    answer = signed_in(coordinator).post(reverse("admin:organisation_apitoken_add"), given).content.decode()

    assert "may not do this here: members:manage" in answer
    with acting_for(scope_for(coordinator)):
        assert ApiToken.objects.count() == 0


def test_who_is_in_two_organisations_switches_between_them(administrator: Membership, neighbour: Organisation) -> None:
    with system_job("test"):
        Membership.objects.create(organisation=neighbour, user=administrator.user, role=Role.AUDITOR)
    client = signed_in(administrator)

    client.post(reverse("switch-organisation"), {"organisation": str(neighbour.pk)})
    assert client.get(reverse("admin:organisation_membership_changelist")).status_code == 403
    client.post(reverse("switch-organisation"), {"organisation": "999999"})
    assert client.get(reverse("admin:organisation_membership_changelist")).status_code == 403
    client.post(reverse("switch-organisation"), {"organisation": str(administrator.organisation_id)})
    assert client.get(reverse("admin:organisation_membership_changelist")).status_code == 200


def test_the_trail_shows_who_changed_what(administrator: Membership, coordinator: Membership) -> None:
    address = reverse("admin:organisation_membership_change", args=[coordinator.pk])
    client = signed_in(administrator)
    client.post(address, {"role": "DISPATCHER", "is_active": "on"})

    shown = client.get(reverse("admin:audit_event_changelist")).content.decode()

    assert "role: COORDINATOR → DISPATCHER" in shown
    assert administrator.user.email in shown
    assert signed_in(coordinator).get(reverse("admin:audit_event_changelist")).status_code == 403
