"""What the transducers of the breakers read: the load downstream, from load profiles at this time of day."""

import math
from collections import defaultdict
from datetime import datetime, timedelta

import networkx as nx

from simulator.grid import Grid
from simulator.settings import UTILITY_ZONE
from simulator.truth import Truth

QUARTER = timedelta(minutes=15)
POWER_FACTOR = 0.95


def quarter_start(now: datetime) -> datetime:
    return now - timedelta(minutes=now.minute % 15, seconds=now.second, microseconds=now.microsecond)


def current_in_amperes(*, power_kw: float, nominal_kv: float) -> float:
    return round(power_kw / (math.sqrt(3) * nominal_kv * POWER_FACTOR), 2)


class Flows:
    """
    Power through every measured breaker, kept until a switch or the quarter-hour changes.

    Meshed parts are read as a spanning tree from the source would carry them: other branches carry nothing.
    """

    def __init__(self, *, grid: Grid, truth: Truth) -> None:
        self._grid = grid
        self._truth = truth
        self._kept_for: tuple[int, int] | None = None
        self._power_kw: dict[str, float] = {}

    def power_kw(self, element_id: str, *, now: datetime) -> float:
        local = now.astimezone(UTILITY_ZONE)
        quarter = local.hour * 4 + local.minute // 15
        if self._kept_for != (self._truth.version, quarter):
            self._power_kw = self._compute(quarter)
            self._kept_for = (self._truth.version, quarter)
        return self._power_kw.get(element_id, 0.0)

    def _compute(self, quarter: int) -> dict[str, float]:
        load: dict[str, float] = defaultdict(float)
        for point in self._grid.service_points.values():
            load[point.node] += point.peak_kw * self._grid.profiles[point.profile][quarter]
        graph = self._truth.graph
        steps = [step for source in self._grid.source_nodes for step in nx.bfs_edges(graph, source)]
        power: dict[str, float] = {}
        for parent, child in reversed(steps):
            branch_id = min(graph[parent][child])
            if self._grid.elements[branch_id].is_measured:
                power[branch_id] = round(load[child], 3)
            load[parent] += load[child]
        return power
