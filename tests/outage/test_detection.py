from datetime import UTC, datetime, timedelta

import pytest

from connectors.contracts.alarm import AlarmCategory
from connectors.contracts.reading import Quality, Reading, SwitchState
from connectors.contracts.signal import Signal, SignalKind
from organisation.models import Organisation
from organisation.scope import system_job
from outage.models import Evidence, Outage, Status
from outage.queries import open_outages, telemetry_of
from tests.gis.networks import line, source, switch
from tests.outage.pretend import PretendUtility, element, off, ring, ring_customers, story, the_outage
from tests.telemetry.days import make_days


def test_a_trip_opens_an_outage_with_whom_its_device_feeds(utility_with_ring: PretendUtility) -> None:
    began = utility_with_ring.clock

    utility_with_ring.trips("FEEDER")

    outage = the_outage()
    assert outage.number == "2026-0001"
    assert outage.status == Status.DETECTED
    assert outage.element == element("FEEDER")
    assert outage.detected_at == outage.recorded_at == began
    assert outage.confidence == 0.7
    assert outage.is_charged
    assert (outage.customers_affected, outage.critical_customers_affected) == (5, 1)
    assert (outage.customers_off, outage.critical_customers_off) == (5, 1)
    assert off() == {"near/0", "near/1", "near/2", "far/0", "far/1"}
    assert story(outage) == [("DETECTED", "FEEDER trip: 5 customers, 1 of them critical off", 5)]


@pytest.mark.parametrize("first", ["alarm", "position"])
def test_alarm_and_position_make_the_same_outage_in_either_order(utility_with_ring: PretendUtility, first: str) -> None:
    at = utility_with_ring.clock
    if first == "alarm":
        utility_with_ring.trips("FEEDER", at=at)
    utility_with_ring.opens("FEEDER", at=at)
    if first == "position":
        utility_with_ring.trips("FEEDER", at=at)

    outage = the_outage()
    assert (outage.customers_affected, outage.critical_customers_affected) == (5, 1)
    assert off() == {"near/0", "near/1", "near/2", "far/0", "far/1"}
    assert outage.opening is not None
    assert outage.confidence == 0.95
    assert len(story(outage)) == 1


def test_repeated_and_late_notifications_make_no_second_outage(utility_with_ring: PretendUtility) -> None:
    began = utility_with_ring.clock
    trip = utility_with_ring.trips("FEEDER")
    utility_with_ring.notify(trip, trip)
    utility_with_ring.alarm("FEEDER", active=True, acknowledged=True)
    utility_with_ring.clears("FEEDER", at=began - timedelta(seconds=5))

    assert Outage.objects.count() == 1
    assert Evidence.objects.count() == 1
    assert the_outage().status == Status.DETECTED


def test_an_activation_while_the_outage_is_open_joins_it(utility_with_ring: PretendUtility) -> None:
    utility_with_ring.trips("FEEDER")
    utility_with_ring.opens("FEEDER")
    utility_with_ring.clears("FEEDER")
    utility_with_ring.trips("FEEDER")

    assert Outage.objects.count() == 1
    assert Evidence.objects.count() == 2
    assert [summary for _, summary, _ in story(the_outage())][1:] == [
        "FEEDER trip, the alarm is over",
        "FEEDER trip",
    ]


def test_an_activation_after_restoration_is_another_outage(utility_with_ring: PretendUtility) -> None:
    for _ in range(2):
        utility_with_ring.trips("FEEDER")
        utility_with_ring.opens("FEEDER")
        utility_with_ring.closes("FEEDER")
        utility_with_ring.clears("FEEDER")

    assert list(Outage.objects.order_by("pk").values_list("number", "status", "customers_affected")) == [
        ("2026-0001", Status.RESTORED, 5),
        ("2026-0002", Status.RESTORED, 5),
    ]


def test_a_late_alarm_of_the_past_activation_reopens_nothing(utility_with_ring: PretendUtility) -> None:
    trip = utility_with_ring.trips("FEEDER")
    utility_with_ring.opens("FEEDER")
    utility_with_ring.closes("FEEDER")
    utility_with_ring.clears("FEEDER")

    utility_with_ring.notify(trip)

    assert the_outage().status == Status.RESTORED


def test_an_activation_that_was_over_before_it_was_known_opens_nothing(utility_with_ring: PretendUtility) -> None:
    utility_with_ring.clears("FEEDER")

    assert not Outage.objects.exists()


def test_a_trip_within_a_dead_area_is_an_outage_with_nobody(utility_with_ring: PretendUtility) -> None:
    utility_with_ring.trips("FEEDER")
    utility_with_ring.trips("SECTION")

    inner = Outage.objects.get(element__external_id="SECTION")
    assert inner.customers_affected == 0
    assert inner.is_charged
    assert off() == {"near/0", "near/1", "near/2", "far/0", "far/1"}
    assert story(inner) == [("DETECTED", "SECTION trip: no customers off", 0)]


def test_an_outer_trip_is_charged_with_what_the_inner_one_left(utility_with_ring: PretendUtility) -> None:
    utility_with_ring.trips("SECTION")
    utility_with_ring.opens("SECTION")
    utility_with_ring.opens("FEEDER")
    utility_with_ring.trips("FEEDER")

    assert dict(Outage.objects.values_list("element__external_id", "customers_affected")) == {
        "SECTION": 2,
        "FEEDER": 3,
    }
    assert len(off()) == 5


def test_parallel_devices_that_trip_before_their_positions_are_read(pretend: PretendUtility) -> None:
    pretend.network(
        [
            source("SOURCE", "station"),
            switch("LEFT", "station", "bar"),
            switch("RIGHT", "station", "bar"),
            line("LINE", "bar", "near"),
        ]
    )
    pretend.customers(ring_customers())
    pretend.trips("LEFT")
    pretend.trips("RIGHT")
    assert off() == set()

    pretend.opens("LEFT")
    pretend.opens("RIGHT")

    assert dict(Outage.objects.values_list("element__external_id", "customers_affected")) == {"LEFT": 0, "RIGHT": 3}
    assert off() == {"near/0", "near/1", "near/2"}
    assert story(Outage.objects.get(element__external_id="RIGHT"))[-1] == (
        "IMPACT",
        "3 customers, 1 of them critical off",
        3,
    )


def test_an_alarm_waits_until_its_element_is_known(pretend: PretendUtility) -> None:
    at = pretend.clock
    pretend.trips("FEEDER")
    assert not Outage.objects.exists()

    pretend.network(ring())

    outage = the_outage()
    assert outage.detected_at == at
    assert not outage.is_charged
    assert outage.customers_affected == 0
    assert story(outage) == [("DETECTED", "FEEDER trip", 0)]


def test_an_outage_is_charged_once_its_customers_have_landed(pretend: PretendUtility) -> None:
    pretend.network(ring())
    pretend.trips("FEEDER")
    near, rest = ring_customers()[:3], ring_customers()[3:]

    pretend.customers(near, is_all=False)
    assert (the_outage().customers_affected, the_outage().is_charged) == (3, False)
    pretend.customers(rest)
    assert (the_outage().customers_affected, the_outage().is_charged) == (5, True)
    pretend.customers(ring_customers())

    assert [entry for entry in story(the_outage()) if entry[0] == "IMPACT"] == [
        ("IMPACT", "3 customers, 1 of them critical off", 3),
        ("IMPACT", "5 customers, 1 of them critical off", 5),
    ]


def test_an_off_normal_alarm_opens_an_outage_only_with_the_switch_read_open_and_somebody_off(
    utility_with_ring: PretendUtility,
) -> None:
    utility_with_ring.alarm("TIE", active=True, category=AlarmCategory.OFF_NORMAL)
    utility_with_ring.closes("TIE")
    utility_with_ring.opens("TIE")
    utility_with_ring.alarm("FEEDER", active=True, category=AlarmCategory.OFF_NORMAL)
    assert not Outage.objects.exists()

    utility_with_ring.opens("FEEDER")

    outage = the_outage()
    assert outage.element == element("FEEDER")
    assert outage.confidence == 0.8
    assert outage.customers_affected == 5


@pytest.mark.parametrize("category", [AlarmCategory.LIMIT, AlarmCategory.SYSTEM, AlarmCategory.OTHER])
def test_no_other_alarm_opens_an_outage(utility_with_ring: PretendUtility, category: AlarmCategory) -> None:
    utility_with_ring.alarm("FEEDER", active=True, category=category)
    utility_with_ring.opens("FEEDER")

    assert not Outage.objects.exists()


@pytest.mark.parametrize("is_read_open", [False, True])
@pytest.mark.parametrize("order", ["before", "after"])
def test_alarms_that_an_outage_explains_join_it(
    utility_with_ring: PretendUtility, is_read_open: bool, order: str
) -> None:
    if is_read_open:
        utility_with_ring.opens("FEEDER")
    if order == "before":
        utility_with_ring.alarm("LINE-2", active=True, category=AlarmCategory.LIMIT)
    utility_with_ring.trips("FEEDER")
    if order == "after":
        utility_with_ring.alarm("LINE-2", active=True, category=AlarmCategory.LIMIT)
        utility_with_ring.alarm("LINE-2", active=True, category=AlarmCategory.TRIP)
    utility_with_ring.alarm("LINE-3", active=True, category=AlarmCategory.LIMIT)

    outage = the_outage()
    joined = [summary for kind, summary, _ in story(outage) if kind == "ALARM"]
    assert joined == (["LINE-2 limit"] if order == "before" else ["LINE-2 limit", "LINE-2 trip"])


def test_a_trip_of_something_that_is_no_switch_opens_an_outage_of_its_own(utility_with_ring: PretendUtility) -> None:
    utility_with_ring.alarm("LINE-2", active=True, category=AlarmCategory.TRIP)

    assert the_outage().element == element("LINE-2")
    assert off() == {"far/0", "far/1"}


def test_a_switch_that_is_read_closed_after_its_alarm_makes_us_doubt(utility_with_ring: PretendUtility) -> None:
    utility_with_ring.trips("FEEDER")
    utility_with_ring.position("FEEDER", SwitchState.CLOSED)

    outage = the_outage()
    assert outage.confidence == 0.5
    assert outage.status == Status.DETECTED
    assert len(off()) == 5


def test_numbers_go_by_year_without_gaps(utility_with_ring: PretendUtility) -> None:
    utility_with_ring.trips("FEEDER", at=utility_with_ring.clock.replace(year=2025))
    utility_with_ring.trips("SECTION")
    utility_with_ring.trips("OTHER")

    assert list(Outage.objects.order_by("pk").values_list("number", flat=True)) == [
        "2025-0001",
        "2026-0001",
        "2026-0002",
    ]


def test_the_year_of_a_number_is_the_organisations(pretend: PretendUtility, utility: Organisation) -> None:
    with system_job("test"):
        Organisation.objects.filter(pk=utility.pk).update(time_zone="Europe/Berlin")
    pretend.network(ring())

    pretend.trips("FEEDER", at=datetime(2025, 12, 31, 23, 30, tzinfo=UTC))

    assert the_outage().number == "2026-0001"


@pytest.mark.parametrize(("quality", "expected"), [(Quality.GOOD, 0.95), (Quality.UNCERTAIN, 0.85)], ids=str)
def test_a_position_of_doubtful_quality_makes_us_less_sure(
    utility_with_ring: PretendUtility, quality: Quality, expected: float
) -> None:
    make_days(utility_with_ring.clock)
    utility_with_ring.signal(Signal(external_id="POS", name="POS", kind=SignalKind.SWITCH_POSITION, element="FEEDER"))
    utility_with_ring.reading(
        Reading(
            external_id="POS",
            signal="POS",
            source_time=utility_with_ring.clock,
            state=SwitchState.OPEN.value,
            quality=quality,
        )
    )
    utility_with_ring.trips("FEEDER")

    assert the_outage().confidence == expected
    assert [one.state for one in telemetry_of([the_outage()])[the_outage().pk]] == ["OPEN"]


def test_the_board_shows_the_worst_first(utility_with_ring: PretendUtility) -> None:
    utility_with_ring.trips("SECTION")
    utility_with_ring.opens("SECTION")
    utility_with_ring.trips("TIE")
    utility_with_ring.trips("FEEDER")
    utility_with_ring.trips("OTHER")

    assert [(one.element.external_id, one.critical_customers_off, one.customers_off) for one in open_outages()] == [
        ("OTHER", 2, 4),
        ("FEEDER", 1, 3),
        ("SECTION", 0, 2),
        ("TIE", 0, 0),
    ]


def test_a_trip_that_was_over_before_it_was_known_counts_while_its_switch_is_open(
    utility_with_ring: PretendUtility,
) -> None:
    at = utility_with_ring.clock
    pulse = [
        utility_with_ring.notification("FEEDER", active=True, at=at),
        utility_with_ring.notification("FEEDER", active=False, at=at + timedelta(milliseconds=100)),
    ]
    utility_with_ring.opens("SECTION", at=at - timedelta(hours=1))
    utility_with_ring.notify(*pulse)
    assert not Outage.objects.exists()

    utility_with_ring.opens("FEEDER", at=at)
    utility_with_ring.notify(*pulse)

    assert the_outage().status == Status.DETECTED
    assert the_outage().customers_affected == 3

    utility_with_ring.closes("FEEDER")
    assert the_outage().status == Status.RESTORED


def test_a_trip_of_the_past_has_nothing_to_do_with_an_opening_of_today(utility_with_ring: PretendUtility) -> None:
    at = utility_with_ring.clock - timedelta(days=7)
    utility_with_ring.notify(
        utility_with_ring.notification("FEEDER", active=True, at=at),
        utility_with_ring.notification("FEEDER", active=False, at=at + timedelta(hours=1)),
    )

    utility_with_ring.opens("FEEDER")

    assert not Outage.objects.exists()
