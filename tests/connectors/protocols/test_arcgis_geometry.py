"""Geometry of ArcGIS as GeoJSON, with Esri's own conversion of the same features as a second opinion."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from shapely.geometry import shape

from connectors.protocols.arcgis.geometry import crs_of, points_to_geojson, to_geojson
from connectors.protocols.crs import to_crs84

PAYLOADS = Path(__file__).parents[1] / "payloads" / "arcgis" / "esri"


def esri(name: str) -> Any:
    return json.loads((PAYLOADS / f"{name}.json").read_text())


def square(x: float, y: float, size: float, *, clockwise: bool) -> list[list[float]]:
    ring = [[x, y], [x, y + size], [x + size, y + size], [x + size, y], [x, y]]
    return ring if clockwise else ring[::-1]


@pytest.mark.parametrize("kind", ["Point", "Line", "Polygon"])
def test_a_feature_stands_where_esri_itself_puts_it(kind: str) -> None:
    """Line and polygon are generalised when they are recorded in metres, so shapes agree to some metres."""
    answer, theirs = esri(f"arcGIS{kind}Response"), esri(f"geoJSON{kind}Response")

    ours = to_crs84(to_geojson(answer["features"][0]["geometry"]), crs_of(answer["spatialReference"]), x_first=True)

    there = theirs["features"][0]["geometry"]
    assert ours is not None
    assert ours["type"] == there["type"]
    assert shape(ours).hausdorff_distance(shape(there)) < 0.0005


def test_a_ring_that_bounds_an_area_turns_left_and_a_hole_right() -> None:
    outer, hole = square(0, 0, 10, clockwise=True), square(2, 2, 2, clockwise=False)

    assert to_geojson({"rings": [hole, outer]}) == {"type": "Polygon", "coordinates": [outer[::-1], hole[::-1]]}


def test_each_hole_lies_in_the_smallest_area_around_it() -> None:
    sea, lake = square(0, 0, 100, clockwise=True), square(10, 10, 50, clockwise=False)
    island, pond = square(20, 20, 20, clockwise=True), square(25, 25, 5, clockwise=False)

    assert to_geojson({"rings": [pond, island, lake, sea]}) == {
        "type": "MultiPolygon",
        "coordinates": [[island[::-1], pond[::-1]], [sea[::-1], lake[::-1]]],
    }


def test_an_area_drawn_the_wrong_way_round_is_an_area() -> None:
    wrong = square(0, 0, 10, clockwise=False)

    assert to_geojson({"rings": [wrong]}) == {"type": "Polygon", "coordinates": [wrong]}


def test_an_open_ring_is_closed() -> None:
    ring = square(0, 0, 1, clockwise=True)

    assert to_geojson({"rings": [ring[:-1]]}) == {"type": "Polygon", "coordinates": [ring[::-1]]}


def test_heights_stay_and_measures_go() -> None:
    point = esri("PointHasZM")["features"][0]["geometry"]
    measured = esri("LineHasM")["features"][0]["geometry"]
    both = esri("LineHasZM")["features"][0]["geometry"]

    assert to_geojson(point) == {"type": "Point", "coordinates": [point["x"], point["y"], 40]}
    assert to_geojson(measured) == {
        "type": "LineString",
        "coordinates": [position[:2] for position in measured["paths"][0]],
    }
    assert to_geojson(both) == {"type": "LineString", "coordinates": [position[:3] for position in both["paths"][0]]}


@pytest.mark.parametrize(
    ("geometry", "expected"),
    [
        (None, None),
        ({"x": "NaN", "y": "NaN"}, None),
        ({"x": None, "y": None}, None),
        ({"paths": []}, None),
        ({"rings": []}, None),
        ({"points": [[1, 2], [3, 4]]}, {"type": "MultiPoint", "coordinates": [[1, 2], [3, 4]]}),
        (
            {"paths": [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]},
            {"type": "MultiLineString", "coordinates": [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]},
        ),
        ({"type": "Point", "coordinates": [1, 2]}, {"type": "Point", "coordinates": [1, 2]}),
    ],
)
def test_other_shapes(geometry: Any, expected: Any) -> None:
    assert to_geojson(geometry) == expected


@pytest.mark.parametrize(
    ("geometry", "said"),
    [
        ({"curveRings": [[[0, 0], {"a": [[1, 1], [2, 2], 0, 1]}]]}, "true curves"),
        ({"xmin": 0, "ymin": 0, "xmax": 1, "ymax": 1}, "no geometry that ArcGIS is known to have"),
        ({"rings": [["a", "b"]]}, "not lists of positions"),
        ({"rings": [[["a", "b"], [1, 2]]]}, "not two or three numbers"),
        ("POINT (1 2)", "no geometry that ArcGIS is known to have"),
    ],
)
def test_what_is_no_geometry_is_said_so(geometry: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        to_geojson(geometry)


@pytest.mark.parametrize(
    ("reference", "crs"),
    [
        ({"wkid": 4326, "latestWkid": 4326}, None),
        ({"wkid": 102100, "latestWkid": 3857}, "EPSG:3857"),
        ({"wkid": 102697}, "ESRI:102697"),
        ({"wkid": 3435}, "EPSG:3435"),
        ({"wkt": "GEOGCS[…]"}, "GEOGCS[…]"),
        (None, None),
    ],
)
def test_reference_systems_by_their_well_known_ids(reference: Any, crs: str | None) -> None:
    assert crs_of(reference) == crs


def test_coordinates_have_the_easting_first_whatever_the_reference_system_says() -> None:
    """EPSG:3035 has its northing first; ArcGIS writes x, y."""
    geometry = {"type": "Point", "coordinates": [4_321_000, 3_210_000]}

    assert to_crs84(geometry, "EPSG:3035", x_first=True) == {
        "type": "Point",
        "coordinates": [pytest.approx(10.0), pytest.approx(52.0)],
    }


def test_plain_points_are_brought_to_geojson_together() -> None:
    points = [msgspec.Raw(text) for text in (b'{"x":9.5,"y":47}', b"null")]

    assert points_to_geojson(points) == [
        msgspec.Raw(b'{"type":"Point","coordinates":[9.5,47]}'),
        msgspec.Raw(b"null"),
    ]


@pytest.mark.parametrize("text", [b'{"x":"NaN","y":1}', b'{"x":181,"y":1}', b'{"x":1,"y":2,"z":3}', b'{"paths":[]}'])
def test_what_is_no_plain_point_is_left_to_be_read_by_itself(text: bytes) -> None:
    assert points_to_geojson([msgspec.Raw(b'{"x":1,"y":2}'), msgspec.Raw(text)]) is None
