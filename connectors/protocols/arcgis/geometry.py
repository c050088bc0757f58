"""Geometry as ArcGIS writes it in f=json, brought to GeoJSON (RFC 7946 §3.1)."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any

import msgspec
import orjson
from shapely import Polygon
from shapely.errors import ShapelyError

from connectors.protocols.geojson import decoded_together

WGS84 = 4326
FIRST_OF_ESRI = 32_768
"""From here on a well-known id is Esri's own; below, it is EPSG's."""

NOTHING = msgspec.Raw(b"null")

Ring = list[list[float]]


def crs_of(reference: Any) -> str | None:
    """
    The reference system of a `spatialReference`, in words that pyproj knows; `None` for longitude and latitude in
    WGS 84, and where the answer does not say.
    """
    if not isinstance(reference, dict):
        return None
    number = reference.get("latestWkid") or reference.get("wkid")
    if isinstance(number, int):
        if number == WGS84:
            return None
        return f"{'EPSG' if number < FIRST_OF_ESRI else 'ESRI'}:{number}"
    text = reference.get("wkt2") or reference.get("wkt")
    return text if isinstance(text, str) and text else None


def to_geojson(geometry: Any) -> dict[str, Any] | None:
    """
    A geometry of ArcGIS, or one that is GeoJSON already; coordinates stay as they are, a measure (M) is left out.

    :return: `None` for no geometry and for an empty one
    :raises ValueError: if it is none that GeoJSON has
    """
    match geometry:
        case None:
            return None
        case {"type": str()}:
            return geometry  # type: ignore[no-any-return]  # a dict, as the pattern says
        case {"x": x, "y": _}:
            return None if x is None or x == "NaN" else {"type": "Point", "coordinates": _point(geometry)}
        case {"points": list() as points}:
            return _of("MultiPoint", _positions(points, geometry))
        case {"paths": list() as paths}:
            lines = [_positions(path, geometry) for path in paths if path]
            return _of("LineString", lines[0]) if len(lines) == 1 else _of("MultiLineString", lines)
        case {"rings": list() as rings}:
            return _polygons([_closed(_positions(ring, geometry)) for ring in rings if ring])
        case {"curvePaths": _} | {"curveRings": _}:
            raise ValueError("it has true curves, which GeoJSON has not")
    raise ValueError("it is no geometry that ArcGIS is known to have")


class _Point(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A plain point in longitude and latitude."""

    x: Annotated[int, msgspec.Meta(ge=-180, le=180)] | Annotated[float, msgspec.Meta(ge=-180, le=180)]
    y: Annotated[int, msgspec.Meta(ge=-90, le=90)] | Annotated[float, msgspec.Meta(ge=-90, le=90)]


_points = msgspec.json.Decoder(list[_Point | None])


def points_to_geojson(geometries: Sequence[msgspec.Raw]) -> list[msgspec.Raw] | None:
    """
    Points in CRS84 as ArcGIS writes them, brought to GeoJSON together; `None` if not all are plain points that lie on
    the Earth: `to_geojson` tells what each is.
    """
    try:
        points = decoded_together(geometries, _points)
    except msgspec.MsgspecError:
        return None
    return [
        NOTHING if one is None else msgspec.Raw(orjson.dumps({"type": "Point", "coordinates": (one.x, one.y)}))
        for one in points
    ]


def _of(kind: str, coordinates: list[Any]) -> dict[str, Any] | None:
    return {"type": kind, "coordinates": coordinates} if coordinates else None


def _point(geometry: dict[str, Any]) -> list[Any]:
    height = geometry.get("z")
    plain = [geometry["x"], geometry["y"]]
    return plain if height is None or height == "NaN" else [*plain, height]


def _positions(positions: Any, geometry: dict[str, Any]) -> list[Any]:
    if not isinstance(positions, list) or not all(isinstance(one, list) for one in positions):
        raise ValueError("its coordinates are not lists of positions")
    width = 3 if geometry.get("hasZ") else 2
    return [one[:width] if len(one) < 3 or one[2] is not None else one[:2] for one in positions]


def _closed(ring: Ring) -> Ring:
    return ring if ring[0] == ring[-1] else [*ring, ring[0]]


def _polygons(rings: list[Ring]) -> dict[str, Any] | None:
    """
    ArcGIS lists rings in any order: a clockwise one bounds an area, another is a hole in whichever area holds it. In
    GeoJSON it is the other way round, and each hole stands behind its area (RFC 7946 §3.1.6). A hole in no area is an
    area that was drawn the wrong way round.
    """
    areas = [[ring[::-1]] for ring in rings if _is_clockwise(ring)]
    holes = [ring[::-1] for ring in rings if not _is_clockwise(ring)]
    for hole in holes:
        owner = _smallest_around(hole, areas)
        if owner is None:
            areas.append([hole[::-1]])
        else:
            owner.append(hole)
    if len(areas) == 1:
        return {"type": "Polygon", "coordinates": areas[0]}
    return _of("MultiPolygon", areas)


def _is_clockwise(ring: Ring) -> bool:
    return _twice_the_area(ring) < 0


def _twice_the_area(ring: Ring) -> float:
    """By the shoelace formula, positive if counter-clockwise; around the first position, to lose no digits."""
    if not all(isinstance(value, int | float) for position in ring for value in position) or min(map(len, ring)) < 2:
        raise ValueError("a position is not two or three numbers")
    x0, y0 = ring[0][:2]
    moved = [(position[0] - x0, position[1] - y0) for position in ring]
    return sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairwise(moved))


def _smallest_around(hole: Ring, areas: Sequence[list[Ring]]) -> list[Ring] | None:
    """An area within the hole, such as an island in a lake, holds a point of it too, but is smaller."""
    least = _size(hole)
    try:
        inside = Polygon(hole).representative_point()
        around = [area for area in areas if _size(area[0]) >= least and Polygon(area[0]).covers(inside)]
    except (ShapelyError, ValueError) as error:
        raise ValueError("a ring of its polygon has too few positions") from error
    return min(around, key=lambda area: _size(area[0]), default=None)


def _size(ring: Ring) -> float:
    return abs(_twice_the_area(ring))
