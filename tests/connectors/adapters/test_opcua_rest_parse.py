"""What the OPC UA adapter makes of single records, and of settings."""

import json
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.adapters.opcua_rest.adapter import OpcUaRestAdapter
from connectors.adapters.opcua_rest.settings import OpcUaRestForm
from connectors.contracts.alarm import Alarm, AlarmCategory, Shelving
from connectors.contracts.reading import Quality
from connectors.contracts.signal import SignalKind
from connectors.protocols.adapter import SourceStream
from connectors.protocols.errors import BadRecord
from tests.connectors.adapters.wire import build

PAYLOADS = Path(__file__).parent.parent / "payloads" / "opcua"
NODE = "nsu=urn:utility:scada;s=SW-10771"
SIGNALS = SourceStream(name="signals", contract="signal/1")
READINGS = SourceStream(name="readings", contract="reading/1")
ALARMS = SourceStream(name="alarms", contract="alarm/1")
EVENT_ID, EVENT_TYPE, SOURCE, TIME, SEVERITY, CONDITION, BRANCH, RETAIN, ACKED, ACTIVE = 0, 1, 2, 4, 6, 7, 9, 10, 11, 12


def gateway(**changes: Any) -> OpcUaRestAdapter:
    adapter: OpcUaRestAdapter = build(OpcUaRestAdapter, base_url="https://gateway.example/opcua", **changes)
    return adapter


@pytest.fixture
def events() -> list[dict[str, Any]]:
    body = json.loads((PAYLOADS / "events.json").read_text())
    found: list[dict[str, Any]] = body["Results"][0]["HistoryData"]["Events"]
    return found


def alarm(raw: Any, **changes: Any) -> Alarm:
    parsed = gateway(**changes).parse(raw, ALARMS)
    assert isinstance(parsed, Alarm)
    return parsed


def changed(raw: dict[str, Any], index: int, value: Any) -> dict[str, Any]:
    copied = deepcopy(raw)
    copied["EventFields"][index] = value
    return copied


def test_a_trip_is_read_with_all_its_fields(events: list[dict[str, Any]]) -> None:
    assert alarm(events[0]) == Alarm(
        external_id=f"{NODE}.Trip",
        source_time=datetime(2026, 11, 22, 2, 15, 2, 118_000, tzinfo=UTC),
        condition=f"{NODE}.Trip",
        branch="",
        event_id="q83vEjRWeJA=",
        category=AlarmCategory.TRIP,
        name="Trip",
        message="Schalter ausgelöst",
        severity=850,
        active=True,
        acknowledged=False,
        retained=True,
        active_since=datetime(2026, 11, 22, 2, 15, 2, 100_000, tzinfo=UTC),
        element="SW-10771",
        signal=f"{NODE}.POS",
        confirmed=False,
        shelving=Shelving.TIMED,
        shelved_until=datetime(2026, 11, 22, 2, 45, 2, 118_000, tzinfo=UTC),
        comment="Crew is called",
        commented_by="operator7",
    )


def test_an_event_that_is_no_condition_is_no_alarm(events: list[dict[str, Any]]) -> None:
    assert gateway().parse(events[1], ALARMS) is None


def test_a_branch_has_a_key_of_its_own(events: list[dict[str, Any]]) -> None:
    branched = alarm(changed(events[0], BRANCH, {"UaType": 17, "Value": "nsu=urn:utility:scada;i=7"}))

    assert branched.branch == "nsu=urn:utility:scada;i=7"
    assert branched.external_id == f"{NODE}.Trip#nsu=urn:utility:scada;i=7"


def test_a_cleared_alarm_is_not_active_since_anything(events: list[dict[str, Any]]) -> None:
    cleared = alarm(changed(events[0], ACTIVE, {"UaType": 1}))

    assert (cleared.active, cleared.active_since) == (False, None)


def test_what_need_not_be_acknowledged_is_and_what_does_not_say_is_retained(
    events: list[dict[str, Any]],
) -> None:
    silent = alarm(changed(changed(events[0], ACKED, {}), RETAIN, {}))

    assert (silent.acknowledged, silent.retained) == (True, True)


@pytest.mark.parametrize(
    ("event_type", "category"),
    [
        ("i=10751", AlarmCategory.TRIP),
        ("i=10637", AlarmCategory.OFF_NORMAL),
        ("i=10523", AlarmCategory.OFF_NORMAL),
        ("i=9341", AlarmCategory.LIMIT),
        ("i=10368", AlarmCategory.LIMIT),
        ("i=11753", AlarmCategory.SYSTEM),
        ("i=2915", AlarmCategory.OTHER),
        ("nsu=urn:vendor;i=1001", AlarmCategory.TRIP),
        ("nsu=urn:vendor;i=1002", AlarmCategory.OTHER),
    ],
)
def test_the_type_of_an_event_is_its_category(
    events: list[dict[str, Any]], event_type: str, category: AlarmCategory
) -> None:
    raw = changed(events[0], EVENT_TYPE, {"UaType": 17, "Value": event_type})

    assert alarm(raw, alarm_types='{"nsu=urn:vendor;i=1001": "TRIP"}').category is category


@pytest.mark.parametrize(("written", "severity"), [({"UaType": 5}, 1), ({"UaType": 5, "Value": 2_000}, 1_000)])
def test_a_severity_outside_the_standard_is_still_an_alarm(
    events: list[dict[str, Any]], written: Any, severity: int
) -> None:
    assert alarm(changed(events[0], SEVERITY, written)).severity == severity


def test_the_element_is_taken_from_the_condition_when_the_source_names_none(
    events: list[dict[str, Any]],
) -> None:
    assert alarm(changed(events[0], SOURCE, {})).element == "SW-10771"


def test_another_gateway_names_its_elements_in_its_own_way(events: list[dict[str, Any]]) -> None:
    raw = changed(events[0], SOURCE, {"UaType": 17, "Value": "nsu=urn:x;s=SUB12/FDR03/CB-7"})

    assert alarm(raw, element_pattern=r"/(CB-\d+)$").element == "CB-7"


@pytest.mark.parametrize(
    ("index", "value", "path"),
    [
        (EVENT_ID, {}, "event_id"),
        (EVENT_ID, {"UaType": 15, "Value": ""}, "event_id"),
        (EVENT_ID, {"UaType": 15, "Value": "?"}, "EventFields/EventId"),
        (TIME, {}, "source_time"),
        (TIME, {"UaType": 13, "Value": "0001-01-01T00:00:00Z"}, "source_time"),
        (TIME, {"UaType": 13, "Value": "9999-12-31T23:59:59Z"}, "source_time"),
        (TIME, {"UaType": 13, "Value": "yesterday"}, "EventFields/Time"),
        (CONDITION, {"UaType": 17, "Value": "Trip"}, "EventFields/ConditionId"),
        (SEVERITY, {"UaType": 12, "Value": "high"}, ""),
    ],
)
def test_an_alarm_that_cannot_be_read_is_set_aside_with_the_place(
    events: list[dict[str, Any]], index: int, value: Any, path: str
) -> None:
    with pytest.raises(BadRecord) as refused:
        gateway().parse(changed(events[0], index, value), ALARMS)

    assert refused.value.path == path


@pytest.mark.parametrize("raw", [None, [], {}, {"EventFields": None}, {"EventFields": [{}]}])
def test_what_is_no_event_is_set_aside(raw: Any) -> None:
    with pytest.raises(BadRecord) as refused:
        gateway().parse(raw, ALARMS)

    assert refused.value.path == "EventFields"


def reading(name: str, value: Any, **changes: Any) -> Any:
    raw = {
        "NodeId": f"{NODE}.{name}",
        "DataValue": {"SourceTimestamp": "2026-11-22T01:15:00Z", **value},
        "At": "2026-11-22T01:15:03Z",
    }
    return gateway(**changes).parse(raw, READINGS)


@pytest.mark.parametrize(
    ("encoding", "value", "state"),
    [
        ("DOUBLE_POINT", {"UaType": 6}, "INTERMEDIATE"),
        ("DOUBLE_POINT", {"UaType": 6, "Value": 1}, "OPEN"),
        ("DOUBLE_POINT", {"UaType": 3, "Value": 2}, "CLOSED"),
        ("DOUBLE_POINT", {"UaType": 11, "Value": 2.0}, "CLOSED"),
        ("CLOSED_IS_TRUE", {"UaType": 1}, "OPEN"),
        ("CLOSED_IS_TRUE", {"UaType": 1, "Value": True}, "CLOSED"),
        ("OPEN_IS_TRUE", {"UaType": 6, "Value": 1}, "OPEN"),
        ("OPEN_IS_TRUE", {"UaType": 6}, "CLOSED"),
    ],
)
def test_a_position_is_a_state(encoding: str, value: Any, state: str) -> None:
    read = reading("POS", value, position_encoding=encoding)

    assert (read.state, read.value, read.quality) == (state, None, Quality.GOOD)


@pytest.mark.parametrize(
    ("encoding", "value", "reason"),
    [
        ("DOUBLE_POINT", {"UaType": 6, "Value": 3}, "FaultyPosition3"),
        ("CLOSED_IS_TRUE", {"UaType": 6, "Value": 2}, "FaultyPosition2"),
        ("DOUBLE_POINT", {"UaType": 11, "Value": 0.5}, "FaultyPosition0.5"),
        ("DOUBLE_POINT", {}, "NoValue"),
    ],
)
def test_an_indication_that_shows_no_state_is_bad(encoding: str, value: Any, reason: str) -> None:
    read = reading("POS", value, position_encoding=encoding)

    assert (read.state, read.quality, read.reason) == (None, Quality.BAD, reason)


def test_a_boolean_is_no_double_point() -> None:
    with pytest.raises(BadRecord, match="set how positions are coded to a single point"):
        reading("POS", {"UaType": 1, "Value": True})


@pytest.mark.parametrize(
    ("written", "value", "state"),
    [
        ({"UaType": 11, "Value": 7.25}, 7.25, None),
        ({"UaType": 11}, 0.0, None),
        ({"UaType": 1, "Value": True}, 1.0, None),
        ({"UaType": 9, "Value": "18446744073709551615"}, 2.0**64, None),
        ({"UaType": 12, "Value": "LOCAL"}, None, "LOCAL"),
        ({"UaType": 21, "Value": {"Text": "Ein", "Locale": "de"}}, None, "Ein"),
        ({"Value": {"Type": 11, "Body": 7.25}}, 7.25, None),
    ],
)
def test_a_value_is_a_number_or_a_word(written: Any, value: float | None, state: str | None) -> None:
    read = reading("P", written)

    assert (read.value, read.state, read.quality, read.reason) == (value, state, Quality.GOOD, "")


@pytest.mark.parametrize("written", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_a_bad_value(written: str) -> None:
    read = reading("P", {"UaType": 11, "Value": written})

    assert (read.value, read.quality, read.reason) == (None, Quality.BAD, "NotANumber")


@pytest.mark.parametrize("member", ["Status", "StatusCode"])
def test_an_uncertain_value_is_kept_with_its_reason(member: str) -> None:
    read = reading("P", {"UaType": 11, "Value": 5.5, member: {"Code": 0x40900000}})

    assert (read.value, read.quality, read.reason) == (5.5, Quality.UNCERTAIN, "UncertainLastUsableValue")


def test_a_bad_value_is_not_kept_though_the_source_sends_one() -> None:
    read = reading("P", {"UaType": 11, "Value": 5.5, "Status": {"Code": 0x808A0000}})

    assert (read.value, read.quality, read.reason) == (None, Quality.BAD, "BadNotConnected")


@pytest.mark.parametrize(
    ("stamps", "second"),
    [
        ({"SourceTimestamp": "2026-11-22T01:15:00Z", "ServerTimestamp": "2026-11-22T01:15:02Z"}, 0),
        ({"SourceTimestamp": "0001-01-01T00:00:00Z", "ServerTimestamp": "2026-11-22T01:15:02Z"}, 2),
        ({"SourceTimestamp": None}, 3),
    ],
)
def test_a_reading_was_true_when_the_nearest_clock_says(stamps: dict[str, Any], second: int) -> None:
    read = reading("P", {"UaType": 11, "Value": 1.0, **stamps})

    assert read.source_time == datetime(2026, 11, 22, 1, 15, second, tzinfo=UTC)


@pytest.mark.parametrize(
    "data",
    [
        {"UaType": 11, "Value": [1.0, 2.0], "SourceTimestamp": "2026-11-22T01:15:00Z"},
        {"UaType": 22, "Value": {"UaTypeId": "i=887"}, "SourceTimestamp": "2026-11-22T01:15:00Z"},
        {"UaType": 11, "Value": "7,5", "SourceTimestamp": "2026-11-22T01:15:00Z"},
        {"UaType": 11, "Value": 7.5, "Status": "Splendid", "SourceTimestamp": "2026-11-22T01:15:00Z"},
        {"UaType": 11, "Value": 7.5},
        {"UaType": 12, "Value": "x" * 401, "SourceTimestamp": "2026-11-22T01:15:00Z"},
    ],
)
def test_a_reading_that_cannot_be_read_is_set_aside(data: Any) -> None:
    with pytest.raises(BadRecord) as refused:
        gateway().parse({"NodeId": f"{NODE}.P", "DataValue": data, "At": None}, READINGS)

    assert refused.value.external_id == f"{NODE}.P"


def signal(parent: str = "Feeder 7", units: Any = None, **reference: Any) -> Any:
    raw = {
        "Reference": {"NodeId": f"{NODE}.P", "BrowseName": "nsu=urn:utility:scada;P", **reference},
        "Parent": parent,
        "EngineeringUnits": units,
    }
    return gateway().parse(raw, SIGNALS)


def test_a_signal_is_named_after_what_it_belongs_to() -> None:
    assert signal(DisplayName={"Text": "Active power"}).name == "Feeder 7 Active power"
    assert signal(DisplayName={"Text": "Feeder 7 power"}).name == "Feeder 7 power"
    assert signal().name == "Feeder 7 P"
    assert signal(parent="", BrowseName=None).name == f"{NODE}.P"


@pytest.mark.parametrize(
    ("reference", "kind"),
    [
        ({"NodeId": f"{NODE}.POS", "TypeDefinition": "i=2376"}, SignalKind.SWITCH_POSITION),
        ({"TypeDefinition": "i=2373"}, SignalKind.STATUS),
        ({"TypeDefinition": "i=17497"}, SignalKind.MEASUREMENT),
        ({"TypeDefinition": {"Id": 2376}}, SignalKind.STATUS),
        ({}, SignalKind.MEASUREMENT),
    ],
)
def test_a_signal_s_kind_is_known_by_its_name_or_its_type(reference: Any, kind: SignalKind) -> None:
    assert signal(**reference).kind is kind


def test_only_a_measurement_has_a_unit() -> None:
    units = {"UaType": 22, "Value": {"UaTypeId": "i=887", "UnitId": 4_937_556, "DisplayName": {"Text": "kW"}}}

    assert signal(units=units).unit == "kW"
    assert signal(units=units, NodeId=f"{NODE}.POS").unit == ""
    assert signal(units={"Status": {"Code": 0x80340000}}).unit == ""


@pytest.mark.parametrize("node", [None, "", "SW-1", 7])
def test_a_signal_without_a_node_is_set_aside(node: Any) -> None:
    with pytest.raises(BadRecord):
        signal(NodeId=node)


@pytest.mark.parametrize(
    ("field", "value", "advice"),
    [
        ("base_url", "gateway", "web address"),
        ("start_node", "Objects", "Write a NodeId such as i=85"),
        ("notifier_node", "i=0", "Write a NodeId such as i=85"),
        ("element_pattern", "SW-", "Put the part that names the element in brackets"),
        ("element_pattern", "(SW", "not a regular expression"),
        ("position_pattern", "[", "not a regular expression"),
        ("alarm_types", "[1]", "Write an object"),
        ("alarm_types", '{"i=7": "BANG"}', "BANG is none of TRIP"),
        ("alarm_types", '{"seven": "TRIP"}', "Write a NodeId"),
        ("read_batch", "0", "greater than or equal to 1"),
        ("token", "", "Bearer token needs this"),
    ],
)
def test_a_wrong_setting_is_told_at_its_field(field: str, value: str, advice: str) -> None:
    form = OpcUaRestForm(
        data={
            "base_url": "https://gateway.example",
            "encoding": "COMPACT",
            "sign_in": "BEARER",
            "token": "secret",
            "start_node": "i=85",
            "notifier_node": "i=2253",
            "element_pattern": ";s=([^.;]+)",
            "position_pattern": "POS$",
            "position_encoding": "DOUBLE_POINT",
            "alarm_look_back_days": "30",
            "alarm_overlap_seconds": "60",
            "event_page_size": "500",
            "read_batch": "500",
            "browse_minutes": "10",
            field: value,
        }
    )

    assert list(form.errors) == [field]
    assert advice in str(form.errors[field])


def test_a_plant_s_host_without_a_domain_is_an_address() -> None:
    assert gateway().config["base_url"] == "https://gateway.example/opcua"
    assert build(OpcUaRestAdapter, base_url="http://scada-gw:8080/ua").config["base_url"] == "http://scada-gw:8080/ua"
