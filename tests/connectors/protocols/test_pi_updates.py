"""Stream Updates, against the pretend utility's historian and scripted answers."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import responses
from requests import PreparedRequest

from connectors.protocols.credentials import Bearer
from connectors.protocols.errors import Throttled, Unreachable
from connectors.protocols.pi.streams import Stream
from connectors.protocols.pi.updates import StreamUpdate, StreamUpdates
from connectors.protocols.pi.web_api import PiWebApi
from tests.connectors.adapters.wire import BASE, PretendUtility, pretend_utility, session

SWITCHES = ("SW-10770", "SW-10918")
MINUTE = timedelta(minutes=1)


@pytest.fixture
def pi() -> Iterator[PretendUtility]:
    with pretend_utility() as utility:
        yield utility


def api_of(token: str = "pi-demo-token") -> PiWebApi:  # noqa: S107  # opens a pretend system only
    return PiWebApi(session(), base_url=f"{BASE}/piwebapi", auth=Bearer(token))


def positions(api: PiWebApi) -> list[Stream]:
    server = api.get(api.url("dataservers")).body["Items"][0]["WebId"]
    found = []
    for switch in SWITCHES:
        url = api.url(f"dataservers/{server}/points", nameFilter=f"{switch}.POS", webIdType="IDOnly")
        [point] = api.get(url).body["Items"]
        found.append(Stream(point["WebId"], point["Path"]))
    return found


@pytest.fixture
def updates(pi: PretendUtility) -> StreamUpdates:
    api = api_of()
    return StreamUpdates(api, positions(api), count=1_000, overlap=timedelta())


def heard(updates: StreamUpdates) -> list[tuple[str, str, str]]:
    """Tag, state and time of each value of a poll."""
    return [
        (one.stream.path.rpartition("\\")[2], value["Value"]["Name"], value["Timestamp"])
        for page in updates.poll()
        for one in page
        for value in one.values
    ]


def test_the_first_poll_brings_what_is_and_the_next_ones_what_becomes(
    updates: StreamUpdates, pi: PretendUtility
) -> None:
    first = heard(updates)
    pi.clock.advance(minutes=1)
    pi.utility.hv_fault("SW-10770")
    second = heard(updates)
    third = heard(updates)

    started = "2026-11-24T01:15:00Z"
    assert first == [("SW-10770.POS", "Closed", started), ("SW-10918.POS", "Closed", started)]
    assert second == [("SW-10770.POS", "Open", "2026-11-24T01:16:00Z")]
    assert third == []
    assert updates.heard_at == "2026-11-24T01:16:00Z"


def test_a_poll_is_one_round_trip(updates: StreamUpdates, pi: PretendUtility) -> None:
    heard(updates)
    pi.services()

    heard(updates)

    assert pi.services() == ["batch"]


def test_another_process_goes_on_where_the_last_one_ended(updates: StreamUpdates, pi: PretendUtility) -> None:
    heard(updates)
    state = json.loads(json.dumps(updates.state()))
    pi.clock.advance(minutes=1)
    pi.utility.hv_fault("SW-10770")

    other = StreamUpdates(api_of(), updates.streams, count=1_000, overlap=timedelta())
    other.resume(state)

    assert heard(other) == [("SW-10770.POS", "Open", "2026-11-24T01:16:00Z")]


@pytest.mark.parametrize("count", [1_000, 2])
def test_lost_markers_are_registered_anew_and_the_gap_is_filled(
    updates: StreamUpdates, pi: PretendUtility, count: int
) -> None:
    updates.count = count
    heard(updates)
    pi.clock.advance(minutes=1)
    heard(updates)
    for _ in range(2):
        pi.clock.advance(minutes=1)
        pi.utility.hv_fault("SW-10770")
        pi.clock.advance(minutes=1)
        pi.utility.restore("SW-10770")
    pi.clock.advance(minutes=1)
    pi.fault("pi", "forgotten", times=1)

    gap = heard(updates)

    assert list(dict.fromkeys(gap)) == [
        ("SW-10770.POS", "Open", "2026-11-24T01:17:00Z"),
        ("SW-10770.POS", "Closed", "2026-11-24T01:18:00Z"),
        ("SW-10770.POS", "Open", "2026-11-24T01:19:00Z"),
        ("SW-10770.POS", "Closed", "2026-11-24T01:20:00Z"),
    ]
    pi.utility.hv_fault("SW-10770")
    assert heard(updates) == [("SW-10770.POS", "Open", "2026-11-24T01:21:00Z")]


def test_what_was_not_taken_to_the_end_comes_again(updates: StreamUpdates, pi: PretendUtility) -> None:
    heard(updates)
    pi.clock.advance(minutes=1)
    pi.utility.hv_fault("SW-10770")

    next(updates.poll())

    assert heard(updates) == [("SW-10770.POS", "Open", "2026-11-24T01:16:00Z")]


def test_a_stream_that_cannot_be_followed_is_told_once_and_costs_no_other(
    updates: StreamUpdates, pi: PretendUtility
) -> None:
    gone = Stream("I1DPgone", "\\\\RURAL-DA\\gone")
    updates.streams = [gone, *updates.streams]

    pages = list(updates.poll())
    again = list(updates.poll())

    refused = [one for page in pages for one in page if one.refusal]
    assert refused == [StreamUpdate(gone, refusal="The specified stream was not found.")]
    assert updates.markers.keys() == {stream.path for stream in updates.streams[1:]}
    assert [one for page in again for one in page] == []


@pytest.mark.parametrize(("fault", "error"), [("429", Throttled), ("500", Unreachable)])
def test_what_concerns_the_server_is_raised_and_nothing_is_lost(
    updates: StreamUpdates, pi: PretendUtility, fault: str, error: type[Exception]
) -> None:
    heard(updates)
    pi.clock.advance(minutes=1)
    pi.utility.hv_fault("SW-10770")
    pi.fault("pi", fault, times=1)

    with pytest.raises(error):
        heard(updates)

    assert heard(updates) == [("SW-10770.POS", "Open", "2026-11-24T01:16:00Z")]


class Scripted:
    """A server that answers `streamsets/updates` and `recorded` as it is told."""

    def __init__(self, wire: responses.RequestsMock) -> None:
        self.events: list[dict[str, Any]] = []
        self.recorded_status = 200
        self.register_status = 200
        self.registered = 0
        self.asked_from: list[str] = []
        self.knows_marker = True
        wire.add_callback(responses.POST, "https://pi.example/batch", callback=self._batch)

    def _batch(self, request: PreparedRequest) -> tuple[int, dict[str, str], str]:
        parts = json.loads(request.body or b"")
        answers = {name: self._answer(part["Method"], part["Resource"]) for name, part in parts.items()}
        return 207, {"Date": "Fri, 20 Nov 2026 10:00:00 GMT"}, json.dumps(answers)

    def _answer(self, method: str, resource: str) -> dict[str, Any]:
        url = urlsplit(resource)
        items: list[dict[str, Any]]
        source: dict[str, Any] = {"Source": "A", "SourcePath": "\\\\DA\\A"}
        if url.path.endswith("/recorded"):
            self.asked_from += parse_qs(url.query)["startTime"]
            status, items = self.recorded_status, [{"WebId": "A", "Path": "\\\\DA\\A", "Items": []}]
        elif url.path.endswith("/value"):
            return {"Status": 200, "Headers": {}, "Content": {"Value": 1}}
        elif method == "POST":
            self.registered += 1
            status, items = self.register_status, [{**source, "LatestMarker": "m_1", "Status": "Succeeded"}]
        elif not self.knows_marker:
            return {"Status": 404, "Headers": {}, "Content": {"Errors": ["Cache not found"]}}
        else:
            status, items = 200, [{**source, "LatestMarker": "m_2", "Status": "Updated", "Events": self.events}]
        content: Any = {"Items": items} if status < 300 else {"Errors": ["No."]}
        return {"Status": status, "Headers": {}, "Content": content}


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as wire:
        yield Scripted(wire)


def following() -> StreamUpdates:
    api = PiWebApi(session(), base_url="https://pi.example", auth=None)
    return StreamUpdates(api, [Stream("A", "\\\\DA\\A")], count=10, overlap=MINUTE)


def test_of_several_events_of_one_instant_the_last_counts(scripted: Scripted) -> None:
    updates = following()
    list(updates.poll())
    at, later = {"Timestamp": "2026-11-20T09:59:00Z"}, {"Timestamp": "2026-11-20T09:59:30Z"}
    scripted.events = [
        {**at, "Action": "Add", "Value": 1},
        {**later, "Action": "Delete", "Value": 2},
        {**at, "Action": "Delete", "Value": 1},
        {**later, "Action": "Update", "Value": 3},
    ]

    [[update]] = updates.poll()

    assert [one["Value"] for one in update.values] == [3]
    assert [one["Timestamp"] for one in update.deleted] == ["2026-11-20T09:59:00Z"]


def test_a_gap_that_cannot_be_filled_is_filled_later_from_where_it_began(scripted: Scripted) -> None:
    updates = following()
    list(updates.poll())
    scripted.knows_marker, scripted.recorded_status = False, 404

    [[refused]] = [page for page in updates.poll() if page]

    assert refused.refusal == "No."
    assert updates.markers == {}
    assert updates.behind == {"\\\\DA\\A": "2026-11-20T10:00:00Z"}
    scripted.recorded_status = 200
    list(updates.poll())
    assert set(scripted.asked_from) == {"2026-11-20T09:59:00Z"}
    assert (updates.markers, updates.behind) == ({"\\\\DA\\A": "m_1"}, {})


def test_a_server_that_breaks_while_it_registers_is_asked_again(scripted: Scripted) -> None:
    updates = following()
    scripted.register_status = 500

    with pytest.raises(Unreachable):
        list(updates.poll())

    scripted.register_status = 200
    assert [one.values for page in updates.poll() for one in page] == [[{"Value": 1}]]
