from datetime import datetime, timedelta

import pytest
from django.db import transaction

from connectors.contracts.alarm import AlarmCategory
from connectors.contracts.crew import Crew, CrewStatus
from connectors.contracts.equipment import Equipment
from connectors.contracts.restoration_estimate import EstimateConfidence, RestorationEstimate
from connectors.contracts.signal import Signal, SignalKind
from connectors.contracts.work_order import CrewAssignment, WorkOrder, WorkStatus
from connectors.models import Mode, OutboxItem, OutboxKind, Schedule, Stream
from outage.models import Outage, Status
from outage.models import RestorationEstimate as EstimateRow
from outage.queries import current_estimate_of, jobs_of
from tests.outage.pretend import PretendUtility, ring, ring_customers, story, the_outage


@pytest.fixture
def tripped(utility_with_ring: PretendUtility) -> PretendUtility:
    utility_with_ring.trips("FEEDER")
    return utility_with_ring


def order(number: str, *, at: datetime, crew: str | None = None, element: str | None = "FEEDER") -> WorkOrder:
    return WorkOrder(
        external_id=number,
        source_time=at,
        status=WorkStatus.DISPATCHED,
        element=element,
        equipment=None if element else "0010770",
        reported_at=at,
        assignments=() if crew is None else (CrewAssignment(crew=crew, assigned_at=at, status="ASSIGNED"),),
    )


def crew(name: str, status: CrewStatus, *, at: datetime) -> Crew:
    return Crew(external_id=name, name=f"Line {name}", status=status, source_time=at)


def estimate(
    name: str, *, at: datetime, element: str | None = None, work_order: str | None = None, hours: float = 2
) -> RestorationEstimate:
    return RestorationEstimate(
        external_id=name,
        source_time=at,
        element=element,
        work_order=work_order,
        estimated_at=at + timedelta(hours=hours),
        confidence=EstimateConfidence.LOW,
    )


def told(kind: str) -> list[str]:
    return [summary for one, summary, _ in story(the_outage()) if one == kind]


def test_the_timeline_follows_the_crew_and_the_outage_does_not(tripped: PretendUtility) -> None:
    at = tripped.clock
    tripped.work_orders(order("WO1", at=at))
    tripped.work_orders(order("WO1", at=at, crew="CREW-2"))
    for status in (CrewStatus.ASSIGNED, CrewStatus.ENROUTE, CrewStatus.ENROUTE, CrewStatus.ONSITE, CrewStatus.ENROUTE):
        tripped.crews(crew("CREW-2", status, at=tripped.clock))

    assert told("CREW") == [
        "Work order WO1 is dispatched",
        "CREW-2 is assigned (work order WO1)",
        "Line CREW-2 is assigned (work order WO1)",
        "Line CREW-2 is on the way (work order WO1)",
        "Line CREW-2 is on site (work order WO1)",
        "Line CREW-2 is on the way (work order WO1)",
    ]
    assert the_outage().status == Status.DETECTED


def test_a_job_that_landed_before_the_alarm_is_told_with_the_detection(utility_with_ring: PretendUtility) -> None:
    at = utility_with_ring.clock + timedelta(milliseconds=400)
    by_a_clock_of_whole_seconds = utility_with_ring.clock
    utility_with_ring.work_orders(order("WO1", at=by_a_clock_of_whole_seconds, crew="CREW-2"))
    utility_with_ring.estimates(estimate("EST-1", at=by_a_clock_of_whole_seconds, work_order="WO1"))
    utility_with_ring.trips("FEEDER", at=at)

    assert [kind for kind, _, _ in story(the_outage())] == ["DETECTED", "CREW", "ESTIMATE"]


def test_a_job_through_its_equipment_counts_once_that_is_known(tripped: PretendUtility) -> None:
    tripped.work_orders(order("WO1", at=tripped.clock, crew="CREW-2", element=None))
    tripped.estimates(estimate("EST-1", at=tripped.clock, work_order="WO1"))
    assert jobs_of([the_outage()]) == {}
    assert current_estimate_of(the_outage()) is None

    tripped.equipment(Equipment(external_id="0010770", element="FEEDER"))

    assert told("CREW") == ["CREW-2 is assigned (work order WO1)"]
    assert told("ESTIMATE") == ["Power expected back at 04:15 UTC on 24 Nov, low confidence"]
    assert current_estimate_of(the_outage()) == EstimateRow.objects.get()


def test_routine_work_is_not_the_outages(tripped: PretendUtility) -> None:
    tripped.work_orders(order("PM1", at=tripped.clock - timedelta(days=3), crew="CREW-1"))
    assert jobs_of([the_outage()]) == {}

    tripped.work_orders(order("WO1", at=tripped.clock, crew="CREW-2"))
    assert jobs_of([the_outage()])[the_outage().pk].order.external_id == "WO1"


def test_the_newest_estimate_counts_whichever_landed_last(tripped: PretendUtility) -> None:
    first, second = tripped.clock, tripped.clock + timedelta(minutes=10)
    tripped.wait(3600)
    tripped.estimates(estimate("EST-2", at=second, element="FEEDER", hours=1))
    tripped.estimates(estimate("EST-1", at=first, element="FEEDER"))
    tripped.estimates(estimate("EST-2", at=second, element="FEEDER", hours=1))

    current = current_estimate_of(the_outage())
    assert current is not None
    assert current.external_id == "EST-2"
    assert told("ESTIMATE") == [
        "Power expected back at 03:25 UTC on 24 Nov, low confidence",
        "Power expected back at 04:15 UTC on 24 Nov, low confidence",
    ]


def test_an_older_telling_of_an_estimate_replaces_no_newer_one(tripped: PretendUtility) -> None:
    later = tripped.clock + timedelta(minutes=10)
    tripped.estimates(estimate("EST-1", at=later, element="FEEDER", hours=1))
    tripped.estimates(estimate("EST-1", at=tripped.clock, element="FEEDER", hours=9))

    assert EstimateRow.objects.get().estimated_at == later + timedelta(hours=1)


def test_an_estimate_is_kept_until_its_element_is_known(pretend: PretendUtility) -> None:
    at = pretend.clock
    pretend.trips("FEEDER", at=at)
    pretend.estimates(estimate("EST-1", at=at, element="FEEDER"))
    assert EstimateRow.objects.count() == 1

    pretend.network(ring())
    pretend.customers(ring_customers())

    assert told("ESTIMATE") == ["Power expected back at 04:15 UTC on 24 Nov, low confidence"]


def test_what_was_told_of_an_earlier_outage_is_not_of_the_next_one(tripped: PretendUtility) -> None:
    tripped.work_orders(order("WO1", at=tripped.clock, crew="CREW-2"))
    tripped.estimates(estimate("EST-1", at=tripped.clock, element="FEEDER"))
    tripped.opens("FEEDER")
    tripped.closes("FEEDER")
    tripped.clears("FEEDER")
    tripped.trips("FEEDER")

    newest = Outage.objects.open().get()
    assert newest.number == "2026-0002"
    assert jobs_of([newest]) == {}
    assert current_estimate_of(newest) is None


@pytest.fixture
def scheduled(utility_with_ring: PretendUtility) -> PretendUtility:
    """Everything is read by schedule, the work orders and crews for changes too."""
    at = utility_with_ring.clock
    utility_with_ring.work_orders(order("PM1", at=at - timedelta(days=3)))
    utility_with_ring.crews(crew("CREW-2", CrewStatus.AVAILABLE, at=at))
    utility_with_ring.signal(Signal(external_id="POS", name="POS", kind=SignalKind.SWITCH_POSITION, element="FEEDER"))
    utility_with_ring.opens("OTHER")
    utility_with_ring.closes("OTHER")
    for stream in Stream.objects.all():
        Schedule.objects.create(stream=stream, mode=Mode.FULL, every_s=3600)
    for stream in Stream.objects.filter(contract__in=["work-order/1", "crew/1", "reading/1"]):
        Schedule.objects.create(stream=stream, mode=Mode.INCREMENTAL, every_s=60)
    return utility_with_ring


def asked() -> list[tuple[str, str, str]]:
    return sorted(
        (item.contract, item.payload["mode"], item.payload["trigger"])
        for item in OutboxItem.objects.filter(kind=OutboxKind.SYNC)
    )


ASKED = [(contract, "INCREMENTAL", "OUTAGE") for contract in ("crew/1", "reading/1", "work-order/1")]


def test_detecting_an_outage_asks_its_sources_at_once(scheduled: PretendUtility) -> None:
    scheduled.trips("FEEDER")

    assert asked() == ASKED


def test_what_detects_nothing_asks_nobody(scheduled: PretendUtility) -> None:
    trip = scheduled.trips("FEEDER")
    OutboxItem.objects.filter(kind=OutboxKind.SYNC).delete()

    scheduled.notify(trip)
    scheduled.alarm("FEEDER", active=True, acknowledged=True)
    scheduled.opens("FEEDER")
    scheduled.alarm("LINE-2", active=True, category=AlarmCategory.LIMIT)
    scheduled.closes("FEEDER")
    scheduled.clears("FEEDER")
    assert asked() == []

    scheduled.trips("FEEDER")
    assert asked() == ASKED


def test_outages_that_begin_together_ask_once(scheduled: PretendUtility) -> None:
    scheduled.notify(scheduled.notification("FEEDER", active=True), scheduled.notification("OTHER", active=True))
    scheduled.trips("SECTION")

    assert Outage.objects.count() == 3
    assert asked() == ASKED


def test_a_detection_that_is_rolled_back_asked_nobody(scheduled: PretendUtility) -> None:
    with transaction.atomic():
        scheduled.trips("FEEDER")
        assert asked() == ASKED
        transaction.set_rollback(True)

    assert not Outage.objects.exists()
    assert asked() == []
