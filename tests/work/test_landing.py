from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.contracts.base import Position
from connectors.contracts.crew import Crew as CrewRecord
from connectors.contracts.crew import CrewStatus
from connectors.contracts.equipment import Equipment as EquipmentRecord
from connectors.contracts.work_order import CrewAssignment, WorkStatus
from connectors.contracts.work_order import WorkOrder as WorkOrderRecord
from connectors.landing import Landed, Landing, SeenKeys
from connectors.models import Lease, SeenPage
from organisation.models import Organisation
from organisation.scope import Scope, acting_for
from work import services as work
from work.models import Assignment, Crew, Equipment, WorkOrder

NIGHT = datetime(2026, 11, 24, 2, 15, tzinfo=UTC)


def order(number: str, *crews: str, **more: Any) -> WorkOrderRecord:
    return WorkOrderRecord(
        **{
            "external_id": number,
            "status": WorkStatus.DISPATCHED,
            "assignments": tuple(CrewAssignment(crew=crew, assigned_at=NIGHT, status="ENROUTE") for crew in crews),
            **more,
        }
    )


def content(model: Any, *left_out: str) -> list[dict[str, Any]]:
    names = [field.attname for field in model._meta.concrete_fields if field.attname not in left_out]
    return list(model.objects.order_by(*names[:2]).values(*names))


def crews_of(number: str) -> list[str]:
    return list(
        Assignment.objects.filter(work_order__external_id=number)
        .order_by("crew_external_id")
        .values_list("crew_external_id", flat=True)
    )


def test_lands_a_work_order_with_its_crews(landing: Landing, now: datetime) -> None:
    record = order(
        "WO-1",
        "CREW-A",
        "CREW-B",
        summary="Breaker tripped",
        status=WorkStatus.IN_PROGRESS,
        status_label="INPRG",
        work_type="EM",
        priority=1,
        element="SW-1",
        equipment="EQ-7",
        source_time=now,
        reported_at=now - timedelta(minutes=3),
    )

    landed = work.land_work_orders([record], landing)

    found = WorkOrder.objects.get()
    assert landed == Landed(created=1, touched=(found.pk,))
    assert (found.external_id, found.summary, found.status, found.status_label) == (
        "WO-1",
        "Breaker tripped",
        "IN_PROGRESS",
        "INPRG",
    )
    assert (found.work_type, found.priority, found.equipment_external_id) == ("EM", 1, "EQ-7")
    assert (found.source_time, found.reported_at, found.landed_at) == (now, now - timedelta(minutes=3), now)
    assert found.alias is not None
    assert found.alias.external_id == "SW-1"
    assert list(Assignment.objects.order_by("pk").values_list("crew_external_id", "assigned_at", "status")) == [
        ("CREW-A", NIGHT, "ENROUTE"),
        ("CREW-B", NIGHT, "ENROUTE"),
    ]


def test_a_work_order_has_exactly_the_crews_of_its_last_record(landing: Landing, now: datetime) -> None:
    work.land_work_orders([order("WO-1", "A", "B"), order("WO-2", "B")], landing)
    later = replace(landing, now=now + timedelta(minutes=1))
    first = WorkOrder.objects.get(external_id="WO-1")

    landed = work.land_work_orders([order("WO-1", "C", "B"), order("WO-2", "B")], later)

    assert landed == Landed(updated=1, unchanged=1, touched=(first.pk,))
    assert (crews_of("WO-1"), crews_of("WO-2")) == (["B", "C"], ["B"])
    assert [row.landed_at for row in WorkOrder.objects.order_by("external_id")] == [later.now, now]
    assert work.land_work_orders([order("WO-1")], later) == Landed(updated=1, touched=(first.pk,))
    assert (crews_of("WO-1"), crews_of("WO-2")) == ([], ["B"])


def test_a_new_word_about_a_crew_is_a_change_of_its_work_order(landing: Landing) -> None:
    work.land_work_orders([order("WO-1", "A")], landing)
    on_site = order("WO-1", assignments=(CrewAssignment(crew="A", assigned_at=NIGHT, status="ONSITE"),))

    landed = work.land_work_orders([on_site], landing)

    assert landed == Landed(updated=1, touched=(WorkOrder.objects.get().pk,))
    assert Assignment.objects.get().status == "ONSITE"


def test_a_crew_that_is_named_twice_is_on_the_job_once(landing: Landing) -> None:
    twice = (CrewAssignment(crew="A", status="ASSIGNED"), CrewAssignment(crew="A", status="ONSITE"))

    work.land_work_orders([order("WO-1", assignments=twice)], landing)

    assert Assignment.objects.get().status == "ONSITE"


def test_of_two_records_of_a_work_order_in_a_page_the_last_counts(landing: Landing) -> None:
    page = [order("WO-1", "A", summary="first"), order("WO-1", "B", summary="second")]

    assert work.land_work_orders(page, landing).created == 1

    assert (WorkOrder.objects.get().summary, crews_of("WO-1")) == ("second", ["B"])


def test_lands_crews_and_equipment(landing: Landing, now: datetime) -> None:
    crew = CrewRecord(
        external_id="A",
        name="Crew North",
        status=CrewStatus.ONSITE,
        position=Position(longitude=9.5, latitude=51.2),
        source_time=now,
    )
    equipment = EquipmentRecord(external_id="EQ-7", name="Breaker", status="OPERATING", location="L-1", element="SW-1")

    assert work.land_crews([crew], landing) == Landed(created=1, touched=(Crew.objects.get().pk,))
    assert work.land_equipment([equipment], landing) == Landed(created=1, touched=(Equipment.objects.get().pk,))

    north, breaker = Crew.objects.get(), Equipment.objects.get()
    assert (north.name, north.status, north.longitude, north.latitude) == ("Crew North", "ONSITE", 9.5, 51.2)
    assert (breaker.name, breaker.status, breaker.location) == ("Breaker", "OPERATING", "L-1")
    assert breaker.alias is not None
    assert breaker.alias.external_id == "SW-1"


def test_landing_twice_changes_nothing(landing: Landing, now: datetime) -> None:
    later = replace(landing, now=now + timedelta(days=1))
    page = [order("WO-1", "A", "B", element="SW-1"), order("WO-2", equipment="EQ-7")]
    crews = [CrewRecord(external_id="A", name="A"), CrewRecord(external_id="B", name="B")]
    equipment = [EquipmentRecord(external_id="EQ-7", element="SW-1")]
    everything = (Assignment, Crew, Equipment, WorkOrder)
    for land, records in _lands(page, crews, equipment):
        land(records, landing)
    rows = [content(model) for model in everything]

    again = [land(records, later) for land, records in _lands(page, crews, equipment)]

    assert again == [Landed(unchanged=2), Landed(unchanged=2), Landed(unchanged=1)]
    assert [content(model) for model in everything] == rows


def _lands(page: Any, crews: Any, equipment: Any) -> list[tuple[Any, Any]]:
    return [(work.land_work_orders, page), (work.land_crews, crews), (work.land_equipment, equipment)]


def test_empty_pages_land_nothing(landing: Landing) -> None:
    assert [land([], landing) for land, _ in _lands((), (), ())] == [Landed()] * 3


def test_what_a_complete_read_no_longer_holds_is_retired(landing: Landing, now: datetime) -> None:
    work.land_work_orders([order("WO-1", "A"), order("WO-2")], landing)
    work.land_crews([CrewRecord(external_id="A", name="A")], landing)
    work.land_equipment([EquipmentRecord(external_id="EQ-7")], landing)
    lease = Lease.objects.create(
        stream_id=landing.stream_id,
        fence=1,
        mode="FULL",
        trigger="SCHEDULE",
        started_at=now,
        expires_at=now,
    )
    SeenPage.objects.create(lease=lease, number=0, external_ids=["WO-2"])
    seen = SeenKeys(lease_id=lease.pk)

    gone = WorkOrder.objects.get(external_id="WO-1")
    assert list(work.retire_work_orders(landing, seen)) == [gone.pk]
    assert list(work.retire_crews(landing, seen)) == [Crew.objects.get().pk]
    assert list(work.retire_equipment(landing, seen)) == [Equipment.objects.get().pk]
    assert (crews_of("WO-1"), [row.external_id for row in WorkOrder.objects.present()]) == (["A"], ["WO-2"])
    assert work.land_work_orders([order("WO-1", "A")], landing) == Landed(updated=1, touched=(gone.pk,))


def test_two_organisations_with_the_same_numbers_stay_apart(
    landing: Landing, next_door: Landing, neighbour: Organisation
) -> None:
    work.land_work_orders([order("WO-1", "A", summary="ours")], landing)

    with acting_for(Scope(organisation_id=neighbour.pk)):
        assert (content(WorkOrder), content(Assignment)) == ([], [])
        assert work.land_work_orders([order("WO-1", "B", summary="theirs")], next_door).created == 1
        assert (WorkOrder.objects.get().summary, crews_of("WO-1")) == ("theirs", ["B"])

    assert (WorkOrder.objects.get().summary, crews_of("WO-1")) == ("ours", ["A"])


PAGES = st.lists(
    st.lists(
        st.builds(
            lambda number, crews, summary: order(f"WO-{number}", *crews, summary=summary),
            st.integers(1, 3),
            st.lists(st.sampled_from("ABC"), max_size=4),
            st.sampled_from(["", "Breaker tripped"]),
        ),
        max_size=4,
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pages=PAGES)
def test_the_last_record_of_each_work_order_is_what_stands(
    landing: Landing, pages: list[list[WorkOrderRecord]]
) -> None:
    last = {record.external_id: record for page in pages for record in page}

    for page in pages:
        work.land_work_orders(page, landing)

    standing = {row.external_id: (row.summary, crews_of(row.external_id)) for row in WorkOrder.objects.all()}
    assert standing == {
        number: (record.summary, sorted({one.crew for one in record.assignments})) for number, record in last.items()
    }
    assert work.land_work_orders(list(last.values()), landing) == Landed(unchanged=len(last))
    WorkOrder.objects.all().delete()
