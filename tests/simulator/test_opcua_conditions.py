"""What clients may do to conditions: confirm, comment, shelve; and the branches of what nobody has seen to."""

import base64
from dataclasses import replace
from typing import Any

import pytest

from simulator.app import create_app
from tests.simulator.conftest import Clock, Simulator
from tests.simulator.test_opcua_events import BREAKER, acknowledge, fields, history

CONFIRM, ADD_COMMENT, UNSHELVE, ONE_SHOT, TIMED = "i=9113", "i=9029", "i=9211", "i=9212", "i=9213"
ALREADY_CONFIRMED, ALREADY_SHELVED, NOT_SHELVED, OUT_OF_RANGE = 0x80D00000, 0x80D10000, 0x80D20000, 0x80D30000
INVALID_STATE, METHOD_INVALID, EVENT_ID_UNKNOWN = 0x80AF0000, 0x80750000, 0x809A0000


@pytest.fixture
def full(simulator: Simulator) -> Simulator:
    """The simulator with conditions that are to be confirmed, and branch off."""
    settings = replace(simulator.utility.settings, has_full_conditions=True)
    simulator.app = create_app(settings, clock=simulator.clock)
    simulator.utility = simulator.app.state.utility
    return simulator


def call(simulator: Simulator, method: str, *arguments: dict[str, Any]) -> int:
    """The code of the result; 0 is good."""
    asked = {"ObjectId": f"{BREAKER}.Trip", "MethodId": method, "InputArguments": list(arguments)}
    [result] = simulator.opcua("call", {"MethodsToCall": [asked]})["Results"]
    return int(result.get("StatusCode", {}).get("Code", 0))


def on_event(event_id: str, comment: str = "seen to") -> tuple[dict[str, Any], dict[str, Any]]:
    return {"UaType": 15, "Value": event_id}, {"UaType": 21, "Value": {"Text": comment}}


def newest(simulator: Simulator, *paths: list[str]) -> list[Any]:
    return fields(history(simulator, *paths))[-1]


def event_ids(simulator: Simulator) -> list[str]:
    return [event_id for (event_id,) in fields(history(simulator, ["EventId"]))]


SHELVING = (["ShelvingState", "CurrentState", "Id"], ["ShelvingState", "UnshelveTime"], ["SuppressedOrShelved"])


def test_a_comment_changes_nothing_but_the_comment(simulator: Simulator) -> None:
    simulator.post("/scenarios/hv-fault", json={"element": "SW-10770"})

    assert call(simulator, ADD_COMMENT, *on_event(event_ids(simulator)[-1], "crew is called")) == 0

    told = newest(simulator, ["Comment"], ["ClientUserId"], ["ActiveState", "Id"], ["AckedState", "Id"], ["Retain"])
    assert told == [{"Text": "crew is called"}, "gateway", True, None, True]
    assert call(simulator, ADD_COMMENT, *on_event(base64.b64encode(b"never").decode())) == EVENT_ID_UNKNOWN


def test_what_is_shelved_for_a_time_is_shown_again_after_it(simulator: Simulator, clock: Clock) -> None:
    simulator.post("/scenarios/hv-fault", json={"element": "SW-10770"})

    assert call(simulator, TIMED, {"UaType": 11, "Value": 60_000.0}) == 0
    assert newest(simulator, *SHELVING) == ["i=2932", 60_000.0, True]
    assert call(simulator, TIMED, {"UaType": 11, "Value": 60_000.0}) == ALREADY_SHELVED
    clock.advance(seconds=61)

    assert newest(simulator, *SHELVING) == ["i=2930", None, None]
    assert newest(simulator, ["Time"]) == ["2026-11-24T01:16:00.250000Z"]
    assert call(simulator, UNSHELVE) == NOT_SHELVED


def test_what_is_shelved_once_is_shown_again_when_it_is_over(simulator: Simulator) -> None:
    simulator.post("/scenarios/hv-fault", json={"element": "SW-10770"})

    assert call(simulator, ONE_SHOT) == 0
    assert newest(simulator, *SHELVING) == ["i=2933", None, True]
    simulator.post("/scenarios/restore")

    assert newest(simulator, *SHELVING) == ["i=2930", None, None]


@pytest.mark.parametrize("milliseconds", [0.0, -1.0, 13 * 3_600_000.0])
def test_nothing_is_shelved_for_longer_than_half_a_day(simulator: Simulator, milliseconds: float) -> None:
    assert call(simulator, TIMED, {"UaType": 11, "Value": milliseconds}) == OUT_OF_RANGE


def test_a_gateway_may_have_nobody_confirm(simulator: Simulator) -> None:
    simulator.post("/scenarios/hv-fault", json={"element": "SW-10770"})

    assert call(simulator, CONFIRM, *on_event(event_ids(simulator)[-1])) == METHOD_INVALID
    assert newest(simulator, ["ConfirmedState", "Id"]) == [None]


def test_what_is_to_be_confirmed_stays_on_the_list_until_it_is(full: Simulator) -> None:
    full.post("/scenarios/hv-fault", json={"element": "SW-10770"})
    assert call(full, CONFIRM, *on_event(event_ids(full)[-1])) == INVALID_STATE
    acknowledge(full, event_ids(full)[-1])
    full.post("/scenarios/restore")
    states = (["ActiveState", "Id"], ["AckedState", "Id"], ["ConfirmedState", "Id"], ["Retain"])
    assert newest(full, *states) == [None, True, None, True]

    assert call(full, CONFIRM, *on_event(event_ids(full)[-1])) == 0

    assert newest(full, *states) == [None, True, True, None]
    assert call(full, CONFIRM, *on_event(event_ids(full)[-1])) == ALREADY_CONFIRMED


def test_what_nobody_has_seen_to_branches_off_and_is_acknowledged_by_itself(full: Simulator, clock: Clock) -> None:
    full.post("/scenarios/hv-fault", json={"element": "SW-10770"})
    full.post("/scenarios/restore")
    clock.advance(seconds=1)
    full.post("/scenarios/hv-fault", json={"element": "SW-10770"})
    states = (["BranchId"], ["ActiveState", "Id"], ["AckedState", "Id"], ["Retain"])
    told = fields(history(full, *states))
    assert told[-2:] == [[f"{BREAKER}.Trip.1", None, None, True], ["i=0", True, None, True]]

    branch, now = event_ids(full)[-2:]
    assert acknowledge(full, branch) == {}
    assert call(full, CONFIRM, *on_event(event_ids(full)[-1])) == 0

    assert newest(full, *states) == [f"{BREAKER}.Trip.1", None, True, None]
    [condition] = [one for one in full.utility.scada.conditions.values() if one.newest]
    assert [event.event_id for event in condition.retained] == [base64.b64decode(now)]
