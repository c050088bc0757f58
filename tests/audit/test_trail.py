from typing import Any

import pytest
from django.db import ProgrammingError, connection, transaction

from audit.models import Event
from audit.queries import changes_of
from audit.triggers import history_of
from organisation.models import Membership, Organisation, User
from organisation.roles import Role
from organisation.scope import Origin, Scope, acting_for
from tests.conftest import Tenants, scope_for

pytestmark = pytest.mark.django_db


def test_a_change_leaves_who_when_why_and_where_from(administrator: Membership, coordinator: Membership) -> None:
    with acting_for(scope_for(administrator).because("night shift")):
        coordinator.role = Role.DISPATCHER
        coordinator.save()

        event = Event.objects.latest("id")
        assert (event.actor_id, event.origin, event.reason, event.action, event.model, event.object_id) == (
            administrator.user_id,
            Origin.CONSOLE,
            "night shift",
            "~",
            "organisation.membership",
            coordinator.pk,
        )
        assert changes_of([event]) == {event.pk: "role: COORDINATOR → DISPATCHER"}
        newest: Any = history_of(Membership)._default_manager.latest("history_id")
        assert (newest.role, newest.history_type, newest.history_user_id) == ("DISPATCHER", "~", administrator.user_id)


def test_bulk_writes_leave_a_trace_too(
    utility: Organisation, administrator: Membership, coordinator: Membership
) -> None:
    with acting_for(scope_for(administrator)):
        assert Membership.objects.update(is_active=False) == 2

        assert [
            (event.action, event.object_id)
            for event in Event.objects.filter(model="organisation.membership").order_by("-id")[:2]
        ] in (
            [("~", administrator.pk), ("~", coordinator.pk)],
            [("~", coordinator.pk), ("~", administrator.pk)],
        )


def test_a_write_that_changes_nothing_leaves_none(administrator: Membership) -> None:
    with acting_for(scope_for(administrator)):
        before = Event.objects.count()
        administrator.save()
        assert Event.objects.count() == before


def test_the_trail_cannot_be_written_by_hand(administrator: Membership) -> None:
    with acting_for(scope_for(administrator)):
        for statement in ("DELETE FROM audit_event", "UPDATE audit_historicalmembership SET role = 'AUDITOR'"):
            with (
                pytest.raises(ProgrammingError, match="permission denied"),
                transaction.atomic(),
                connection.cursor() as cursor,
            ):
                cursor.execute(statement)


def test_no_history_row_holds_a_password(utility: Organisation, tenants: Tenants) -> None:
    member = tenants.member(utility, Role.AUDITOR)
    with acting_for(scope_for(member)):
        member.user.set_password("another long one")
        member.user.name = "Night auditor"
        member.user.save()

        assert history_of(User)._meta.get_field("email") is not None
        assert "password" not in {field.name for field in history_of(User)._meta.get_fields()}
        newest: Any = history_of(User)._default_manager.latest("history_id")
        assert newest.name == "Night auditor"


def test_a_neighbour_sees_none_of_it(administrator: Membership, neighbour: Organisation) -> None:
    with acting_for(Scope(organisation_id=neighbour.pk)):
        assert Event.objects.count() == 0
        assert history_of(Membership)._default_manager.count() == 0
