import base64
from typing import Any

import pytest

from tests.simulator.conftest import Clock, Simulator

OURS = "nsu=urn:rural-grid:scada;s="
BREAKER = f"{OURS}SW-10770"


def history(simulator: Simulator, *paths: list[str], node: str = "i=2253", point: str = "", **details: Any) -> Any:
    clauses = [{"TypeDefinitionId": "i=2041", "BrowsePath": path, "AttributeId": 13} for path in paths]
    wanted = {"NodeId": node, **({"ContinuationPoint": point} if point else {})}
    body = {
        "HistoryReadDetails": {
            "UaTypeId": "i=644",
            "StartTime": "2026-11-24T00:00:00Z",
            "EndTime": "2026-11-25T00:00:00Z",
            "Filter": {"SelectClauses": clauses},
            **details,
        },
        "NodesToRead": [wanted],
    }
    return simulator.opcua("historyread", body)["Results"][0]


def fields(result: Any) -> list[list[Any]]:
    return [[field.get("Value") for field in event["EventFields"]] for event in result["HistoryData"]["Events"]]


def acknowledge(simulator: Simulator, event_id: str, *, condition: str = f"{BREAKER}.Trip") -> Any:
    arguments = [{"UaType": 15, "Value": event_id}, {"UaType": 21, "Value": {"Text": "seen", "Locale": "en"}}]
    call = {"ObjectId": condition, "MethodId": "i=9111", "InputArguments": arguments}
    return simulator.opcua("call", {"MethodsToCall": [call]})["Results"][0]


def newest_event_id(simulator: Simulator) -> str:
    return str(fields(history(simulator, ["EventId"]))[-1][0])


def test_events_come_with_their_fields_in_the_order_of_the_clauses(simulator: Simulator) -> None:
    simulator.post("/scenarios/hv-fault", json={"element": "SW-10770"})
    paths = [
        ["Severity"],
        ["Nothing"],
        ["SourceName"],
        ["ActiveState", "Id"],
        ["AckedState", "Id"],
        ["BranchId"],
    ]

    result = history(simulator, *paths)

    assert result["HistoryData"]["UaTypeId"] == "i=659"
    assert result["HistoryData"]["Events"] == [
        {
            "EventFields": [
                {"UaType": 5, "Value": 800},
                {},
                {"UaType": 12, "Value": "MV1.101 Switch 7"},
                {"UaType": 1, "Value": True},
                {"UaType": 1},
                {"UaType": 17, "Value": "i=0"},
            ]
        }
    ]


def test_the_condition_id_is_an_attribute_and_no_property(simulator: Simulator) -> None:
    simulator.post("/scenarios/hv-fault", json={"element": "SW-10770"})
    clause = {"TypeDefinitionId": "i=2782", "BrowsePath": [], "AttributeId": 1}

    result = history(simulator, Filter={"SelectClauses": [clause]})

    assert fields(result) == [[f"{BREAKER}.Trip"]]


def test_the_window_of_events_is_inclusive_at_both_ends(simulator: Simulator, clock: Clock) -> None:
    instant = "2026-11-24T01:15:00.25Z"
    simulator.post("/scenarios/alarm", json={"element": "SW-10770"})

    exactly = history(simulator, ["EventId"], StartTime=instant, EndTime=instant)
    after = history(simulator, ["EventId"], StartTime="2026-11-24T01:15:00.2500010Z")

    assert len(exactly["HistoryData"]["Events"]) == 1
    assert after == {"StatusCode": {"Code": 0x00A50000}, "HistoryData": {"UaTypeId": "i=659", "Events": []}}


def test_events_page_with_the_same_details_and_not_with_others(simulator: Simulator, clock: Clock) -> None:
    for switch in ("SW-10770", "SW-10794", "SW-10812", "SW-10822", "SW-10842"):
        simulator.post("/scenarios/alarm", json={"element": switch})
        clock.advance(seconds=1)

    first = history(simulator, ["SourceName"], NumValuesPerNode=2)
    second = history(simulator, ["SourceName"], NumValuesPerNode=2, point=first["ContinuationPoint"])
    third = history(simulator, ["SourceName"], NumValuesPerNode=2, point=second["ContinuationPoint"])
    reused = history(simulator, ["SourceName"], NumValuesPerNode=2, point=second["ContinuationPoint"])
    other = history(simulator, ["SourceName"], NumValuesPerNode=2)
    changed = history(simulator, ["SourceName"], NumValuesPerNode=3, point=other["ContinuationPoint"])

    assert first["StatusCode"] == {"Code": 0x00A60000}
    names = [name for page in (first, second, third) for (name,) in fields(page)]
    assert names == [f"MV1.101 Switch {number}" for number in (7, 31, 49, 59, 79)]
    assert "ContinuationPoint" not in third
    assert "StatusCode" not in third
    assert reused == {"StatusCode": {"Code": 0x804A0000}}
    assert changed == {"StatusCode": {"Code": 0x80710000}}


def test_an_end_before_the_start_is_newest_first(simulator: Simulator, clock: Clock) -> None:
    for switch in ("SW-10770", "SW-10794"):
        simulator.post("/scenarios/alarm", json={"element": switch})
        clock.advance(seconds=1)

    result = history(simulator, ["SourceName"], StartTime="2026-11-25T00:00:00Z", EndTime="2026-11-24T00:00:00Z")

    assert fields(result) == [["MV1.101 Switch 31"], ["MV1.101 Switch 7"]]


@pytest.mark.parametrize(
    ("node", "details", "code"),
    [
        ("i=2253", {"EndTime": None}, 0x80710000),
        ("i=2253", {"Filter": {"SelectClauses": [{}], "WhereClause": {"Elements": [{}]}}}, 0x80470000),
        ("i=2253", {"Filter": {}}, 0x80470000),
        (f"{BREAKER}.POS", {}, 0x80720000),
        (f"{OURS}SW-0", {}, 0x80340000),
    ],
)
def test_a_history_read_that_cannot_be_is_refused_per_node(
    simulator: Simulator, node: str, details: dict[str, Any], code: int
) -> None:
    assert history(simulator, ["EventId"], node=node, **details) == {"StatusCode": {"Code": code}}


def test_the_history_of_one_switch_holds_its_events_only(simulator: Simulator) -> None:
    simulator.post("/scenarios/alarm", json={"element": "SW-10770"})
    simulator.post("/scenarios/alarm", json={"element": "SW-10794"})

    assert fields(history(simulator, ["SourceNode"], node=BREAKER)) == [[BREAKER]]


def test_positions_have_a_raw_history(simulator: Simulator, clock: Clock) -> None:
    clock.advance(seconds=10)
    simulator.post("/scenarios/hv-fault", json={"element": "SW-10770"})
    clock.advance(seconds=10)
    simulator.post("/scenarios/restore")
    details = {"UaTypeId": "i=647", "StartTime": "2026-11-24T01:15:05Z", "EndTime": "2026-11-25T00:00:00Z"}

    body = {"HistoryReadDetails": details, "NodesToRead": [{"NodeId": f"{BREAKER}.POS"}]}
    result = simulator.opcua("historyread", body)["Results"][0]

    assert result["HistoryData"] == {
        "UaTypeId": "i=656",
        "DataValues": [
            {"UaType": 6, "Value": 1, "SourceTimestamp": "2026-11-24T01:15:10.250000Z"},
            {"UaType": 6, "Value": 2, "SourceTimestamp": "2026-11-24T01:15:20.250000Z"},
        ],
    }


def test_an_acknowledgement_is_a_notification_of_its_own(simulator: Simulator) -> None:
    simulator.post("/scenarios/hv-fault", json={"element": "SW-10770"})
    event_id = newest_event_id(simulator)

    assert acknowledge(simulator, event_id) == {}

    events = fields(history(simulator, ["AckedState", "Id"], ["Retain"], ["Comment"], ["ClientUserId"]))
    assert events == [
        [None, True, None, None],
        [True, True, {"Text": "seen"}, "gateway"],
    ]
    assert newest_event_id(simulator) != event_id


def test_what_is_acknowledged_and_gone_is_dropped_from_the_list(simulator: Simulator) -> None:
    simulator.post("/scenarios/hv-fault", json={"element": "SW-10770"})
    acknowledge(simulator, newest_event_id(simulator))

    simulator.post("/scenarios/restore")

    last = fields(history(simulator, ["ActiveState", "Id"], ["AckedState", "Id"], ["Retain"]))[-1]
    assert last == [None, True, None]


def test_acknowledging_again_says_so(simulator: Simulator) -> None:
    simulator.post("/scenarios/hv-fault", json={"element": "SW-10770"})
    event_id = newest_event_id(simulator)
    acknowledge(simulator, event_id)

    assert acknowledge(simulator, event_id) == {"StatusCode": {"Code": 0x80CF0000}}
    assert acknowledge(simulator, newest_event_id(simulator)) == {"StatusCode": {"Code": 0x80CF0000}}
    assert len(simulator.utility.scada.events) == 2


def test_a_stale_event_id_is_unknown(simulator: Simulator) -> None:
    simulator.post("/scenarios/hv-fault", json={"element": "SW-10770"})
    first = newest_event_id(simulator)
    simulator.post("/scenarios/alarm", json={"element": "SW-10770"})

    assert acknowledge(simulator, first) == {"StatusCode": {"Code": 0x809A0000}}
    assert acknowledge(simulator, base64.b64encode(b"never").decode()) == {"StatusCode": {"Code": 0x809A0000}}

    acknowledge(simulator, newest_event_id(simulator))
    simulator.post("/scenarios/restore")
    simulator.post("/scenarios/hv-fault", json={"element": "SW-10770"})

    assert acknowledge(simulator, first) == {"StatusCode": {"Code": 0x809A0000}}
    assert fields(history(simulator, ["AckedState", "Id"]))[-1] == [None]


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ({"ObjectId": f"{OURS}SW-0.Trip"}, 0x80340000),
        ({"ObjectId": BREAKER}, 0x80750000),
        ({"MethodId": "i=9113"}, 0x80750000),
        ({"InputArguments": []}, 0x80760000),
        ({"InputArguments": [{"UaType": 12, "Value": "x"}, {"UaType": 21}]}, 0x80AB0000),
    ],
)
def test_a_call_that_cannot_be_is_refused(simulator: Simulator, call: dict[str, Any], code: int) -> None:
    good = {"ObjectId": f"{BREAKER}.Trip", "MethodId": "i=9111", "InputArguments": []}

    result = simulator.opcua("call", {"MethodsToCall": [{**good, **call}]})["Results"][0]

    assert result["StatusCode"] == {"Code": code}
