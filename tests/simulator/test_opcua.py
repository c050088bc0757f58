from typing import Any

import pytest

from simulator import credentials
from tests.simulator.conftest import Clock, Simulator

OURS = "nsu=urn:rural-grid:scada;s="
BREAKER = f"{OURS}SW-10770"
BEARER = {"Authorization": f"Bearer {credentials.SCADA_BEARER_TOKEN}"}


def read(simulator: Simulator, *names: str, verbose: bool = False, timestamps: int = 3) -> list[Any]:
    nodes = [{"NodeId": name if name.startswith("i=") else f"{OURS}{name}", "AttributeId": 13} for name in names]
    body = {"NodesToRead": nodes, "TimestampsToReturn": timestamps}
    return list(simulator.opcua("read", body, verbose=verbose)["Results"])


def browse(simulator: Simulator, node: str, **request: Any) -> dict[str, Any]:
    wanted = {"NodeId": node, "ReferenceTypeId": "i=33", "IncludeSubtypes": True, **request}
    answer: dict[str, Any] = simulator.opcua("browse", {"NodesToBrowse": [wanted]})["Results"][0]
    return answer


def test_compact_leaves_out_what_has_its_default(simulator: Simulator) -> None:
    simulator.post("/scenarios/hv-fault", json={"element": "SW-10770"})

    closed, opened, dead, local = read(simulator, "SW-10918.POS", "SW-10770.POS", "SW-10770.P", "SUB-MV1.101.LOCAL")

    assert closed == {"UaType": 6, "Value": 2}
    assert opened == {"UaType": 6, "Value": 1}
    assert dead == {"UaType": 11}
    assert local == {"UaType": 1}


def test_verbose_leaves_nothing_out_and_names_the_status_otherwise(simulator: Simulator) -> None:
    compact = read(simulator, "SW-10842.I", "SW-10812.I")
    uncertain, bad, good = read(simulator, "SW-10842.I", "SW-10812.I", "SUB-MV1.101.LOCAL", verbose=True)

    assert compact[0]["Status"] == {"Code": 0x40930000}
    assert compact[1] == {"Status": {"Code": 0x808C0000}}
    assert uncertain["StatusCode"] == {"Code": 0x40930000, "Symbol": "UncertainSensorNotAccurate"}
    assert bad == {"StatusCode": {"Code": 0x808C0000, "Symbol": "BadSensorFailure"}}
    assert good == {"UaType": 1, "Value": False, "StatusCode": {}}


def test_accept_wins_over_content_type(simulator: Simulator) -> None:
    headers = {
        **BEARER,
        "Content-Type": "application/json; encoding=verbose",
        "Accept": "application/json; encoding=compact",
    }

    answer = simulator.post("/opcua/findservers", content="{}", headers=headers)

    assert answer.headers["content-type"] == "application/json; encoding=compact"
    del headers["Accept"]
    answer = simulator.post("/opcua/findservers", content="{}", headers={**headers, "Accept": "*/*"})
    assert answer.headers["content-type"] == "application/json; encoding=verbose"


def test_timestamps_are_those_asked_for(simulator: Simulator, clock: Clock) -> None:
    clock.advance(minutes=20)

    neither = read(simulator, "SW-10770.POS", timestamps=3)[0]
    source = read(simulator, "SW-10770.POS", timestamps=0)[0]
    both = read(simulator, "SW-10770.P", timestamps=2)[0]

    assert neither == {"UaType": 6, "Value": 2}
    assert source["SourceTimestamp"] == "2026-11-24T01:15:00.250000Z"
    assert both["SourceTimestamp"] == "2026-11-24T01:30:00Z"
    assert both["ServerTimestamp"] == "2026-11-24T01:35:00.250000Z"


def test_every_node_answers_for_itself(simulator: Simulator) -> None:
    nodes: list[Any] = [
        {"NodeId": f"{OURS}SW-0.POS"},
        {"NodeId": "SW-10770.POS"},
        {"NodeId": "ns=1;s=SW-10770.POS"},
        {"NodeId": BREAKER, "AttributeId": 13},
        {"NodeId": BREAKER, "AttributeId": 4},
        {"NodeId": "i=2253", "AttributeId": 12},
        {"NodeId": "i=11705", "AttributeId": 13},
    ]

    results = simulator.opcua("read", {"NodesToRead": nodes, "TimestampsToReturn": 3})["Results"]

    assert results == [
        {"Status": {"Code": 0x80340000}},
        {"Status": {"Code": 0x80330000}},
        {"UaType": 6, "Value": 2},
        {"Status": {"Code": 0x80350000}},
        {"UaType": 21, "Value": {"Text": "MV1.101 Switch 7"}},
        {"UaType": 3, "Value": 5},
        {"UaType": 7, "Value": 500},
    ]


def test_power_follows_the_load_and_the_switches(simulator: Simulator, clock: Clock) -> None:
    at_night = read(simulator, "SW-10918.P")[0]["Value"]
    clock.advance(hours=9)
    at_noon = read(simulator, "SW-10918.P")[0]["Value"]
    simulator.post("/scenarios/hv-fault", json={"element": "SW-10918"})

    assert at_night != at_noon
    assert min(at_night, at_noon) > 100
    assert read(simulator, "SW-10918.P", "SW-10918.I") == [{"UaType": 11}, {"UaType": 11}]


def test_units_are_written_as_the_standard_has_them(simulator: Simulator) -> None:
    unit = read(simulator, "SW-10770.P.EngineeringUnits")[0]

    assert unit["UaType"] == 22
    assert unit["Value"]["UaTypeId"] == "i=887"
    assert (unit["Value"]["UnitId"], unit["Value"]["DisplayName"]) == (4937556, {"Text": "kW"})
    states = read(simulator, "SW-10770.POS.EnumStrings")[0]["Value"]
    assert [state["Text"] for state in states] == ["intermediate", "open", "closed", "faulty"]


def test_too_many_nodes_and_none_are_service_faults(simulator: Simulator) -> None:
    many = [{"NodeId": f"{BREAKER}.POS"}] * 501

    too_many = simulator.opcua("read", {"RequestHeader": {"RequestHandle": 7}, "NodesToRead": many})
    nothing = simulator.opcua("read", {"NodesToRead": []}, verbose=True)
    unsupported = simulator.opcua("transfersubscriptions", {})

    assert list(too_many) == ["ResponseHeader"]
    assert too_many["ResponseHeader"]["ServiceResult"] == {"Code": 0x80100000}
    assert too_many["ResponseHeader"]["RequestHandle"] == 7
    assert nothing["ResponseHeader"]["ServiceResult"] == {"Code": 0x800F0000, "Symbol": "BadNothingToDo"}
    assert unsupported["ResponseHeader"]["ServiceResult"] == {"Code": 0x800B0000}


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"NodesToRead": 1}', '{"NodesToRead": [{"NodeId": {"Id": "x", "IdType": 1}}]}']
)
def test_what_cannot_be_decoded_gets_400_and_an_empty_body(simulator: Simulator, content: str) -> None:
    answer = simulator.post("/opcua/read", content=content, headers=BEARER)

    assert (answer.status_code, answer.content) == (400, b"")


def test_credentials_are_asked_for(simulator: Simulator) -> None:
    nobody = simulator.post("/opcua/read", json={})
    wrong = simulator.post("/opcua/read", json={}, headers={"Authorization": "Bearer no"})
    basic = simulator.post("/opcua/findservers", json={}, auth=(credentials.SCADA_USERNAME, credentials.SCADA_PASSWORD))

    assert (nobody.status_code, nobody.content) == (401, b"")
    assert nobody.headers["www-authenticate"] == 'Bearer realm="opcua", Basic realm="opcua"'
    assert (wrong.status_code, basic.status_code) == (401, 200)


def test_the_whole_tree_can_be_browsed_page_by_page(simulator: Simulator) -> None:
    seen: set[str] = set()
    pages = 0
    queue = ["i=85"]
    while queue:
        node = queue.pop()
        result = browse(simulator, node, NodeClassMask=3)
        while True:
            pages += 1
            for reference in result["References"]:
                assert reference["IsForward"] is True
                assert reference["NodeId"] not in seen
                seen.add(reference["NodeId"])
                queue.append(reference["NodeId"])
            if "ContinuationPoint" not in result:
                break
            body = {"ContinuationPoints": [result["ContinuationPoint"]]}
            result = simulator.opcua("browsenext", body)["Results"][0]

    assert pages > len(seen) + 1
    assert sum(node.endswith(".POS") for node in seen) == 426
    assert sum(node.endswith(".P") for node in seen) == 104


def test_a_browse_continuation_point_is_good_once(simulator: Simulator) -> None:
    substation = f"{OURS}FDR-MV1.101_Feeder6"
    body = {
        "NodesToBrowse": [{"NodeId": substation, "ReferenceTypeId": "i=33", "IncludeSubtypes": True}],
        "RequestedMaxReferencesPerNode": 10,
    }
    first = simulator.opcua("browse", body)["Results"][0]
    again = {"ContinuationPoints": [first["ContinuationPoint"]]}

    second = simulator.opcua("browsenext", again)["Results"][0]
    third = simulator.opcua("browsenext", again)["Results"][0]

    assert len(first["References"]) == 10
    assert second["References"][0]["NodeId"] != first["References"][0]["NodeId"]
    assert third == {"StatusCode": {"Code": 0x804A0000}}


def test_browse_honours_direction_classes_and_reference_types(simulator: Simulator) -> None:
    inverse = browse(simulator, BREAKER, BrowseDirection=1)["References"]
    variables = browse(simulator, BREAKER, NodeClassMask=2)["References"]
    conditions = browse(simulator, BREAKER, ReferenceTypeId="i=9006")["References"]
    unknown = browse(simulator, BREAKER, ReferenceTypeId="i=12345")

    assert [reference["NodeId"] for reference in inverse] == [f"{OURS}SUB-MV1.101"]
    assert "IsForward" not in inverse[0]
    assert [reference["NodeId"] for reference in variables] == [f"{BREAKER}.{tag}" for tag in ("POS", "P", "I")]
    assert [reference["NodeId"] for reference in conditions] == [f"{BREAKER}.Trip"]
    assert unknown == {"StatusCode": {"Code": 0x804C0000}}
