"""Networks to test with, and the plain truth about them: networkx, and nothing of the product."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import networkx

from connectors.contracts.base import contract_id
from connectors.contracts.network_element import ElementKind, NetworkElement
from connectors.contracts.service_point import ServicePoint, ServicePriority
from connectors.landing import Change, Landed, Landing
from connectors.models import Connector, Stream
from customer.services.counting import follow_service_points, recount
from customer.services.landing import land_service_points
from gis.models import NetworkElement as ElementRow
from gis.services.landing import land_network_elements
from gis.services.network import follow_network

RURAL_GRID = Path(__file__).parents[2] / "simulator" / "data" / "rural_grid"
SUPPLY = "what stands behind the sources"
KINDS = {
    "source": ElementKind.SOURCE,
    "busbar": ElementKind.BUSBAR,
    "node": ElementKind.NODE,
    "line": ElementKind.LINE,
    "transformer": ElementKind.TRANSFORMER,
    "breaker": ElementKind.BREAKER,
    "load_break_switch": ElementKind.LOAD_BREAK_SWITCH,
}


def make_landing(*, contract: str, now: datetime, connector: str = "GIS") -> Landing:
    """A stream of a connector in the organisation in scope."""
    system, _ = Connector.objects.get_or_create(name=connector, defaults={"kind": "pretend"})
    stream, _ = Stream.objects.get_or_create(connector=system, name=contract, contract=contract)
    return Landing(organisation_id=system.organisation_id, connector_id=system.pk, stream_id=stream.pk, now=now)


def source(name: str, node: str) -> NetworkElement:
    return NetworkElement(external_id=name, kind=ElementKind.SOURCE, terminals=(node,))


def busbar(name: str, node: str) -> NetworkElement:
    return NetworkElement(external_id=name, kind=ElementKind.BUSBAR, terminals=(node,))


def line(name: str, *nodes: str) -> NetworkElement:
    return NetworkElement(external_id=name, kind=ElementKind.LINE, terminals=nodes)


def switch(name: str, *nodes: str, is_open: bool = False) -> NetworkElement:
    return NetworkElement(external_id=name, kind=ElementKind.BREAKER, terminals=nodes, normally_open=is_open)


def customers(node: str, *, normal: int = 0, critical: int = 0) -> list[ServicePoint]:
    return [
        ServicePoint(
            external_id=f"{node}/{number}",
            node=node,
            priority=ServicePriority.CRITICAL if number < critical else ServicePriority.NORMAL,
        )
        for number in range(normal + critical)
    ]


def land_network(elements: Sequence[NetworkElement], *, now: datetime) -> Landed:
    """Land elements and let the network follow, as a page of a sync does."""
    landing = make_landing(contract=contract_id(NetworkElement), now=now)
    landed = land_network_elements(elements, landing)
    follow_network(change_of(landing, NetworkElement, landed.touched))
    recount(now=now)
    return landed


def land_customers(points: Sequence[ServicePoint], *, now: datetime) -> Landed:
    landing = make_landing(contract=contract_id(ServicePoint), now=now, connector="CIS")
    landed = land_service_points(points, landing)
    follow_service_points(change_of(landing, ServicePoint, landed.touched))
    return landed


def change_of(landing: Landing, contract: type[NetworkElement] | type[ServicePoint], ids: Iterable[int]) -> Change:
    return Change(
        contract=contract_id(contract),
        connector_id=landing.connector_id,
        stream_id=landing.stream_id,
        ids=tuple(ids),
        now=landing.now,
    )


def ids_of_elements() -> dict[str, int]:
    return dict(ElementRow.objects.values_list("external_id", "pk"))


def rural_grid() -> tuple[list[NetworkElement], list[ServicePoint]]:
    """The demo grid; one service point in fifty is critical."""
    features = json.loads((RURAL_GRID / "network.geojson").read_text())["features"]
    points = json.loads((RURAL_GRID / "service_points.json").read_text())
    return [
        NetworkElement(
            external_id=feature["id"],
            kind=KINDS[feature["properties"]["kind"]],
            nominal_voltage_v=feature["properties"]["nominal_kv"] * 1_000,
            terminals=tuple(filter(None, (feature["properties"]["from_node"], feature["properties"]["to_node"]))),
            normally_open=feature["properties"]["normally_open"],
            geometry=feature["geometry"],
        )
        for feature in features
    ], [
        ServicePoint(
            external_id=point["id"],
            node=point["node"],
            priority=ServicePriority.CRITICAL if number % 50 == 0 else ServicePriority.NORMAL,
        )
        for number, point in enumerate(points)
    ]


@dataclass
class Truth:
    """Who is supplied: whoever a plain walk of networkx reaches from the sources over closed devices."""

    elements: Sequence[NetworkElement]
    points: Sequence[ServicePoint]
    opened: set[str]
    ends: dict[str, tuple[str, ...]] = field(init=False)
    graphs: dict[frozenset[str], "networkx.MultiGraph[str]"] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.ends = {
            one.external_id: (SUPPLY, *one.terminals) if one.kind == ElementKind.SOURCE else one.terminals
            for one in self.elements
        }

    @classmethod
    def planned(cls, elements: Sequence[NetworkElement], points: Sequence[ServicePoint] = ()) -> "Truth":
        return cls(elements, points, {element.external_id for element in elements if element.normally_open})

    @property
    def nodes(self) -> set[str]:
        return {node for element in self.elements for node in element.terminals}

    def supplied(self, *, without: str | None = None) -> set[str]:
        """
        :param without: an element that fails; one that sits on a node takes the node with it
        """
        graph = self._graph()
        failing = self.ends[without] if without is not None else ()
        if len(failing) == 1:
            graph = graph.copy()
            graph.remove_nodes_from(failing)
        elif failing:
            one, other = failing
            graph.remove_edge(one, other, key=without)
        reached = set(networkx.node_connected_component(graph, SUPPLY)) - {SUPPLY}
        if len(failing) == 2:
            one, other = failing
            graph.add_edge(one, other, key=without)
        return reached

    def fed(self, element: str) -> set[str]:
        if element in self.opened:
            return set()
        return self.supplied() - self.supplied(without=element)

    def impact(self, element: str) -> tuple[int, int]:
        lost = self.fed(element)
        off = [point for point in self.points if point.node in lost]
        return len(off), sum(point.priority == ServicePriority.CRITICAL for point in off)

    def _graph(self) -> "networkx.MultiGraph[str]":
        opened = frozenset(self.opened)
        if opened not in self.graphs:
            graph: networkx.MultiGraph[str] = networkx.MultiGraph()
            graph.add_nodes_from({SUPPLY} | self.nodes)
            for name, between in self.ends.items():
                if len(between) == 2 and name not in opened:
                    graph.add_edge(between[0], between[1], key=name)
            self.graphs = {opened: graph}
        return self.graphs[opened]
