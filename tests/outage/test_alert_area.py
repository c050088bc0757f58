"""What becomes of shapes in an alert: rings that the standard takes, and nobody left outside."""

import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import MultiPoint, MultiPolygon, Point, Polygon, box
from shapely.geometry.base import BaseGeometry

from connectors.cap.message import Ring
from outage.alerts.area import MOST_PAIRS, hull, rings, smallest_around, zone_shapes

latitudes = st.floats(-75, 75, allow_nan=False)
longitudes = st.floats(-179, 179, allow_nan=False)


def polygons(found: tuple[Ring, ...]) -> list[Polygon]:
    """Back in longitude, latitude order."""
    return [Polygon([(longitude, latitude) for latitude, longitude in ring]) for ring in found]


def together(found: tuple[Ring, ...]) -> BaseGeometry:
    return shapely.union_all(polygons(found))


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(-2, 2), st.floats(-1, 1)), min_size=1, max_size=40), longitudes, latitudes)
def test_every_position_lies_in_the_hull_around_it(
    offsets: list[tuple[float, float]], east: float, north: float
) -> None:
    positions = [((east + x + 180) % 360 - 180, north + y) for x, y in offsets]

    found = rings(hull(positions))

    assert found
    for ring in found:
        assert ring[0] == ring[-1]
        assert 4 <= len(ring) <= MOST_PAIRS
        assert all(abs(latitude) <= 90 and abs(longitude) <= 180 for latitude, longitude in ring)
    assert all(polygon.is_valid for polygon in polygons(found))
    assert shapely.covers(together(found), MultiPoint(positions))


def test_a_hull_over_the_antimeridian_is_two_narrow_polygons() -> None:
    found = rings(hull([(179.9, -17.0), (-179.9, -17.1)]))

    assert len(found) == 2
    assert all(polygon.bounds[2] - polygon.bounds[0] < 0.2 for polygon in polygons(found))


def test_coordinates_are_latitude_first_with_five_decimals() -> None:
    [ring] = rings(box(11.391234567, 53.59, 11.41, 53.61))

    assert ring == ((53.59, 11.39123), (53.61, 11.39123), (53.61, 11.41), (53.59, 11.41), (53.59, 11.39123))


def test_a_hole_is_cut_open() -> None:
    with_holes = box(0, 0, 10, 10).difference(box(2, 2, 4, 4)).difference(box(6, 6, 8, 8))

    found = rings(with_holes)

    assert len(found) > 1
    assert together(found).equals(with_holes)
    assert all(not polygon.interiors for polygon in polygons(found))


def test_a_zone_with_many_corners_keeps_all_that_it_held() -> None:
    round_zone = Point(11.4, 53.6).buffer(0.05, quad_segs=400)

    [ring] = rings(round_zone)

    assert len(ring) <= MOST_PAIRS
    assert shapely.covers(polygons((ring,))[0], shapely.set_precision(round_zone, 1e-5))
    assert polygons((ring,))[0].area < round_zone.area * 1.02


def test_zones_that_touch_become_one_polygon() -> None:
    assert len(rings(MultiPolygon([box(0, 0, 1, 1), box(1, 0, 2, 1)]))) == 1


def test_of_zones_within_zones_the_smallest_is_meant() -> None:
    shapes = [box(0, 0, 10, 10), box(0, 0, 2, 2), box(5, 5, 6, 6)]

    assert [smallest_around(at, shapes) for at in ((1, 1), (2, 2), (9, 9), (11, 11))] == [1, 1, 0, None]


def test_what_has_no_area_is_no_zone() -> None:
    line = {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}
    ring = [[0, 0], [1, 0], [1, 1], [0, 0]]

    shapes = zone_shapes([None, line, {"type": "Polygon", "coordinates": [ring]}])

    assert [one.is_empty for one in shapes] == [True, True, False]
