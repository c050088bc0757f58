"""GeoJSON (RFC 7946) looked at in one go: is it usable, how far does it extend, and where does a mark of it go."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import orjson
import shapely

Geometries = npt.NDArray[np.object_]

_POINT, _LINE, _AREAS = (0,), (1, 2), (3, 6)  # shapely.GeometryType
_WORLD = (-180.0, -90.0, 180.0, 90.0)


class Placement(NamedTuple):
    """
    :param extent: PostgreSQL's text form of a box; `None` without geometry
    :param longitude: of a point on it, degrees
    :param fault: why the geometry cannot be used; empty if it can
    """

    extent: str | None = None
    longitude: float | None = None
    latitude: float | None = None
    fault: str = ""


NOWHERE = Placement()


class _Point(msgspec.Struct):
    """A point without a height, as nearly all of a utility's features are: read without a geometry library."""

    type: Literal["Point"]
    coordinates: tuple[float, float]


_point = msgspec.json.Decoder(_Point).decode


def place_features(geometries: Sequence[msgspec.Raw | None]) -> list[Placement]:
    """As `place`, of geometries that were not parsed, and without the extents of plain points."""
    placements = [NOWHERE if geometry is None else _point_of(geometry) for geometry in geometries]
    others = [
        (at, geometry) for at, geometry in enumerate(geometries) if placements[at] is None and geometry is not None
    ]
    found = _place([str(geometry, "utf-8") for _, geometry in others]) if others else []
    for (at, _), placement in zip(others, found, strict=True):
        placements[at] = placement
    return [NOWHERE if placement is None else placement for placement in placements]


def _point_of(geometry: msgspec.Raw) -> Placement | None:
    """`None` if it is no plain point on the Earth."""
    try:
        longitude, latitude = _point(geometry).coordinates
    except msgspec.MsgspecError:
        return None
    return Placement(None, longitude, latitude) if abs(longitude) <= 180 and abs(latitude) <= 90 else None


def place(geometries: Sequence[dict[str, Any] | None]) -> list[Placement]:
    """One placement for each geometry, in their order."""
    placements = [NOWHERE for _ in geometries]
    given = [at for at, geometry in enumerate(geometries) if geometry is not None]
    if given:
        for at, placement in zip(given, _place([orjson.dumps(geometries[at]).decode() for at in given]), strict=True):
            placements[at] = placement
    return placements


def _place(texts: Sequence[str]) -> list[Placement]:
    shapes: Geometries = np.asarray(shapely.from_geojson(texts, on_invalid="ignore"), dtype=object)
    faults = _faults(shapes)
    extents = shapely.bounds(shapes)
    marks = _marks(shapes, usable=np.array([fault == "" for fault in faults]))
    return [
        Placement(fault=fault)
        if fault
        else Placement(
            extent=f"({east!r},{north!r}),({west!r},{south!r})",
            longitude=float(shapely.get_x(mark)),
            latitude=float(shapely.get_y(mark)),
        )
        for fault, (west, south, east, north), mark in zip(faults, extents.tolist(), marks, strict=True)
    ]


def _faults(shapes: Geometries) -> list[str]:
    """
    Lines may cross themselves or have no length, as they do in real networks; areas must be areas, because exact
    questions are asked of them.
    """
    kinds = shapely.get_type_id(shapes)
    faults = np.full(len(shapes), "", dtype=object)
    area = np.isin(kinds, _AREAS)
    broken = area & ~shapely.is_valid(shapes)
    faults[broken] = [f"The area is not valid: {reason}." for reason in shapely.is_valid_reason(shapes[broken])]
    bounds = shapely.bounds(shapes)
    with np.errstate(invalid="ignore"):
        outside = (bounds[:, :2] < _WORLD[:2]).any(axis=1) | (bounds[:, 2:] > _WORLD[2:]).any(axis=1)
    faults[outside] = "The geometry lies outside of -180 to 180 and -90 to 90 degrees (CRS84)."
    faults[shapely.is_empty(shapes)] = "The geometry is empty."
    faults[kinds < 0] = "The geometry is no GeoJSON geometry (RFC 7946 §3.1)."
    return faults.tolist()


def _marks(shapes: Geometries, *, usable: npt.NDArray[np.bool_]) -> Geometries:
    """A point itself, the middle of a line, a point on anything else."""
    kinds = shapely.get_type_id(shapes)
    marks = np.full(len(shapes), None, dtype=object)
    points, lines = usable & np.isin(kinds, _POINT), usable & np.isin(kinds, _LINE)
    others = usable & ~points & ~lines
    marks[points] = shapes[points]
    marks[lines] = shapely.line_interpolate_point(shapes[lines], 0.5, normalized=True)
    marks[others] = shapely.point_on_surface(shapes[others])
    return marks
