"""
The demo grid: whom an outage is charged with when any of its switches trips, held against the simulator's truth,
which shares no code with the product.
"""

from collections.abc import Iterator, Sequence

import pytest

from connectors.contracts.network_element import ElementKind, NetworkElement
from connectors.contracts.service_point import ServicePoint, ServicePriority
from outage.models import Outage, Status
from simulator.grid import Element, rural_grid
from simulator.truth import Truth
from tests.outage.pretend import PretendUtility, off

GRID = rural_grid()
SWITCHES = [
    element
    for element in GRID.switches
    if element.kind in ("breaker", "load_break_switch") and element.nominal_kv >= 20 and not element.is_normally_open
]
HIGH_VOLTAGE = [element for element in SWITCHES if element.nominal_kv >= 110]
SAMPLE = [*HIGH_VOLTAGE, *[element for element in SWITCHES if element.nominal_kv < 110][::30]]
CHUNKS = 8


@pytest.fixture
def rural_utility(pretend: PretendUtility) -> PretendUtility:
    pretend.network(list(_network()))
    pretend.customers(list(_customers()))
    return pretend


def test_there_are_as_many_switches_as_the_grid_has() -> None:
    assert {element.kind for element in SAMPLE} == {"breaker", "load_break_switch"}
    assert {element.nominal_kv for element in SAMPLE} == {20, 110}
    assert (len(SWITCHES), len(HIGH_VOLTAGE), len(SAMPLE)) == (288, 3, 13)


def test_outages_of_some_switches_are_charged_with_the_truth(rural_utility: PretendUtility) -> None:
    _trip_and_restore(rural_utility, SAMPLE)


@pytest.mark.long
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_outages_of_every_switch_are_charged_with_the_truth(rural_utility: PretendUtility, chunk: int) -> None:
    _trip_and_restore(rural_utility, SWITCHES[chunk::CHUNKS])


def _trip_and_restore(utility: PretendUtility, switches: Sequence[Element]) -> None:
    """Trip each alone, alarm first and position first, and restore it."""
    truth = Truth(GRID)
    assert not truth.off()
    for switch in switches:
        truth.open(switch)
        is_off = set(truth.off())
        impact = truth.count(is_off)
        truth.close(switch)
        for first in ("alarm", "position"):
            told = (switch.id, first)
            at = utility.clock
            if first == "alarm":
                utility.trips(switch.id, at=at)
                assert (told, off()) == (told, is_off)
            utility.opens(switch.id, at=at)
            if first == "position":
                utility.trips(switch.id, at=at)

            outage = Outage.objects.open().get()
            assert (told, off()) == (told, is_off)
            assert (told, outage.customers_affected, outage.critical_customers_affected, outage.customers_off) == (
                told,
                impact.service_points,
                impact.critical,
                impact.service_points,
            )

            utility.closes(switch.id)
            utility.clears(switch.id)

            outage.refresh_from_db()
            assert (told, outage.status, outage.customers_off) == (told, Status.RESTORED, 0)
    assert Outage.objects.filter(status=Status.RESTORED).count() == Outage.objects.count() == 2 * len(switches)


def _network() -> Iterator[NetworkElement]:
    for element in GRID.elements.values():
        yield NetworkElement(
            external_id=element.id,
            kind=ElementKind(element.kind.upper()),
            name=element.name,
            nominal_voltage_v=element.nominal_kv * 1_000,
            terminals=(element.from_node,) if element.to_node is None else (element.from_node, element.to_node),
            normally_open=element.is_normally_open,
            geometry=dict(element.geometry),
        )


def _customers() -> Iterator[ServicePoint]:
    for point in GRID.service_points.values():
        yield ServicePoint(
            external_id=point.id,
            node=point.node,
            priority=ServicePriority.CRITICAL if point.is_critical else ServicePriority.NORMAL,
            priority_reason=point.critical_reason or "",
        )
