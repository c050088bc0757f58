"""Finding variables: each once, however the references go, as far as there is an end, on this server alone."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import responses
from requests import PreparedRequest

from connectors.protocols.egress import EgressPolicy
from connectors.protocols.http import HttpLimits, HttpSession
from connectors.protocols.opcua.walk import Tree, walk, walk_twice
from connectors.protocols.opcua.web_api import WebApi

BASE = "https://gateway.example/opcua"
OBJECT, VARIABLE = 1, 2


class Space:
    """An address space: what each node refers to, told in pages of two."""

    def __init__(self, below: dict[str, list[tuple[str, int]]]) -> None:
        self.below, self.asked = below, 0

    def browse(self, request: PreparedRequest) -> tuple[int, dict[str, str], str]:
        self.asked += 1
        nodes = [one["NodeId"] for one in json.loads(request.body or "")["NodesToBrowse"]]
        return self._answer([(node, 0) for node in nodes])

    def browse_next(self, request: PreparedRequest) -> tuple[int, dict[str, str], str]:
        points = json.loads(request.body or "")["ContinuationPoints"]
        return self._answer([(node, int(at)) for node, _, at in (point.partition("|") for point in points)])

    def _answer(self, wanted: list[tuple[str, int]]) -> tuple[int, dict[str, str], str]:
        results: list[dict[str, Any]] = []
        for node, at in wanted:
            known = self.below.get(node, [])
            references = [
                {"NodeId": name, "ReferenceTypeId": "i=47", "NodeClass": kind, "DisplayName": {"Text": name[-1]}}
                for name, kind in known[at : at + 2]
            ]
            more = {"ContinuationPoint": f"{node}|{at + 2}"} if at + 2 < len(known) else {}
            results.append({"References": references, **more})
        return 200, {}, json.dumps({"Results": results})


@pytest.fixture
def wire() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def api(wire: responses.RequestsMock, space: Space) -> WebApi:
    wire.add_callback("POST", f"{BASE}/browse", space.browse)
    wire.add_callback("POST", f"{BASE}/browsenext", space.browse_next)
    session = HttpSession(
        egress=EgressPolicy(),
        now=lambda: datetime(2026, 11, 22, tzinfo=UTC),
        limits=HttpLimits(retries=0, requests_per_second=1_000_000, burst=1_000_000),
    )
    return WebApi(session, base_url=BASE, auth=None, verbose=False)


def node(name: str) -> str:
    return f"nsu=urn:x;s={name}"


def walked(wire: responses.RequestsMock, space: Space) -> Tree:
    return walk(api(wire, space), node("A"), batch=100, per_node=2)


def test_every_page_of_every_node_is_followed(wire: responses.RequestsMock) -> None:
    names = [f"V{number}" for number in range(7)]
    below = {node("A"): [(node("B"), OBJECT)], node("B"): [(node(name), VARIABLE) for name in names]}

    tree = walk_twice(api(wire, Space(below)), node("A"), batch=100)

    assert (sorted(tree.variables), tree.incomplete) == ([node(name) for name in names], "")
    assert tree.parents[node("V6")] == "B"


def test_a_circle_ends_where_it_began(wire: responses.RequestsMock) -> None:
    space = Space(
        {
            node("A"): [(node("B"), OBJECT)],
            node("B"): [(node("A"), OBJECT), (node("V"), VARIABLE), (node("B"), OBJECT)],
            node("V"): [(node("B"), OBJECT), (node("A"), OBJECT)],
        }
    )

    tree = walked(wire, space)

    assert (list(tree.variables), tree.incomplete) == ([node("V")], "")
    assert space.asked == 3


def test_a_space_without_an_end_is_not_whole(wire: responses.RequestsMock) -> None:
    endless = {node("A" if not number else f"N{number}"): [(node(f"N{number + 1}"), VARIABLE)] for number in range(50)}

    tree = walked(wire, Space(endless))

    assert len(tree.variables) == 32
    assert tree.incomplete == "The address space was not browsed to its end: it is more than 32 levels deep."


def test_nodes_of_other_servers_are_not_walked(wire: responses.RequestsMock) -> None:
    space = Space(
        {
            node("A"): [("svr=1;nsu=urn:y;s=C", OBJECT), ("svu=urn:z;i=7", VARIABLE), (node("V"), VARIABLE)],
        }
    )

    tree = walked(wire, space)

    assert (list(tree.variables), tree.incomplete) == ([node("V")], "")
