"""
Who is off: the ground truth that the product is measured by.

The plain definition, on purpose without anything clever: a service point is on while its node is connected to
a source through branches that are closed. Every answer walks the grid with networkx anew, in some five
milliseconds.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import networkx as nx

from simulator.errors import Refused
from simulator.grid import Element, Grid


@dataclass(frozen=True)
class Count:
    service_points: int
    critical: int


class Truth:
    """The grid as it really stands, whatever SCADA shows. Not locked: the utility that holds it is."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._graph: nx.MultiGraph[str] = nx.MultiGraph()
        self._graph.add_nodes_from(element.from_node for element in grid.elements.values())
        self._open: set[str] = set()
        self._off: frozenset[str] | None = None
        # Grows by one with each switching, so that what depends on the topology can be kept until then.
        self.version = 0
        for branch in grid.branches:
            if branch.is_normally_open:
                self._open.add(branch.id)
            else:
                self._connect(branch)

    @property
    def graph(self) -> "nx.MultiGraph[str]":
        """Nodes, and the branches that conduct, each keyed by its element. To be read, not changed."""
        return self._graph

    @property
    def open_elements(self) -> frozenset[str]:
        return frozenset(self._open)

    def is_open(self, element_id: str) -> bool:
        return element_id in self._open

    def open(self, element: Element) -> None:
        if element.id not in self._open:
            self._disconnect(element)
            self._open.add(element.id)
            self._changed()

    def close(self, element: Element) -> None:
        if element.id in self._open:
            self._connect(element)
            self._open.remove(element.id)
            self._changed()

    def energised_nodes(self) -> set[str]:
        energised: set[str] = set()
        for source in self._grid.source_nodes:
            if source not in energised:
                energised |= nx.node_connected_component(self._graph, source)
        return energised

    def off(self) -> frozenset[str]:
        """The ids of the service points without supply."""
        if self._off is None:
            energised = self.energised_nodes()
            points = self._grid.service_points.values()
            self._off = frozenset(point.id for point in points if point.node not in energised)
        return self._off

    def count(self, service_point_ids: Iterable[str]) -> Count:
        points = [self._grid.service_points[point_id] for point_id in service_point_ids]
        return Count(service_points=len(points), critical=sum(point.is_critical for point in points))

    def impact(self, element: Element) -> Count:
        """
        What opening this branch now would put off, beyond what is off already.

        :raises Refused: if it is not a branch.
        """
        _ends(element)
        if element.id in self._open:
            return Count(service_points=0, critical=0)
        off_before = self.off()
        self._disconnect(element)
        energised = self.energised_nodes()
        self._connect(element)
        points = self._grid.service_points.values()
        lost = [point for point in points if point.node not in energised and point.id not in off_before]
        return Count(service_points=len(lost), critical=sum(point.is_critical for point in lost))

    def _connect(self, branch: Element) -> None:
        self._graph.add_edge(*_ends(branch), key=branch.id)

    def _disconnect(self, branch: Element) -> None:
        self._graph.remove_edge(*_ends(branch), key=branch.id)

    def _changed(self) -> None:
        self._off = None
        self.version += 1


def _ends(branch: Element) -> tuple[str, str]:
    if branch.to_node is None:
        raise Refused(f"{branch.id} is a {branch.kind}: it has one node and cannot be opened.")
    return branch.from_node, branch.to_node
