"""History of values: every continuation point followed, those left off released, refusals told apart."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
import responses

from connectors.protocols.egress import EgressPolicy
from connectors.protocols.errors import ContractBroken, SourceError, Unauthorized, Unreachable
from connectors.protocols.http import HttpLimits, HttpSession
from connectors.protocols.opcua.history import NoHistory, PastValues, ValueHistory
from connectors.protocols.opcua.status import TooManyOperations
from connectors.protocols.opcua.web_api import WebApi

BASE = "https://gateway.example/opcua"
START, END = datetime(2026, 11, 22, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC)


class Gateway:
    """Answers with what was prepared for it, in turn, and keeps what it was asked."""

    def __init__(self, mock: responses.RequestsMock) -> None:
        self.mock = mock

    def tells(self, *results: dict[str, Any]) -> None:
        self.answers({"Results": list(results)})

    def answers(self, body: Any, *, status: int = 200) -> None:
        self.mock.post(f"{BASE}/historyread", json=body, status=status)

    @property
    def asked(self) -> list[tuple[bool, dict[str, str]]]:
        """Whether points were released, and of which nodes what was asked, with their continuation points."""
        bodies = [json.loads(call.request.body or "") for call in self.mock.calls]
        return [
            (
                body["ReleaseContinuationPoints"],
                {one["NodeId"]: one.get("ContinuationPoint", "") for one in body["NodesToRead"]},
            )
            for body in bodies
        ]


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with responses.RequestsMock() as mock:
        yield Gateway(mock)


def history() -> ValueHistory:
    session = HttpSession(egress=EgressPolicy(), now=lambda: START, limits=HttpLimits(retries=0))
    return ValueHistory(WebApi(session, base_url=BASE, auth=None, verbose=False), start=START, end=END, size=2)


def read(*nodes: str) -> list[PastValues]:
    asked = history()
    return list(asked.whole(asked.first(nodes)))


def told(*values: float, point: str = "", code: int = 0) -> dict[str, Any]:
    result: dict[str, Any] = {"HistoryData": {"UaTypeId": "i=656", "DataValues": [value(one) for one in values]}}
    result |= {"ContinuationPoint": point} if point else {}
    return result | ({"StatusCode": {"Code": code}} if code else {})


def refusal(code: int) -> dict[str, Any]:
    return {"StatusCode": {"Code": code}}


def value(number: float) -> dict[str, Any]:
    return {"UaType": 11, "Value": number, "SourceTimestamp": f"2026-11-22T00:00:{number:02.0f}Z"}


def test_it_asks_for_raw_values_of_a_span(gateway: Gateway) -> None:
    gateway.tells(told())

    read("i=1")

    asked = json.loads(gateway.mock.calls[0].request.body or "")
    assert asked["HistoryReadDetails"] == {
        "UaTypeId": "i=647",
        "IsReadModified": False,
        "StartTime": "2026-11-22T00:00:00Z",
        "EndTime": "2026-11-23T00:00:00Z",
        "NumValuesPerNode": 2,
        "ReturnBounds": False,
    }
    assert asked["TimestampsToReturn"] == 2


def test_each_node_goes_on_until_it_has_no_continuation_point(gateway: Gateway) -> None:
    gateway.tells(told(1, 2, point="A1", code=0x00A60000), told(5), told(code=0x00A50000))
    gateway.tells(told(3, 4, point="A2", code=0x00A60000))
    gateway.tells(told(6))

    answers = read("i=1", "i=2", "i=3")

    assert [answer.values for answer in answers] == [
        {"i=1": [value(1), value(2)], "i=2": [value(5)], "i=3": []},
        {"i=1": [value(3), value(4)]},
        {"i=1": [value(6)]},
    ]
    assert gateway.asked[1:] == [(False, {"i=1": "A1"}), (False, {"i=1": "A2"})]


def test_continuation_points_that_are_left_off_are_released(gateway: Gateway) -> None:
    gateway.tells(told(1, point="A1"), told(1, point="B1"))
    gateway.tells({}, {})
    asked = history()

    with closing(asked.whole(asked.first(["i=1", "i=2"]))) as answers:
        next(answers)

    assert gateway.asked[1] == (True, {"i=1": "A1", "i=2": "B1"})


def test_a_page_that_comes_again_ends_it_and_is_released(gateway: Gateway) -> None:
    gateway.tells(told(1, point="A1"))
    gateway.tells(told(1, point="A1"))
    gateway.tells({})

    answers = read("i=1")

    assert answers[-1].incomplete == "The server repeats the same page of values, so others may be missing."
    assert gateway.asked[-1] == (True, {"i=1": "A1"})


def test_more_data_without_a_way_to_go_on_is_not_whole(gateway: Gateway) -> None:
    gateway.tells(told(1, code=0x00A60000))

    [answer] = read("i=1")

    assert answer.incomplete == "The server says that there are more values of i=1 but not how to go on."


@pytest.mark.parametrize("code", [0x804B0000, 0x804A0000], ids=["none left", "no longer known"])
def test_a_node_that_the_server_had_no_point_for_is_asked_alone(gateway: Gateway, code: int) -> None:
    gateway.tells(told(1, point="A1"), refusal(code))
    gateway.tells(told(2))
    gateway.tells(told(7))

    answers = read("i=1", "i=2")

    assert [answer.values for answer in answers] == [{"i=1": [value(1)]}, {"i=1": [value(2)]}, {"i=2": [value(7)]}]
    assert gateway.asked[-1] == (False, {"i=2": ""})


def test_a_point_that_was_lost_on_the_way_begins_its_node_anew(gateway: Gateway) -> None:
    gateway.tells(told(1, point="A1"), told(1, point="B1"))
    gateway.tells(refusal(0x804A0000), told(2))
    gateway.tells(told(1, 2))
    gateway.tells(told(2))

    answers = read("i=1", "i=2")

    assert [answer.values for answer in answers[-2:]] == [{"i=1": [value(1), value(2)]}, {"i=1": []}]


def test_a_full_answer_without_a_point_is_read_on_from_its_last_time(gateway: Gateway) -> None:
    """asyncua sends no point when it sends as many values as were asked for."""
    gateway.tells(told(1, 2))
    gateway.tells(told(2, 3))
    gateway.tells(told(3))

    answers = read("i=1")

    assert [answer.values for answer in answers] == [{"i=1": [value(1), value(2)]}, {"i=1": [value(3)]}, {"i=1": []}]
    assert not any(answer.incomplete for answer in answers)


def test_a_full_answer_of_one_time_without_a_point_is_not_whole(gateway: Gateway) -> None:
    gateway.tells(told(1, 2))
    gateway.tells(told(2, 2))

    answers = read("i=1")

    assert answers[-1].incomplete == "The server sent 2 values of i=1 and not how to go on: there may be more."


def test_even_alone_without_a_point_is_asked_again_later(gateway: Gateway) -> None:
    gateway.tells(refusal(0x804B0000))

    with pytest.raises(Unreachable, match="BadNoContinuationPoints while reading the history of values"):
        read("i=1")


@pytest.mark.parametrize(
    ("code", "symbol"),
    [
        (0x80720000, "BadHistoryOperationUnsupported"),
        (0x801F0000, "BadUserAccessDenied"),
        (0x80340000, "BadNodeIdUnknown"),
    ],
)
def test_one_node_may_be_refused_and_the_others_not(gateway: Gateway, code: int, symbol: str) -> None:
    gateway.tells(refusal(code), told(1))

    [answer] = read("i=1", "i=2")

    assert {node: status.symbol for node, status in answer.refused.items()} == {"i=1": symbol}
    assert answer.values == {"i=2": [value(1)]}


def test_a_span_without_data_is_empty_and_no_refusal(gateway: Gateway) -> None:
    gateway.tells(refusal(0x809B0000))

    [answer] = read("i=1")

    assert (answer.values, answer.refused) == ({"i=1": []}, {})


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ({"ResponseHeader": {"ServiceResult": {"Code": 0x80720000}}}, 200, NoHistory),
        ({"ResponseHeader": {"ServiceResult": {"Code": 0x800B0000}}}, 200, NoHistory),
        ({}, 404, NoHistory),
        ({"ResponseHeader": {"ServiceResult": {"Code": 0x80100000}}}, 200, TooManyOperations),
        ({"ResponseHeader": {"ServiceResult": {"Code": 0x801F0000}}}, 200, Unauthorized),
        ({"Results": [{"HistoryData": {"UaTypeId": "i=659", "Events": []}}]}, 200, ContractBroken),
        ({"Results": [{"StatusCode": {"Code": 0x80310000}}]}, 200, Unreachable),
    ],
)
def test_what_the_whole_service_answers_calls_for_its_reaction(
    gateway: Gateway, body: Any, status: int, kind: type[SourceError]
) -> None:
    gateway.answers(body, status=status)

    with pytest.raises(kind):
        read("i=1")
