"""The truth, held against a second simple method: union-find over the same definition."""

from collections.abc import Iterable
from functools import lru_cache

import pytest

from simulator.grid import Element, Grid, rural_grid
from tests.simulator.conftest import Simulator


class Islands:
    """Which nodes belong together (union-find)."""

    def __init__(self, of: dict[str, str] | None = None) -> None:
        self._parent = dict(of or {})

    def of(self, node: str) -> str:
        while (parent := self._parent.get(node, node)) != node:
            self._parent[node] = node = self._parent.get(parent, parent)
        return node

    def join(self, branches: Iterable[Element]) -> None:
        for branch in branches:
            assert branch.to_node is not None
            self._parent[self.of(branch.from_node)] = self.of(branch.to_node)

    def copy(self) -> "Islands":
        return Islands(self._parent)


def is_tripped_in_scenarios(element: Element) -> bool:
    return element.is_switch and element.nominal_kv >= 20


@lru_cache(maxsize=1)
def fixed_islands() -> Islands:
    """What hangs together whatever the 20 and 110 kV switches do."""
    islands = Islands()
    islands.join(branch for branch in rural_grid().branches if not is_tripped_in_scenarios(branch))
    return islands


def off_with_open(grid: Grid, open_ids: set[str]) -> set[str]:
    islands = fixed_islands().copy()
    islands.join(switch for switch in grid.switches if is_tripped_in_scenarios(switch) and switch.id not in open_ids)
    supplied = {islands.of(node) for node in grid.source_nodes}
    return {point.id for point in grid.service_points.values() if islands.of(point.node) not in supplied}


def test_every_medium_and_high_voltage_switch_takes_off_what_union_find_says(simulator: Simulator) -> None:
    grid = simulator.utility.grid
    planned = {switch.id for switch in grid.switches if switch.is_normally_open}
    switches = [switch for switch in grid.switches if is_tripped_in_scenarios(switch)]

    found = {switch.id: simulator.utility.impact(switch.id) for switch in switches}

    expected = {}
    for switch in switches:
        off = off_with_open(grid, planned | {switch.id})
        critical = sum(grid.service_points[point].is_critical for point in off)
        expected[switch.id] = {"element": switch.id, "service_points": len(off), "critical": critical}
    assert len(switches) == 294
    assert found == expected
    assert sum(impact["service_points"] > 0 for impact in found.values()) > 200


def test_two_open_switches_together_take_off_what_union_find_says(simulator: Simulator) -> None:
    planned = {switch.id for switch in simulator.utility.grid.switches if switch.is_normally_open}

    # Either transformer alone can carry the whole substation; both open leave nobody on.
    first = simulator.post("/scenarios/hv-fault", json={"element": "SW-10765"}).json()
    second = simulator.post("/scenarios/hv-fault", json={"element": "SW-10767"}).json()

    assert (first["service_points"], second["service_points"], second["critical"]) == (0, 5373, 92)
    off = simulator.get("/truth?ids=1").json()
    assert set(off["off_ids"]) == off_with_open(simulator.utility.grid, planned | {"SW-10765", "SW-10767"})


def test_truth_at_the_start_is_that_all_are_on_and_six_switches_are_open(simulator: Simulator) -> None:
    truth = simulator.get("/truth").json()

    assert (truth["off"], truth["critical"], truth["service_points"]) == (0, 0, 5373)
    assert truth["critical_service_points"] == 92
    assert len(truth["open"]) == 6


def test_a_line_and_a_transformer_have_an_impact_too(simulator: Simulator) -> None:
    assert simulator.get("/truth/impact/TR-0").json() == {
        "element": "TR-0",
        "service_points": 13,
        "critical": 0,
    }
    assert simulator.get("/truth/impact/LN-5292").json()["service_points"] == 666


def test_what_is_open_already_takes_nobody_off(simulator: Simulator) -> None:
    simulator.post("/scenarios/hv-fault", json={"element": "SW-10770"})

    impact = simulator.get("/truth/impact/SW-10770").json()

    assert impact == {"element": "SW-10770", "service_points": 0, "critical": 0}


@pytest.mark.parametrize(("element", "status"), [("SW-0", 404), ("BUS-0", 400)])
def test_the_impact_of_what_cannot_open_is_refused(simulator: Simulator, element: str, status: int) -> None:
    answer = simulator.get(f"/truth/impact/{element}")

    assert answer.status_code == status
    assert element in answer.json()["error"]


def test_critical_places_lie_on_every_feeder(simulator: Simulator) -> None:
    feeders = ("SW-10770", "SW-10794", "SW-10812", "SW-10822", "SW-10842", "SW-10858", "SW-10904", "SW-10918")

    critical = [simulator.utility.impact(feeder)["critical"] for feeder in feeders]

    assert min(critical) >= 2
    assert sum(critical) == 92
