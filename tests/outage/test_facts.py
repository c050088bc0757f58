"""What the board shows of an outage, and what its services go by, are the same."""

from datetime import datetime, timedelta

import pytest

from connectors.contracts.crew import Crew, CrewStatus
from connectors.contracts.equipment import Equipment
from connectors.contracts.reading import Reading
from connectors.contracts.restoration_estimate import RestorationEstimate
from connectors.contracts.signal import Signal, SignalKind
from connectors.contracts.work_order import CrewAssignment, WorkOrder, WorkStatus
from outage.console.reading import Row, read_board
from outage.models import Outage
from outage.models import RestorationEstimate as EstimateRow
from outage.queries import current_estimate_of, jobs_of, open_outages, telemetry_of
from tests.outage.pretend import PretendUtility
from tests.telemetry.days import make_days
from work.models import WorkOrder as WorkOrderRow

LONG_AGO = timedelta(days=3)


@pytest.fixture
def tripped(utility_with_ring: PretendUtility) -> PretendUtility:
    """FEEDER, SECTION and OTHER have tripped."""
    for switch in ("FEEDER", "SECTION", "OTHER"):
        utility_with_ring.trips(switch)
        utility_with_ring.opens(switch)
    return utility_with_ring


def order(
    number: str,
    *crews: CrewAssignment,
    at: datetime | None,
    element: str | None = None,
    equipment: str | None = None,
    status: WorkStatus = WorkStatus.DISPATCHED,
) -> WorkOrder:
    return WorkOrder(
        external_id=number, status=status, element=element, equipment=equipment, reported_at=at, assignments=crews
    )


def assigned(crew: str, at: datetime | None = None) -> CrewAssignment:
    return CrewAssignment(crew=crew, assigned_at=at, status="ASSIGNED")


def estimate(
    name: str, *, at: datetime, element: str | None = None, work_order: str | None = None
) -> RestorationEstimate:
    return RestorationEstimate(
        external_id=name, source_time=at, element=element, work_order=work_order, estimated_at=at + timedelta(hours=2)
    )


def board(utility: PretendUtility) -> dict[str, Row]:
    return {row.element: row for row in read_board(now=utility.clock).rows}


def assert_one_answer(utility: PretendUtility) -> None:
    """The facts on the board are what the queries say, for each outage."""
    shown = board(utility)
    outages = list(open_outages().select_related("element"))
    jobs, telemetry = jobs_of(outages), telemetry_of(outages)
    assert {outage.element.external_id for outage in outages} == shown.keys()
    for outage in outages:
        row = shown[outage.element.external_id]
        job, told = jobs.get(outage.pk), current_estimate_of(outage)
        is_open = row.crew.work_order_status not in ("COMPLETED", "CLOSED", "CANCELLED", None)
        assert (row.crew.work_order_number if is_open else None) == (job and job.order.external_id)
        if job is not None:
            assert row.crew.name == (job.crews[0].name if job.crews else None)
            assert (row.crew.status or row.crew.assignment_status) == (job.crews[0].status if job.crews else None)
        assert (row.restoration.source_time, row.restoration.estimated_at) == (
            (told.source_time, told.estimated_at) if told else (None, None)
        )
        assert {(one.signal, one.value) for one in row.telemetry if one.source_time is not None} == {
            (one.signal.name, one.value) for one in telemetry[outage.pk]
        }


def test_without_work_and_estimates_both_know_nothing(tripped: PretendUtility) -> None:
    assert_one_answer(tripped)
    assert [row.crew.work_order_number for row in board(tripped).values()] == [None, None, None]


def test_both_take_the_open_work_order_that_was_reported_last(tripped: PretendUtility) -> None:
    at = tripped.clock
    tripped.work_orders(
        order("ROUTINE", assigned("CREW-1"), at=at - LONG_AGO, element="FEEDER"),
        order("FIRST", assigned("CREW-1"), at=at, element="FEEDER"),
        order("SECOND", assigned("CREW-2", at), assigned("CREW-3"), at=at + timedelta(minutes=1), element="FEEDER"),
        order("DONE", assigned("CREW-4"), at=at + timedelta(minutes=2), element="FEEDER", status=WorkStatus.COMPLETED),
        order("OLD", at=at - LONG_AGO, element="SECTION"),
        order("DISMISSED", assigned("CREW-4"), at=at, element="OTHER", status=WorkStatus.CANCELLED),
    )

    assert_one_answer(tripped)
    shown = board(tripped)
    assert (shown["FEEDER"].crew.work_order_number, shown["FEEDER"].crew.name) == ("SECOND", "CREW-2")
    assert shown["SECTION"].crew.work_order_number is None
    # A job that is done is shown as such, and moves no timeline.
    assert (shown["OTHER"].crew.work_order_number, shown["OTHER"].crew.work_order_status) == ("DISMISSED", "CANCELLED")

    tripped.crews(Crew(external_id="CREW-2", name="Line crew 2", status=CrewStatus.ENROUTE, source_time=at))

    assert_one_answer(tripped)
    assert (board(tripped)["FEEDER"].crew.name, board(tripped)["FEEDER"].crew.status) == ("Line crew 2", "ENROUTE")

    WorkOrderRow.objects.filter(external_id="SECOND").update(retired_at=tripped.clock)

    assert_one_answer(tripped)
    assert board(tripped)["FEEDER"].crew.work_order_number == "FIRST"


def test_both_go_by_equipment_only_if_a_work_order_names_no_known_element(tripped: PretendUtility) -> None:
    at = tripped.clock
    tripped.equipment(Equipment(external_id="10770", element="FEEDER"), Equipment(external_id="10771", element="OTHER"))
    tripped.work_orders(
        order("BY-EQUIPMENT", at=at, equipment="10770"),
        order("UNKNOWN-NAME", at=at + timedelta(minutes=1), element="NOWHERE", equipment="10770"),
        order("NAMED", at=at + timedelta(minutes=2), element="SECTION", equipment="10770"),
        order("NO-TIME", at=None, equipment="10771"),
    )

    assert_one_answer(tripped)
    assert {name: row.crew.work_order_number for name, row in board(tripped).items()} == {
        "FEEDER": "UNKNOWN-NAME",
        "SECTION": "NAMED",
        "OTHER": "NO-TIME",
    }


def test_both_take_the_newest_estimate_of_the_outage(tripped: PretendUtility) -> None:
    at = tripped.clock
    later, latest = at + timedelta(minutes=5), at + timedelta(minutes=9)
    tripped.work_orders(
        order("WO-1", at=at, element="FEEDER"),
        order("ROUTINE", at=at - LONG_AGO, element="SECTION"),
    )
    tripped.estimates(
        estimate("OF-OLD", at=at - LONG_AGO, element="FEEDER"),
        estimate("OF-ORDER", at=later, work_order="WO-1"),
        estimate("OF-ELEMENT", at=at, element="FEEDER"),
        estimate("OF-ROUTINE", at=latest, work_order="ROUTINE"),
        estimate("OF-NOTHING-KNOWN", at=latest, work_order="WO-9"),
        estimate("OF-BOTH", at=at, element="OTHER", work_order="WO-1"),
    )

    assert_one_answer(tripped)
    told = {
        outage.element.external_id: current_estimate_of(outage) for outage in Outage.objects.select_related("element")
    }
    assert {name: one and one.external_id for name, one in told.items()} == {
        "FEEDER": "OF-ORDER",
        "SECTION": None,
        "OTHER": "OF-BOTH",
    }

    EstimateRow.objects.filter(external_id="OF-ORDER").update(retired_at=tripped.clock)

    assert_one_answer(tripped)
    assert board(tripped)["FEEDER"].restoration.source_time == at


def test_both_show_the_same_readings(tripped: PretendUtility) -> None:
    make_days(tripped.clock)
    for name, element in (("CURRENT", "FEEDER"), ("VOLTAGE", "FEEDER"), ("LOAD", "OTHER")):
        tripped.signal(Signal(external_id=name, name=name, kind=SignalKind.MEASUREMENT, element=element))
    for name, value in (("CURRENT", 0.0), ("LOAD", 7.5), ("CURRENT", 0.1)):
        tripped.reading(Reading(external_id=name, signal=name, source_time=tripped.clock, value=value))

    assert_one_answer(tripped)
    assert [(one.signal, one.value) for one in board(tripped)["FEEDER"].telemetry] == [
        ("CURRENT", 0.1),
        ("VOLTAGE", None),
    ]
