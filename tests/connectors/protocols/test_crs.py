from typing import Any

import pytest

from connectors.protocols.crs import CRS84, to_crs84

EPSG = "http://www.opengis.net/def/crs/EPSG/0/"


@pytest.mark.parametrize(
    ("crs", "coordinates"),
    [
        (None, [-93.235233, 44.922627]),
        (CRS84, [-93.235233, 44.922627]),
        (EPSG + "4326", [44.922627, -93.235233]),  # latitude first
        (EPSG + "26915", [481435.10565888137, 4974382.210452026]),  # easting first
        (EPSG + "3857", [-10378898.66, 5609348.90]),
    ],
)
def test_coordinates_are_read_in_their_own_axis_order(crs: str | None, coordinates: list[float]) -> None:
    geometry = to_crs84({"type": "Point", "coordinates": coordinates}, crs)

    assert geometry is not None
    assert geometry["coordinates"] == pytest.approx([-93.235233, 44.922627], abs=1e-6)


def test_a_projected_system_may_have_northing_first() -> None:
    geometry = to_crs84({"type": "Point", "coordinates": [3210000.0, 4321000.0]}, EPSG + "3035")

    assert geometry is not None
    assert geometry["coordinates"] == pytest.approx([10.0, 52.0], abs=1e-6)


def test_a_server_that_breaks_the_rule_is_set_right() -> None:
    geometry = to_crs84({"type": "Point", "coordinates": [53.6, 11.4, 20]}, CRS84, swap_axes=True)

    assert geometry == {"type": "Point", "coordinates": [11.4, 53.6, 20]}


def test_every_type_of_geometry_is_read_and_foreign_members_are_left_out() -> None:
    shapes: list[dict[str, Any]] = [
        {"type": "MultiPoint", "coordinates": [[1, 2]]},
        {"type": "LineString", "coordinates": [[1, 2], [3, 4]]},
        {"type": "MultiLineString", "coordinates": [[[1, 2], [3, 4]]]},
        {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]},
        {"type": "MultiPolygon", "coordinates": [[[[0, 0], [1, 0], [1, 1], [0, 0]]]]},
    ]
    for shape in shapes:
        assert to_crs84({**shape, "bbox": [0, 0, 1, 1]}, None) == shape
    collection = {"type": "GeometryCollection", "geometries": shapes}
    assert to_crs84(collection, None) == collection
    assert to_crs84(None, None) is None


@pytest.mark.parametrize(
    ("geometry", "crs"),
    [
        ("POINT(1 2)", None),
        ({"type": "Circle", "coordinates": [1, 2]}, None),
        ({"type": "Point"}, None),
        ({"type": "Point", "coordinates": [1]}, None),
        ({"type": "Point", "coordinates": ["1", "2"]}, None),
        ({"type": "Point", "coordinates": [True, False]}, None),
        ({"type": "LineString", "coordinates": [1, 2]}, None),
        ({"type": "Point", "coordinates": [200, 2]}, None),
        ({"type": "Point", "coordinates": [53, 95]}, None),
        ({"type": "Point", "coordinates": [1e30, 1e30]}, EPSG + "26915"),
        ({"type": "Point", "coordinates": [1, 2]}, EPSG + "999999"),
        ({"type": "GeometryCollection"}, None),
    ],
)
def test_what_is_no_place_on_earth_is_refused(geometry: Any, crs: str | None) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        to_crs84(geometry, crs)
