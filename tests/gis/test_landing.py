from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec import Raw

from connectors.contracts.base import contract_id
from connectors.contracts.feature import Feature as FeatureRecord
from connectors.contracts.network_element import ElementKind, NetworkElement
from connectors.contracts.zone import Zone as ZoneRecord
from connectors.contracts.zone import ZoneLevel
from connectors.landing import Change, Landed, Landing
from gis.models import Feature, Zone
from gis.models import NetworkElement as ElementRow
from gis.services.landing import follow_zones, land_features, land_network_elements, land_zones, prepare_features
from tests.gis.networks import line, make_landing, source

pytestmark = pytest.mark.usefixtures("scope")

SQUARE: dict[str, Any] = {"type": "Polygon", "coordinates": [[[0, 0], [2, 0], [2, 1], [0, 1], [0, 0]]]}
BOW_TIE: dict[str, Any] = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}


@pytest.fixture
def landing(now: datetime) -> Landing:
    return make_landing(contract="zone/1", now=now)


def zone(name: str, *, parent: str | None = None, geometry: dict[str, Any] | None = None) -> ZoneRecord:
    return ZoneRecord(external_id=name, name=name, level=ZoneLevel.FEEDER_AREA, parent=parent, geometry=geometry)


def element(name: str, *, zone: str | None = None, geometry: dict[str, Any] | None = None) -> NetworkElement:
    return NetworkElement(external_id=name, kind=ElementKind.LINE, terminals=("a", "b"), zone=zone, geometry=geometry)


def parents() -> dict[str, str | None]:
    return dict(Zone.objects.values_list("external_id", "parent__external_id"))


def zones_of_elements() -> dict[str, str | None]:
    return dict(ElementRow.objects.values_list("external_id", "zone__external_id"))


def test_a_parent_is_tied_whichever_lands_first(landing: Landing) -> None:
    land_zones([zone("child", parent="company")], landing)
    assert parents() == {"child": None}

    land_zones([zone("company"), zone("later child", parent="company")], landing)

    assert parents() == {"child": "company", "company": None, "later child": "company"}


def test_an_element_is_tied_to_its_zone_whichever_lands_first(landing: Landing) -> None:
    land_network_elements([element("early", zone="Z")], landing)
    assert zones_of_elements() == {"early": None}

    land_zones([zone("Z")], landing)
    land_network_elements([element("late", zone="Z"), element("elsewhere", zone="Y")], landing)
    assert zones_of_elements() == {"early": "Z", "late": "Z", "elsewhere": None}

    land_network_elements([element("early", zone=None)], landing)
    assert zones_of_elements()["early"] is None


def test_a_zone_that_is_gone_holds_nothing_until_it_is_back(landing: Landing, now: datetime) -> None:
    land_zones([zone("company"), zone("Z", parent="company")], landing)
    land_network_elements([element("E", zone="Z")], landing)

    retire("company", "Z", now=now)
    assert (parents()["Z"], zones_of_elements()) == (None, {"E": None})

    land_zones([zone("company"), zone("Z", parent="company")], landing)
    assert (parents()["Z"], zones_of_elements()) == ("company", {"E": "Z"})


def retire(*names: str, now: datetime) -> None:
    gone = Zone.objects.filter(external_id__in=names)
    gone.update(retired_at=now)
    ids = tuple(gone.values_list("pk", flat=True))
    follow_zones(Change(contract="zone/1", connector_id=0, stream_id=0, ids=ids, now=now))


def test_a_network_lands_twice_alike(landing: Landing, now: datetime) -> None:
    records = [source("S", "a"), line("L", "a", "b")]
    first = land_network_elements(records, landing)

    again = land_network_elements(records, make_landing(contract="zone/1", now=now + timedelta(hours=1)))

    assert (first.created, first.updated, first.unchanged) == (2, 0, 0)
    assert again == Landed(unchanged=2)
    assert set(ElementRow.objects.values_list("landed_at", flat=True)) == {now}


def test_terminals_and_geometry_are_kept_as_they_are_used(landing: Landing) -> None:
    middle = {"type": "LineString", "coordinates": [[10, 50], [12, 51]]}
    land_network_elements([element("L", geometry=middle), source("S", "a")], landing)

    row = ElementRow.objects.get(external_id="L")
    assert (row.from_node, row.to_node, row.geometry) == ("a", "b", middle)
    assert (row.extent, row.longitude, row.latitude) == ("(12,51),(10,50)", 11, 50.5)
    bare = ElementRow.objects.get(external_id="S")
    assert (bare.from_node, bare.to_node, bare.geometry, bare.extent, bare.longitude) == ("a", None, None, None, None)


def test_a_source_with_two_terminals_is_set_aside(landing: Landing) -> None:
    both = NetworkElement(external_id="S", kind=ElementKind.SOURCE, terminals=("a", "b"))

    landed = land_network_elements([both, line("L", "a", "b")], landing)

    assert [(one.index, one.path) for one in landed.set_aside] == [(0, "terminals")]
    assert landed.created == 1


@pytest.mark.parametrize(
    ("geometry", "reason"),
    [
        ({"type": "Circle"}, "no GeoJSON geometry"),
        ({"type": "Point", "coordinates": ["east", 1]}, "no GeoJSON geometry"),
        ({"type": "Point", "coordinates": []}, "empty"),
        ({"type": "Point", "coordinates": [691_000, 5_300_000]}, "outside of -180 to 180"),
        (BOW_TIE, "Self-intersection"),
    ],
)
def test_what_is_no_place_is_set_aside_with_its_reason_and_the_rest_lands(
    landing: Landing, geometry: dict[str, Any], reason: str
) -> None:
    landed = land_zones([zone("bad", geometry=geometry), zone("good", geometry=SQUARE)], landing)

    assert [(one.index, one.path) for one in landed.set_aside] == [(0, "geometry")]
    assert reason in landed.set_aside[0].reason
    assert list(Zone.objects.values_list("external_id", "extent")) == [("good", "(2,1),(0,0)")]


def test_a_zone_is_not_its_own_parent(landing: Landing) -> None:
    landed = land_zones([zone("Z", parent="Z")], landing)

    assert [(one.index, one.path) for one in landed.set_aside] == [(0, "parent")]
    assert not Zone.objects.exists()


def test_features_keep_their_properties(now: datetime) -> None:
    landing = make_landing(contract=contract_id(FeatureRecord), now=now)
    record = FeatureRecord(
        external_id="pole-1",
        collection="poles",
        geometry=Raw(b'{"type": "Point", "coordinates": [11.4, 53.6]}'),
        properties=Raw(b'{"height_m": 9, "maker": {"name": "Nordmast"}}'),
    )

    land_features(prepare_features([record]), landing)
    again = land_features(prepare_features([record]), landing)

    row = Feature.objects.get()
    assert (row.collection, row.properties, row.latitude) == (
        "poles",
        {"height_m": 9, "maker": {"name": "Nordmast"}},
        53.6,
    )
    assert row.geometry == {"type": "Point", "coordinates": [11.4, 53.6]}
    assert again == Landed(unchanged=1)
