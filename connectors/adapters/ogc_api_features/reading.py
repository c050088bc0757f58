"""Reading a collection: which changes to ask for, and what the pages say about the next time."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from connectors.adapters.ogc_api_features.filtering import check_heeded, own_filter
from connectors.protocols.adapter import Cursor, Mode, Page
from connectors.protocols.crs import first_position, to_crs84
from connectors.protocols.errors import BadConfig, FullReadNeeded
from connectors.protocols.geojson import SourceFeatures
from connectors.protocols.moments import parse_moment, utc_text
from connectors.protocols.ogc_features import Collection, Step

SIMPLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")


@dataclass
class Read:
    """
    Turns the steps of a walk into pages, and follows the newest change.

    :param began: the source's time when the read began: a change stamped later is asked for again, since a feature may
        have been read before it changed
    """

    options: Mapping[str, Any]
    before: str | None
    newest: datetime | None
    since: datetime | None
    began: datetime | None
    pages: int = 0

    def __post_init__(self) -> None:
        self.zone = ZoneInfo(self.options["time_zone"])
        self.own = own_filter(self.options)
        self.within = {"filter": self.own.written} if self.own else {}

    def page(self, step: Step, asked: Mapping[str, str]) -> Page:
        self.pages += 1
        if self.own:
            check_heeded(self.own, step.features)
        self.note(step.features)
        records = [{"crs": step.crs, "feature": one} for one in step.features] if step.crs else step.features
        watermark = utc_text(self.newest) if self.newest else None
        if step.place is not None:
            cursor = {
                **self.within,
                "place": step.place,
                "since": utc_text(self.since) if self.since else None,
                "began": utc_text(self.began) if self.began else None,
                "asked": dict(asked),
                "before": self.before,
                "watermark": watermark,
            }
            return Page(records=records, cursor=cursor, total=step.total, fingerprint=step.fingerprint)
        return Page(
            records=records,
            cursor={**self.within, "watermark": self.before if step.shortfall else watermark},
            complete=not step.shortfall,
            incomplete_reason=step.shortfall,
            total=step.total,
            fingerprint=step.fingerprint,
        )

    def note(self, features: SourceFeatures) -> None:
        """
        :raises BadConfig: if the server sends what was not asked for
        """
        found = features.moments(self.options["modified_property"], lambda value: parse_moment(value, self.zone))
        stamps = {stamp for stamp in found if not isinstance(stamp, ValueError)}  # parse will set those aside
        # `datetime` also matches what has no time (fc-time-response C); a filter never does.
        has_stray = None in stamps and self.options["changes"] != "DATETIME"
        known = [stamp for stamp in stamps if stamp is not None]
        if self.since and (has_stray or min(known, default=self.since) < self.since):
            raise BadConfig(
                f"The server was asked for changes since {utc_text(self.since)} and also sends what is "
                "older: it does not heed the question. Choose another way to ask for changes, or none.",
                field="changes",
            )
        if known:
            newest = min(max(known), self.began) if self.began else max(known)
            self.newest = max(newest, self.newest) if self.newest else newest


def start_of_changes(options: Mapping[str, Any], cursor: Cursor, mode: Mode) -> datetime | None:
    if "place" in cursor:
        return parse_moment(cursor["since"])
    if mode is not Mode.INCREMENTAL:
        return None
    if options["changes"] == "NONE" or not options["modified_property"]:
        raise BadConfig(
            "This collection cannot be asked for changes as it is set up. Read it in full, or name its "
            "modified property and how to ask.",
            field="changes",
        )
    watermark = parse_moment(cursor.get("watermark"))
    return watermark - timedelta(seconds=options["overlap_s"]) if watermark else None


def check_within(options: Mapping[str, Any], cursor: Cursor) -> None:
    """
    :raises FullReadNeeded: if the cursor is one of a read within another filter: what came to match with this one did
        not change, and what does no longer is not to be kept
    """
    if cursor and cursor.get("filter", "") != options["filter"]:
        raise FullReadNeeded("The filter is not what it was when this was last read.")


def ways_to_ask(options: Mapping[str, Any], since: datetime | None) -> Sequence[dict[str, str]]:
    """The ways to ask for what has changed, best first; one that asks for everything."""
    own = own_filter(options)
    if since is None:
        return (own.asked() if own else {},)
    if options["changes"] == "DATETIME":
        return ({**(own.asked() if own else {}), "datetime": f"{utc_text(since)}/.."},)
    if own:
        return (own.asked(also=changed_since(options["modified_property"], utc_text(since))),)
    return filters_on(options["modified_property"], utc_text(since))


def changed_since(name: str, since: str) -> str:
    """In CQL2 text."""
    return f"{_as_name(name)} >= TIMESTAMP('{since}')"


def filters_on(name: str, since: str) -> tuple[dict[str, str], ...]:
    """In CQL2 text, and in the older CQL text that pygeoapi 0.21 and its like understand instead."""
    return (
        {"filter": changed_since(name, since), "filter-lang": "cql2-text"},
        {"filter": f"{_as_name(name)} AFTER {since}"},
    )


def _as_name(name: str) -> str:
    return name if SIMPLE_NAME.fullmatch(name) else '"' + name.replace('"', '""') + '"'


def check_axes(collection: Collection, step: Step, *, swapped: bool) -> None:
    """
    :raises BadConfig: if the coordinates lie outside the collection's extent, and inside it the other way
    """
    if collection.extent is None:
        return
    found = [first_position(one.parsed()["geometry"]) for one in step.features[:50]]
    points = [point for point in found if point is not None]
    inside = {
        swap: sum(_lies_in(collection.extent, point, step.crs, swap) for point in points) for swap in (False, True)
    }
    if points and not inside[swapped] and inside[not swapped] == len(points):
        raise BadConfig(
            f"The coordinates of {collection.id} lie outside its extent as they are read, and inside it with "
            f"their axes exchanged. {'Untick' if swapped else 'Tick'} “Axes are swapped”.",
            field="swap_axes",
        )


def _lies_in(extent: tuple[float, ...], point: Sequence[float], crs: str | None, swap: bool) -> bool:
    try:
        geometry = to_crs84({"type": "Point", "coordinates": list(point)}, crs, swap_axes=swap)
    except ValueError:
        return False
    west, south, east, north = extent
    longitude, latitude = geometry["coordinates"] if geometry else (0, 0)
    margin = 0.01
    return west - margin <= longitude <= east + margin and south - margin <= latitude <= north + margin
