"""The services of the OPC UA Web API, and the ways in which servers of the field depart from them."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
import responses

from connectors.protocols.credentials import Bearer
from connectors.protocols.egress import EgressPolicy
from connectors.protocols.errors import (
    BadConfig,
    ContractBroken,
    SourceError,
    Throttled,
    Unauthorized,
    Unreachable,
)
from connectors.protocols.http import HttpLimits, HttpSession
from connectors.protocols.opcua.events import EventPage
from connectors.protocols.opcua.status import NotOffered, TooManyOperations
from connectors.protocols.opcua.web_api import SelectClause, WebApi, in_batches

BASE = "https://gateway.example/opcua"
START, END = datetime(2026, 11, 22, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC)
CLAUSES = (
    SelectClause(name="Time", event_type="i=2041", path=("Time",)),
    SelectClause(name="ConditionId", event_type="i=2782", path=(), attribute=1),
)
HEADER = {"ResponseHeader": {"Timestamp": "2026-11-22T01:15:03.2Z"}}


class Gateway:
    """Answers each service with what was prepared for it, in turn, and keeps what it was asked."""

    def __init__(self, mock: responses.RequestsMock) -> None:
        self.mock = mock

    def answers(self, service: str, *bodies: Any, status: int = 200) -> None:
        for body in bodies:
            content = {"body": b""} if body is None else {"json": body}
            self.mock.post(f"{BASE}/{service}", status=status, headers={"Date": DATE}, **content)

    def results(self, service: str, *results: list[Any]) -> None:
        self.answers(service, *({**HEADER, "Results": items} for items in results))

    @property
    def asked(self) -> list[Any]:
        return [json.loads(call.request.body or "") for call in self.mock.calls]


DATE = "Sun, 22 Nov 2026 01:15:09 GMT"


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with responses.RequestsMock() as mock:
        yield Gateway(mock)


def api(*, verbose: bool = False) -> WebApi:
    session = HttpSession(
        egress=EgressPolicy(), now=lambda: START, limits=HttpLimits(retries=1, backoff=0), sleep=lambda _: None
    )
    return WebApi(session, base_url=f"{BASE}/", auth=Bearer("secret"), verbose=verbose)


def events(size: int = 2) -> list[EventPage]:
    return list(api().events("i=2253", CLAUSES, start=START, end=END, size=size, doing="reading the alarms"))


def event(second: int) -> dict[str, Any]:
    return {"EventFields": [{"UaType": 13, "Value": f"2026-11-22T01:15:{second:02}Z"}, {}]}


def history(*seconds: int, point: str | None = None, status: int = 0) -> dict[str, Any]:
    result: dict[str, Any] = {"HistoryData": {"UaTypeId": "i=659", "Events": [event(s) for s in seconds]}}
    return (
        result | ({"ContinuationPoint": point} if point else {}) | ({"StatusCode": {"Code": status}} if status else {})
    )


def test_a_read_asks_for_values_with_both_stamps_and_signs_in(gateway: Gateway) -> None:
    gateway.results("read", [{"UaType": 11, "Value": 1.0}, {"UaType": 11}])

    answer = api().read(["i=1", "i=2"], doing="reading")

    assert answer.results == [{"UaType": 11, "Value": 1.0}, {"UaType": 11}]
    assert answer.at == datetime(2026, 11, 22, 1, 15, 3, 200_000, tzinfo=UTC)
    assert gateway.asked == [
        {
            "RequestHeader": {"TimeoutHint": 20_000},
            "MaxAge": 0,
            "TimestampsToReturn": 2,
            "NodesToRead": [{"NodeId": "i=1", "AttributeId": 13}, {"NodeId": "i=2", "AttributeId": 13}],
        }
    ]
    sent = gateway.mock.calls[0].request.headers
    assert (sent["Authorization"], sent["Accept"]) == ("Bearer secret", "application/json")


def test_verbose_is_asked_for_by_the_accept_header(gateway: Gateway) -> None:
    gateway.results("read", [{}])

    api(verbose=True).read(["i=1"], doing="reading")

    assert gateway.mock.calls[0].request.headers["Accept"] == "application/json; encoding=verbose"


@pytest.mark.parametrize(
    "body",
    [
        {"UaTypeId": "i=632", "UaBody": {**HEADER, "Results": [{"UaType": 11}]}},
        {"TypeId": {"Id": 632}, "Body": {**HEADER, "Results": [{"UaType": 11}]}},
        {"Results": [{"UaType": 11}]},
    ],
)
def test_an_envelope_or_a_missing_header_is_no_hindrance(gateway: Gateway, body: Any) -> None:
    gateway.answers("read", body)

    assert api().read(["i=1"], doing="reading").results == [{"UaType": 11}]


def test_without_a_stamp_in_the_header_the_answer_was_given_when_http_says(gateway: Gateway) -> None:
    gateway.answers("read", {"Results": [{}]})

    assert api().read(["i=1"], doing="reading").at == datetime(2026, 11, 22, 1, 15, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("code", "reaction"),
    [
        (0x801F0000, Unauthorized),
        (0x80EE0000, Throttled),
        (0x800A0000, Unreachable),
        (0x80100000, TooManyOperations),
        (0x800B0000, NotOffered),
        (0x80070000, ContractBroken),
    ],
)
@pytest.mark.parametrize("rest", [{}, {"Results": []}])
def test_a_fault_in_the_header_of_a_200_is_a_fault(
    gateway: Gateway, code: int, reaction: type[SourceError], rest: dict[str, Any]
) -> None:
    gateway.answers("read", {"ResponseHeader": {"ServiceResult": {"Code": code}}, **rest})

    with pytest.raises(reaction) as refused:
        api().read(["i=1"], doing="reading values")

    assert type(refused.value) is reaction


def test_a_request_that_the_server_cannot_decode_is_ours_to_mend(gateway: Gateway) -> None:
    gateway.answers("read", None, status=400)

    with pytest.raises(ContractBroken, match="could not decode our request while reading values"):
        api().read(["i=1"], doing="reading values")


def test_an_address_without_the_api_is_a_wrong_setting(gateway: Gateway) -> None:
    gateway.answers("read", {"detail": "Not Found"}, status=404)

    with pytest.raises(BadConfig, match="no OPC UA Web API at this address") as refused:
        api().read(["i=1"], doing="reading values")

    assert refused.value.field == "base_url"


@pytest.mark.parametrize("body", [[], "ok", {"status": "ok"}, {**HEADER, "Results": None}])
def test_json_of_something_else_is_told_apart(gateway: Gateway, body: Any) -> None:
    gateway.answers("read", body)

    with pytest.raises(ContractBroken, match="Check"):
        api().read(["i=1"], doing="reading values")


@pytest.mark.parametrize("results", [[], [{}], [{}, {}, {}]])
def test_fewer_or_more_results_than_questions_are_not_guessed_at(gateway: Gateway, results: list[Any]) -> None:
    gateway.results("read", results)

    with pytest.raises(ContractBroken, match="for 2 questions while reading values"):
        api().read(["i=1", "i=2"], doing="reading values")


def test_batches_are_halved_on_demand() -> None:
    taken = []

    def ask(batch: Any) -> int:
        if len(batch) > 3:
            raise TooManyOperations("too many")
        taken.append(list(batch))
        return len(batch)

    sizes = [size for _, _, size in in_batches(range(10), 10, ask)]

    assert taken == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]
    assert sizes == [3, 3, 3, 3]


def test_one_item_that_is_too_many_is_an_error() -> None:
    def ask(batch: Any) -> None:
        raise TooManyOperations("too many")

    with pytest.raises(TooManyOperations):
        list(in_batches([1, 2, 3], 3, ask))


def references(*names: str) -> list[dict[str, Any]]:
    return [{"NodeId": f"nsu=urn:x;s={name}", "NodeClass": 2, "ReferenceTypeId": "i=47"} for name in names]


def test_all_pages_below_a_node_are_taken(gateway: Gateway) -> None:
    gateway.results(
        "browse", [{"References": references("a"), "ContinuationPoint": "AAE="}, {"References": references("x")}]
    )
    gateway.results(
        "browsenext",
        [{"References": references("b"), "ContinuationPoint": "AAI="}],
        [{"References": references("c"), "ContinuationPoint": ""}],
    )

    found = api().browse(["i=85", "i=86"], per_node=1, doing="browsing")

    assert [r["NodeId"][-1] for r in found["i=85"].references] == ["a", "b", "c"]
    assert [r["NodeId"][-1] for r in found["i=86"].references] == ["x"]
    assert not found["i=85"].incomplete
    assert [asked.get("ContinuationPoints") for asked in gateway.asked] == [None, ["AAE="], ["AAI="]]


def test_one_point_for_all_pages_is_fine_as_long_as_they_differ(gateway: Gateway) -> None:
    gateway.results("browse", [{"References": references("a"), "ContinuationPoint": "AAE="}])
    gateway.results(
        "browsenext",
        [{"References": references("b"), "ContinuationPoint": "AAE="}],
        [{"References": references("c")}],
    )

    found = api().browse(["i=85"], per_node=1, doing="browsing")["i=85"]

    assert (len(found.references), found.incomplete) == (3, "")


@pytest.mark.parametrize("point", ["AAE=", "AAI="])
def test_a_page_that_comes_again_ends_the_browsing_and_is_no_proof(gateway: Gateway, point: str) -> None:
    gateway.results("browse", [{"References": references("a"), "ContinuationPoint": "AAE="}])
    gateway.results("browsenext", [{"References": references("a"), "ContinuationPoint": point}])

    found = api().browse(["i=85"], per_node=1, doing="browsing")["i=85"]

    assert len(found.references) == 1
    assert found.incomplete == "the server repeats the same page below i=85"


def test_empty_pages_without_end_end(gateway: Gateway) -> None:
    gateway.results("browse", [{"ContinuationPoint": "AAE="}])
    gateway.results("browsenext", *([{"ContinuationPoint": "AAE="}] for _ in range(100)))

    assert api().browse(["i=85"], per_node=1, doing="browsing")["i=85"].incomplete


def test_a_node_that_got_no_continuation_point_is_asked_for_alone(gateway: Gateway) -> None:
    gateway.results(
        "browse",
        [{"References": references("a")}, {"StatusCode": {"Code": 0x804B0000}}],
        [{"References": references("b")}],
    )

    found = api().browse(["i=85", "i=86"], per_node=1, doing="browsing")

    assert [r["NodeId"][-1] for r in found["i=86"].references] == ["b"]
    assert not found["i=86"].incomplete
    assert [len(asked["NodesToBrowse"]) for asked in gateway.asked] == [2, 1]


def test_a_node_that_cannot_be_browsed_says_why(gateway: Gateway) -> None:
    gateway.results("browse", [{"StatusCode": {"Code": 0x801F0000}}])

    found = api().browse(["i=85"], per_node=1, doing="browsing")["i=85"]

    assert found.incomplete == "the server answered BadUserAccessDenied for i=85"
    assert found.status.symbol == "BadUserAccessDenied"


def test_the_history_is_asked_for_by_the_same_words_on_every_page(gateway: Gateway) -> None:
    gateway.results(
        "historyread", [history(1, 2, point="AAE=", status=0x00A60000)], [history(3, 4, point="AAI=")], [history(5)]
    )

    pages = events()

    assert [len(page.events) for page in pages] == [2, 2, 1]
    assert [page.is_last for page in pages] == [False, False, True]
    first, second, third = gateway.asked
    assert first["HistoryReadDetails"] == {
        "UaTypeId": "i=644",
        "NumValuesPerNode": 2,
        "StartTime": "2026-11-22T00:00:00Z",
        "EndTime": "2026-11-23T00:00:00Z",
        "Filter": {
            "SelectClauses": [
                {"TypeDefinitionId": "i=2041", "BrowsePath": ["Time"], "AttributeId": 13},
                {"TypeDefinitionId": "i=2782", "BrowsePath": [], "AttributeId": 1},
            ]
        },
    }
    assert first["HistoryReadDetails"] == second["HistoryReadDetails"] == third["HistoryReadDetails"]
    assert [asked["NodesToRead"] for asked in (first, second, third)] == [
        [{"NodeId": "i=2253"}],
        [{"NodeId": "i=2253", "ContinuationPoint": "AAE="}],
        [{"NodeId": "i=2253", "ContinuationPoint": "AAI="}],
    ]
    assert not any(asked["ReleaseContinuationPoints"] for asked in (first, second, third))


@pytest.mark.parametrize(
    "result",
    [
        {"StatusCode": {"Code": 0x00A50000}},
        {"StatusCode": {"Code": 0x00A50000}, "HistoryData": {}},
        {"HistoryData": {"UaTypeId": "i=659"}},
        {"HistoryData": {"UaTypeId": "i=15273", "Events": []}},
        {"HistoryData": {"TypeId": {"Id": 659}, "Body": {"Events": []}}},
    ],
)
def test_no_events_is_an_answer(gateway: Gateway, result: Any) -> None:
    gateway.results("historyread", [result])

    assert events() == [EventPage(events=[], is_last=True)]


@pytest.mark.parametrize("point", ["AAE=", "AAI="])
def test_events_that_come_again_end_the_reading_and_are_no_proof(gateway: Gateway, point: str) -> None:
    gateway.results("historyread", [history(1, 2, point="AAE=")], [history(1, 2, point=point)])
    gateway.results("historyread", [{}])  # the point that is given back

    first, last = events()

    assert (len(first.events), len(last.events), last.is_last) == (2, 0, True)
    assert last.incomplete == "The server repeats the same page of events, so others may be missing."
    assert gateway.asked[-1]["ReleaseContinuationPoints"] is True


def test_more_data_without_a_way_to_it_is_no_proof(gateway: Gateway) -> None:
    gateway.results("historyread", [history(1, 2, status=0x00A60000)])

    (page,) = events()

    assert page.is_last
    assert page.incomplete == "The server says that there are more events but not how to go on."


def test_a_reader_that_stops_early_gives_its_point_back(gateway: Gateway) -> None:
    gateway.results("historyread", [history(1, 2, point="AAE=")], [{}])

    with closing(api().events("i=2253", CLAUSES, start=END, end=START, size=2, doing="reading")) as pages:
        next(pages)

    released = gateway.asked[-1]
    assert released["ReleaseContinuationPoints"] is True
    assert released["NodesToRead"] == [{"NodeId": "i=2253", "ContinuationPoint": "AAE="}]


@pytest.mark.parametrize(
    ("code", "reaction"),
    [
        (0x80720000, NotOffered),
        (0x801F0000, Unauthorized),
        (0x804A0000, Unreachable),
        (0x80710000, NotOffered),
        (0x80070000, ContractBroken),
    ],
)
def test_a_history_that_is_refused_calls_for_its_reaction(
    gateway: Gateway, code: int, reaction: type[SourceError]
) -> None:
    gateway.results("historyread", [{"StatusCode": {"Code": code}}])

    with pytest.raises(reaction, match="while reading the alarms"):
        events()


def test_values_are_no_events(gateway: Gateway) -> None:
    gateway.results("historyread", [{"HistoryData": {"UaTypeId": "i=656", "DataValues": []}}])

    with pytest.raises(ContractBroken, match="sent i=656 where events were promised"):
        events()


def test_a_read_is_sent_again_after_a_passing_error_but_a_call_and_a_point_are_not(gateway: Gateway) -> None:
    gateway.answers("read", {}, status=503)
    gateway.results("read", [{}])
    gateway.answers("call", {}, status=503)

    api().read(["i=1"], doing="reading")
    with pytest.raises(Unreachable):
        api().call("i=1", "i=9111", [], doing="calling")

    assert len(gateway.mock.calls) == 3


def test_a_call_gives_the_status_of_the_method(gateway: Gateway) -> None:
    gateway.results("call", [{"StatusCode": {"Code": 0x80CF0000}}])

    status = api().call("nsu=urn:x;s=Trip", "i=9111", [{"UaType": 15, "Value": "AA=="}], doing="calling")

    assert status.symbol == "BadConditionBranchAlreadyAcked"
    assert gateway.asked[0]["MethodsToCall"] == [
        {
            "ObjectId": "nsu=urn:x;s=Trip",
            "MethodId": "i=9111",
            "InputArguments": [{"UaType": 15, "Value": "AA=="}],
        }
    ]


def test_a_continuation_point_of_browsing_that_is_left_off_is_released(gateway: Gateway) -> None:
    page = {"References": [{"NodeId": "nsu=urn:x;s=A"}], "ContinuationPoint": "AAEC"}
    gateway.results("browse", [page])
    gateway.results("browsenext", [page], [{}])

    browsed = api().browse(["i=85"], per_node=1, doing="browsing")["i=85"]

    assert browsed.incomplete == "the server repeats the same page below i=85"
    released = gateway.asked[-1]
    assert (released["ReleaseContinuationPoints"], released["ContinuationPoints"]) == (True, ["AAEC"])
