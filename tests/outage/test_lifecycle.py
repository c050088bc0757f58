from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from organisation.models import Membership, User
from outage import lifecycle
from outage.models import OPEN_STATUSES, AffectedServicePoint, Cause, Outage, Status, TimelineEntry
from outage.services.transitions import UnableToTransition, transition_outage
from tests.outage.pretend import PretendUtility, off, the_outage


@pytest.fixture
def person(coordinator: Membership) -> User:
    return coordinator.user


def walk(outage: Outage, *statuses: Status, actor: User, now: datetime) -> Outage:
    for seconds, status in enumerate(statuses):
        outage = transition_outage(
            outage=outage, to=status, reason="as told", actor=actor, now=now + timedelta(seconds=seconds)
        )
    return outage


def test_every_status_has_its_moves_and_only_two_are_final() -> None:
    assert set(lifecycle.MOVES) == set(Status)
    assert {status for status in Status if not lifecycle.possible(status)} == {Status.CLOSED, Status.CANCELLED}
    assert all(lifecycle.allows(status, Status.RESTORED) for status in OPEN_STATUSES)


def test_the_usual_way_from_detected_to_closed(utility_with_ring: PretendUtility, person: User, now: datetime) -> None:
    utility_with_ring.trips("FEEDER")
    outage = walk(
        the_outage(), Status.CONFIRMED, Status.DISPATCHED, Status.REPAIRING, actor=person, now=utility_with_ring.clock
    )
    assert (outage.customers_off, len(off())) == (5, 5)

    outage = walk(outage, Status.RESTORED, Status.VERIFIED, Status.CLOSED, actor=person, now=now + timedelta(hours=1))

    assert outage.status == Status.CLOSED
    assert outage.restored_at == now + timedelta(hours=1)
    assert outage.closed_at == now + timedelta(hours=1, seconds=2)
    assert list(
        outage.timeline.filter(kind="TRANSITION")
        .order_by("pk")
        .values_list("from_status", "to_status", "customers_affected", "critical_customers_affected", "reason", "actor")
    ) == [
        ("DETECTED", "CONFIRMED", 5, 1, "as told", person.pk),
        ("CONFIRMED", "DISPATCHED", 5, 1, "as told", person.pk),
        ("DISPATCHED", "REPAIRING", 5, 1, "as told", person.pk),
        ("REPAIRING", "RESTORED", 0, 0, "as told", person.pk),
        ("RESTORED", "VERIFIED", 0, 0, "as told", person.pk),
        ("VERIFIED", "CLOSED", 0, 0, "as told", person.pk),
    ]


@pytest.mark.parametrize("to", [Status.DETECTED, Status.REPAIRING, Status.VERIFIED, Status.CLOSED])
def test_an_illegal_move_is_refused_aloud_and_changes_nothing(
    utility_with_ring: PretendUtility, person: User, to: Status
) -> None:
    utility_with_ring.trips("FEEDER")

    with pytest.raises(UnableToTransition, match="2026-0001 is detected") as refused:
        transition_outage(outage=the_outage(), to=to, reason="why not", actor=person, now=utility_with_ring.clock)

    assert refused.value.possible == (
        Status.CONFIRMED,
        Status.PARTIALLY_RESTORED,
        Status.RESTORED,
        Status.CANCELLED,
    )
    assert the_outage().status == Status.DETECTED
    assert the_outage().timeline.count() == 1


def test_a_refusal_says_what_is_possible(utility_with_ring: PretendUtility, person: User) -> None:
    utility_with_ring.trips("FEEDER")
    outage = walk(the_outage(), Status.CONFIRMED, Status.CANCELLED, actor=person, now=utility_with_ring.clock)

    with pytest.raises(UnableToTransition) as refused:
        walk(outage, Status.CONFIRMED, actor=person, now=utility_with_ring.clock)
    assert str(refused.value) == "2026-0001 is cancelled, and that is final: it cannot become confirmed."

    utility_with_ring.trips("OTHER")
    with pytest.raises(UnableToTransition) as refused:
        walk(Outage.objects.open().get(), Status.VERIFIED, actor=person, now=utility_with_ring.clock)
    assert str(refused.value) == (
        "2026-0002 is detected and cannot become verified from there. "
        "It can become confirmed or partially restored or restored or cancelled."
    )


def test_every_move_has_a_reason(utility_with_ring: PretendUtility, person: User) -> None:
    utility_with_ring.trips("FEEDER")

    with pytest.raises(UnableToTransition, match="Say why"):
        transition_outage(
            outage=the_outage(), to=Status.CONFIRMED, reason="  ", actor=person, now=utility_with_ring.clock
        )


def test_a_move_is_judged_by_the_row_and_not_by_what_somebody_saw(
    utility_with_ring: PretendUtility, person: User
) -> None:
    utility_with_ring.trips("FEEDER")
    seen = the_outage()
    walk(the_outage(), Status.CANCELLED, actor=person, now=utility_with_ring.clock)

    with pytest.raises(UnableToTransition):
        walk(seen, Status.CONFIRMED, actor=person, now=utility_with_ring.clock)


def test_a_move_may_tell_the_cause(utility_with_ring: PretendUtility, person: User) -> None:
    utility_with_ring.trips("FEEDER")

    transition_outage(
        outage=the_outage(),
        to=Status.CONFIRMED,
        reason="seen from the road",
        actor=person,
        now=utility_with_ring.clock,
        cause=Cause.VEGETATION,
    )

    assert the_outage().cause == Cause.VEGETATION


def test_a_cancelled_outage_holds_nobody_and_its_alarm_opens_no_other(
    utility_with_ring: PretendUtility, person: User
) -> None:
    utility_with_ring.trips("FEEDER")
    walk(the_outage(), Status.CANCELLED, actor=person, now=utility_with_ring.clock)
    utility_with_ring.alarm("FEEDER", active=True, acknowledged=True)

    outage = the_outage()
    assert (outage.customers_affected, outage.customers_off) == (5, 0)
    assert not AffectedServicePoint.objects.filter(is_off=True).exists()
    assert outage.timeline.latest("pk").customers_affected == 5

    utility_with_ring.trips("SECTION")
    assert off() == {"far/0", "far/1"}


def test_a_persons_word_that_supply_is_back_stands_against_a_stuck_position(
    utility_with_ring: PretendUtility, person: User
) -> None:
    utility_with_ring.trips("FEEDER")
    utility_with_ring.opens("FEEDER")
    walk(the_outage(), Status.RESTORED, actor=person, now=utility_with_ring.clock)
    utility_with_ring.wait(60)

    utility_with_ring.closes("OTHER")

    assert the_outage().status == Status.RESTORED
    assert off() == set()


@pytest.mark.parametrize("statement", ["UPDATE {table} SET summary = 'Nothing happened'", "DELETE FROM {table}"])
def test_the_database_keeps_the_timeline_as_it_is(utility_with_ring: PretendUtility, statement: str) -> None:
    utility_with_ring.trips("FEEDER")
    before = list(TimelineEntry.objects.values())

    with pytest.raises(IntegrityError, match="is kept as it is"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.format(table=TimelineEntry._meta.db_table))

    assert list(TimelineEntry.objects.values()) == before


@pytest.mark.parametrize("to", [Status.CANCELLED, Status.RESTORED])
def test_whom_a_person_lets_go_is_charged_to_the_outage_that_has_them_off(
    utility_with_ring: PretendUtility, person: User, to: Status
) -> None:
    utility_with_ring.trips("FEEDER")
    utility_with_ring.trips("SECTION")
    utility_with_ring.opens("SECTION")

    walk(Outage.objects.get(element__external_id="FEEDER"), to, actor=person, now=utility_with_ring.clock)

    assert off() == {"far/0", "far/1"}
    assert Outage.objects.open().get().timeline.latest("pk").summary == "2 customers off"
