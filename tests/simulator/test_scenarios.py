import json
from typing import Any

import pytest

from tests.simulator.conftest import Clock, Simulator

BREAKER = "SW-10770"


def position(simulator: Simulator, switch: str) -> Any:
    wanted = {"NodeId": f"nsu=urn:rural-grid:scada;s={switch}.POS"}
    return simulator.opcua("read", {"NodesToRead": [wanted]})["Results"][0]


def emergencies(simulator: Simulator) -> list[dict[str, Any]]:
    answer = simulator.maximo(
        "/os/mxapiwodetail", lean="1", internalvalues="1", oslc_select="*", oslc_where='worktype="EM"'
    )
    return list(answer.json()["member"])


def alarms(simulator: Simulator) -> list[tuple[bool, bool]]:
    """Active and acknowledged, of each notification."""
    return [(event.is_active, event.is_acknowledged) for event in simulator.utility.scada.events]


def test_a_fault_shows_in_all_systems_at_once(simulator: Simulator, clock: Clock) -> None:
    answer = simulator.post("/scenarios/hv-fault", json={"element": BREAKER})

    assert answer.status_code == 200
    assert answer.json() == {
        "element": BREAKER,
        "alarm": f"nsu=urn:rural-grid:scada;s={BREAKER}.Trip",
        "service_points": 666,
        "critical": 11,
    }
    assert position(simulator, BREAKER) == {
        "UaType": 6,
        "Value": 1,
        "SourceTimestamp": "2026-11-24T01:15:00.250000Z",
    }
    assert alarms(simulator) == [(True, False)]
    order = emergencies(simulator)[0]
    assert (order["wonum"], order["assetnum"], order["status"]) == ("WO20001", "0010770", "DISPATCH")
    assert (order["amcrew"], order["assignment"][0]["status"]) == ("CREW-1", "ASSIGNED")
    estimate = simulator.utility.tablet.state().waiting[0].record
    assert (estimate["element"], estimate["work_order"], estimate["confidence"]) == (
        BREAKER,
        "WO20001",
        "LOW",
    )


def test_without_an_element_a_breaker_of_a_feeder_trips_and_then_the_next(simulator: Simulator) -> None:
    first = simulator.post("/scenarios/hv-fault").json()
    second = simulator.post("/scenarios/hv-fault", json={}).json()

    assert (first["element"], second["element"]) == ("SW-10770", "SW-10794")
    assert second["service_points"] == 566


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"element": "SW-1"}, 404, "There is no element SW-1."),
        ({"element": "SW-10957"}, 409, "SW-10957 is open already."),
        ({"element": "LN-0"}, 400, "LN-0 is a line, not a switch."),
        ({"element": 7}, 400, "element is text."),
        ({"switch": "SW-10770"}, 400, "Unknown: switch. Known: element, parts."),
        ({"parts": []}, 400, "parts is a list of one or more of position, alarm, work-order, estimate."),
        (
            {"parts": ["smoke"]},
            400,
            "parts is a list of one or more of position, alarm, work-order, estimate.",
        ),
        ([], 400, "The body is a JSON object."),
    ],
)
def test_what_cannot_trip_is_refused_and_nothing_happens(
    simulator: Simulator, body: Any, status: int, says: str
) -> None:
    answer = simulator.post("/scenarios/hv-fault", content=json.dumps(body))

    assert (answer.status_code, answer.json()) == (status, {"error": says})
    assert simulator.get("/truth").json()["off"] == 0
    assert simulator.utility.scada.events == []


def test_a_body_that_is_not_json_is_refused(simulator: Simulator) -> None:
    answer = simulator.post("/scenarios/hv-fault", content="{")

    assert (answer.status_code, answer.json()) == (400, {"error": "The body is not JSON."})


def test_tripping_twice_is_a_conflict(simulator: Simulator) -> None:
    simulator.post("/scenarios/hv-fault", json={"element": BREAKER})

    again = simulator.post("/scenarios/hv-fault", json={"element": BREAKER})

    assert again.status_code == 409
    assert len(emergencies(simulator)) == 1


def test_a_fault_under_another_counts_only_who_was_on(simulator: Simulator) -> None:
    simulator.post("/scenarios/hv-fault", json={"element": "SW-10771"})
    downstream = simulator.get("/truth").json()["off"]

    upstream = simulator.post("/scenarios/hv-fault", json={"element": BREAKER}).json()

    assert downstream > 0
    assert upstream["service_points"] == 666 - downstream


def test_held_back_parts_show_when_they_are_released(simulator: Simulator, clock: Clock) -> None:
    simulator.post("/scenarios/hv-fault", json={"element": BREAKER, "parts": ["alarm"]})

    assert simulator.get("/truth").json()["off"] == 666
    assert position(simulator, BREAKER)["Value"] == 2
    assert emergencies(simulator) == []
    assert simulator.utility.tablet.state().waiting == []

    clock.advance(seconds=3)
    released = simulator.post("/scenarios/release", json={"element": BREAKER, "parts": ["position"]})

    assert released.json() == {
        "element": BREAKER,
        "released": ["position"],
        "held_back": ["estimate", "work-order"],
    }
    assert position(simulator, BREAKER)["SourceTimestamp"] == "2026-11-24T01:15:03.250000Z"

    simulator.post("/scenarios/release", json={"element": BREAKER})

    assert len(emergencies(simulator)) == 1
    again = simulator.post("/scenarios/release", json={"element": BREAKER})
    assert again.status_code == 409


def test_a_late_release_keeps_the_time_of_the_fault(simulator: Simulator, clock: Clock) -> None:
    simulator.post("/scenarios/hv-fault", json={"element": BREAKER, "parts": ["position"]})
    at_fault = clock()
    arrived = clock.advance(seconds=40)

    simulator.post("/scenarios/release", json={"element": BREAKER, "parts": ["alarm"], "late": True})

    event = simulator.utility.scada.events[0]
    assert (event.time, event.receive_time) == (at_fault, arrived)


def test_restore_puts_everything_back(simulator: Simulator, clock: Clock) -> None:
    simulator.post("/scenarios/hv-fault", json={"element": BREAKER})
    simulator.post("/scenarios/hv-fault", json={"element": "SW-10918"})
    clock.advance(minutes=5)

    answer = simulator.post("/scenarios/restore")

    assert answer.json() == {"restored": [BREAKER, "SW-10918"], "service_points": 2003, "critical": 33}
    assert simulator.get("/truth").json()["off"] == 0
    assert position(simulator, BREAKER)["Value"] == 2
    assert [order["status"] for order in emergencies(simulator)] == ["COMP", "COMP"]
    # Nobody has acknowledged: the condition is gone, and yet retained.
    newest = simulator.utility.scada.conditions[BREAKER].newest
    assert newest is not None
    assert (newest.is_active, newest.is_acknowledged, newest.retain) == (False, False, True)


def test_restore_of_one_leaves_the_other(simulator: Simulator) -> None:
    simulator.post("/scenarios/hv-fault", json={"element": BREAKER})
    simulator.post("/scenarios/hv-fault", json={"element": "SW-10918"})

    answer = simulator.post("/scenarios/restore", json={"element": BREAKER})

    assert answer.json()["restored"] == [BREAKER]
    assert simulator.get("/truth").json()["off"] == 1337
    assert simulator.post("/scenarios/restore", json={"element": BREAKER}).status_code == 404


def test_restore_with_nothing_open_restores_nothing(simulator: Simulator) -> None:
    answer = simulator.post("/scenarios/restore")

    assert answer.json() == {"restored": [], "service_points": 0, "critical": 0}


def test_a_bare_alarm_opens_nothing(simulator: Simulator) -> None:
    body = {"element": BREAKER, "active": True, "time": "2026-11-24T00:00:00Z"}

    simulator.post("/scenarios/alarm", json=body)
    simulator.post("/scenarios/alarm", json={**body, "active": False})

    assert simulator.get("/truth").json()["off"] == 0
    assert alarms(simulator) == [(True, False), (False, False)]
    refused = simulator.post("/scenarios/alarm", json={"element": BREAKER, "time": "2026-11-24T00:00:00"})
    assert refused.json() == {"error": "time needs a time zone."}


def test_every_closed_switch_can_trip_and_be_restored(simulator: Simulator) -> None:
    utility = simulator.utility
    switches = [switch for switch in utility.grid.switches if switch.nominal_kv >= 20]
    closed = [switch.id for switch in switches if not switch.is_normally_open]

    for switch in closed:
        impact = utility.impact(switch)
        fault = utility.hv_fault(switch)
        assert {name: fault[name] for name in impact} == impact
        assert utility.restore(switch)["service_points"] == impact["service_points"]

    assert len(closed) == 288
    assert utility.who_is_off()["off"] == 0


def test_edits_change_a_record_and_its_stamp_and_not_the_grid(simulator: Simulator) -> None:
    changed = {"system": "gis", "id": BREAKER, "set": {"name": "Renamed"}}

    assert simulator.post("/edits", json=changed).status_code == 200
    assert simulator.post("/edits", json={"system": "cis", "id": "SP-0", "remove": True}).status_code == 200

    feature = simulator.gis(f"/collections/network/items/{BREAKER}").json()
    assert feature["properties"]["name"] == "Renamed"
    assert feature["properties"]["modified"] == "2026-11-24T01:15:00.250000Z"
    assert simulator.cis("/service-points/SP-0").status_code == 404
    assert simulator.get("/truth").json()["service_points"] == 5373


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"system": "scada", "id": "SW-10770", "remove": True}, 400),
        ({"system": "gis", "id": "SW-0", "remove": True}, 404),
        ({"system": "gis", "id": "SW-10770", "set": {"colour": "red"}}, 400),
        ({"system": "gis", "id": "SW-10770"}, 400),
        ({"system": "cis", "id": "SP-0", "set": {"account": {}}}, 400),
    ],
)
def test_an_edit_that_makes_no_sense_is_refused(simulator: Simulator, body: Any, status: int) -> None:
    assert simulator.post("/edits", json=body).status_code == status


def test_two_simulators_share_no_state(simulator: Simulator, clock: Clock) -> None:
    other = Simulator(clock=clock, product=simulator.product, push_config=simulator.push_config)
    simulator.post("/scenarios/hv-fault", json={"element": BREAKER})
    simulator.post("/edits", json={"system": "gis", "id": BREAKER, "remove": True})

    assert other.get("/truth").json()["off"] == 0
    assert other.gis(f"/collections/network/items/{BREAKER}").status_code == 200
