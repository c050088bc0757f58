"""Coordinate reference systems by their definition URI, and GeoJSON geometry brought to CRS84."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import isfinite
from typing import Any

from pyproj import Transformer
from pyproj.exceptions import CRSError, ProjError

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"

SAME_AS_CRS84 = frozenset(
    {
        CRS84,
        "https://www.opengis.net/def/crs/OGC/1.3/CRS84",
        "http://www.opengis.net/def/crs/OGC/0/CRS84h",  # with height: the standard's URI
        "http://www.opengis.net/def/crs/OGC/1.3/CRS84h",  # and the one that pygeoapi has
        "urn:ogc:def:crs:OGC:1.3:CRS84",
    }
)

DEPTHS = {
    "Point": 0,
    "MultiPoint": 1,
    "LineString": 1,
    "MultiLineString": 2,
    "Polygon": 2,
    "MultiPolygon": 3,
}
"""How deep the positions lie in `coordinates` (RFC 7946 §3.1)."""

Position = Sequence[float]


@lru_cache(maxsize=32)
def _transformer(crs: str, x_first: bool) -> Transformer:
    try:
        return Transformer.from_crs(crs, "OGC:CRS84", always_xy=x_first)
    except CRSError as error:
        raise ValueError(f"the reference system {crs} is not known") from error


def to_crs84(
    geometry: dict[str, Any] | None, crs: str | None, *, swap_axes: bool = False, x_first: bool = False
) -> dict[str, Any] | None:
    """
    :param crs: the URI of the geometry's reference system, whose own axis order holds; `None` is CRS84
    :param swap_axes: the source writes its axes in the other order than that
    :param x_first: the source writes easting or longitude first in all reference systems
    :raises ValueError: if it is no GeoJSON geometry, or lies off the Earth
    """
    if geometry is None:
        return None
    if not isinstance(geometry, dict):
        raise ValueError("geometry is not an object")
    transform = None if crs is None or crs in SAME_AS_CRS84 else _transformer(crs, x_first).transform

    def position(values: Any) -> list[float]:
        return _position(values, transform, swap_axes)

    if geometry.get("type") == "GeometryCollection":
        parts = geometry.get("geometries")
        if not isinstance(parts, list):
            raise ValueError("a GeometryCollection has no list of geometries")
        inner = [to_crs84(part, crs, swap_axes=swap_axes, x_first=x_first) for part in parts]
        return {"type": "GeometryCollection", "geometries": inner}
    depth = DEPTHS.get(str(geometry.get("type")))
    if depth is None:
        raise ValueError(f"{geometry.get('type')!r} is no type of GeoJSON geometry")
    return {"type": geometry["type"], "coordinates": _each(geometry.get("coordinates"), depth, position)}


def _each(values: Any, depth: int, position: Callable[[Any], list[float]]) -> Any:
    if depth == 0:
        return position(values)
    if not isinstance(values, list):
        raise ValueError("coordinates are not nested as their type demands")
    return [_each(value, depth - 1, position) for value in values]


def _position(values: Any, transform: Callable[..., Any] | None, swap: bool) -> list[float]:
    if type(values) is list and len(values) == 2 and transform is None and not swap:
        # By far the most positions, and so told apart first.
        first, second = values
        if type(first) is float and type(second) is float and -180 <= first <= 180 and -90 <= second <= 90:
            return [first, second]
    if not isinstance(values, list) or len(values) < 2 or not all(_is_number(value) for value in values):
        raise ValueError("a position is not two or three numbers")
    first, second, *rest = values
    if swap:
        first, second = second, first
    if transform is not None:
        try:
            first, second = transform(first, second, errcheck=True)
        except ProjError as error:
            raise ValueError("a position lies outside its reference system") from error
        rest = []  # a height in another system's datum is not ours
    if not (isfinite(first) and isfinite(second) and -180 <= first <= 180 and -90 <= second <= 90):
        raise ValueError(f"the position {first:g}, {second:g} is not longitude and latitude")
    return [first, second, *rest[:1]]


def _is_number(value: Any) -> bool:
    return type(value) is float or (isinstance(value, int | float) and not isinstance(value, bool))


def first_position(geometry: Any) -> Position | None:
    """The first two coordinates of a geometry, as they stand."""
    values = geometry.get("coordinates") if isinstance(geometry, dict) else None
    while isinstance(values, list) and values and isinstance(values[0], list):
        values = values[0]
    return values[:2] if isinstance(values, list) and len(values) >= 2 and all(map(_is_number, values[:2])) else None
