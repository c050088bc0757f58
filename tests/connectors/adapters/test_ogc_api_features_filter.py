"""An administrator's own filter: checked before it is sent, asked together with what changed, and held to its word."""

from collections.abc import Iterator
from typing import Any

import cql2
import orjson
import pytest
import responses

from connectors.adapters.ogc_api_features.adapter import OgcApiFeaturesAdapter
from connectors.adapters.ogc_api_features.settings import FeatureStreamForm
from connectors.protocols.adapter import Mode
from connectors.protocols.errors import BadConfig, FullReadNeeded
from connectors.protocols.ogc_filters import Filter
from tests.connectors.adapters.feature_server import (
    BASE,
    PART_3,
    PAYLOADS,
    Server,
    adapter_for,
    breaker,
    ids,
    read,
    stream,
)

TEXT = "http://www.opengis.net/spec/cql2/1.0/conf/cql2-text"
JSON = "http://www.opengis.net/spec/cql2/1.0/conf/cql2-json"
ONLY_BREAKERS = "kind = 'breaker'"
AS_JSON = '{"op": "=", "args": [{"property": "kind"}, "breaker"]}'


@pytest.fixture
def wire() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def server(wire: responses.RequestsMock) -> Server:
    """It filters: what nothing answers to brings nothing, and all that it has are breakers."""
    server = Server(wire, [breaker(number) for number in range(25)])
    server.classes = [PART_3, TEXT, JSON]
    server.queryables = {"kind": {"type": "string"}, "modified": {}, "nominal_kv": {}}
    server.spoil = lambda number, page: page | {"features": []} if in_vain(server.asked[-1]) else page
    return server


def in_vain(query: dict[str, str]) -> bool:
    return " AND NOT (" in query.get("filter", "") or '"not"' in query.get("filter", "")


@pytest.fixture
def gis(server: Server) -> OgcApiFeaturesAdapter:
    return adapter_for(BASE)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("kind =", "The filter ends too early."),
        ("kind = 'line' nominal_kv", "The filter cannot be read from “nominal_kv” on."),
        ("kind = 'line\nAND nominal_kv = 20", "The filter cannot be read from “'line” on."),
        ('{"op": "="', "The filter cannot be read as CQL2 JSON."),
        ("nominal_kv + 1", "The filter is nothing that is true or false of a feature."),
        ("kind", "The filter is nothing that is true or false of a feature."),
    ],
)
def test_a_filter_that_cannot_be_read_is_an_error_of_the_form(written: str, said: str) -> None:
    errors = FeatureStreamForm({"filter": written}).errors["filter"]

    assert errors == [f"{said} Write it in CQL2, such as kind = 'line' AND nominal_kv >= 20."]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("(" * 900 + "a = 1", "The filter has more than 12 brackets within each other. Write it flatter."),
        ("a = '" + "x" * 2_000 + "'", "The filter has 2006 characters. Make do with 2000."),
    ],
    ids=["deep", "long"],
)
def test_a_filter_that_would_take_the_parser_for_ever_is_not_given_to_it(written: str, said: str) -> None:
    assert FeatureStreamForm({"filter": written}).errors["filter"] == [said]


@pytest.mark.parametrize(
    "written",
    [
        ONLY_BREAKERS,
        AS_JSON,
        "name LIKE 'Pump ((((((((((((((%' AND NOT normally_open",
        "S_INTERSECTS(geometry, BBOX(11, 53, 12, 54)) OR modified > TIMESTAMP('2026-01-01T00:00:00Z')",
        "CASEI(kind) = CASEI('Breaker')\nAND zone IN ('Z-1', 'Z-2')",
    ],
)
def test_a_filter_in_cql2_is_kept_as_it_was_written(written: str) -> None:
    form = FeatureStreamForm({"filter": f" {written} "})

    assert form.is_valid(), form.errors
    assert form.cleaned_data["filter"] == written


EXAMPLES = orjson.loads((PAYLOADS / "specification" / "cql2-examples.json").read_bytes())


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_of_the_standard_is_read_and_what_is_made_of_it_is_cql2(name: str) -> None:
    since = "a >= TIMESTAMP('2026-10-01T00:00:00Z')"
    text, as_json = EXAMPLES[name]["text"], EXAMPLES[name]["json"]

    assert Filter(text).asked() == {"filter": text, "filter-lang": "cql2-text"}
    assert Filter(Filter(text).asked(also=since)["filter"]).names == Filter(text).names | {"a"}
    if as_json is not None:
        own = Filter(orjson.dumps(as_json).decode())
        assert own.names == Filter(text).names
        # Against the OGC's schema, which the library carries.
        cql2.parse_json(own.asked(also=since)["filter"]).validate()


@pytest.mark.parametrize(("written", "language"), [(ONLY_BREAKERS, "cql2-text"), (AS_JSON, "cql2-json")])
def test_a_collection_is_read_within_the_filter_once_it_is_proved_to_be_heeded(
    server: Server, gis: OgcApiFeaturesAdapter, written: str, language: str
) -> None:
    pages = read(gis, stream(filter=written))

    trial, *asked = server.asked
    assert (trial["limit"], trial["filter-lang"], in_vain(trial)) == ("1", language, True)
    assert asked == [{"limit": "1000", "filter": written, "filter-lang": language}]
    assert pages[-1].complete
    assert pages[-1].cursor == {"filter": written, "watermark": "2026-10-01T00:00:00Z"}


def test_what_changed_is_asked_for_within_the_filter(server: Server, gis: OgcApiFeaturesAdapter) -> None:
    cursor = {"filter": f"{ONLY_BREAKERS} OR kind = 'fuse'", "watermark": "2026-10-01T00:00:00Z"}
    one = stream(filter=cursor["filter"], overlap_s=0)

    read(gis, one, cursor=cursor, mode=Mode.INCREMENTAL)

    changed = "modified >= TIMESTAMP('2026-10-01T00:00:00Z')"
    assert server.asked[-1]["filter"] == f"(kind = 'breaker' OR kind = 'fuse') AND {changed}"
    assert server.asked[-1]["filter-lang"] == "cql2-text"


def test_what_changed_is_asked_for_within_a_filter_in_json(server: Server, gis: OgcApiFeaturesAdapter) -> None:
    cursor = {"filter": AS_JSON, "watermark": "2026-10-01T00:00:00Z"}

    read(gis, stream(filter=AS_JSON, overlap_s=0), cursor=cursor, mode=Mode.INCREMENTAL)

    assert server.asked[-1]["filter-lang"] == "cql2-json"
    assert orjson.loads(server.asked[-1]["filter"]) == {
        "op": "and",
        "args": [
            {"op": "=", "args": [{"property": "kind"}, "breaker"]},
            {"op": ">=", "args": [{"property": "modified"}, {"timestamp": "2026-10-01T00:00:00Z"}]},
        ],
    }


def test_what_changed_by_datetime_is_asked_for_within_the_filter(server: Server, gis: OgcApiFeaturesAdapter) -> None:
    cursor = {"filter": ONLY_BREAKERS, "watermark": "2026-10-01T00:00:00Z"}
    one = stream(filter=ONLY_BREAKERS, changes="DATETIME", overlap_s=0)

    read(gis, one, cursor=cursor, mode=Mode.INCREMENTAL)

    assert server.asked[-1] == {
        "limit": "1000",
        "filter": ONLY_BREAKERS,
        "filter-lang": "cql2-text",
        "datetime": "2026-10-01T00:00:00Z/..",
    }


def test_a_server_that_does_not_declare_filters_is_not_asked(server: Server, gis: OgcApiFeaturesAdapter) -> None:
    server.classes = [TEXT]

    with pytest.raises(BadConfig, match=r"gis\.example does not declare that it filters features") as caught:
        read(gis, stream(filter=ONLY_BREAKERS))

    assert caught.value.field == "filter"
    assert server.asked == []


def test_a_language_that_the_server_does_not_declare_is_refused(server: Server, gis: OgcApiFeaturesAdapter) -> None:
    server.classes = [PART_3, TEXT]

    with pytest.raises(BadConfig, match=r"gis\.example reads CQL2 text, and the filter is CQL2 JSON") as caught:
        read(gis, stream(filter=AS_JSON))

    assert (caught.value.field, server.asked) == ("filter", [])


def test_a_name_that_is_no_queryable_is_an_error_that_lists_those(server: Server, gis: OgcApiFeaturesAdapter) -> None:
    with pytest.raises(BadConfig) as caught:
        read(gis, stream(filter="kind = 'breaker' AND colour = 'red' AND age < 3"))

    said = "network cannot be filtered by age, colour, but by: kind, modified, nominal_kv."
    assert (str(caught.value), caught.value.field) == (said, "filter")
    assert server.asked == []


def test_names_are_left_to_a_server_that_lists_no_queryables(server: Server, gis: OgcApiFeaturesAdapter) -> None:
    server.queryables = {}

    assert read(gis, stream(filter="colour = 'red'"))[-1].complete


def test_a_filter_that_the_server_refuses_is_a_wrong_setting(server: Server, gis: OgcApiFeaturesAdapter) -> None:
    server.spoil = lambda number, page: (400, {}, '{"description": "LIKE is not supported"}')

    with pytest.raises(BadConfig, match=r"The filter is refused\..*LIKE is not supported") as caught:
        read(gis, stream(filter="kind LIKE 'b%'"))

    assert caught.value.field == "filter"


def test_a_server_that_declares_filters_and_ignores_them_is_found_out(
    server: Server, gis: OgcApiFeaturesAdapter
) -> None:
    server.spoil = lambda number, page: page

    with pytest.raises(BadConfig, match="declares that it filters features, and ignores the filter") as caught:
        read(gis, stream(filter="kind = 'breaker'"))

    assert caught.value.field == "filter"


def test_a_feature_that_does_not_match_stops_the_read_before_it_lands(
    server: Server, gis: OgcApiFeaturesAdapter
) -> None:
    server.features[3]["properties"]["kind"] = "line"

    with pytest.raises(BadConfig, match="do not match the filter, such as SW-3") as caught:
        read(gis, stream(filter=ONLY_BREAKERS))

    assert caught.value.field == "filter"


@pytest.mark.parametrize(
    ("written", "changes"),
    [
        ("nominal_kv >= 20", {"nominal_kv": "34.5"}),
        ("kind <> 'line'", {"kind": None}),
        ("modified > DATE('2026-10-01')", {}),
        ("S_INTERSECTS(geometry, BBOX(0, 0, 1, 1))", {}),
    ],
    ids=["a number as text", "no value", "a day", "a place"],
)
def test_what_cannot_be_decided_here_is_left_to_the_server(
    server: Server, gis: OgcApiFeaturesAdapter, written: str, changes: dict[str, Any]
) -> None:
    server.queryables = {}
    server.features[0]["properties"] |= changes

    assert len(ids(read(gis, stream(filter=written)))) == 25


@pytest.mark.parametrize("mode", [Mode.FULL, Mode.INCREMENTAL])
@pytest.mark.parametrize(("was", "now"), [("", ONLY_BREAKERS), (ONLY_BREAKERS, ""), ("kind = 'line'", ONLY_BREAKERS)])
def test_nothing_is_gone_on_with_from_within_another_filter(
    server: Server, gis: OgcApiFeaturesAdapter, was: str, now: str, mode: Mode
) -> None:
    cursor = {"watermark": "2026-10-01T00:00:00Z"} | ({"filter": was} if was else {})

    with pytest.raises(FullReadNeeded):
        read(gis, stream(filter=now), cursor=cursor, mode=mode)

    assert server.asked == []


def test_a_read_within_a_filter_goes_on_where_it_was_broken_off(server: Server, gis: OgcApiFeaturesAdapter) -> None:
    one = stream(filter=ONLY_BREAKERS, page_size=10)
    first = next(iter(gis.fetch(one, cursor=None, mode=Mode.FULL)))

    rest = read(gis, one, cursor=orjson.loads(orjson.dumps(first.cursor)))

    assert ids([first, *rest]) == [f"SW-{number}" for number in range(25)]
    assert rest[-1].complete
