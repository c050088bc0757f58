"""What an items request asks for: its parameters read, checked, and applied to the features."""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from simulator.gis.cql2 import FilterError, Test, parse_filter, parse_instant
from simulator.gis.features import Feature

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
EPSG_4326 = "http://www.opengis.net/def/crs/EPSG/0/4326"
CRS_LIST = (CRS84, EPSG_4326)

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
PARAMETERS = frozenset(
    {"limit", "cursor", "bbox", "bbox-crs", "crs", "datetime", "filter", "filter-lang", "filter-crs", "f"}
)
Box = tuple[float, float, float, float]


class InvalidParameter(Exception):
    """A parameter is unknown, or its value is wrong. Says which and why."""


@dataclass(frozen=True)
class Interval:
    start: datetime
    end: datetime


@dataclass(frozen=True)
class ItemsQuery:
    limit: int
    offset: int
    crs: str
    box: Box | None
    interval: Interval | None
    test: Test | None

    def matching(self, features: Iterable[Feature], *, time_property: str | None) -> list[Feature]:
        """
        :raises InvalidParameter: if the filter compares what cannot be compared.
        """
        try:
            return [feature for feature in features if self._matches(feature, time_property)]
        except FilterError as error:
            raise InvalidParameter(f"filter: {error}") from error

    def _matches(self, feature: Feature, time_property: str | None) -> bool:
        properties = feature["properties"]
        if self.test is not None and self.test(properties) is not True:
            return False
        if self.interval is not None and time_property is not None:
            # Without a time, or a place below, it matches: Part 1, fc-time-response C, fc-bbox-response C.
            stamp = properties[time_property]
            if stamp is not None and not self.interval.start <= datetime.fromisoformat(stamp) <= self.interval.end:
                return False
        return self.box is None or feature["geometry"] is None or _intersects(bounds(feature["geometry"]), self.box)


def read_items_query(
    parameters: Mapping[str, str], *, queryables: frozenset[str], instants: frozenset[str]
) -> ItemsQuery:
    """
    :raises InvalidParameter: 400, by Part 1 query-param-unknown and query-param-invalid.
    """
    unknown = sorted(set(parameters) - PARAMETERS)
    if unknown:
        raise InvalidParameter(f"Unknown parameter {', '.join(unknown)}.")
    if parameters.get("f", "json") != "json":
        raise InvalidParameter("f is json.")
    return ItemsQuery(
        limit=_limit(parameters),
        offset=_offset(parameters),
        crs=_crs(parameters, "crs"),
        box=_box(parameters),
        interval=_interval(parameters.get("datetime")),
        test=_test(parameters, queryables=queryables, instants=instants),
    )


def cursor(*, offset: int) -> str:
    return base64.urlsafe_b64encode(json.dumps({"o": offset}).encode()).decode().rstrip("=")


def bounds(geometry: Mapping[str, Any]) -> Box:
    points = list(_points(geometry["coordinates"]))
    longitudes = [point[0] for point in points]
    latitudes = [point[1] for point in points]
    return min(longitudes), min(latitudes), max(longitudes), max(latitudes)


def latitude_first(coordinates: Any) -> Any:
    """EPSG:4326 in the order of its axes."""
    if isinstance(coordinates[0], float | int):
        return [coordinates[1], coordinates[0]]
    return [latitude_first(part) for part in coordinates]


def _points(coordinates: Any) -> Iterable[tuple[float, float]]:
    if isinstance(coordinates[0], float | int):
        yield coordinates[0], coordinates[1]
    else:
        for part in coordinates:
            yield from _points(part)


def _intersects(box: Box, other: Box) -> bool:
    west, south, east, north = other
    if box[1] > north or box[3] < south:
        return False
    if west > east:  # across the antimeridian
        return box[2] >= west or box[0] <= east
    return box[0] <= east and box[2] >= west


def _limit(parameters: Mapping[str, str]) -> int:
    text = parameters.get("limit", str(DEFAULT_LIMIT))
    if not text.isdecimal() or int(text) < 1:
        raise InvalidParameter("limit is a whole number, 1 or more.")
    # More than the maximum is not an error: Part 1, fc-limit-response-1 C.
    return min(int(text), MAX_LIMIT)


def _offset(parameters: Mapping[str, str]) -> int:
    text = parameters.get("cursor")
    if text is None:
        return 0
    try:
        offset = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))["o"]
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise InvalidParameter("cursor is not one of ours: follow the next link as it is.") from error
    if not isinstance(offset, int) or offset < 0:
        raise InvalidParameter("cursor is not one of ours: follow the next link as it is.")
    return offset


def _crs(parameters: Mapping[str, str], name: str) -> str:
    crs = parameters.get(name, CRS84)
    if crs not in CRS_LIST:
        raise InvalidParameter(f"{name} is one of {', '.join(CRS_LIST)}.")
    return crs


def _box(parameters: Mapping[str, str]) -> Box | None:
    crs = _crs(parameters, "bbox-crs")
    text = parameters.get("bbox")
    if text is None:
        return None
    try:
        numbers = [float(number) for number in text.split(",")]
    except ValueError as error:
        raise InvalidParameter("bbox is four or six numbers.") from error
    if len(numbers) == 6:
        numbers = [numbers[0], numbers[1], numbers[3], numbers[4]]
    if len(numbers) != 4:
        raise InvalidParameter("bbox is four or six numbers.")
    first, second, third, fourth = numbers
    if crs == EPSG_4326:
        first, second, third, fourth = second, first, fourth, third
    if second > fourth:
        raise InvalidParameter("bbox has its south above its north.")
    return first, second, third, fourth


def _interval(text: str | None) -> Interval | None:
    if text is None:
        return None
    parts = text.split("/")
    if len(parts) > 2 or all(part in {"", ".."} for part in parts):
        raise InvalidParameter("datetime is an instant or an interval with at least one end.")
    try:
        ends = [None if part in {"", ".."} else parse_instant(part) for part in parts]
    except ValueError as error:
        raise InvalidParameter(f"datetime: {error}.") from error
    return Interval(start=ends[0] or datetime.min.replace(tzinfo=UTC), end=ends[-1] or datetime.max.replace(tzinfo=UTC))


def _test(parameters: Mapping[str, str], *, queryables: frozenset[str], instants: frozenset[str]) -> Test | None:
    if parameters.get("filter-lang", "cql2-text") != "cql2-text":
        raise InvalidParameter("filter-lang is cql2-text.")
    if parameters.get("filter-crs", CRS84) not in CRS_LIST:
        raise InvalidParameter(f"filter-crs is one of {', '.join(CRS_LIST)}.")
    text = parameters.get("filter")
    if text is None:
        return None
    try:
        return parse_filter(text, instants=instants, properties=queryables)
    except FilterError as error:
        raise InvalidParameter(f"filter: {error}") from error
