"""A GIS behind OGC API - Features: records, discovery, and what three real servers answered."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import responses

from connectors.adapters.ogc_api_features.adapter import OgcApiFeaturesAdapter
from connectors.adapters.ogc_api_features.settings import FeatureStreamForm
from connectors.contracts.base import Position
from connectors.contracts.network_element import ElementKind, NetworkElement
from connectors.contracts.service_point import ServicePoint, ServicePriority
from connectors.contracts.zone import Zone, ZoneLevel
from connectors.protocols.adapter import Mode
from connectors.protocols.errors import BadConfig, BadRecord
from tests.connectors.adapters.feature_server import (
    BASE,
    CRS84,
    PART_3,
    Server,
    adapter_for,
    breaker,
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


def test_an_element_is_read_with_its_units_and_words_made_ours(gis: OgcApiFeaturesAdapter) -> None:
    assert gis.parse(breaker(7), stream()) == NetworkElement(
        external_id="SW-7",
        source_time=datetime(2026, 10, 1, tzinfo=UTC),
        kind=ElementKind.BREAKER,
        name="Switch 7",
        nominal_voltage_v=20_000.0,
        terminals=("N-7", "N-7-a"),
        normally_open=False,
        zone="ZONE-1",
        geometry={"type": "Point", "coordinates": [11.4007, 53.6]},
    )


def test_a_server_may_write_every_value_as_text() -> None:
    """As MapServer does."""
    raw = recorded("mapserver/items_offset_0")["features"][0]
    raw["properties"] |= {"kind": "Span", "a": "1", "b": "2", "open": "No"}
    options = {
        "kinds": "Span = LINE",
        "voltage_property": "kv",
        "terminal_properties": "a, b",
        "normally_open_property": "open",
        "modified_property": "last_modified",
    }

    element = adapter_for(BASE).parse(raw, stream(**options))

    assert element == NetworkElement(
        external_id="1",
        source_time=datetime(2026, 9, 1, 0, 27, tzinfo=UTC),
        kind=ElementKind.LINE,
        nominal_voltage_v=34_500.0,
        terminals=("1", "2"),
        geometry={"type": "LineString", "coordinates": [[-93.142479, 45.033041], [-93.186634, 45.029377]]},
    )


def test_an_element_on_one_node_has_one_terminal_and_may_have_no_geometry(
    gis: OgcApiFeaturesAdapter,
) -> None:
    raw = breaker(1) | {"geometry": None}
    raw["properties"] |= {"kind": "NODE", "to_node": None, "modified": None, "nominal_kv": ""}

    element = gis.parse(raw, stream())

    assert isinstance(element, NetworkElement)
    assert (element.terminals, element.geometry, element.source_time) == (("N-1",), None, None)
    assert element.nominal_voltage_v is None


def test_zones_are_read_with_their_place_in_the_hierarchy(gis: OgcApiFeaturesAdapter) -> None:
    raw = {
        "type": "Feature",
        "id": "Z-1",
        "geometry": None,
        "properties": {"name": None, "level": "feeder_area", "parent": "Z-0"},
    }

    assert gis.parse(raw, stream("zone/1")) == Zone(
        external_id="Z-1", name="Z-1", level=ZoneLevel.FEEDER_AREA, parent="Z-0"
    )


def test_a_service_point_is_read_with_its_node_and_priority(gis: OgcApiFeaturesAdapter) -> None:
    properties = {"name": "Pump 3", "node": "N-9", "priority": "Vital", "priority_reason": "Water"}
    raw = {"id": "SP-1", "geometry": {"type": "Point", "coordinates": [11.4, 53.6]}, "properties": properties}
    vital = stream("service-point/1", priorities={"vital": "CRITICAL", "derelict": "SKIP"})

    assert gis.parse(raw, vital) == ServicePoint(
        external_id="SP-1",
        name="Pump 3",
        node="N-9",
        priority=ServicePriority.CRITICAL,
        priority_reason="Water",
        position=Position(longitude=11.4, latitude=53.6),
    )
    assert gis.parse(raw | {"properties": properties | {"priority": "derelict"}}, vital) is None
    assert gis.parse({"id": "SP-2", "properties": None}, vital) == ServicePoint(external_id="SP-2")
    with pytest.raises(BadRecord, match="a service point is a Point, not a LineString"):
        gis.parse(raw | {"geometry": {"type": "LineString", "coordinates": [[11, 53], [12, 54]]}}, vital)


def test_kinds_and_levels_may_be_left_out(gis: OgcApiFeaturesAdapter) -> None:
    pole = breaker(1)
    pole["properties"]["kind"] = "Pole"

    assert gis.parse(pole, stream(kinds={"pole": "SKIP"})) is None


@pytest.mark.parametrize(
    ("change", "path", "message"),
    [
        ({"kind": "kraken"}, "properties.kind", "“kraken” is not in the table of kinds"),
        ({"kind": None}, "properties.kind", "kind is missing"),
        ({"nominal_kv": "high"}, "properties.nominal_kv", "could not convert string to float: 'high'"),
        ({"nominal_kv": -1}, "nominal_voltage_v", "Expected `float` >= 0.0"),
        ({"from_node": None, "to_node": ""}, "terminals", "Expected `array` of length >= 1"),
        ({"normally_open": "perhaps"}, "normally_open", "Expected `bool`, got `str`"),
        ({"modified": "yesterday"}, "source_time", "Invalid RFC3339 encoded datetime"),
    ],
)
def test_a_feature_that_does_not_fit_is_set_aside_with_the_reason(
    gis: OgcApiFeaturesAdapter, change: dict[str, Any], path: str, message: str
) -> None:
    raw = breaker(7)
    raw["properties"] |= change

    with pytest.raises(BadRecord) as caught:
        gis.parse(raw, stream())

    assert (caught.value.external_id, caught.value.path, str(caught.value)) == ("SW-7", path, message)


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ({}, "id"),
        ({"id": 7, "properties": [1]}, "properties"),
        ({"id": 7, "geometry": {"type": "Point", "coordinates": [53, 95]}}, "geometry"),
        ({"id": 7, "geometry": "POINT (1 2)"}, "geometry"),
    ],
)
def test_what_is_hardly_a_feature_is_set_aside(gis: OgcApiFeaturesAdapter, raw: Any, path: str) -> None:
    with pytest.raises(BadRecord) as caught:
        gis.parse(raw, stream())

    assert caught.value.path == path


def test_parsing_twice_gives_the_same(gis: OgcApiFeaturesAdapter) -> None:
    raw = breaker(1)

    assert gis.parse(raw, stream()) == gis.parse(raw, stream())
    assert raw == breaker(1)


def test_times_without_an_offset_are_meant_in_the_sources_zone(gis: OgcApiFeaturesAdapter) -> None:
    element = gis.parse(breaker(1, "2026-07-01T12:00:00"), stream(time_zone="Europe/Berlin"))

    assert element is not None
    assert element.source_time == datetime(2026, 7, 1, 10, tzinfo=UTC)


def test_says_who_answers(gis: OgcApiFeaturesAdapter, server: Server) -> None:
    probe = gis.probe()

    assert probe.summary == "The GIS answers with 1 collections."
    assert probe.findings == ("It does not promise GeoJSON, which is what we read.",)


def test_an_address_without_collections_is_a_wrong_setting(wire: responses.RequestsMock) -> None:
    wire.get(BASE, json={"links": []})

    with pytest.raises(BadConfig, match="Enter the address of the landing page") as caught:
        adapter_for(BASE).probe()

    assert caught.value.field == "base_url"


def test_a_collection_that_is_gone_is_a_wrong_setting(server: Server, gis: OgcApiFeaturesAdapter) -> None:
    with pytest.raises(BadConfig, match="has no collection “roads” but network"):
        read(gis, stream(name="roads"))


@pytest.mark.parametrize(
    ("classes", "queryables", "heeds", "modes"),
    [
        ([PART_3], {"modified": {}}, True, (Mode.FULL, Mode.INCREMENTAL)),
        ([PART_3], {}, True, (Mode.FULL,)),
        ([], {"modified": {}}, True, (Mode.FULL, Mode.INCREMENTAL)),
        ([], {"modified": {}}, False, (Mode.FULL,)),
        ([PART_3], {"modified": {}}, False, (Mode.FULL,)),
    ],
    ids=["declared", "no such property", "undeclared but works", "ignored", "declared and ignored"],
)
def test_changes_are_offered_only_where_the_server_can_tell_them(
    server: Server,
    gis: OgcApiFeaturesAdapter,
    classes: list[str],
    queryables: dict[str, Any],
    heeds: bool,
    modes: tuple[Mode, ...],
) -> None:
    server.classes, server.queryables = classes, queryables
    server.spoil = lambda number, page: {**page, "features": []} if heeds and "filter" in server.asked[-1] else page

    [found] = gis.discover()

    assert (found.name, found.contract, found.modes) == ("network", "feature/1", modes)


def test_a_collection_with_the_right_properties_is_offered_as_what_it_is(
    server: Server, gis: OgcApiFeaturesAdapter
) -> None:
    server.queryables = {"kind": {}, "from_node": {}, "to_node": {}}
    assert [found.contract for found in gis.discover()] == ["network-element/1", "feature/1"]

    server.queryables = {"level": {}, "parent": {}}
    assert [found.contract for found in gis.discover()] == ["zone/1", "feature/1"]


def _serve_recorded(wire: responses.RequestsMock, pages: dict[str, str]) -> None:
    for url, payload in pages.items():
        wire.get(url, json=recorded(payload))


def test_pygeoapi_as_recorded(wire: responses.RequestsMock) -> None:
    base = "http://127.0.0.1:5500"
    pages = {
        f"{base}/": "landing",
        f"{base}/conformance": "conformance",
        f"{base}/collections": "collections",
        f"{base}/collections/transformers/items": "items_p1",
    }
    _serve_recorded(wire, {url: f"pygeoapi/{name}" for url, name in pages.items()})
    gis, one = adapter_for(base), stream("feature/1", "transformers", modified_property="last_modified")

    first = next(iter(gis.fetch(one, cursor=None, mode=Mode.FULL)))

    asked = parse_qs(urlsplit(str(wire.calls[-1].request.url)).query)
    assert asked == {"f": ["json"], "crs": [CRS84], "limit": ["1000"]}
    assert first.total == 4_999
    assert first.cursor is not None
    assert first.cursor["place"]["next"] == f"{base}/collections/transformers/items?offset=3&limit=3"
    assert first.cursor["watermark"] == "2026-09-01T00:33:00Z"
    records = [gis.parse(raw, one) for raw in first.records]
    assert [record.external_id for record in records if record] == [f"transformers/{n}" for n in (1, 2, 3)]


def test_mapserver_as_recorded_repeats_its_page(wire: responses.RequestsMock) -> None:
    base = "http://127.0.0.1:5700/net/ogcapi"
    pages = {
        base: "landing",
        f"{base}/conformance": "conformance",
        f"{base}/collections": "collections",
    }
    _serve_recorded(wire, {url: f"mapserver/{name}" for url, name in pages.items()})
    items = f"{base}/collections/spans/items"
    wire.get(items, json=recorded("mapserver/items_offset_0"))
    wire.get(items, json=recorded("mapserver/items_offset_3_same_page"))

    pages_read = read(adapter_for(base), stream("feature/1", "spans"))

    assert len(pages_read) == 2
    assert pages_read[-1].incomplete_reason == "The source sends the same page again instead of the next one."


def test_tipg_as_recorded_refuses_large_pages_and_filters(wire: responses.RequestsMock) -> None:
    base = "http://127.0.0.1:5600"
    collection = recorded("tipg/collection")
    wire.get(f"{base}/", json={"links": [{"rel": "data", "href": f"{base}/collections"}]})
    wire.get(f"{base}/collections", json={"collections": [collection]})
    items = f"{base}/collections/public.transformers/items"
    wire.get(items, status=422, json=recorded("tipg/limit_over_max_422"))
    wire.get(items, json=recorded("tipg/cql2_text"))
    one = stream("feature/1", "public.transformers", modified_property="last_modified", page_size=10_000)
    changes = adapter_for(base).fetch(one, cursor={"watermark": "2026-10-08T00:05:00Z"}, mode=Mode.INCREMENTAL)

    first = next(iter(changes))

    asked = parse_qs(urlsplit(str(wire.calls[-1].request.url)).query)
    assert asked == {
        "limit": ["2500"],
        "filter": ["last_modified >= TIMESTAMP('2026-10-08T00:00:00Z')"],
        "filter-lang": ["cql2-text"],
    }
    assert first.total == 158


def test_a_wrong_setting_is_an_error_on_its_field() -> None:
    form = FeatureStreamForm(
        {
            "kinds": "pole = TREE",
            "time_zone": "Berlin",
            "terminal_properties": "a, b, c",
            "page_size": 0,
            "changes": "GUESS",
        }
    )

    assert form.errors.keys() == {"kinds", "time_zone", "terminal_properties", "page_size", "changes"}
    assert form.errors["time_zone"] == ["“Berlin” is no time zone. Write one such as UTC or Europe/Berlin."]
