"""The ArcGIS adapter against the pretend utility: reading a layer whole."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from connectors.contracts.network_element import ElementKind, NetworkElement
from connectors.contracts.zone import Zone
from connectors.protocols.adapter import Mode, Page
from connectors.protocols.errors import ContractBroken, SourceError, Throttled, Unauthorized, Unreachable
from simulator.arcgis.layers import object_id
from tests.connectors.adapters.arcgis import (
    LINES,
    ZONES,
    arcgis,
    forget,
    ids,
    queries,
    read,
    stream,
)
from tests.connectors.adapters.wire import PretendUtility, pretend_utility


@pytest.fixture
def pretend() -> Iterator[PretendUtility]:
    with pretend_utility() as utility:
        yield utility


@pytest.mark.parametrize("geometry_format", ["GEOJSON", "JSON"])
def test_a_layer_is_read_whole_in_the_order_of_its_object_ids(pretend: PretendUtility, geometry_format: str) -> None:
    """One page may hold 1,000 features; the layer has 5,998."""
    devices = stream(geometry_format=geometry_format)
    adapter = arcgis()

    pages = read(adapter, devices)

    network = pretend.utility.features.collections["network"].values()
    expected = [one["id"] for one in network if one["properties"]["kind"] != "line"]
    assert ids(adapter, devices, pages) == sorted(expected, key=object_id)
    assert [len(page.records) for page in pages] == [1000, 1000, 1000, 1000, 1000, 998]
    assert [page.complete for page in pages] == [False] * 5 + [True]
    assert {page.total for page in pages} == {5998}
    count, first, second, *_ = queries(pretend)
    assert count == {"where": "1=1", "returnCountOnly": "true", "f": "json"}
    assert (first["where"], first["orderByFields"], first["resultRecordCount"]) == ("1=1", "OBJECTID", "1000")
    assert second["where"] == f"(1=1) AND OBJECTID > {object_id(ids(adapter, devices, pages[:1])[-1])}"
    assert first["f"] == geometry_format.lower()


@pytest.mark.parametrize("geometry_format", ["GEOJSON", "JSON"])
def test_a_feature_becomes_an_element_with_its_units_words_and_times_made_ours(
    pretend: PretendUtility, geometry_format: str
) -> None:
    switch = stream(where="assetid = 'SW-10770'", geometry_format=geometry_format)
    adapter = arcgis()
    (page,) = read(adapter, switch)

    assert adapter.parse(page.records[0], switch) == NetworkElement(
        external_id="SW-10770",
        source_time=datetime(2024, 8, 26, tzinfo=UTC),
        kind=ElementKind.BREAKER,
        name="MV1.101 Switch 7",
        nominal_voltage_v=20_000.0,
        terminals=("N-16148", "N-16148-l5292"),
        normally_open=False,
        zone="ZONE-MV1.101",
        geometry={"type": "Point", "coordinates": [11.4096149, 53.6414371]},
    )
    assert (page.complete, page.total) == (True, 1)


def test_a_layer_that_knows_no_pages_is_swept_by_its_object_ids(pretend: PretendUtility) -> None:
    lines = stream(LINES)
    adapter = arcgis()

    pages = read(adapter, lines)

    assert (len(ids(adapter, lines, pages)), pages[-1].complete) == (5391, True)
    asked = queries(pretend)
    assert all("resultRecordCount" not in query for query in asked)
    assert asked[1]["orderByFields"] == "OBJECTID"


def test_a_layer_that_cannot_sort_is_asked_for_its_ids_first(pretend: PretendUtility) -> None:
    """As servers before 10.1, which give 50 features at a time here and no GeoJSON."""
    zones = stream(ZONES, "zone/1")
    adapter = arcgis()

    pages = read(adapter, zones)

    held = pretend.utility.features.collections["zones"]
    assert sorted(ids(adapter, zones, pages)) == sorted(held)
    assert ([len(page.records) for page in pages], pages[-1].complete) == ([50, 50], True)
    zone = adapter.parse(pages[0].records[0], zones)
    assert isinstance(zone, Zone)
    assert zone.geometry is not None
    # Esri's ring turns right, GeoJSON's left, and it is the same ring.
    assert zone.geometry == {
        "type": "Polygon",
        "coordinates": [[list(point) for point in held[zone.external_id]["geometry"]["coordinates"][0]]],
    }


def test_a_read_that_broke_off_goes_on_with_the_next_page(pretend: PretendUtility) -> None:
    devices = stream()
    adapter = arcgis()
    first = next(iter(adapter.fetch(devices, cursor=None, mode=Mode.FULL)))
    forget(pretend)

    rest = read(adapter, devices, cursor=first.cursor)

    assert sum(len(page.records) for page in (first, *rest)) == 5998
    assert rest[-1].complete
    assert "OBJECTID > " in queries(pretend)[0]["where"]


def test_short_pages_that_say_they_go_on_are_gone_on_with(pretend: PretendUtility) -> None:
    zones = stream(LINES)
    pretend.fault("arcgis", "short", times=4, after=2)
    adapter = arcgis()

    pages = read(adapter, zones)

    assert (len(ids(adapter, zones, pages)), pages[-1].complete) == (5391, True)


def test_a_page_cut_short_without_a_word_is_not_taken_for_the_end(pretend: PretendUtility) -> None:
    """The count tells that there is more."""
    pretend.fault("arcgis", "truncated", times=1, after=3)
    adapter = arcgis()

    pages = read(adapter, stream())

    assert len(pages[0].records) == 500
    assert (sum(len(page.records) for page in pages), pages[-1].complete) == (5998, True)


def test_a_server_that_repeats_a_page_proves_nothing(pretend: PretendUtility) -> None:
    pretend.fault("arcgis", "repeated")
    adapter = arcgis()

    pages = read(adapter, stream())

    assert len(pages) == 2
    assert not pages[-1].complete
    assert pages[-1].incomplete_reason == "The source sends the same page again instead of the next one."


def test_what_goes_while_it_is_read_makes_a_read_prove_nothing(pretend: PretendUtility) -> None:
    adapter = arcgis()
    pages: list[Page] = []
    for page in adapter.fetch(stream(), cursor=None, mode=Mode.FULL):
        pages.append(page)
        if len(pages) == 2:
            pretend.utility.features.remove(ids(adapter, stream(), pages)[0])

    assert not pages[-1].complete
    assert pages[-1].incomplete_reason == "The source speaks of 5997 records and sent 5998."


def test_a_page_that_the_server_cannot_make_is_asked_for_smaller(pretend: PretendUtility) -> None:
    """“Error performing query operation”, with HTTP 200."""
    pretend.fault("arcgis", "500", times=1, after=3)

    pages = read(arcgis(), stream())

    assert len(pages[0].records) == 250
    assert pages[-1].complete


@pytest.mark.parametrize(
    ("fault", "error", "said"),
    [
        ("401", Unauthorized, "utility.example gives us no token"),
        ("429", Throttled, "utility.example asks us to slow down"),
        ("500", Unreachable, r"has an error of its own \(it says: Something went wrong \(injected\)\)"),
        ("garbage", ContractBroken, "answered a web page where JSON was expected"),
        ("cut", ContractBroken, "answered something else where JSON was expected"),
    ],
)
def test_each_way_to_fail_has_its_sentence(
    pretend: PretendUtility, fault: str, error: type[SourceError], said: str
) -> None:
    adapter = arcgis()
    adapter.rest.info()
    pretend.fault("arcgis", fault)

    with pytest.raises(error, match=said):
        read(adapter, stream())
