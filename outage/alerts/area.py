"""Shapes in CRS84 become the polygons of a CAP area: closed, without holes, in latitude, longitude order (§3.2.4)."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import shapely
from shapely.affinity import scale, translate
from shapely.geometry import MultiPoint, MultiPolygon, Polygon, box, shape
from shapely.geometry.base import BaseGeometry

from connectors.cap.message import Ring

Position = tuple[float, float]
"""Longitude and latitude in CRS84 degrees."""

MARGIN_M = 250
"""Around positions: one house, too, has an area, and the area does not say which house."""
GRID = 1e-5
"""Degrees, about a metre: what is written has five decimals."""
MOST_PAIRS = 100
"""Receivers cut longer polygons off."""
METRES_PER_DEGREE = 111_320
WORLD = box(-180, -90, 180, 90)


def zone_shapes(geometries: Iterable[dict[str, Any] | None]) -> list[BaseGeometry]:
    """Those of GeoJSON geometries that have an area; the others as empty ones, in the same order."""
    shapes = [Polygon() if geometry is None else shape(geometry) for geometry in geometries]
    return [one if isinstance(one, Polygon | MultiPolygon) else Polygon() for one in shapes]


def smallest_around(position: Position, shapes: Sequence[BaseGeometry]) -> int | None:
    """Which of the shapes holds a position; of several the smallest."""
    point = shapely.Point(position)
    around = [index for index, one in enumerate(shapes) if shapely.covers(one, point)]
    return min(around, key=lambda index: shapes[index].area, default=None)


def hull(positions: Iterable[Position]) -> BaseGeometry:
    """The convex hull of positions with its margin; cut at the antimeridian, if that lies between them."""
    positions = list(positions)
    if not positions:
        return Polygon()
    crosses = max(longitude for longitude, _ in positions) - min(longitude for longitude, _ in positions) > 180
    together = [(longitude % 360 if crosses else longitude, latitude) for longitude, latitude in positions]
    wide = _widened(MultiPoint(together).convex_hull)
    east, west = box(180, -90, 540, 90), box(-540, -90, -180, 90)
    return shapely.union_all(
        [
            wide.intersection(WORLD),
            translate(wide.intersection(east), xoff=-360),
            translate(wide.intersection(west), xoff=360),
        ]
    )


def rings(area: BaseGeometry) -> tuple[Ring, ...]:
    """The polygons of an area. What is cut or simplified holds all that the area held."""
    whole = _polygons(shapely.set_precision(shapely.union_all([area]), GRID))
    return tuple(_ring(one) for polygon in whole for part in _without_holes(polygon) for one in _simple(part))


def _widened(shape_: BaseGeometry) -> BaseGeometry:
    """A degree of longitude is shorter than one of latitude: stretched, widened evenly, and put back."""
    latitude = shape_.centroid.y
    stretch = max(math.cos(math.radians(latitude)), 0.01)
    even = scale(shape_, xfact=stretch, yfact=1, origin=(0, 0))
    return scale(even.buffer(MARGIN_M / METRES_PER_DEGREE, quad_segs=4), xfact=1 / stretch, yfact=1, origin=(0, 0))


def _without_holes(polygon: Polygon) -> list[Polygon]:
    """Cut through each hole: a CAP polygon has none."""
    if not polygon.interiors:
        return [polygon]
    west, south, east, north = polygon.bounds
    middle = polygon.interiors[0].centroid.x
    halves = (box(west, south, middle, north), box(middle, south, east, north))
    return [part for half in halves for one in _polygons(polygon.intersection(half)) for part in _without_holes(one)]


def _simple(polygon: Polygon) -> list[Polygon]:
    """Few enough pairs. Widened by as much as a simplified edge may cut off, so that nobody falls out."""
    found, tolerance = [polygon], 2 * GRID
    while any(len(one.exterior.coords) > MOST_PAIRS for one in found):
        wider = polygon.buffer(tolerance, join_style="mitre").simplify(tolerance).intersection(WORLD)
        found = [Polygon(one.exterior) for one in _polygons(shapely.set_precision(wider, GRID))]
        tolerance *= 2
    return found


def _polygons(area: BaseGeometry) -> list[Polygon]:
    return [one for one in shapely.get_parts(area).tolist() if isinstance(one, Polygon) and not one.is_empty]


def _ring(polygon: Polygon) -> Ring:
    return tuple((round(y, 5), round(x, 5)) for x, y in shapely.get_coordinates(polygon.normalize()).tolist())
