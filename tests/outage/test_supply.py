from datetime import timedelta

import pytest

from connectors.contracts.reading import SwitchState
from outage.models import Outage, Status
from outage.services.evidence import CLOCKS_DIFFER_BY, REOPENS_AFTER
from tests.outage.pretend import PretendUtility, off, the_outage


@pytest.fixture
def tripped(utility_with_ring: PretendUtility) -> PretendUtility:
    """FEEDER has tripped and was read open: five are off."""
    utility_with_ring.trips("FEEDER")
    utility_with_ring.opens("FEEDER")
    return utility_with_ring


def moves(outage: Outage) -> list[tuple[str, str, int]]:
    return [
        (entry.from_status, entry.to_status, entry.customers_affected)
        for entry in outage.timeline.filter(kind="TRANSITION").order_by("pk")
    ]


def test_supply_is_back_when_the_device_is_closed_again(tripped: PretendUtility) -> None:
    closed_at = tripped.clock - timedelta(milliseconds=300)

    tripped.closes("FEEDER", at=closed_at)

    outage = the_outage()
    assert outage.status == Status.RESTORED
    assert outage.restored_at == closed_at
    assert (outage.customers_affected, outage.customers_off, outage.critical_customers_off) == (5, 0, 0)
    assert off() == set()
    assert moves(outage) == [("DETECTED", "RESTORED", 0)]
    assert outage.timeline.get(kind="TRANSITION").reason == "Its device is closed again."


def test_a_position_that_is_still_closed_restores_nothing(utility_with_ring: PretendUtility) -> None:
    utility_with_ring.trips("FEEDER")
    utility_with_ring.closes("OTHER")
    utility_with_ring.closes("FEEDER", at=utility_with_ring.clock - timedelta(minutes=5))

    assert the_outage().status == Status.DETECTED
    assert len(off()) == 5


def test_an_opening_and_closing_between_two_polls_is_over_with_its_alarm(utility_with_ring: PretendUtility) -> None:
    utility_with_ring.trips("FEEDER")
    cleared_at = utility_with_ring.clock
    utility_with_ring.clears("FEEDER")

    outage = the_outage()
    assert outage.status == Status.RESTORED
    assert outage.restored_at == cleared_at
    assert outage.customers_affected == 5
    assert off() == set()


def test_an_alarm_that_is_over_restores_nothing_while_its_switch_is_open_or_moves(tripped: PretendUtility) -> None:
    tripped.trips("OTHER")
    tripped.position("OTHER", SwitchState.INTERMEDIATE)

    tripped.clears("FEEDER")
    tripped.clears("OTHER")

    assert [one.status for one in Outage.objects.all()] == [Status.DETECTED, Status.DETECTED]
    assert len(off()) == 9


def test_part_of_the_customers_comes_back_by_another_way(tripped: PretendUtility) -> None:
    tripped.opens("SECTION")
    tripped.closes("TIE")

    outage = the_outage()
    assert outage.status == Status.PARTIALLY_RESTORED
    assert (outage.customers_affected, outage.customers_off, outage.critical_customers_off) == (5, 3, 1)
    assert off() == {"near/0", "near/1", "near/2"}
    assert moves(outage) == [("DETECTED", "PARTIALLY_RESTORED", 3)]
    assert outage.timeline.get(kind="TRANSITION").reason == "2 customers supplied again, 3 still off."

    tripped.closes("SECTION")

    outage.refresh_from_db()
    assert outage.status == Status.RESTORED
    assert moves(outage)[1:] == [("PARTIALLY_RESTORED", "RESTORED", 0)]
    assert outage.timeline.latest("pk").reason == "All of its customers are supplied again, by another way."


def test_customers_that_lose_their_other_way_are_off_again(tripped: PretendUtility) -> None:
    tripped.closes("TIE")
    assert the_outage().status == Status.RESTORED

    tripped.opens("TIE")

    outage = the_outage()
    assert outage.status == Status.CONFIRMED
    assert outage.restored_at is None
    assert len(off()) == 5
    assert moves(outage) == [("DETECTED", "RESTORED", 0), ("RESTORED", "CONFIRMED", 5)]

    tripped.closes("FEEDER")
    assert the_outage().status == Status.RESTORED


def test_a_partial_restoration_that_fails_is_an_outage_again(tripped: PretendUtility) -> None:
    tripped.opens("SECTION")
    tripped.closes("TIE")
    tripped.opens("TIE")

    assert moves(the_outage()) == [
        ("DETECTED", "PARTIALLY_RESTORED", 3),
        ("PARTIALLY_RESTORED", "CONFIRMED", 5),
    ]


@pytest.mark.parametrize("first", ["alarm", "position"])
def test_who_came_back_and_is_taken_off_by_another_trip_is_off_by_that(tripped: PretendUtility, first: str) -> None:
    tripped.opens("SECTION")
    tripped.closes("TIE")
    if first == "alarm":
        tripped.trips("OTHER")
    tripped.opens("OTHER")
    if first == "position":
        tripped.trips("OTHER")

    feeder, other = Outage.objects.order_by("pk")
    assert (other.customers_affected, other.customers_off) == (6, 6)
    assert (feeder.customers_affected, feeder.customers_off) == (5, 3)
    assert len(off()) == 9

    tripped.closes("OTHER")
    other.refresh_from_db()
    assert other.status == Status.RESTORED
    assert off() == {"near/0", "near/1", "near/2"}


def test_an_outage_with_nobody_ends_when_its_device_is_closed_again(tripped: PretendUtility) -> None:
    tripped.trips("SECTION")
    tripped.opens("SECTION")
    tripped.closes("SECTION")

    inner = Outage.objects.get(element__external_id="SECTION")
    assert inner.status == Status.RESTORED
    assert Outage.objects.get(element__external_id="FEEDER").status == Status.DETECTED


def test_closing_within_a_dead_area_restores_nobody(utility_with_ring: PretendUtility) -> None:
    utility_with_ring.trips("SECTION")
    utility_with_ring.opens("SECTION")
    utility_with_ring.trips("FEEDER")
    utility_with_ring.opens("FEEDER")
    utility_with_ring.closes("SECTION")

    assert [one.status for one in Outage.objects.all()] == [Status.DETECTED, Status.DETECTED]
    assert len(off()) == 5

    utility_with_ring.closes("FEEDER")
    assert [one.status for one in Outage.objects.all()] == [Status.RESTORED, Status.RESTORED]


def test_an_alarm_later_than_opening_and_closing_tells_of_an_outage_that_is_over(
    utility_with_ring: PretendUtility,
) -> None:
    began = utility_with_ring.clock
    utility_with_ring.opens("FEEDER")
    closed_at = utility_with_ring.clock
    utility_with_ring.closes("FEEDER")

    utility_with_ring.trips("FEEDER", at=began)

    outage = the_outage()
    assert outage.status == Status.RESTORED
    assert outage.restored_at == closed_at
    assert outage.customers_affected == 5


def test_a_trip_that_lands_before_its_switch_is_read_closed_and_open_stays_open(tripped: PretendUtility) -> None:
    closed_at, tripped_at = tripped.clock, tripped.clock + timedelta(seconds=1)
    tripped.wait(2)
    tripped.notify(
        tripped.notification("FEEDER", active=False, at=closed_at),
        tripped.notification("FEEDER", active=True, at=tripped_at),
    )

    tripped.closes("FEEDER", at=closed_at)
    assert the_outage().status == Status.DETECTED
    assert len(off()) == 5

    tripped.opens("FEEDER", at=tripped_at)
    assert the_outage().status == Status.DETECTED
    assert len(off()) == 5

    tripped.closes("FEEDER")
    assert the_outage().status == Status.RESTORED


def test_a_device_closed_onto_the_fault_under_one_alarm_is_the_same_outage(tripped: PretendUtility) -> None:
    tripped.closes("FEEDER")
    tripped.opens("FEEDER")
    opened_at = tripped.clock
    assert the_outage().status == Status.RESTORED

    tripped.clock = opened_at + REOPENS_AFTER
    tripped.closes("OTHER")

    outage = the_outage()
    assert outage.status == Status.CONFIRMED
    assert len(off()) == 5


def test_a_new_notification_of_the_same_activation_reopens_at_once(tripped: PretendUtility) -> None:
    tripped.closes("FEEDER")
    tripped.opens("FEEDER")

    tripped.alarm("FEEDER", active=True, acknowledged=True)

    assert the_outage().status == Status.CONFIRMED
    assert len(off()) == 5


def test_an_alarm_that_was_over_only_when_its_device_opened_again_reopens_the_outage(tripped: PretendUtility) -> None:
    tripped.closes("FEEDER")
    tripped.opens("FEEDER")

    tripped.clears("FEEDER")

    assert the_outage().status == Status.CONFIRMED
    assert len(off()) == 5


def test_a_device_that_opens_just_after_its_alarm_was_over_waits_for_a_new_activation(tripped: PretendUtility) -> None:
    tripped.closes("FEEDER")
    tripped.clears("FEEDER")
    tripped.opens("FEEDER")
    assert the_outage().status == Status.RESTORED

    tripped.trips("FEEDER")

    assert list(Outage.objects.order_by("pk").values_list("status", flat=True)) == [Status.RESTORED, Status.DETECTED]
    assert len(off()) == 5


def test_a_device_that_stands_open_after_its_alarm_was_over_reopens_the_outage(tripped: PretendUtility) -> None:
    tripped.closes("FEEDER")
    tripped.clears("FEEDER")
    tripped.opens("FEEDER")

    tripped.clock += REOPENS_AFTER
    tripped.closes("OTHER")

    assert the_outage().status == Status.CONFIRMED
    assert len(off()) == 5


def test_a_device_that_is_opened_long_after_its_alarm_was_over_reopens_nothing(tripped: PretendUtility) -> None:
    tripped.closes("FEEDER")
    tripped.clears("FEEDER")

    tripped.wait(CLOCKS_DIFFER_BY.total_seconds() + 1)
    tripped.opens("FEEDER")

    assert the_outage().status == Status.RESTORED
    assert off() == set()


def test_an_opening_that_is_read_only_after_its_alarm_was_over_reopens_the_outage(
    utility_with_ring: PretendUtility,
) -> None:
    at = utility_with_ring.clock
    utility_with_ring.trips("FEEDER")
    utility_with_ring.clears("FEEDER")
    assert the_outage().status == Status.RESTORED

    utility_with_ring.opens("FEEDER", at=at)

    assert the_outage().status == Status.CONFIRMED
    assert len(off()) == 5

    utility_with_ring.closes("FEEDER")
    assert moves(the_outage())[-2:] == [("RESTORED", "CONFIRMED", 5), ("CONFIRMED", "RESTORED", 0)]


def test_whom_a_doubtful_outage_lets_go_is_charged_to_the_one_that_has_them_off(
    utility_with_ring: PretendUtility,
) -> None:
    utility_with_ring.trips("FEEDER")
    utility_with_ring.trips("SECTION")
    utility_with_ring.opens("SECTION")
    assert Outage.objects.get(element__external_id="SECTION").customers_affected == 0

    utility_with_ring.clears("FEEDER")

    section = Outage.objects.get(element__external_id="SECTION")
    assert (section.customers_affected, section.customers_off) == (2, 2)
    assert off() == {"far/0", "far/1"}


def test_who_is_off_by_an_outer_device_is_not_supplied_by_another_way(utility_with_ring: PretendUtility) -> None:
    utility_with_ring.trips("SECTION")
    utility_with_ring.opens("FEEDER")
    utility_with_ring.opens("SECTION")
    utility_with_ring.trips("FEEDER")

    assert dict(Outage.objects.values_list("element__external_id", "status")) == {
        "SECTION": Status.DETECTED,
        "FEEDER": Status.DETECTED,
    }
    assert len(off()) == 5
