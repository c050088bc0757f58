"""The simulator's PI Web API: its traits, and its answers against the makers' own specification."""

import json
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import jsonschema
import pytest

from simulator import credentials
from tests.simulator.conftest import Clock, Simulator

SPECIFICATION = Path(__file__).parent.parent / "connectors" / "payloads" / "pi" / "specification.json"
SWITCH = "SW-10770"
AUTH = (credentials.PI_USERNAME, credentials.PI_PASSWORD)
CSRF = {"X-Requested-With": "XMLHttpRequest"}


def ask(simulator: Simulator, path: str, /, **parameters: Any) -> httpx.Response:
    return simulator.get(f"/piwebapi/{path}", params=parameters or None, auth=AUTH)


def batch(simulator: Simulator, requests: Any, *, headers: dict[str, str] | None = None) -> httpx.Response:
    return simulator.post("/piwebapi/batch", json=requests, headers=CSRF if headers is None else headers, auth=AUTH)


def database(simulator: Simulator) -> str:
    web_id: str = ask(simulator, "assetdatabases", path="\\\\RURAL-AF\\Grid").json()["WebId"]
    return web_id


def tags(simulator: Simulator, *names: str) -> list[str]:
    server = ask(simulator, "dataservers").json()["Items"][0]["WebId"]
    points = ask(simulator, f"dataservers/{server}/points", webIdType="IDOnly").json()["Items"]
    by_name = {point["Name"]: point["WebId"] for point in points}
    return [by_name[name] for name in names]


@cache
def strict_definitions() -> dict[str, Any]:
    """The definitions, under which a member that is not described is wrong; `Value` may be anything, as it is."""
    definitions: dict[str, Any] = deepcopy(json.loads(SPECIFICATION.read_text()))["definitions"]
    for definition in definitions.values():
        if "properties" in definition:
            definition.setdefault("additionalProperties", False)
    for name in ("TimedValue", "ExtendedTimedValue", "DataPipeEvent"):
        definitions[name]["properties"]["Value"] = {}
    return definitions


def check(answer: httpx.Response, name: str) -> None:
    assert answer.status_code == 200
    jsonschema.validate(answer.json(), {"$ref": f"#/definitions/{name}", "definitions": strict_definitions()})


def test_answers_are_those_of_the_specification(simulator: Simulator) -> None:
    simulator.post("/scenarios/hv-fault", json={"element": SWITCH})
    root = database(simulator)
    element = ask(simulator, f"assetdatabases/{root}/elements", nameFilter=SWITCH, searchFullHierarchy="true")
    frames = ask(simulator, f"assetdatabases/{root}/eventframes")
    server = ask(simulator, "dataservers").json()["Items"][0]["WebId"]
    power, position = tags(simulator, f"{SWITCH}.P", f"{SWITCH}.POS")
    frame, switch = frames.json()["Items"][0]["WebId"], element.json()["Items"][0]["WebId"]

    check(ask(simulator, ""), "Landing")
    check(ask(simulator, "system"), "SystemLanding")
    check(ask(simulator, "system/status"), "SystemStatus")
    check(ask(simulator, "system/userinfo"), "UserInfo")
    check(ask(simulator, "assetservers"), "Items[AssetServer]")
    check(ask(simulator, "dataservers"), "Items[DataServer]")
    check(ask(simulator, "assetdatabases", path="\\\\RURAL-AF\\Grid"), "AssetDatabase")
    check(element, "Items[Element]")
    check(frames, "Items[EventFrame]")
    check(ask(simulator, f"elements/{switch}/attributes"), "Items[Attribute]")
    check(ask(simulator, f"eventframes/{frame}/referencedelements"), "Items[Element]")
    check(ask(simulator, f"dataservers/{server}/points", maxCount=3), "Items[Point]")
    check(ask(simulator, f"streams/{power}/value"), "TimedValue")
    check(ask(simulator, f"streams/{power}/recorded"), "ExtendedTimedValues")
    sets = urlencode({"webId": [power, position]}, doseq=True)
    check(ask(simulator, f"streamsets/value?{sets}"), "Items[StreamValue]")
    check(ask(simulator, f"streamsets/recorded?{sets}"), "Items[StreamValues]")
    check(ask(simulator, f"streamsets/interpolated?{sets}"), "Items[StreamValues]")
    check(ask(simulator, f"streams/{power}/interpolated"), "TimedValues")


def test_values_are_cut_at_max_count_without_a_word(simulator: Simulator, clock: Clock) -> None:
    [power] = tags(simulator, f"{SWITCH}.P")
    clock.advance(hours=2)

    whole = ask(simulator, f"streams/{power}/recorded").json()
    cut = ask(simulator, f"streams/{power}/recorded", maxCount=3).json()

    assert len(whole["Items"]) == 9
    assert cut["Items"] == whole["Items"][:3]
    assert cut.keys() == whole.keys() == {"Items", "UnitsAbbreviation"}
    assert ask(simulator, f"streams/{power}/recorded", maxCount=150_001).status_code == 400


def test_values_come_newest_first_if_the_end_is_before_the_start(simulator: Simulator, clock: Clock) -> None:
    [power] = tags(simulator, f"{SWITCH}.P")
    clock.advance(hours=1)
    window = {"startTime": clock().isoformat(), "endTime": "2026-11-24T01:15:00Z", "maxCount": 2}

    found = ask(simulator, f"streams/{power}/recorded", **window).json()["Items"]

    assert [one["Timestamp"] for one in found] == ["2026-11-24T02:15:00Z", "2026-11-24T02:00:00Z"]


def test_a_system_state_looks_like_a_digital_state_and_is_no_good(simulator: Simulator) -> None:
    broken, position = tags(simulator, "SW-10812.I", f"{SWITCH}.POS")

    bad = ask(simulator, f"streams/{broken}/value").json()
    good = ask(simulator, f"streams/{position}/value").json()

    assert (bad["Value"], bad["Good"]) == ({"Name": "Bad Input", "Value": 255, "IsSystem": True}, False)
    assert (good["Value"], good["Good"]) == ({"Name": "Closed", "Value": 2, "IsSystem": False}, True)
    assert good["Timestamp"] == "2026-11-24T01:15:00.25Z"


def test_one_stream_that_cannot_be_read_costs_the_whole_set_its_answer(simulator: Simulator) -> None:
    [power] = tags(simulator, f"{SWITCH}.P")

    answer = ask(simulator, f"streamsets/value?webId={power}&webId=F1DPunknown")

    assert answer.status_code == 404
    assert answer.json() == {"Errors": ["The specified stream was not found."]}


def test_a_batch_fills_the_later_requests_in_from_the_earlier(simulator: Simulator) -> None:
    root = database(simulator)
    base = "https://elsewhere.example/piwebapi"

    answer = batch(
        simulator,
        {
            "all": {
                "Method": "GET",
                "RequestTemplate": {"Resource": f"{base}/elements/{{0}}/attributes?selectedFields=Items.Name"},
                "ParentIds": ["found"],
                "Parameters": ["$.found.Content.Items[*].WebId"],
            },
            "found": {
                "Method": "GET",
                "Resource": f"{base}/assetdatabases/{root}/elements?nameFilter=SW-1077*&searchFullHierarchy=true"
                "&selectedFields=items.webid;Links.Next",
            },
        },
    )

    assert answer.status_code == 207
    body = answer.json()
    assert list(body) == ["all", "found"]
    assert [list(item) for item in body["found"]["Content"]["Items"]] == [["WebId"]] * 10
    assert (body["all"]["Status"], body["all"]["Content"]["Total"]) == (207, 10)
    names = [[one["Name"] for one in item["Content"]["Items"]] for item in body["all"]["Content"]["Items"]]
    assert names[0] == ["I", "Nominal voltage", "P", "POS"]


def test_a_part_of_a_batch_fails_for_itself(simulator: Simulator) -> None:
    answer = batch(
        simulator,
        {
            "gone": {"Method": "GET", "Resource": "/piwebapi/streams/F1DPunknown/value"},
            "nowhere": {"Method": "GET", "Resource": "/piwebapi/nowhere"},
            "write": {"Method": "POST", "Resource": "/piwebapi/streams/F1DPunknown/value"},
            "home": {"Method": "GET", "Resource": "/piwebapi/"},
        },
    )

    assert answer.status_code == 207
    assert {name: part["Status"] for name, part in answer.json().items()} == {
        "gone": 404,
        "nowhere": 404,
        "write": 405,
        "home": 200,
    }
    assert answer.json()["nowhere"]["Content"] == {
        "Message": "No HTTP resource was found that matches the request URI '/piwebapi//nowhere'."
    }


def test_a_post_without_the_header_against_forgery_is_refused(simulator: Simulator) -> None:
    answer = batch(simulator, {}, headers={})

    assert answer.status_code == 400
    assert "X-Requested-With" in answer.json()["Errors"][0]


@pytest.mark.parametrize("body", ["[]", "{", '{"a": {"Method": "GET", "ParentIds": ["b"], "Resource": "/"}}'])
def test_what_is_no_batch_is_refused(simulator: Simulator, body: str) -> None:
    answer = simulator.post("/piwebapi/batch", content=body, headers=CSRF, auth=AUTH)

    assert answer.status_code == 400


def test_lists_have_pages_with_a_link_to_the_next(simulator: Simulator) -> None:
    root = database(simulator)

    page = ask(simulator, f"assetdatabases/{root}/elements", maxCount=2, startIndex=1).json()

    assert [one["Name"] for one in page["Items"]] == []
    assert page["Links"].keys() == {"First"}
    deep = {"searchFullHierarchy": "true", "maxCount": 2}
    page = ask(simulator, f"assetdatabases/{root}/elements", **deep).json()
    assert len(page["Items"]) == 2
    assert page["Links"]["Next"].endswith("startIndex=2&maxCount=2")


def test_a_broken_server_hides_behind_a_status_of_200(simulator: Simulator) -> None:
    [power] = tags(simulator, f"{SWITCH}.P")
    simulator.post("/faults", json={"system": "pi", "fault": "truncated", "seconds": 60, "times": 1})

    answer = ask(simulator, f"streams/{power}/recorded")

    assert answer.status_code == 200
    assert answer.json()["WebException"]["StatusCode"] == 502
    assert "WebException" not in ask(simulator, f"streams/{power}/recorded").json()


def register(simulator: Simulator, *web_ids: str) -> httpx.Response:
    query = urlencode({"webId": web_ids}, doseq=True)
    return simulator.post(f"/piwebapi/streamsets/updates?{query}", headers=CSRF, auth=AUTH)


def test_updates_are_what_came_since_the_marker(simulator: Simulator, clock: Clock) -> None:
    [position] = tags(simulator, f"{SWITCH}.POS")
    registered = register(simulator, position)
    marker = registered.json()["Items"][0]["LatestMarker"]
    clock.advance(minutes=1)
    simulator.post("/scenarios/hv-fault", json={"element": SWITCH})

    answer = ask(simulator, "streamsets/updates", marker=marker)

    check(registered, "Items[StreamUpdatesRegister]")
    check(answer, "Items[StreamUpdatesRetrieve]")
    [item] = answer.json()["Items"]
    assert [(one["Action"], one["Value"]["Name"]) for one in item["Events"]] == [("Add", "Open")]
    assert ask(simulator, "streamsets/updates", marker=item["LatestMarker"]).json()["Items"][0]["Events"] == []
    assert register(simulator, position).json()["Items"][0]["Status"] == "AlreadyRegistered"


def test_a_restart_forgets_the_markers(simulator: Simulator) -> None:
    [position] = tags(simulator, f"{SWITCH}.POS")
    marker = register(simulator, position).json()["Items"][0]["LatestMarker"]
    simulator.post("/faults", json={"system": "pi", "fault": "forgotten", "seconds": 60, "times": 1})

    answer = ask(simulator, "streamsets/updates", marker=marker)

    check(answer, "Items[StreamUpdatesRetrieve]")
    assert answer.json()["Items"][0]["Status"] == "Failed"
    assert "Cache not found" in answer.json()["Items"][0]["Exception"]["Errors"][0]


def test_one_static_attribute_costs_all_their_registration(simulator: Simulator) -> None:
    root = database(simulator)
    deep = {"nameFilter": SWITCH, "searchFullHierarchy": "true"}
    element = ask(simulator, f"assetdatabases/{root}/elements", **deep).json()["Items"][0]["WebId"]
    attributes = ask(simulator, f"elements/{element}/attributes").json()["Items"]

    answer = register(simulator, *(one["WebId"] for one in attributes))

    assert answer.status_code == 409


def test_a_stream_that_was_configured_otherwise_is_let_go_of(simulator: Simulator) -> None:
    [position] = tags(simulator, f"{SWITCH}.POS")
    marker = register(simulator, position).json()["Items"][0]["LatestMarker"]
    simulator.post("/faults", json={"system": "pi", "fault": "reconfigured", "seconds": 60, "times": 1})

    answer = ask(simulator, "streamsets/updates", marker=marker)

    check(answer, "Items[StreamUpdatesRetrieve]")
    [item] = answer.json()["Items"]
    assert item["Exception"] == {"Errors": ["The signup was updated and any cached data could be invalid."]}
    assert ask(simulator, "streamsets/updates", marker=marker).json()["Items"][0]["Status"] == "Failed"
    assert register(simulator, position).json()["Items"][0]["Status"] == "Succeeded"


def test_a_server_without_stream_updates_has_no_such_resource(simulator: Simulator) -> None:
    simulator.post("/faults", json={"system": "pi", "fault": "no-updates", "seconds": 60})

    answer = ask(simulator, "streamsets/updates", marker="00_0")

    assert answer.status_code == 404
    assert answer.json().keys() == {"Message"}
    assert ask(simulator, "").status_code == 200


def acknowledge(simulator: Simulator, frame: str) -> httpx.Response:
    return simulator.request("PATCH", f"/piwebapi/eventframes/{frame}/acknowledge", headers=CSRF, auth=AUTH)


def test_an_event_frame_is_acknowledged_once(simulator: Simulator, clock: Clock) -> None:
    simulator.post("/scenarios/hv-fault", json={"element": SWITCH})
    [frame] = ask(simulator, f"assetdatabases/{database(simulator)}/eventframes").json()["Items"]
    clock.advance(minutes=1)
    forged = simulator.request("PATCH", f"/piwebapi/eventframes/{frame['WebId']}/acknowledge", auth=AUTH)

    first, again = (acknowledge(simulator, frame["WebId"]) for _ in range(2))

    assert (forged.status_code, first.status_code, first.content, again.status_code) == (400, 204, b"", 409)
    seen = ask(simulator, f"eventframes/{frame['WebId']}")
    check(seen, "EventFrame")
    several = ask(simulator, "eventframes/multiple", webId=[frame["WebId"], "I1Fmgone"])
    check(several, "Items[Item[EventFrame]]")
    assert [list(one)[2:] for one in several.json()["Items"]] == [["Object"], ["Exception"]]
    told = seen.json()
    assert (frame["IsAcknowledged"], told["IsAcknowledged"]) == (False, True)
    assert (told["AcknowledgedBy"], told["AcknowledgedDate"]) == (f"RURAL\\{AUTH[0]}", "2026-11-24T01:16:00.25Z")
    assert acknowledge(simulator, "I1Fmgone").status_code == 404


def test_an_account_that_may_only_read_may_not_acknowledge(simulator: Simulator) -> None:
    simulator.post("/scenarios/hv-fault", json={"element": SWITCH})
    root = database(simulator)
    [frame] = ask(simulator, f"assetdatabases/{root}/eventframes").json()["Items"]
    before = ask(simulator, f"assetdatabases/{root}/security", securityItem="EventFrame")
    simulator.post("/faults", json={"system": "pi", "fault": "read-only", "seconds": 60})

    after = ask(simulator, f"assetdatabases/{root}/security", securityItem="EventFrame")

    check(before, "Items[SecurityRights]")
    assert [one.json()["Items"][0]["CanAnnotate"] for one in (before, after)] == [True, False]
    assert acknowledge(simulator, frame["WebId"]).status_code == 403
