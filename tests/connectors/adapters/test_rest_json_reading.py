"""Reading a JSON resource: pages, proof, resume, changes."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import responses

from connectors.protocols.adapter import Mode
from connectors.protocols.errors import (
    BadConfig,
    ContractBroken,
    Throttled,
    Unauthorized,
)
from tests.connectors.adapters.rest_service import (
    ALL,
    BASE,
    BY_CURSOR,
    BY_PAGE,
    MAPPING,
    POINTS,
    Service,
    adapter_for,
    ids,
    point,
    read,
    stream,
)


@pytest.fixture
def wire() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def service(wire: responses.RequestsMock) -> Service:
    return Service(wire)


def test_reads_by_page_number_and_proves_that_it_is_whole(service: Service) -> None:
    pages = read(BY_PAGE)

    assert ids(pages) == ALL
    assert [page.complete for page in pages] == [False, False, True]
    assert pages[-1].cursor == {"watermark": "2026-10-01T00:00:00Z"}
    assert service.asked == [{"page": str(number), "per_page": "10"} for number in (1, 2, 3)]


def test_reads_by_cursor_and_proves_that_it_is_whole(service: Service) -> None:
    pages = read(BY_CURSOR)

    assert ids(pages) == ALL
    assert pages[-1].complete
    assert service.asked == [
        {"limit": "10"},
        {"limit": "10", "cursor": "10"},
        {"limit": "10", "cursor": "20"},
    ]


def test_reads_by_links(wire: responses.RequestsMock) -> None:
    wire.get(POINTS, json={"items": [point(1)], "next": "/v1/more?page=b", "total": 2})
    wire.get(BASE + "/more", json={"items": [point(2)], "next": None, "total": 2})

    pages = read(BY_CURSOR | {"next_page": "next", "cursor_parameter": "", "size_parameter": ""})

    assert ids(pages) == ["SP-1", "SP-2"]
    assert pages[-1].complete
    assert [call.request.url for call in wire.calls] == [POINTS, BASE + "/more?page=b"]


def test_credentials_do_not_follow_a_link_to_another_origin(wire: responses.RequestsMock) -> None:
    wire.get(POINTS, json={"items": [point(1)], "next": "https://elsewhere.example/", "total": 2})

    with pytest.raises(BadConfig, match=r"points to elsewhere\.example") as caught:
        read(BY_CURSOR | {"next_page": "next", "cursor_parameter": ""})

    assert caught.value.field == "next_page"
    assert len(wire.calls) == 1


def test_one_answer_may_hold_everything(wire: responses.RequestsMock) -> None:
    wire.get(POINTS, json=[point(1), point(2)])

    pages = read({"mapping": MAPPING, "query": "kind = a b"})

    assert ids(pages) == ["SP-1", "SP-2"]
    assert pages[-1].complete
    assert wire.calls[0].request.url == POINTS + "?kind=a+b"


def test_a_service_may_give_smaller_pages_than_were_asked_for(service: Service) -> None:
    service.largest_page = 4

    for options in (BY_PAGE, BY_PAGE | {"total": ""}):
        pages = read(options)

        assert ids(pages) == ALL
        assert pages[-1].complete


def test_a_service_may_answer_404_past_the_last_page(service: Service) -> None:
    service.points = service.points[:20]
    service.spoil = lambda number, answer: answer if answer["data"] else (404, {}, "")

    pages = read(BY_PAGE | {"total": ""})

    assert ids(pages) == ALL[:20]
    assert pages[-1].complete


@pytest.mark.parametrize("options", [BY_PAGE, BY_CURSOR])
@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (
            lambda number, answer: (
                {**answer, "data": answer["data"][:5], "items": answer["items"][:5], "nextCursor": None}
            ),
            r"The source speaks of 25 records and sent \d+\.",
        ),
        (
            lambda number, answer: {**answer, "data": [point(1)], "items": [point(1)]},
            "The source sends the same page again instead of the next one.",
        ),
    ],
    ids=["truncated", "repeated"],
)
def test_a_read_that_is_not_whole_says_so(
    service: Service, options: dict[str, Any], spoil: Callable[..., Any], reason: str
) -> None:
    service.spoil = spoil

    last = read(options, cursor={"watermark": "2026-09-01T00:00:00Z"})[-1]

    assert not last.complete
    assert re.fullmatch(reason, last.incomplete_reason)
    assert last.cursor == {"watermark": "2026-09-01T00:00:00Z"}


def test_a_cursor_that_leads_in_a_circle_ends(service: Service) -> None:
    service.spoil = lambda number, answer: {**answer, "items": [point(number)], "nextCursor": 0}

    last = read(BY_CURSOR)[-1]

    assert last.incomplete_reason == ("The source leads in a circle: a page points to one that was read before.")
    assert len(service.asked) == 2


def test_nothing_without_a_count_is_no_proof_of_nothing(service: Service) -> None:
    service.points = []

    assert "does not prove" in read(BY_PAGE | {"total": ""})[-1].incomplete_reason
    assert read(BY_PAGE)[-1].complete


@pytest.mark.parametrize("options", [BY_PAGE, BY_CURSOR])
def test_goes_on_after_the_last_page_that_was_dealt_with(service: Service, options: dict[str, Any]) -> None:
    first = next(iter(adapter_for().fetch(stream(options), cursor=None, mode=Mode.FULL)))

    pages = read(options, cursor=json.loads(json.dumps(first.cursor)))

    assert ids(pages) == ALL[10:]
    assert pages[-1].complete
    assert pages[-1].cursor == {"watermark": "2026-10-01T00:00:00Z"}


def test_a_cursor_that_has_run_out_starts_the_read_over(service: Service) -> None:
    first = next(iter(adapter_for().fetch(stream(BY_CURSOR), cursor=None, mode=Mode.FULL)))
    service.spoil = lambda number, answer: (410, {}, "") if number == 2 else answer

    pages = read(BY_CURSOR, cursor=first.cursor)

    assert ids(pages) == ALL
    assert pages[-1].complete


def test_changes_are_asked_for_with_an_overlap(service: Service) -> None:
    service.points = [point(1, "2026-10-01T00:00:01+00:00"), point(2, "2026-10-02T02:00:00+02:00")]

    pages = read(BY_PAGE, cursor={"watermark": "2026-10-01T00:05:00Z"}, mode=Mode.INCREMENTAL)

    assert service.asked == [{"page": "1", "per_page": "10", "updated_since": "2026-10-01T00:00:00Z"}]
    assert pages[-1].complete
    assert pages[-1].cursor == {"watermark": "2026-10-02T00:00:00Z"}


def test_no_change_is_a_whole_answer(service: Service) -> None:
    service.points = []

    last = read(BY_CURSOR | {"total": ""}, cursor={"watermark": "2026-10-01T00:00:00Z"}, mode=Mode.INCREMENTAL)[-1]

    assert last.complete
    assert last.cursor == {"watermark": "2026-10-01T00:00:00Z"}


def test_a_service_that_does_not_heed_the_parameter_is_found_out(service: Service) -> None:
    with pytest.raises(BadConfig, match="does not heed the parameter") as caught:
        read(BY_PAGE, cursor={"watermark": "2026-11-01T00:00:00Z"}, mode=Mode.INCREMENTAL)

    assert caught.value.field == "since_parameter"


def test_changes_that_cannot_be_asked_for_are_a_wrong_setting(service: Service) -> None:
    with pytest.raises(BadConfig) as caught:
        read(BY_PAGE | {"since_parameter": ""}, mode=Mode.INCREMENTAL)

    assert caught.value.field == "since_parameter"
    assert service.asked == []


def test_a_read_of_changes_is_not_gone_on_with_as_a_full_one(service: Service) -> None:
    changes = adapter_for().fetch(stream(BY_PAGE), cursor={"watermark": "2026-10-01T00:00:00Z"}, mode=Mode.INCREMENTAL)
    cursor = next(iter(changes)).cursor

    assert ids(read(BY_PAGE, cursor=cursor)) == ALL
    assert "updated_since" not in service.asked[-1]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ((200, {}, "<html>"), ContractBroken),
        ((200, {}, '{"data": {}}'), ContractBroken),
        ((200, {}, '{"items": []}'), ContractBroken),
        ((401, {}, ""), Unauthorized),
        ((429, {"Retry-After": "5"}, ""), Throttled),
        ((400, {}, '{"error": {"message": "per_page is too large"}}'), ContractBroken),
    ],
)
def test_each_wrong_answer_calls_for_its_reaction(service: Service, answer: Any, kind: type[Exception]) -> None:
    service.spoil = lambda number, _: answer

    with pytest.raises(kind):
        read(BY_PAGE)

    assert len(service.asked) == 1
