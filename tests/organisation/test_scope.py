import pytest
from django.db import connection, transaction

from organisation.database import require_safe_role
from organisation.models import Membership, Organisation, User
from organisation.roles import Role
from organisation.scope import Scope, acting_for, carrying, current_scope_or_none
from organisation.tenancy import TenantQuerySet
from tests.conftest import Tenants

pytestmark = pytest.mark.django_db


def test_outside_a_scope_there_are_no_rows(coordinator: Membership) -> None:
    assert Membership.objects.count() == 0
    assert User.objects.count() == 0
    assert Organisation.objects.count() == 0


def test_a_neighbour_is_invisible_even_without_the_applications_filters(
    coordinator: Membership, neighbour: Organisation, tenants: Tenants, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenants.member(neighbour, Role.AUDITOR)
    monkeypatch.setattr(TenantQuerySet, "for_organisation", lambda self, organisation_id: self.all())

    with acting_for(Scope(organisation_id=neighbour.pk)):
        assert [one.user.email for one in Membership.objects.for_organisation(coordinator.organisation_id)] == [
            "auditor@neighbour.example"
        ]
        assert list(Organisation.objects.values_list("slug", flat=True)) == ["neighbour"]
        assert list(User.objects.values_list("email", flat=True)) == ["auditor@neighbour.example"]
        assert Membership.objects.filter(pk=coordinator.pk).update(is_active=False) == 0


def test_a_scope_ends_with_its_block(coordinator: Membership, neighbour: Organisation) -> None:
    with acting_for(Scope(organisation_id=coordinator.organisation_id)):
        with acting_for(Scope(organisation_id=neighbour.pk)):
            assert Membership.objects.count() == 0
        assert Membership.objects.count() == 1
    assert Membership.objects.count() == 0
    assert current_scope_or_none() is None


def test_carrying_a_scope_opens_no_transaction(utility: Organisation) -> None:
    with carrying(Scope(organisation_id=utility.pk)), connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('app.organisation_ids', true)")
        assert cursor.fetchone()[0] in (None, "")


def test_a_row_cannot_be_written_for_a_neighbour(
    utility: Organisation, neighbour: Organisation, coordinator: Membership
) -> None:
    refused = pytest.raises(Exception, match="row-level security")
    with acting_for(Scope(organisation_id=utility.pk)), refused, transaction.atomic():
        Membership.objects.create(organisation=neighbour, user=coordinator.user, role=Role.AUDITOR)


def test_app_cannot_see_past_the_policies() -> None:
    require_safe_role()
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone()[0] == "app"
