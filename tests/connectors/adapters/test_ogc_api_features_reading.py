"""Reading collections of OGC API - Features: proof, resume, changes, reference systems."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
import responses
from msgspec import Raw

from connectors.adapters.ogc_api_features.adapter import OgcApiFeaturesAdapter
from connectors.contracts.feature import Feature
from connectors.contracts.network_element import NetworkElement
from connectors.protocols.adapter import Mode
from connectors.protocols.errors import BadConfig, ContractBroken, Throttled, Unreachable
from tests.connectors.adapters.feature_server import (
    BASE,
    CRS84,
    EPSG,
    PART_2,
    PAYLOADS,
    TENS,
    Server,
    adapter_for,
    breaker,
    ids,
    read,
    recorded,
    stream,
)


@pytest.fixture
def wire() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def server(wire: responses.RequestsMock) -> Server:
    return Server(wire, [breaker(number) for number in range(25)])


@pytest.fixture
def gis(server: Server) -> OgcApiFeaturesAdapter:
    return adapter_for(BASE)


def test_reads_a_collection_by_its_links_and_proves_that_it_is_whole(
    server: Server, gis: OgcApiFeaturesAdapter
) -> None:
    pages = read(gis)

    assert ids(pages) == [f"SW-{number}" for number in range(25)]
    assert [page.complete for page in pages] == [False, False, True]
    assert [page.total for page in pages] == [25, 25, 25]
    assert pages[-1].cursor == {"watermark": "2026-10-01T00:00:00Z"}
    assert server.asked == [{"limit": "10"}, {"from": "10", "limit": "10"}, {"from": "20", "limit": "10"}]


def test_a_next_link_to_an_empty_page_is_followed_and_harmless(server: Server, gis: OgcApiFeaturesAdapter) -> None:
    server.features = server.features[:10]

    def with_next(number: int, page: dict[str, Any]) -> dict[str, Any]:
        links = [{"rel": "next", "href": BASE + "/things?from=10&limit=10"}] if number == 1 else []
        return {**page, "links": links}

    server.spoil = with_next
    pages = read(gis)

    assert [len(page.records) for page in pages] == [10, 0]
    assert pages[-1].complete


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (
            lambda number, page: {**page, "features": page["features"][:5], "links": []},
            "The source speaks of 25 records and sent 5.",
        ),
        (
            lambda number, page: {**page, "features": [breaker(number) for number in range(10)]},
            "The source sends the same page again instead of the next one.",
        ),
        (
            lambda number, page: {
                **page,
                "features": page["features"] if number == 1 else [breaker(0), *page["features"]],
            },
            "The source sent a record twice: it changed while it was being read.",
        ),
        (
            lambda number, page: {
                **page,
                "links": [{"rel": "next", "href": BASE + "/things?from=10&limit=10"}],
                "features": [breaker(number * 100)],
            },
            "The source leads in a circle: a page points to one that was read before.",
        ),
        (
            lambda number, page: {**page, "features": [{**one, "id": None} for one in page["features"]]},
            "The source sent records without an id.",
        ),
    ],
    ids=["truncated", "repeated", "overlapping", "circle", "no ids"],
)
def test_a_read_that_is_not_whole_says_so(
    server: Server, gis: OgcApiFeaturesAdapter, spoil: Callable[..., Any], reason: str
) -> None:
    server.spoil = spoil

    last = read(gis)[-1]

    assert not last.complete
    assert last.incomplete_reason == reason
    assert last.cursor == {"watermark": None}


def test_without_a_count_only_a_short_last_page_proves_the_end(server: Server, gis: OgcApiFeaturesAdapter) -> None:
    server.counts = False
    assert read(gis)[-1].complete

    server.features = server.features[:20]
    assert "there may be more" in read(gis)[-1].incomplete_reason

    server.features = []
    assert "does not prove" in read(gis)[-1].incomplete_reason


def test_a_full_page_that_says_that_it_is_the_last_is_asked_for_twice(
    server: Server, gis: OgcApiFeaturesAdapter
) -> None:
    """What comes and goes meanwhile may make up for the rest in the count, and nothing else would show."""
    server.spoil = lambda number, page: {**page, "links": [], "numberMatched": 20} if number == 2 else page

    pages = read(gis)

    assert ids(pages) == [f"SW-{number}" for number in range(25)]
    assert [one.get("from") for one in server.asked] == [None, "10", "10", "20"]


def test_goes_on_after_the_last_page_that_was_dealt_with(server: Server, gis: OgcApiFeaturesAdapter) -> None:
    first = next(iter(gis.fetch(stream(**TENS), cursor=None, mode=Mode.FULL)))
    cursor = json.loads(json.dumps(first.cursor))

    pages = read(adapter_for(BASE), cursor=cursor)

    assert ids(pages) == [f"SW-{number}" for number in range(10, 25)]
    assert pages[-1].complete
    assert pages[-1].cursor == {"watermark": "2026-10-01T00:00:00Z"}


def test_a_link_that_has_run_out_starts_the_read_over(server: Server, gis: OgcApiFeaturesAdapter) -> None:
    first = next(iter(gis.fetch(stream(**TENS), cursor=None, mode=Mode.FULL)))
    server.spoil = lambda number, page: (404, {}, "{}") if number == 2 else page

    pages = read(gis, cursor=first.cursor)

    assert len(ids(pages)) == 25
    assert pages[-1].complete


def test_a_link_that_never_works_is_not_tried_for_ever(server: Server, gis: OgcApiFeaturesAdapter) -> None:
    server.spoil = lambda number, page: (404, {}, "{}") if number % 2 == 0 else page

    with pytest.raises(ContractBroken, match="answered 404 Not Found to /net/ogcapi/things"):
        read(gis)

    assert len(server.asked) == 4


@pytest.mark.parametrize("status", [500, 413, 422])
def test_a_page_that_the_server_cannot_make_is_asked_for_smaller(
    server: Server, gis: OgcApiFeaturesAdapter, status: int
) -> None:
    server.spoil = lambda number, page: page if len(page["features"]) <= 10 else (status, {}, "{}")

    pages = read(gis, stream(page_size=40))

    assert [query["limit"] for query in server.asked] == ["40", "10", "10", "10"]
    assert pages[-1].complete


@pytest.mark.parametrize(
    ("status", "said"),
    [(422, "too many"), (400, "limit exceeds the maximum of 20"), (413, "")],
    ids=["unprocessable", "a limit that is an error", "too large"],
)
def test_a_limit_that_is_refused_becomes_as_small_as_the_server_wants_it(
    server: Server, gis: OgcApiFeaturesAdapter, status: int, said: str
) -> None:
    """The standard says that it is no error (fc-limit-response-1 C), and some servers say that it is."""
    refused: Any = (status, {}, json.dumps({"description": said}))
    server.spoil = lambda number, page: refused if int(server.asked[-1]["limit"]) > 20 else page

    pages = read(gis, stream(page_size=4_000))

    assert [query["limit"] for query in server.asked] == ["4000", "1000", "250", "62", "15", "15"]
    assert pages[-1].complete


def test_another_refusal_is_not_taken_for_one_of_the_limit(server: Server, gis: OgcApiFeaturesAdapter) -> None:
    server.spoil = lambda number, page: (400, {}, '{"description": "no such parameter"}')

    with pytest.raises(ContractBroken, match="no such parameter"):
        read(gis, stream(page_size=4_000))

    assert [query["limit"] for query in server.asked] == ["4000"]


def test_a_server_that_is_down_is_not_asked_for_ever(server: Server, gis: OgcApiFeaturesAdapter) -> None:
    server.spoil = lambda number, page: (500, {}, "")

    with pytest.raises(Unreachable):
        read(gis, stream(page_size=1_000))

    assert [query["limit"] for query in server.asked] == ["1000", "250", "62"]


def test_a_server_that_asks_us_to_wait_is_left_alone(server: Server, gis: OgcApiFeaturesAdapter) -> None:
    server.spoil = lambda number, page: (429, {"Retry-After": "9"}, "") if number == 2 else page

    with pytest.raises(Throttled):
        read(gis)

    assert len(server.asked) == 2


def test_credentials_do_not_follow_a_link_to_another_origin(server: Server, wire: responses.RequestsMock) -> None:
    server.spoil = lambda number, page: {
        **page,
        "links": [{"rel": "next", "href": "https://elsewhere.example/things"}],
    }

    with pytest.raises(BadConfig, match=r"points to https://elsewhere\.example") as caught:
        read(adapter_for(BASE, sign_in="BEARER", token="s3cret"))

    assert caught.value.field == "base_url"
    assert {urlsplit(str(call.request.url)).netloc for call in wire.calls} == {"gis.example"}


def test_a_server_behind_a_proxy_may_forget_that_it_is_reached_by_tls(
    server: Server, gis: OgcApiFeaturesAdapter
) -> None:
    def plain(number: int, page: dict[str, Any]) -> dict[str, Any]:
        for link in page["links"]:
            link["href"] = link["href"].replace("https:", "http:")
        return page

    server.spoil = plain

    assert read(gis)[-1].complete


def test_changes_are_asked_for_by_a_filter_with_an_overlap(server: Server, gis: OgcApiFeaturesAdapter) -> None:
    server.features = [breaker(1, "2026-10-01T00:04:00Z"), breaker(2, "2026-10-02T00:00:00+02:00")]

    pages = read(gis, cursor={"watermark": "2026-10-01T00:05:00Z"}, mode=Mode.INCREMENTAL)

    assert server.asked == [
        {
            "limit": "10",
            "filter": "modified >= TIMESTAMP('2026-10-01T00:00:00Z')",
            "filter-lang": "cql2-text",
        }
    ]
    assert pages[-1].complete
    assert pages[-1].cursor == {"watermark": "2026-10-01T22:00:00Z"}


def test_no_change_is_a_whole_answer(server: Server, gis: OgcApiFeaturesAdapter) -> None:
    server.features, server.counts = [], False

    last = read(gis, cursor={"watermark": "2026-10-01T00:00:00Z"}, mode=Mode.INCREMENTAL)[-1]

    assert last.complete
    assert last.cursor == {"watermark": "2026-10-01T00:00:00Z"}


def test_a_read_of_changes_that_breaks_off_keeps_the_old_watermark(server: Server, gis: OgcApiFeaturesAdapter) -> None:
    server.spoil = lambda number, page: {**page, "features": page["features"][:5], "links": []}

    last = read(gis, cursor={"watermark": "2026-09-01T00:00:00Z"}, mode=Mode.INCREMENTAL)[-1]

    assert not last.complete
    assert last.cursor == {"watermark": "2026-09-01T00:00:00Z"}


def test_an_older_grammar_is_tried_where_the_new_one_is_refused(server: Server, gis: OgcApiFeaturesAdapter) -> None:
    refused = (PAYLOADS / "pygeoapi" / "filter_lang_refused.json").read_text()
    server.features = server.features[:2]
    server.spoil = lambda number, page: (400, {}, refused) if number == 1 else page

    pages = read(gis, cursor={"watermark": "2026-10-01T00:00:00Z"}, mode=Mode.INCREMENTAL)

    assert server.asked[1] == {"limit": "10", "filter": "modified AFTER 2026-09-30T23:55:00Z"}
    assert pages[-1].complete


def test_a_server_that_does_not_heed_the_filter_is_found_out(server: Server, gis: OgcApiFeaturesAdapter) -> None:
    with pytest.raises(BadConfig, match="does not heed the question") as caught:
        read(gis, cursor={"watermark": "2026-11-01T00:00:00Z"}, mode=Mode.INCREMENTAL)

    assert caught.value.field == "changes"


def test_datetime_is_asked_only_where_a_person_chose_it(server: Server, gis: OgcApiFeaturesAdapter) -> None:
    server.features = [breaker(1), breaker(2, None)]  # what has no time matches any (fc-time-response C)

    read(gis, stream(changes="DATETIME"), cursor={"watermark": "2026-10-01T00:00:00Z"}, mode=Mode.INCREMENTAL)

    assert server.asked == [{"limit": "1000", "datetime": "2026-09-30T23:55:00Z/.."}]


@pytest.mark.parametrize("options", [{"changes": "NONE"}, {"modified_property": ""}])
def test_changes_that_cannot_be_asked_for_are_a_wrong_setting(
    server: Server, gis: OgcApiFeaturesAdapter, options: dict[str, Any]
) -> None:
    with pytest.raises(BadConfig) as caught:
        read(gis, stream(**options), mode=Mode.INCREMENTAL)

    assert caught.value.field == "changes"
    assert server.asked == []


def test_a_read_of_changes_is_not_gone_on_with_as_a_full_one(server: Server, gis: OgcApiFeaturesAdapter) -> None:
    changes = gis.fetch(stream(**TENS), cursor={"watermark": "2026-10-01T00:00:00Z"}, mode=Mode.INCREMENTAL)
    cursor = next(iter(changes)).cursor

    pages = read(gis, cursor=cursor)

    assert len(ids(pages)) == 25
    assert server.asked[1] == {"limit": "10"}


def test_a_stamp_in_the_future_does_not_push_the_watermark_past_the_servers_clock(
    wire: responses.RequestsMock, server: Server, gis: OgcApiFeaturesAdapter
) -> None:
    wire.replace("GET", BASE, json=server._landing(), headers={"Date": "Sun, 22 Nov 2026 02:15:00 GMT"})
    server.features = [breaker(1, "2099-01-01T00:00:00Z")]

    assert read(gis)[-1].cursor == {"watermark": "2026-11-22T02:15:00Z"}


def test_no_change_during_a_read_is_missed_though_the_read_broke_off_meanwhile(
    wire: responses.RequestsMock, server: Server, gis: OgcApiFeaturesAdapter
) -> None:
    """A feature may have been read before it changed, and one that is read later be stamped later still."""
    wire.replace("GET", BASE, json=server._landing(), headers={"Date": "Sun, 22 Nov 2026 01:00:00 GMT"})
    first = next(iter(gis.fetch(stream(**TENS), cursor=None, mode=Mode.FULL)))
    wire.replace("GET", BASE, json=server._landing(), headers={"Date": "Sun, 22 Nov 2026 02:00:00 GMT"})
    server.features = [breaker(number, "2026-11-22T01:55:00Z") for number in range(25)]

    assert read(gis, cursor=first.cursor)[-1].cursor == {"watermark": "2026-11-22T01:00:00Z"}


def test_crs84_is_asked_for_by_its_uri_where_the_server_takes_the_question(
    server: Server, gis: OgcApiFeaturesAdapter
) -> None:
    server.crs = [EPSG + "4326", CRS84]
    read(gis)
    server.classes = [PART_2]
    read(gis)

    assert "crs" not in server.asked[0]
    assert server.asked[3]["crs"] == CRS84


def test_another_reference_system_is_read_by_what_the_answer_asserts(
    server: Server, gis: OgcApiFeaturesAdapter
) -> None:
    server.classes, server.crs = [PART_2], [CRS84, EPSG + "4326"]
    page = recorded("pygeoapi/items_crs_4326") | {"links": [], "numberMatched": 1}
    server.spoil = lambda number, _: (200, {"Content-Crs": f"<{EPSG}4326>"}, json.dumps(page))
    one = stream("feature/1", crs=EPSG + "4326", id_property="asset_id")

    [raw] = read(gis, one)[0].records

    assert server.asked[0]["crs"] == EPSG + "4326"
    assert gis.parse(raw, one) == Feature(
        external_id="network/1",
        collection="network",
        geometry=Raw(b'{"type":"Point","coordinates":[-93.235233,44.922627]}'),
        properties=Raw(orjson.dumps(page["features"][0]["properties"])),
    )


def test_a_server_that_ignores_the_reference_system_is_refused(server: Server, gis: OgcApiFeaturesAdapter) -> None:
    """As tipg does: 200, and coordinates in CRS84 whatever was asked for."""
    server.crs = [CRS84, EPSG + "26915"]
    server.spoil = lambda number, page: recorded("tipg/crs_silently_ignored")

    with pytest.raises(BadConfig, match="does not say in which reference system") as caught:
        read(gis, stream(crs=EPSG + "26915"))

    assert caught.value.field == "crs"


def test_a_reference_system_that_is_not_offered_is_a_wrong_setting(server: Server, gis: OgcApiFeaturesAdapter) -> None:
    server.crs = [CRS84]

    with pytest.raises(BadConfig, match=f"not to be had in {EPSG}9999, but in: {CRS84}"):
        read(gis, stream(crs=EPSG + "9999"))


def test_coordinates_in_the_wrong_order_are_noticed_before_any_lands(
    server: Server, gis: OgcApiFeaturesAdapter
) -> None:
    server.extent = [11.0, 53.0, 12.0, 54.0]
    assert read(gis)[-1].complete

    for one in server.features:
        one["geometry"]["coordinates"].reverse()
    with pytest.raises(BadConfig, match="Tick “Axes are swapped”") as caught:
        read(gis)
    assert caught.value.field == "swap_axes"
    pages = read(gis, stream(swap_axes=True))

    element = gis.parse(pages[0].records[1], stream(swap_axes=True))
    assert isinstance(element, NetworkElement)
    assert element.geometry == {"type": "Point", "coordinates": [11.4001, 53.6]}
