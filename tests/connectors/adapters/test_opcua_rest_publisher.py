"""OPC Publisher's REST API, with answers of the shapes that its OpenAPI document has, and held against it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import responses
from jsonschema import Draft4Validator
from requests import PreparedRequest

from connectors.adapters.opcua_rest.adapter import OpcUaRestAdapter
from connectors.adapters.opcua_rest.settings import OpcUaRestForm
from connectors.contracts.reading import Quality, Reading
from connectors.contracts.signal import Signal, SignalKind
from connectors.protocols.adapter import Mode, Page, SourceStream
from connectors.protocols.errors import BadConfig, CannotListen, ContractBroken, SourceError, Unreachable
from tests.connectors.adapters.wire import build, settings_of

BASE = "https://publisher.example:9072"
SERVER = "opc.tcp://scada.example:4840"
NODE = "nsu=urn:utility:scada;s="
DOCUMENT = json.loads((Path(__file__).parents[1] / "payloads" / "opcua" / "publisher.json").read_text())
SIGNALS = SourceStream(name="signals", contract="signal/1")
READINGS = SourceStream(name="readings", contract="reading/1")
ALARMS = SourceStream(name="alarms", contract="alarm/1")

Answer = tuple[int, dict[str, str], str]


def faults(definition: str, message: Any) -> list[str]:
    schema = {"$ref": f"#/definitions/{definition}", "definitions": DOCUMENT["definitions"]}
    return [error.message for error in Draft4Validator(schema).iter_errors(message)]


def reference(node: str, name: str, *, node_class: str = "Variable", kind: str = "i=47") -> dict[str, Any]:
    target = {"nodeId": node, "nodeClass": node_class, "browseName": name, "displayName": name}
    return {"referenceTypeId": kind, "direction": "Forward", "target": {**target, "typeDefinitionId": "i=63"}}


class Publisher:
    """
    A breaker below the Objects folder, page by page with the same token each time. What it is asked and answers is of
    the document's shapes, or the test fails.
    """

    def __init__(self, wire: responses.RequestsMock) -> None:
        self.children: dict[str, list[dict[str, Any]]] = {
            "i=85": [reference(f"{NODE}CB-0301", "Breaker", node_class="Object", kind="i=35")],
            f"{NODE}CB-0301": [
                reference(f"{NODE}CB-0301.POS", "Position"),
                reference(f"{NODE}CB-0301.P", "Power"),
                reference("urn:utility:scada#s=CB-0301.Count%20of%20trips", "Trips"),
            ],
            f"{NODE}CB-0301.P": [reference(f"{NODE}CB-0301.P.EU", "EngineeringUnits", kind="HasProperty")],
        }
        at = {"sourceTimestamp": "2026-11-20T10:00:00.1234567Z", "serverTimestamp": "2026-11-20T10:00:01Z"}
        self.values: dict[str, dict[str, Any]] = {
            f"{NODE}CB-0301.POS": {"value": 1, "dataType": "Int32", **at},
            f"{NODE}CB-0301.P": {
                "value": 7.25,
                "dataType": "Double",
                "errorInfo": {"statusCode": 1083375616, "symbolicId": "UncertainSensorNotAccurate"},
                **at,
            },
            f"{NODE}CB-0301.P.EU": {
                "value": {"TypeId": "i=887", "Body": {"UnitId": 5062999, "DisplayName": {"Text": "MW"}}},
                "dataType": "EUInformation",
            },
            f"{NODE}CB-0301.Count of trips": {"value": "12", "dataType": "Int64", **at},
        }
        self.rest: list[dict[str, Any]] = []
        self.asked: list[Any] = []
        for operation in DOCUMENT["operations"]:
            wire.add_callback("POST", f"{BASE}/v2/{operation}", self._answer)

    def _answer(self, request: PreparedRequest) -> Answer:
        operation = request.path_url.removeprefix("/v2/")
        body = json.loads(request.body or "")
        self.asked.append(body)
        answer = {"read": self._read, "browse/first": self._first, "browse/next": self._next}[operation](
            body["request"]
        )
        assert faults(DOCUMENT["operations"][operation][0], body) == []
        assert faults(DOCUMENT["operations"][operation][1], answer) == []
        return 200, {"Date": "Fri, 20 Nov 2026 10:00:01 GMT"}, json.dumps(answer)

    def _read(self, request: dict[str, Any]) -> dict[str, Any]:
        unknown = {"errorInfo": {"statusCode": 2150891520, "symbolicId": "BadNodeIdUnknown"}}
        return self.values.get(request["nodeId"], unknown)

    def _first(self, request: dict[str, Any]) -> dict[str, Any]:
        self.rest = list(self.children.get(request["nodeId"], []))
        return {"node": {"nodeId": request["nodeId"]}, **self._page(2)}

    def _next(self, request: dict[str, Any]) -> dict[str, Any]:
        assert request["continuationToken"] == "token"
        return self._page(2)

    def _page(self, size: int) -> dict[str, Any]:
        page, self.rest = self.rest[:size], self.rest[size:]
        return {"references": page, **({"continuationToken": "token"} if self.rest else {})}


@pytest.fixture
def wire() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def publisher(wire: responses.RequestsMock) -> Publisher:
    return Publisher(wire)


def gateway(**changes: Any) -> OpcUaRestAdapter:
    settings = {
        "dialect": "OPC_PUBLISHER",
        "base_url": BASE,
        "server_endpoint": SERVER,
        "sign_in": "API_KEY",
        "api_key_header": "X-API-Key",
        "api_key": "secret-word",
        **changes,
    }
    adapter: OpcUaRestAdapter = build(OpcUaRestAdapter, **settings)
    return adapter


def read(adapter: OpcUaRestAdapter, stream: SourceStream) -> list[Page]:
    return list(adapter.fetch(stream, cursor=None, mode=Mode.FULL))


def records(adapter: OpcUaRestAdapter, stream: SourceStream, pages: list[Page]) -> list[Any]:
    return [adapter.parse(raw, stream) for page in pages for raw in page.records]


@pytest.mark.parametrize("address", [BASE, f"{BASE}/v2/"])
def test_it_says_what_it_is_and_what_it_cannot(publisher: Publisher, address: str) -> None:
    adapter = gateway(base_url=address)

    probe = adapter.probe()

    assert probe.summary == "OPC Publisher answers, with 1 nodes below the start node."
    assert probe.findings[0].startswith("OPC Publisher knows neither alarms nor changes")
    assert [one.contract for one in adapter.discover()] == ["signal/1", "reading/1"]


def test_signals_are_found_page_by_page_with_their_units(publisher: Publisher) -> None:
    """Node ids come in two forms, and one token serves all pages."""
    adapter = gateway()

    pages = read(adapter, SIGNALS)

    assert pages[-1].complete
    assert records(adapter, SIGNALS, pages) == [
        Signal(external_id=f"{NODE}CB-0301.Count of trips", name="Breaker Trips", element="CB-0301"),
        Signal(external_id=f"{NODE}CB-0301.P", name="Breaker Power", unit="MW", element="CB-0301"),
        Signal(
            external_id=f"{NODE}CB-0301.POS",
            name="Breaker Position",
            kind=SignalKind.SWITCH_POSITION,
            element="CB-0301",
        ),
    ]
    assert {one["connection"]["endpoint"]["url"] for one in publisher.asked} == {SERVER}


def test_values_come_with_quality_and_moment(publisher: Publisher) -> None:
    adapter = gateway()

    count, power, position = records(adapter, READINGS, read(adapter, READINGS))

    assert power == Reading(
        external_id=f"{NODE}CB-0301.P",
        signal=f"{NODE}CB-0301.P",
        source_time=datetime(2026, 11, 20, 10, 0, 0, 123_456, tzinfo=UTC),
        value=7.25,
        quality=Quality.UNCERTAIN,
        reason="UncertainSensorNotAccurate",
    )
    assert (count.value, count.quality) == (12.0, Quality.GOOD)
    assert (position.state, position.quality) == ("OPEN", Quality.GOOD)


@pytest.mark.parametrize("error", [{"statusCode": 2150891520}, {"symbolicId": "BadNodeIdUnknown"}])
def test_a_bad_value_is_none(publisher: Publisher, error: dict[str, Any]) -> None:
    publisher.values[f"{NODE}CB-0301.P"] = {"value": 0.0, "dataType": "Double", "errorInfo": error}
    adapter = gateway()

    power = records(adapter, READINGS, read(adapter, READINGS))[1]

    assert (power.value, power.quality, power.reason) == (None, Quality.BAD, "BadNodeIdUnknown")
    assert power.source_time == datetime(2026, 11, 20, 10, 0, 1, tzinfo=UTC)


def test_a_value_that_is_absent_is_none_though_its_type_is_named(publisher: Publisher) -> None:
    del publisher.values[f"{NODE}CB-0301.P"]["value"], publisher.values[f"{NODE}CB-0301.P"]["errorInfo"]
    adapter = gateway()

    power = records(adapter, READINGS, read(adapter, READINGS))[1]

    assert (power.value, power.quality, power.reason) == (None, Quality.BAD, "NoValue")


def test_a_page_that_comes_again_is_no_complete_read(wire: responses.RequestsMock) -> None:
    page = {"references": [reference(f"{NODE}CB-0301.POS", "Position")], "continuationToken": "token"}
    wire.post(f"{BASE}/v2/browse/first", json=page)
    wire.post(f"{BASE}/v2/browse/next", json=page)

    [pages] = read(gateway(), SIGNALS)

    assert not pages.complete
    assert "repeats the same page" in pages.incomplete_reason


@pytest.mark.parametrize(
    ("status", "reaction", "said"),
    [
        (400, BadConfig, "refused our request while browsing the start node: no such endpoint"),
        (404, BadConfig, "There is no OPC Publisher at this address"),
        (408, Unreachable, "did not answer while browsing the start node: no such endpoint"),
        (500, Unreachable, "500"),
    ],
)
def test_a_problem_asks_for_its_reaction(
    wire: responses.RequestsMock, status: int, reaction: type[SourceError], said: str
) -> None:
    problem = {"title": "Problem", "status": status, "detail": "no such endpoint for secret-word"}
    wire.post(f"{BASE}/v2/browse/first", json=problem, status=status)

    with pytest.raises(reaction, match=said) as refused:
        gateway().probe()

    assert "secret-word" not in str(refused.value)


def test_a_start_node_that_is_not_there_is_a_wrong_setting(wire: responses.RequestsMock) -> None:
    wire.post(f"{BASE}/v2/browse/first", json={"errorInfo": {"statusCode": 2150891520}})

    with pytest.raises(BadConfig, match="BadNodeIdUnknown") as refused:
        read(gateway(), SIGNALS)

    assert refused.value.field == "start_node"


@pytest.mark.parametrize("answer", [[], {"references": [{"target": "i=85"}]}, {"errorInfo": {"statusCode": "soon"}}])
def test_an_answer_of_another_shape_breaks_the_contract(wire: responses.RequestsMock, answer: Any) -> None:
    wire.post(f"{BASE}/v2/browse/first", json=answer)

    with pytest.raises(ContractBroken):
        gateway().probe()


def test_without_a_history_its_present_values_are_read(publisher: Publisher) -> None:
    past = SourceStream(name="readings", contract="reading/1", options={"values": "HISTORY"})
    publisher.values["i=2258"] = {"value": "2026-11-20T10:00:01Z", "dataType": "DateTime"}
    adapter = gateway()
    cursor = read(adapter, past)[-1].cursor

    [page] = adapter.fetch(past, cursor=cursor, mode=Mode.INCREMENTAL)

    assert [one.value for one in records(adapter, READINGS, [page])[:2]] == [12.0, 7.25]
    assert page.remark.startswith("The server reads no history of values to us")


def test_what_it_cannot_it_refuses_in_words(publisher: Publisher) -> None:
    adapter = gateway()

    with pytest.raises(CannotListen, match="OPC Publisher tells of no changes by itself"):
        next(adapter.listen(ALARMS, cursor=None))
    with pytest.raises(BadConfig, match="offers signals and their present values, and nothing for reading the alarms"):
        read(adapter, ALARMS)


@pytest.mark.parametrize("endpoint", ["", "https://scada.example", "opc.tcp://user:word@scada.example:4840"])
def test_the_form_asks_for_the_server_behind_it(endpoint: str) -> None:
    settings = {"dialect": "OPC_PUBLISHER", "base_url": BASE, "sign_in": "NONE", "server_endpoint": endpoint}

    with pytest.raises(AssertionError, match=r"such as opc\.tcp://scada\.example:4840"):
        settings_of(OpcUaRestForm, **settings)


def test_the_form_asks_for_no_server_where_there_is_none_behind() -> None:
    assert settings_of(OpcUaRestForm, base_url=BASE, sign_in="NONE")["dialect"] == "WEB_API"
