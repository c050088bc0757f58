"""
The OPC UA adapter's requests and the simulator's answers against the OPC Foundation's own description of the messages
(OpenAPI 1.05.4), so that the two do not just agree with each other.
"""

import json
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from requests import PreparedRequest

from connectors.adapters.opcua_rest.adapter import OpcUaRestAdapter
from connectors.contracts.alarm import Alarm
from connectors.contracts.alarm_acknowledgement import AlarmAcknowledgement
from connectors.protocols.adapter import Mode, SourceStream
from tests.connectors.adapters.wire import BASE, PretendUtility, build, pretend_utility

DOCUMENT = json.loads((Path(__file__).parents[1] / "payloads" / "opcua" / "web-api.json").read_text())
SIGNALS = SourceStream(name="signals", contract="signal/1")
READINGS = SourceStream(name="readings", contract="reading/1")
ALARMS = SourceStream(name="alarms", contract="alarm/1")

STRUCTURES = {
    "i=644": "ReadEventDetails",
    "i=647": "ReadRawModifiedDetails",
    "i=656": "HistoryData",
    "i=659": "HistoryEvent",
    "i=725": "EventFilter",
    "i=809": "DataChangeNotification",
    "i=818": "StatusChangeNotification",
    "i=887": "EUInformation",
    "i=914": "EventNotificationList",
}
"""What an ExtensionObject holds, by the type that it names."""

BASES = {"HistoryReadDetails", "MonitoringFilter", "NotificationData", "FilterOperand"}


@cache
def definitions() -> dict[str, Any]:
    """
    The document's definitions, closed: a member that it does not name is an error. Every ExtensionObject is of a
    structure that we know.
    """
    closed = {
        name: definition if name in BASES else {**definition, "unevaluatedProperties": False}
        for name, definition in DOCUMENT["$defs"].items()
    }
    for name in STRUCTURES.values():
        properties = {**closed[name]["properties"], "UaTypeId": {"type": "string"}}
        closed[name] = {**closed[name], "properties": properties}
    closed["ExtensionObject"] = {
        "type": "object",
        "required": ["UaTypeId"],
        "properties": {"UaTypeId": {"enum": list(STRUCTURES)}},
        "allOf": [
            {"if": {"properties": {"UaTypeId": {"const": type_id}}}, "then": {"$ref": f"#/$defs/{name}"}}
            for type_id, name in STRUCTURES.items()
        ],
    }
    return closed


@cache
def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": definitions()})


def faults(name: str, message: Any) -> list[str]:
    return [f"{name} {error.json_path}: {error.message[:200]}" for error in validator(name).iter_errors(message)]


def as_the_document_names_the_status(message: Any) -> Any:
    """A value's status is `Status` in OPC 10000-6, and with it in the simulator's Compact; the document differs."""
    match message:
        case {"Status": status, "UaType": _} | {"Status": status, "ServerTimestamp": _}:
            rest = {member: value for member, value in message.items() if member != "Status"}
            return {**rest, "StatusCode": status}
        case dict():
            return {member: as_the_document_names_the_status(value) for member, value in message.items()}
        case list():
            return [as_the_document_names_the_status(value) for value in message]
    return message


Exchange = tuple[str, Any, Any]


@pytest.fixture(scope="module")
def exchanged() -> list[Exchange]:
    """What is asked and answered when everything is read, listened to and acknowledged: service, request, answer."""
    exchanges: list[Exchange] = []
    answer = PretendUtility.answer

    def overheard(self: PretendUtility, request: PreparedRequest) -> tuple[int, dict[str, str], bytes]:
        status, headers, content = answer(self, request)
        service = request.path_url.rpartition("/")[2]
        exchanges.append((service, json.loads(request.body or b"null"), json.loads(content or b"null")))
        return status, headers, content

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PretendUtility, "answer", overheard)
        with pretend_utility() as scada:
            use_everything(scada)
    return exchanges


def use_everything(scada: PretendUtility) -> None:
    adapter: OpcUaRestAdapter = build(
        OpcUaRestAdapter,
        base_url=f"{BASE}/opcua",
        sign_in="BEARER",
        token="scada-demo-token",
        event_page_size="2",
    )
    adapter.probe()
    for second in range(3):
        scada.clock.advance(seconds=second)
        scada.utility.notify("SW-10770", is_active=True)
    for stream in (SIGNALS, READINGS, ALARMS):
        list(adapter.fetch(stream, cursor=None, mode=Mode.FULL))
    for stream in (READINGS, ALARMS):
        with closing(adapter.listen(stream, cursor=None)) as told:
            next(told)
            next(page for page in told if page is not None and page.records)
            next(told)
    [alarm] = [
        adapter.parse(raw, ALARMS)
        for page in adapter.fetch(ALARMS, cursor=None, mode=Mode.INCREMENTAL)
        for raw in page.records
    ][-1:]
    assert isinstance(alarm, Alarm)
    adapter.deliver(
        AlarmAcknowledgement(
            condition=alarm.condition,
            branch=alarm.branch,
            event_id=alarm.event_id,
            comment="seen",
            acknowledged_by="coordinator@rural-grid.example",
        )
    )


def test_everything_is_said_that_the_document_has_for_us(exchanged: list[Exchange]) -> None:
    said = {service for service, _, _ in exchanged}

    assert said == set(DOCUMENT["services"]) - {"republish", "deletesubscriptions"}


def test_our_requests_are_as_the_document_has_them(exchanged: list[Exchange]) -> None:
    found = [fault for service, request, _ in exchanged for fault in faults(DOCUMENT["services"][service][0], request)]

    assert found == []


def test_the_simulators_answers_are_as_the_document_has_them(exchanged: list[Exchange]) -> None:
    found = [
        fault
        for service, _, answer in exchanged
        for fault in faults(DOCUMENT["services"][service][1], as_the_document_names_the_status(answer))
    ]

    assert found == []


@pytest.mark.parametrize(
    ("service", "message", "fault"),
    [
        ("read", {"NodesToread": []}, "NodesToread"),
        ("read", {"NodesToRead": [{"NodeId": {"Id": 85}}]}, "is not of type 'string'"),
        ("historyread", {"HistoryReadDetails": {"UaTypeId": "i=644", "NumValues": 1}}, "NumValues"),
        ("call", {"MethodsToCall": [{"InputArguments": [{"Type": 15}]}]}, "Type"),
    ],
)
def test_what_the_document_has_not_would_be_noticed(service: str, message: Any, fault: str) -> None:
    found = faults(DOCUMENT["services"][service][0], message)

    assert any(fault in one for one in found)
