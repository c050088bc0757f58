import json
from typing import Any

import pytest

from tests.simulator.conftest import Clock, Simulator


def inject(simulator: Simulator, system: str, fault: str, **more: float) -> None:
    answer = simulator.post("/faults", json={"system": system, "fault": fault, "seconds": 60, **more})
    assert answer.status_code == 200, answer.text


def ask(simulator: Simulator, system: str) -> Any:
    if system == "scada":
        headers = {"Authorization": "Bearer scada-demo-token"}
        return simulator.post("/opcua/browse", json={"NodesToBrowse": [{"NodeId": "i=85"}]}, headers=headers)
    if system == "gis":
        return simulator.gis("/collections/network/items", limit=10)
    if system == "maximo":
        return simulator.maximo("/os/mxapiasset", lean="1", oslc_pageSize="10")
    return simulator.cis("/service-points-by-cursor", limit=10)


SOURCES = ("scada", "gis", "maximo", "cis")


@pytest.mark.parametrize("system", SOURCES)
@pytest.mark.parametrize(("fault", "status"), [("500", 500), ("429", 429), ("401", 401)])
def test_a_refusal_hits_its_system_and_no_other(simulator: Simulator, system: str, fault: str, status: int) -> None:
    inject(simulator, system, fault)

    answers = {other: ask(simulator, other) for other in SOURCES}

    assert {other: answer.status_code for other, answer in answers.items()} == {
        **dict.fromkeys(SOURCES, 200),
        system: status,
    }
    assert ("retry-after" in answers[system].headers) is (status == 429)


def test_a_throttled_client_is_told_when_to_come_back(simulator: Simulator) -> None:
    inject(simulator, "gis", "429")

    assert ask(simulator, "gis").headers["retry-after"] == "2"


@pytest.mark.parametrize("system", SOURCES)
def test_garbage_is_200_and_no_json(simulator: Simulator, system: str) -> None:
    inject(simulator, system, "garbage")

    answer = ask(simulator, system)

    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()


@pytest.mark.parametrize("system", SOURCES)
def test_a_cut_body_ends_in_the_middle(simulator: Simulator, system: str) -> None:
    whole = ask(simulator, system)
    inject(simulator, system, "cut")

    answer = ask(simulator, system)

    assert len(answer.content) == int(answer.headers["content-length"])
    assert abs(len(answer.content) - len(whole.content) / 2) < 10
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_a_slow_system_still_answers(simulator: Simulator) -> None:
    inject(simulator, "gis", "slow")

    assert ask(simulator, "gis").json()["numberReturned"] == 10


def test_a_truncated_page_claims_to_be_the_last(simulator: Simulator) -> None:
    for system in SOURCES:
        inject(simulator, system, "truncated")

    gis, maximo, cis = (ask(simulator, system).json() for system in ("gis", "maximo", "cis"))
    by_number = simulator.cis("/service-points", per_page=10).json()

    assert (len(gis["features"]), gis["numberMatched"]) == (5, 11389)
    assert [link["rel"] for link in gis["links"]] == ["self", "collection"]
    assert len(maximo["member"]) == 5
    assert "nextPage" not in maximo["responseInfo"]
    assert (len(cis["items"]), cis["nextCursor"], cis["total"]) == (5, None, 5373)
    assert (len(by_number["data"]), by_number["total"]) == (5, 5373)


def test_a_truncated_browse_and_history_have_no_continuation_point(simulator: Simulator) -> None:
    for _ in range(4):
        simulator.post("/scenarios/hv-fault")
    inject(simulator, "scada", "truncated")
    details = {
        "UaTypeId": "i=644",
        "NumValuesPerNode": 4,
        "StartTime": "2026-11-24T00:00:00Z",
        "Filter": {"SelectClauses": [{"BrowsePath": ["EventId"]}]},
    }

    feeder = {"NodeId": "nsu=urn:rural-grid:scada;s=FDR-MV1.101_Feeder6"}
    browsed = simulator.opcua("browse", {"NodesToBrowse": [feeder]})["Results"][0]
    body = {"HistoryReadDetails": details, "NodesToRead": [{"NodeId": "i=2253"}]}
    history = simulator.opcua("historyread", body)["Results"][0]

    assert len(browsed["References"]) == 12
    assert len(history["HistoryData"]["Events"]) == 2
    assert "ContinuationPoint" not in browsed | history


def test_a_repeated_page_leads_to_itself(simulator: Simulator) -> None:
    for system in SOURCES:
        inject(simulator, system, "repeated")

    gis = ask(simulator, "gis").json()
    following = simulator.gis(next(link["href"] for link in gis["links"] if link["rel"] == "next")).json()
    maximo = ask(simulator, "maximo").json()
    second = simulator.maximo(maximo["responseInfo"]["nextPage"]["href"]).json()
    cis = ask(simulator, "cis").json()
    other = simulator.cis("/service-points-by-cursor", limit=10, cursor=cis["nextCursor"]).json()

    assert following["features"] == gis["features"]
    assert second["member"] == maximo["member"]
    assert other["items"] == cis["items"]


def test_a_fault_ends_by_itself_or_when_it_is_ended(simulator: Simulator, clock: Clock) -> None:
    inject(simulator, "gis", "500")
    inject(simulator, "cis", "500")

    clock.advance(seconds=59)
    assert ask(simulator, "gis").status_code == 500
    simulator.request("DELETE", "/faults")
    assert ask(simulator, "gis").status_code == 200

    inject(simulator, "cis", "500")
    clock.advance(seconds=60)
    assert ask(simulator, "cis").status_code == 200
    assert simulator.get("/faults").json()["faults"] == []


def test_a_fault_can_be_let_through_first_and_counted(simulator: Simulator) -> None:
    inject(simulator, "maximo", "500", after=2, times=1)

    statuses = [ask(simulator, "maximo").status_code for _ in range(5)]

    assert statuses == [200, 200, 500, 200, 200]


def test_a_number_is_as_good_a_name_as_a_text(simulator: Simulator) -> None:
    simulator.post("/faults", json={"system": "gis", "fault": 500, "seconds": 5})

    assert simulator.get("/faults").json()["faults"] == [
        {"system": "gis", "fault": "500", "seconds_left": 5.0, "times": None}
    ]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (
            {"system": "x", "fault": "slow", "seconds": 1},
            "system is one of scada, pi, gis, arcgis, maximo, cis, tablet.",
        ),
        ({"system": "gis", "fault": "fire", "seconds": 1}, "fault is, for gis, one of slow, 500, 429, 401,"),
        ({"system": "tablet", "fault": "repeated", "seconds": 1}, "fault is, for tablet, one of slow, 500,"),
        ({"system": "gis", "fault": "slow", "seconds": 0}, "seconds is a number above 0, up to 3600."),
        ({"system": "gis", "fault": "slow", "seconds": 3601}, "seconds is a number above 0, up to 3600."),
        ({"system": "gis", "fault": "slow", "seconds": True}, "seconds is a number."),
        ({"system": "gis", "fault": "slow"}, "seconds is a number."),
        ({"system": "gis", "seconds": 1}, "fault is missing."),
        (
            {"system": "gis", "fault": "slow", "seconds": 1, "times": 0},
            "times is 1 or more, after 0 or more.",
        ),
        (
            {"system": "gis", "fault": "slow", "seconds": 1, "x": 0},
            "Unknown: x. Known: after, fault, seconds,",
        ),
    ],
)
def test_a_fault_that_cannot_be_is_refused_with_what_can(simulator: Simulator, body: dict[str, Any], says: str) -> None:
    answer = simulator.post("/faults", json=body)

    assert answer.status_code == 400
    assert answer.json()["error"].startswith(says)
