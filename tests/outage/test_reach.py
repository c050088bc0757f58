"""Who a dry run says that a read would touch, for each kind of row."""

from collections.abc import Callable, Collection
from datetime import datetime

import pytest

from connectors.landing import Change, Reach
from customer.models import ServicePoint
from gis.models import NetworkElement, Zone
from outage.reach import reach_of
from telemetry.models import Alarm
from tests.outage.pretend import PretendUtility, the_outage
from tests.outage.test_work_and_estimates import order
from work.models import WorkOrder

Reached = Callable[[str, Collection[int]], Reach]


@pytest.fixture
def reached(now: datetime) -> Reached:
    def reached(contract: str, ids: Collection[int]) -> Reach:
        return reach_of(Change(contract=contract, connector_id=1, stream_id=1, ids=tuple(ids), now=now))

    return reached


@pytest.fixture
def tripped(utility_with_ring: PretendUtility) -> PretendUtility:
    utility_with_ring.trips("FEEDER")
    utility_with_ring.work_orders(order("WO1", at=utility_with_ring.clock))
    return utility_with_ring


def pk_of(element: str) -> int:
    return NetworkElement.objects.get(external_id=element).pk


def off() -> set[int]:
    return set(the_outage().affected.filter(is_off=True).values_list("service_point_id", flat=True))


def test_an_element_with_an_outage(tripped: PretendUtility, reached: Reached) -> None:
    reach = reached("network-element/1", [pk_of("FEEDER")])

    assert reach.outages == {the_outage().pk: the_outage().number}
    assert reach.work_orders == {"WO1"}
    assert reach.customers >= off()


def test_an_element_without_one_concerns_who_stands_at_its_nodes(tripped: PretendUtility, reached: Reached) -> None:
    tie = NetworkElement.objects.get(external_id="TIE")
    at_its_nodes = ServicePoint.objects.filter(node__in=[tie.from_node, tie.to_node])

    reach = reached("network-element/1", [tie.pk])

    assert (reach.outages, reach.work_orders) == ({}, set())
    assert reach.customers == set(at_its_nodes.values_list("pk", flat=True))


def test_a_service_point_that_is_off(tripped: PretendUtility, reached: Reached) -> None:
    point = min(off())

    reach = reached("service-point/1", [point])

    assert (reach.outages, reach.customers) == ({the_outage().pk: the_outage().number}, {point})


def test_an_alarm_and_a_work_order_lead_to_the_outage_of_their_element(
    tripped: PretendUtility, reached: Reached
) -> None:
    for contract, pk in (("alarm/1", Alarm.objects.get().pk), ("work-order/1", WorkOrder.objects.get().pk)):
        reach = reached(contract, [pk])
        assert (set(reach.outages), reach.work_orders, reach.customers) == ({the_outage().pk}, {"WO1"}, off())


def test_features_concern_nobody(tripped: PretendUtility, reached: Reached) -> None:
    assert reached("feature/1", [1]) == Reach()
    assert reached("zone/1", list(Zone.objects.values_list("pk", flat=True))) == Reach()
