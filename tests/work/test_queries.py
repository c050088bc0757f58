from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from connectors.contracts.crew import Crew as CrewRecord
from connectors.contracts.crew import CrewStatus
from connectors.contracts.equipment import Equipment as EquipmentRecord
from connectors.contracts.work_order import CrewAssignment, WorkStatus
from connectors.contracts.work_order import WorkOrder as WorkOrderRecord
from connectors.landing import Change, Landing
from organisation.models import Organisation
from organisation.scope import Scope, acting_for
from tests.work.conftest import landing_of, make_element
from tests.work.test_landing import NIGHT, order
from work import services as work
from work.models import Crew, Equipment, WorkOrder
from work.queries import elements_concerned, elements_of_work_orders, work_for_elements


def numbers(element_id: int) -> list[str]:
    return [one.order.external_id for one in work_for_elements([element_id]).get(element_id, [])]


def test_a_work_order_is_of_the_element_that_it_names(landing: Landing, breaker: int) -> None:
    other = make_element(landing, "SW-2")
    work.land_work_orders([order("WO-1", element="SW-1"), order("WO-2", element="SW-9"), order("WO-3")], landing)

    assert (numbers(breaker), numbers(other)) == (["WO-1"], [])
    assert work_for_elements([]) == {}


@pytest.mark.parametrize("equipment_first", [True, False])
def test_a_work_order_is_of_its_equipments_element_whichever_lands_first(
    landing: Landing, breaker: int, equipment_first: bool
) -> None:
    equipment = [EquipmentRecord(external_id="EQ-7", element="SW-1")]

    if equipment_first:
        work.land_equipment(equipment, landing)
    work.land_work_orders([order("WO-1", equipment="EQ-7")], landing)
    if not equipment_first:
        work.land_equipment(equipment, landing)

    assert numbers(breaker) == ["WO-1"]


def test_the_element_that_it_names_goes_before_its_equipments(landing: Landing, breaker: int) -> None:
    other = make_element(landing, "SW-2")
    work.land_equipment([EquipmentRecord(external_id="EQ-7", element="SW-2")], landing)
    work.land_work_orders(
        [order("named", element="SW-1", equipment="EQ-7"), order("unknown", element="SW-9", equipment="EQ-7")], landing
    )

    assert (numbers(breaker), numbers(other)) == (["named"], ["unknown"])


def test_equipment_of_another_system_may_have_the_same_number(
    landing: Landing, utility: Organisation, breaker: int, now: datetime
) -> None:
    elsewhere = landing_of(utility, now, name="Another EAM")
    work.land_equipment([EquipmentRecord(external_id="EQ-7", element="SW-1")], elsewhere)
    work.land_work_orders([order("WO-1", equipment="EQ-7")], landing)

    assert numbers(breaker) == []


def test_open_work_stands_newest_first(landing: Landing, breaker: int, now: datetime) -> None:
    def reported(number: str, minutes: int, status: WorkStatus = WorkStatus.WAITING) -> WorkOrderRecord:
        return order(number, element="SW-1", status=status, reported_at=now - timedelta(minutes=minutes))

    page = [
        reported("old", 60),
        reported("new", 1),
        reported("done", 0, WorkStatus.COMPLETED),
        reported("closed", 0, WorkStatus.CLOSED),
        reported("cancelled", 0, WorkStatus.CANCELLED),
        reported("gone", 0),
        reported("middle", 30, WorkStatus.IN_PROGRESS),
    ]
    work.land_work_orders(page, landing)
    WorkOrder.objects.filter(external_id="gone").update(retired_at=now)

    assert numbers(breaker) == ["new", "middle", "old"]


def test_what_a_crew_says_of_itself_goes_before_what_its_assignment_says(
    landing: Landing, breaker: int, now: datetime
) -> None:
    assigned = tuple(
        CrewAssignment(crew=crew, assigned_at=NIGHT + timedelta(minutes=minute), status="DISPATCHED")
        for crew, minute in (("A", 0), ("B", 5), ("C", 2))
    )
    undated = CrewAssignment(crew="D", status="WAITING")
    work.land_work_orders([order("WO-1", element="SW-1", assignments=(undated, *assigned))], landing)
    own = CrewRecord(external_id="A", name="Crew North", status=CrewStatus.ONSITE, source_time=now)
    left = CrewRecord(external_id="C", name="Crew South", status=CrewStatus.ONSITE, source_time=now)
    work.land_crews([own, left], landing)
    Crew.objects.filter(external_id="C").update(retired_at=now)

    ((found,),) = work_for_elements([breaker]).values()

    assert [(crew.name, crew.status, crew.source_time) for crew in found.crews] == [
        ("B", "DISPATCHED", NIGHT + timedelta(minutes=5)),
        ("Crew South", "DISPATCHED", NIGHT + timedelta(minutes=2)),
        ("Crew North", "ONSITE", now),
        ("D", "WAITING", None),
    ]


def test_many_elements_cost_no_more_queries_than_one(landing: Landing, breaker: int) -> None:
    elements = [breaker, *(make_element(landing, f"SW-{number}") for number in range(2, 12))]
    work.land_work_orders(
        [order(f"WO-{number}", f"CREW-{number}", element=f"SW-{number}") for number in range(1, 12)], landing
    )
    work.land_crews([CrewRecord(external_id=f"CREW-{number}", name="") for number in range(1, 12)], landing)

    with CaptureQueriesContext(connection) as queries:
        found = work_for_elements(elements)

    assert len(queries) == 4
    assert sorted(found) == sorted(elements)


def test_numbers_lead_to_elements_in_whatever_state(landing: Landing, breaker: int) -> None:
    work.land_equipment([EquipmentRecord(external_id="EQ-7", element="SW-1")], landing)
    work.land_work_orders(
        [
            order("WO-1", element="SW-1", status=WorkStatus.CLOSED),
            order("WO-2", equipment="EQ-7"),
            order("WO-3", element="SW-9"),
        ],
        landing,
    )

    found = elements_of_work_orders(["WO-1", "WO-2", "WO-3", "WO-4"])

    assert found == {"WO-1": [breaker], "WO-2": [breaker]}


def test_a_change_concerns_the_elements_that_its_work_is_about(landing: Landing, breaker: int, now: datetime) -> None:
    other = make_element(landing, "SW-2")
    work.land_equipment([EquipmentRecord(external_id="EQ-2", element="SW-2")], landing)
    work.land_work_orders([order("WO-1", "A", element="SW-1"), order("WO-2", "A", "B", equipment="EQ-2")], landing)
    work.land_crews([CrewRecord(external_id=crew, name=crew) for crew in "ABC"], landing)
    orders = dict(WorkOrder.objects.values_list("external_id", "pk"))
    crews = dict(Crew.objects.values_list("external_id", "pk"))

    def concerned(contract: str, *ids: int) -> set[int]:
        change = Change(
            contract=contract, connector_id=landing.connector_id, stream_id=landing.stream_id, ids=ids, now=now
        )
        return elements_concerned(change)

    assert concerned("work-order/1", orders["WO-1"]) == {breaker}
    assert concerned("equipment/1", Equipment.objects.get().pk) == {other}
    assert concerned("crew/1", crews["A"]) == {breaker, other}
    assert concerned("crew/1", crews["B"]) == {other}
    assert concerned("crew/1", crews["C"]) == set()


def test_two_organisations_stay_apart(
    landing: Landing, next_door: Landing, neighbour: Organisation, breaker: int
) -> None:
    work.land_work_orders([order("WO-1", element="SW-1")], landing)

    with acting_for(Scope(organisation_id=neighbour.pk)):
        theirs = make_element(next_door, "SW-1")
        assert work_for_elements([breaker, theirs]) == {}
        assert elements_of_work_orders(["WO-1"]) == {}
        work.land_work_orders([order("WO-1", element="SW-1")], next_door)
        assert list(work_for_elements([breaker, theirs])) == [theirs]

    assert list(work_for_elements([breaker])) == [breaker]
