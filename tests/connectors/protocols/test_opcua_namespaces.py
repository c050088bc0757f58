"""Nodes that a server names by index are known by URI, and asked for by what the server understands."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import responses

from connectors.protocols.egress import EgressPolicy
from connectors.protocols.http import HttpLimits, HttpSession
from connectors.protocols.opcua.namespaces import has_indices, named_by_index, named_by_uri, read_namespaces
from connectors.protocols.opcua.web_api import WebApi

BASE = "https://gateway.example/opcua"
URIS = ("http://opcfoundation.org/UA/", "urn:gateway", "urn:utility:scada")
TABLE = {"UaType": 12, "Value": list(URIS)}


@pytest.fixture
def wire() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


def api(*, by_index: bool = False) -> WebApi:
    session = HttpSession(
        egress=EgressPolicy(), now=lambda: datetime(2026, 11, 22, tzinfo=UTC), limits=HttpLimits(retries=0)
    )
    return WebApi(session, base_url=BASE, auth=None, verbose=False, by_index=by_index)


@pytest.mark.parametrize(
    ("written", "named"),
    [
        ("ns=2;s=MW", "nsu=urn:utility:scada;s=MW"),
        ("ns=0;i=85", "ns=0;i=85"),
        ("ns=7;s=MW", "ns=7;s=MW"),
        ("ns=2 or so", "ns=2 or so"),
        ({"Id": "MW", "IdType": 1, "Namespace": 2}, {"Id": "MW", "IdType": 1, "Namespace": "urn:utility:scada"}),
        ({"Id": 85, "Namespace": 0}, {"Id": 85, "Namespace": 0}),
        ([{"UaType": 17, "Value": ["ns=1;i=7", None]}], [{"UaType": 17, "Value": ["nsu=urn:gateway;i=7", None]}]),
    ],
)
def test_an_index_becomes_the_uri_that_it_stands_for(written: Any, named: Any) -> None:
    assert named_by_uri(written, URIS) == named


@pytest.mark.parametrize(
    ("written", "named"),
    [
        ({"NodesToRead": [{"NodeId": "nsu=urn:utility:scada;s=MW"}]}, {"NodesToRead": [{"NodeId": "ns=2;s=MW"}]}),
        ("nsu=urn:other;s=MW", "nsu=urn:other;s=MW"),
        (["i=85", 3, None], ["i=85", 3, None]),
    ],
)
def test_a_uri_becomes_the_index_that_it_has_now(written: Any, named: Any) -> None:
    assert named_by_index(written, URIS) == named


@pytest.mark.parametrize(
    ("content", "has"),
    [
        (b'{"NodeId":"ns=2;s=MW"}', True),
        (b'{"Id":7,"Namespace": 3}', True),
        (b'{"NodeId":"nsu=urn:x;s=MW"}', False),
        (b'{"Id":7,"Namespace":0}', False),
    ],
)
def test_most_answers_need_no_second_look(content: bytes, has: bool) -> None:
    assert has_indices(content) is has


@pytest.mark.parametrize("raw", [None, {}, {"Status": {"Code": 0x80340000}}, {"UaType": 12, "Value": 7}, 7])
def test_a_server_may_not_tell_its_table(raw: Any) -> None:
    assert tuple(read_namespaces(raw)) == ()


def test_an_answer_with_indices_is_read_by_the_servers_table_which_is_asked_for_once(
    wire: responses.RequestsMock,
) -> None:
    reference = {"NodeId": "ns=2;s=MW", "NodeClass": 2}
    for _ in range(2):
        wire.post(f"{BASE}/browse", json={"Results": [{"References": [reference]}]})
    wire.post(f"{BASE}/read", json={"Results": [TABLE]})
    ours = api()

    found = [ours.browse(["i=85"], per_node=10, doing="browsing")["i=85"].references for _ in range(2)]

    assert found == [[{"NodeId": "nsu=urn:utility:scada;s=MW", "NodeClass": 2}]] * 2
    assert [call.request.path_url for call in wire.calls] == ["/opcua/browse", "/opcua/read", "/opcua/browse"]


def test_a_server_that_knows_no_uris_is_asked_by_index(wire: responses.RequestsMock) -> None:
    wire.post(f"{BASE}/read", json={"Results": [TABLE]})
    wire.post(f"{BASE}/read", json={"Results": [{"UaType": 11, "Value": 7.5}]})

    answer = api(by_index=True).read(["nsu=urn:utility:scada;s=MW"], doing="reading")

    table, value = [json.loads(call.request.body or "")["NodesToRead"] for call in wire.calls]
    assert (table, value) == (
        [{"NodeId": "i=2255", "AttributeId": 13}],
        [{"NodeId": "ns=2;s=MW", "AttributeId": 13}],
    )
    assert answer.results == [{"UaType": 11, "Value": 7.5}]
