"""The PI Web API adapter and the ways in which servers answer otherwise than one hopes."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import responses
from requests import PreparedRequest

from connectors.adapters.pi_web_api.adapter import PiWebApiAdapter
from connectors.contracts.reading import Quality, Reading
from connectors.protocols.adapter import Mode, Page, SourceStream
from connectors.protocols.errors import BadConfig, ContractBroken, SourceError, Throttled, Unauthorized, Unreachable
from tests.connectors.adapters.wire import build

BASE = "https://pi.example/piwebapi"
DATE = {"Date": "Fri, 20 Nov 2026 10:00:00 GMT"}
SERVER = "\\\\DA1"
SIGNALS = SourceStream(name=SERVER, contract="signal/1")
READINGS = SourceStream(name=SERVER, contract="reading/1")
CURSOR = {"since": "2026-11-20T09:00:00Z", "behind": {}}

Reply = tuple[int, dict[str, str], str]
AnswerPart = Callable[[str, dict[str, list[str]]], dict[str, Any]]


def historian(**changes: Any) -> PiWebApiAdapter:
    settings = {"base_url": BASE, "sign_in": "BASIC", "username": "reader", "password": "s3cret", **changes}
    adapter: PiWebApiAdapter = build(PiWebApiAdapter, **settings)
    return adapter


def part(status: int, content: Any, **headers: str) -> dict[str, Any]:
    return {"Status": status, "Headers": headers, "Content": content}


def value(at: str = "2026-11-20T09:30:00Z", number: float = 1.0) -> dict[str, Any]:
    return {"Timestamp": at, "Value": number, "Good": True, "Questionable": False, "Substituted": False}


class Server:
    """A data server with tags `A`, `B`, …, that answers the parts of a batch as it is told."""

    def __init__(self, wire: responses.RequestsMock, *, tags: str = "ABC") -> None:
        self.tags = [{"WebId": f"I1DP{tag}", "Path": f"{SERVER}\\{tag}", "Name": tag} for tag in tags]
        self.answer: AnswerPart = self.values
        self.batches: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        wire.get(f"{BASE}/dataservers", json={"WebId": "I1DS", "Name": "DA1"}, headers=DATE)
        wire.add_callback(responses.GET, f"{BASE}/dataservers/I1DS/points", callback=self._points)
        wire.add_callback(responses.POST, f"{BASE}/batch", callback=self._batch)

    def values(self, path: str, query: dict[str, list[str]]) -> dict[str, Any]:
        """One value of each."""
        if path.startswith("streams/"):
            return part(200, {"Items": [value()]})
        return part(200, {"Items": [{"WebId": web_id, "Items": [value()]} for web_id in query["webId"]]})

    def _points(self, request: PreparedRequest) -> Reply:
        query = parse_qs(urlsplit(request.url or "").query)
        start, count = int(query["startIndex"][0]), int(query["maxCount"][0])
        return 200, {}, json.dumps({"Links": {}, "Items": self.tags[start : start + count]})

    def _batch(self, request: PreparedRequest) -> Reply:
        asked = json.loads(request.body or b"")
        self.batches.append(asked)
        self.headers.append(dict(request.headers))
        answers = {}
        for name, one in asked.items():
            url = urlsplit(one["Resource"])
            answers[name] = self.answer(url.path.removeprefix("/piwebapi/"), parse_qs(url.query))
        return 207, {}, json.dumps(answers)


@pytest.fixture
def wire() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def server(wire: responses.RequestsMock) -> Server:
    return Server(wire)


def read(adapter: PiWebApiAdapter, stream: SourceStream = READINGS, cursor: Any = CURSOR) -> list[Page]:
    return list(adapter.fetch(stream, cursor=cursor, mode=Mode.INCREMENTAL))


def readings(pages: list[Page]) -> dict[str, Reading]:
    parsed = [historian().parse(raw, READINGS) for page in pages for raw in page.records]
    return {one.signal.rpartition("\\")[2]: one for one in parsed if isinstance(one, Reading)}


def test_a_batch_carries_the_header_against_forgery_and_asks_in_utc(server: Server) -> None:
    pages = read(historian(overlap_seconds="30"))

    assert server.headers[0]["X-Requested-With"] == "XMLHttpRequest"
    [asked] = server.batches[0].values()
    query = parse_qs(urlsplit(asked["Resource"]).query)
    # A little beyond the server's clock, which is told in whole seconds.
    assert (query["startTime"], query["endTime"]) == (["2026-11-20T08:59:30Z"], ["2026-11-20T10:00:05Z"])
    assert query["webId"] == ["I1DPA", "I1DPB", "I1DPC"]
    assert pages[-1].cursor == {"since": "2026-11-20T10:00:00Z", "behind": {}}
    assert set(readings(pages)) == {"A", "B", "C"}


def test_many_signals_are_asked_for_in_sets_that_fit_into_an_address(wire: responses.RequestsMock) -> None:
    server = Server(wire, tags="".join(chr(code) for code in range(0x4E00, 0x4E00 + 60)))

    read(historian())

    assert [len(batch) for batch in server.batches] == [3]


@pytest.mark.parametrize(
    "content", [{"Errors": ["PI Point not found"]}, {"Message": "PI Point not found"}, "PI Point not found"]
)
def test_a_refused_set_is_asked_one_by_one_and_only_the_broken_one_is_bad(server: Server, content: Any) -> None:
    def answer(path: str, query: dict[str, list[str]]) -> dict[str, Any]:
        if path.startswith("streamsets/") or "I1DPB" in path:
            return part(404, content)
        return server.values(path, query)

    server.answer = answer

    pages = read(historian())

    assert [len(batch) for batch in server.batches] == [1, 3]
    found = readings(pages)
    assert (found["A"].value, found["C"].value) == (1.0, 1.0)
    assert (found["B"].quality, found["B"].reason, found["B"].value) == (Quality.BAD, "PI Point not found", None)
    assert pages[-1].complete
    assert pages[-1].cursor == {"since": "2026-11-20T10:00:00Z", "behind": {f"{SERVER}\\B": "2026-11-20T08:59:00Z"}}


def test_what_could_not_be_read_is_read_from_where_it_was_left(server: Server) -> None:
    behind = {"since": "2026-11-20T09:00:00Z", "behind": {f"{SERVER}\\B": "2026-11-20T03:00:00Z", "gone": "never"}}

    pages = read(historian(), cursor=behind)

    [alone], together = server.batches[0].values(), server.batches[1]
    assert urlsplit(alone["Resource"]).path == "/piwebapi/streams/I1DPB/recorded"
    assert parse_qs(urlsplit(alone["Resource"]).query)["startTime"] == ["2026-11-20T03:00:00Z"]
    [rest] = together.values()
    assert parse_qs(urlsplit(rest["Resource"]).query)["webId"] == ["I1DPA", "I1DPC"]
    assert pages[-1].cursor == {"since": "2026-11-20T10:00:00Z", "behind": {}}


def test_what_a_server_says_of_a_stream_never_repeats_a_secret(server: Server) -> None:
    def answer(path: str, query: dict[str, list[str]]) -> dict[str, Any]:
        if "I1DPB" in path or path.startswith("streamsets/"):
            return part(404, {"Errors": ["No point for reader with s3cret."]})
        return server.values(path, query)

    server.answer = answer

    assert readings(read(historian()))["B"].reason == "No point for reader with •••."


def test_a_stream_that_broke_within_a_set_is_asked_again_alone(server: Server) -> None:
    broken = {"StatusCode": 500, "Errors": ["The archive is off."]}

    def answer(path: str, query: dict[str, list[str]]) -> dict[str, Any]:
        if path.startswith("streams/"):
            return part(200, {"Items": [value(number=2.0)]})
        items: list[dict[str, Any]] = [{"WebId": web_id, "Items": [value()]} for web_id in query["webId"]]
        items[1] |= {"WebException": broken}
        return part(200, {"Items": items[:2]})

    server.answer = answer

    found = readings(read(historian()))

    assert {name: one.value for name, one in found.items()} == {"A": 1.0, "B": 2.0, "C": 2.0}


def test_answers_of_servers_that_know_no_short_web_ids_are_told_by_their_path(server: Server) -> None:
    def answer(path: str, query: dict[str, list[str]]) -> dict[str, Any]:
        tags = server.tags
        return part(200, {"Items": [{"WebId": "F1DPx", "Path": tag["Path"], "Items": [value()]} for tag in tags]})

    server.answer = answer

    assert set(readings(read(historian()))) == {"A", "B", "C"}


def test_values_that_nobody_asked_for_stop_the_stream(server: Server) -> None:
    server.answer = lambda path, query: part(200, {"Items": [{"WebId": "F1DPx", "Path": "\\\\DA1\\X", "Items": []}]})

    with pytest.raises(ContractBroken, match="which were not asked for"):
        read(historian())


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        (500, {}, Unreachable),
        (502, {}, Unreachable),
        (401, {}, Unauthorized),
        (403, {}, Unauthorized),
        (429, {"Retry-After": "7"}, Throttled),
    ],
)
def test_what_all_parts_are_refused_for_is_told_of_the_source(
    server: Server, status: int, headers: dict[str, str], error: type[SourceError]
) -> None:
    server.answer = lambda path, query: part(status, {"Errors": ["It is so. reader:s3cret"]}, **headers)

    with pytest.raises(error) as raised:
        read(historian())

    assert "s3cret" not in str(raised.value)
    if isinstance(raised.value, Throttled):
        assert str(raised.value.retry_at) == "2026-11-24 01:15:07+00:00"


def test_a_limit_of_the_server_is_a_setting(server: Server) -> None:
    said = "Parameter (maxCount) is greater than the maximum allowed (500)."
    server.answer = lambda path, query: part(400, {"Errors": [said]})

    with pytest.raises(BadConfig, match="allows fewer values in a call") as raised:
        read(historian())

    assert raised.value.field == "values_per_signal"


def test_a_part_without_an_answer_stops_the_stream(wire: responses.RequestsMock, server: Server) -> None:
    wire.remove(responses.POST, f"{BASE}/batch")
    wire.post(f"{BASE}/batch", json={}, status=207)

    with pytest.raises(ContractBroken, match="without an answer"):
        read(historian())


@pytest.mark.parametrize("body", [{"WebException": {"StatusCode": 503, "Errors": ["Busy."]}}, {"WebException": "x"}])
def test_a_batch_that_broke_behind_its_status_is_unreachable(
    wire: responses.RequestsMock, server: Server, body: Any
) -> None:
    wire.remove(responses.POST, f"{BASE}/batch")
    wire.post(f"{BASE}/batch", json=body, status=207)

    with pytest.raises(Unreachable):
        read(historian())


def test_an_answer_that_is_too_large_is_asked_for_in_halves(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = historian()
    monkeypatch.setattr(adapter.http, "limits", adapter.http.limits.__class__(response_bytes=450, retries=0))

    pages = read(adapter)

    assert set(readings(pages)) == {"A", "B", "C"}
    assert [len(page.records) for page in pages] == [2, 1]


def test_a_list_that_lost_a_member_meanwhile_is_not_whole(server: Server) -> None:
    pages = historian(list_size="2").fetch(SIGNALS, cursor=None, mode=Mode.FULL)
    first = next(pages)
    del server.tags[0]

    rest = list(pages)

    assert [raw["Name"] for raw in first.records] == ["A", "B"]
    assert not rest[-1].complete
    assert "changed while it was read" in rest[-1].incomplete_reason


def test_a_page_that_is_exactly_full_is_not_taken_for_the_last(server: Server) -> None:
    pages = list(historian(list_size="3").fetch(SIGNALS, cursor=None, mode=Mode.FULL))

    assert [len(page.records) for page in pages] == [3, 0]
    assert pages[-1].complete


def test_an_account_that_may_not_see_the_system_pages_still_gets_an_answer(wire: responses.RequestsMock) -> None:
    wire.get(f"{BASE}/", json={"Links": {"AssetServers": "…", "DataServers": "…"}})
    for page in ("system", "system/status", "system/userinfo"):
        wire.get(f"{BASE}/{page}", status=403, json={"Errors": ["No."]})
    af = {"WebId": "F1RS", "Path": "\\\\AF1", "IsConnected": False}
    wire.get(f"{BASE}/assetservers", json={"Items": [af]})
    wire.get(f"{BASE}/dataservers", json={"Items": []})
    wire.post(f"{BASE}/batch", status=400, json={"Errors": ["A custom header is required."]})

    probe = historian().probe()

    assert probe.summary == "PI Web API shows us no asset database and no data server."
    assert probe.findings[0] == "Our account sees nothing here. Have it mapped to a PI identity that may read."
    assert probe.findings[1] == "The PI Web API has no connection to \\\\AF1: nothing of it can be read."
    assert probe.findings[2].startswith("It takes no batch from us")
    assert "A custom header is required" in probe.findings[2]


@pytest.mark.parametrize(
    ("offered", "error", "said"),
    [
        ("Negotiate", BadConfig, "by Kerberos alone"),
        ("Negotiate, NTLM", BadConfig, "by Kerberos alone"),
        ('Negotiate, Basic realm="pi"', Unauthorized, "does not accept our credentials"),
        ("Bearer", Unauthorized, "does not accept our credentials"),
    ],
)
def test_where_only_kerberos_is_offered_the_answer_says_so(
    wire: responses.RequestsMock, offered: str, error: type[SourceError], said: str
) -> None:
    wire.get(f"{BASE}/", status=401, headers={"WWW-Authenticate": offered})

    with pytest.raises(error, match=said):
        historian().probe()


@pytest.mark.parametrize("answer", [{"json": {"Links": {"Self": "…"}}}, {"body": "<html>"}, {"status": 404}])
def test_an_address_without_the_path_is_a_setting(wire: responses.RequestsMock, answer: dict[str, Any]) -> None:
    wire.get("https://pi.example/", **answer)

    with pytest.raises(BadConfig, match="usually /piwebapi") as raised:
        historian(base_url="https://pi.example").probe()

    assert raised.value.field == "base_url"


def test_client_credentials_get_one_token_for_all(wire: responses.RequestsMock) -> None:
    wire.post("https://id.example/connect/token", json={"access_token": "t0ken", "expires_in": 3600})
    for page in ("assetservers", "dataservers"):
        wire.get(f"{BASE}/{page}", json={"Items": []})
    oauth2 = {"token_url": "https://id.example/connect/token", "client_id": "us", "client_secret": "s3cret"}

    assert list(historian(sign_in="OAUTH2", **oauth2).discover()) == []

    sent = [call.request.headers.get("Authorization", "").split()[0] for call in wire.calls]
    assert sent == ["Basic", "Bearer", "Bearer"]
