"""Stream Updates, against the pretend utility's historian and scripted answers."""

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import responses
from requests import PreparedRequest

from connectors.protocols.credentials import Bearer
from connectors.protocols.errors import Throttled, Unreachable
from connectors.protocols.http import HttpLimits
from connectors.protocols.pi.streams import Stream
from connectors.protocols.pi.updates import Kept, StreamUpdate, StreamUpdates, attempt, is_offered
from connectors.protocols.pi.web_api import Part, PiWebApi
from tests.connectors.adapters.wire import BASE, PretendUtility, pretend_utility, session

SWITCHES = ("SW-10770", "SW-10918")
MINUTE = timedelta(minutes=1)
STREAM = Stream("A", "\\\\DA\\A")
LIMIT = HttpLimits().response_bytes


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


def following(
    api: PiWebApi, streams: Sequence[Stream], *, count: int = 1_000, kept: Kept | None = None
) -> StreamUpdates:
    updates = StreamUpdates(api, streams, kept or Kept(), batch=100, count=count, overlap=timedelta())
    updates.promise()
    return updates


@pytest.fixture
def updates(pi: PretendUtility) -> StreamUpdates:
    api = api_of()
    return following(api, positions(api))


def heard(updates: StreamUpdates) -> list[tuple[str, str, str]]:
    """Tag, state and time of each value of a poll."""
    return [
        (one.stream.path.rpartition("\\")[2], value["Value"]["Name"], value["Timestamp"])
        for page in updates.poll()
        for one in page
        for value in one.values
    ]


def test_what_becomes_after_the_promise_is_told_and_told_once(updates: StreamUpdates, pi: PretendUtility) -> None:
    first = heard(updates)
    pi.clock.advance(minutes=1)
    pi.utility.hv_fault("SW-10770")
    second = heard(updates)
    third = heard(updates)

    assert first == []
    assert second == [("SW-10770.POS", "Open", "2026-11-24T01:16:00Z")]
    assert third == []
    assert updates.heard_at.isoformat() == "2026-11-24T01:16:00+00:00"


def test_what_is_kept_under_the_markers_is_told_after_a_break(pi: PretendUtility) -> None:
    api, kept = api_of(), Kept()
    streams = positions(api)
    following(api, streams, kept=kept)
    pi.clock.advance(minutes=1)
    pi.utility.hv_fault("SW-10770")
    pi.services()

    again = following(api, streams, kept=kept)

    assert pi.services() == ["batch"]
    assert heard(again) == [("SW-10770.POS", "Open", "2026-11-24T01:16:00Z")]


def test_a_poll_is_one_round_trip(updates: StreamUpdates, pi: PretendUtility) -> None:
    heard(updates)
    pi.services()

    heard(updates)

    assert pi.services() == ["batch"]


def test_many_streams_are_followed_in_sets_and_batches_of_bounded_size(pi: PretendUtility) -> None:
    api = api_of()
    server = api.get(api.url("dataservers")).body["Items"][0]["WebId"]
    points = api.get(api.url(f"dataservers/{server}/points", webIdType="IDOnly")).body["Items"]
    streams = [Stream(point["WebId"], point["Path"]) for point in points]
    pi.bodies.clear()

    updates = following(api, streams)

    sent = [json.loads(body) for body in pi.bodies]
    sets = [parse_qs(urlsplit(part["Resource"]).query)["webId"] for batch in sent for part in batch.values()]
    assert len(streams) == 634
    assert [len(batch) for batch in sent] == [4, 4, 4, 4, 4, 4, 2]
    assert [len(one) for one in sets] == [25] * 25 + [9]
    assert updates.followed == 634


@pytest.mark.parametrize("count", [1_000, 2])
def test_lost_markers_are_registered_anew_and_the_gap_is_filled(pi: PretendUtility, count: int) -> None:
    api = api_of()
    updates = following(api, positions(api), count=count)
    pi.clock.advance(minutes=1)
    heard(updates)
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
    assert updates.behind == {}
    pi.utility.hv_fault("SW-10770")
    assert heard(updates) == [("SW-10770.POS", "Open", "2026-11-24T01:21:00Z")]


def test_what_was_not_taken_comes_again(updates: StreamUpdates, pi: PretendUtility) -> None:
    pi.clock.advance(minutes=1)
    pi.utility.hv_fault("SW-10770")

    next(updates.poll())

    assert heard(updates) == [("SW-10770.POS", "Open", "2026-11-24T01:16:00Z")]


def test_a_stream_that_cannot_be_followed_costs_no_other_and_is_read_once_a_minute(pi: PretendUtility) -> None:
    gone = Stream("I1DPgone", "\\\\RURAL-DA\\gone")
    api = api_of()
    updates = following(api, [gone, *positions(api)])
    pi.clock.advance(seconds=59)
    soon = [one for page in updates.poll() for one in page]
    pi.clock.advance(seconds=1)

    later = [one for page in updates.poll() for one in page]

    assert updates.followed == 2
    assert updates.behind == {gone.path: "2026-11-24T01:15:00Z"}
    assert soon == []
    assert later == [StreamUpdate(gone, refusal="The specified stream was not found.")]


@pytest.mark.parametrize(("fault", "error"), [("429", Throttled), ("500", Unreachable)])
def test_what_concerns_the_server_is_raised_and_nothing_is_lost(
    updates: StreamUpdates, pi: PretendUtility, fault: str, error: type[Exception]
) -> None:
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
        self.exception = ""
        self.is_flooded = False
        self.date = "Fri, 20 Nov 2026 10:00:00 GMT"
        wire.add_callback(responses.POST, "https://pi.example/batch", callback=self._batch)

    def _batch(self, request: PreparedRequest) -> tuple[int, dict[str, str], str]:
        parts = json.loads(request.body or b"")
        answers = {name: self._answer(part["Method"], part["Resource"]) for name, part in parts.items()}
        if self.is_flooded and "marker" in str(parts):
            return 207, {"Date": self.date}, json.dumps({"0": "x" * LIMIT})
        return 207, {"Date": self.date}, json.dumps(answers)

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
        elif self.exception:
            status, items = 200, [{**source, "LatestMarker": "m_2", "Exception": {"Errors": [self.exception]}}]
        else:
            status, items = 200, [{**source, "LatestMarker": "m_2", "Status": "Updated", "Events": self.events}]
        content: Any = {"Items": items} if status < 300 else {"Errors": ["No."]}
        return {"Status": status, "Headers": {}, "Content": content}


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as wire:
        yield Scripted(wire)


@pytest.fixture
def scripted_updates(scripted: Scripted) -> StreamUpdates:
    api = PiWebApi(session(), base_url="https://pi.example", auth=None)
    api.batch({"clock": Part(resource="https://pi.example/streams/A/value")})
    return StreamUpdates(api, [STREAM], Kept(), batch=10, count=10, overlap=MINUTE)


def test_of_several_events_of_one_instant_the_last_counts(scripted: Scripted, scripted_updates: StreamUpdates) -> None:
    scripted_updates.promise()
    at, later = {"Timestamp": "2026-11-20T09:59:00Z"}, {"Timestamp": "2026-11-20T09:59:30Z"}
    scripted.events = [
        {**at, "Action": "Add", "Value": 1},
        {**later, "Action": "Delete", "Value": 2},
        {**at, "Action": "Delete", "Value": 1},
        {**later, "Action": "Update", "Value": 3},
    ]

    [[update]] = scripted_updates.poll()

    assert [one["Value"] for one in update.values] == [3]
    assert [one["Timestamp"] for one in update.deleted] == ["2026-11-20T09:59:00Z"]


def test_a_gap_that_cannot_be_filled_is_filled_later_from_where_it_began(
    scripted: Scripted, scripted_updates: StreamUpdates
) -> None:
    scripted_updates.promise()
    scripted.exception, scripted.recorded_status = "The signup was updated.", 404

    [[refused]] = scripted_updates.poll()

    assert refused.refusal == "No."
    assert scripted_updates.behind == {STREAM.path: "2026-11-20T09:59:00Z"}
    scripted.exception, scripted.recorded_status = "", 200
    scripted.date = "Fri, 20 Nov 2026 10:01:00 GMT"
    list(scripted_updates.poll())
    assert set(scripted.asked_from) == {"2026-11-20T09:59:00Z"}
    assert scripted_updates.behind == {}


def test_a_server_that_breaks_while_it_registers_is_asked_again(
    scripted: Scripted, scripted_updates: StreamUpdates
) -> None:
    scripted.register_status = 500
    with pytest.raises(Unreachable):
        scripted_updates.promise()

    scripted.register_status = 200
    scripted_updates.promise()

    assert scripted_updates.followed == 1


def test_an_answer_that_is_too_large_is_asked_for_in_pieces(
    scripted: Scripted, scripted_updates: StreamUpdates, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted_updates.promise()
    scripted.is_flooded = True

    list(scripted_updates.poll())

    assert scripted.registered == 2
    assert scripted.asked_from == ["2026-11-20T09:59:00Z"]


@pytest.mark.parametrize(
    ("status", "body", "offers"),
    [
        (200, {"Items": [{"Status": "Failed", "Exception": {"Errors": ["Cache not found"]}}]}, True),
        (404, {"Errors": ["Cache not found"]}, True),
        (409, {"Errors": ["Invalid marker supplied"]}, True),
        (404, {"Message": "No HTTP resource was found that matches the request URI."}, False),
        (405, {"Message": "The requested resource does not support http method 'GET'."}, False),
        (403, {"Message": "The feature is disabled."}, False),
    ],
)
def test_whether_a_server_tells_of_changes_is_seen_by_how_it_refuses(
    status: int, body: dict[str, Any], offers: bool
) -> None:
    api = PiWebApi(session(), base_url="https://pi.example", auth=None)
    answer = {"updates": {"Status": status, "Headers": {}, "Content": body}}
    with responses.RequestsMock() as wire:
        wire.post("https://pi.example/batch", json=answer, status=207)

        assert is_offered(api.batch({"updates": attempt(api)})["updates"]) is offers
