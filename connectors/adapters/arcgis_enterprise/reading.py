"""Reading a layer: which changes to ask for, and what the pages say about the next time."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from connectors.adapters.arcgis_enterprise.features import DELETED, to_moment
from connectors.adapters.arcgis_enterprise.settings import NOT_AT_ALL, options_of
from connectors.protocols.adapter import Cursor, Page, SourceStream
from connectors.protocols.arcgis.changes import Changes
from connectors.protocols.arcgis.layers import Layer
from connectors.protocols.arcgis.query import ALL, Step
from connectors.protocols.errors import BadConfig
from connectors.protocols.features.records import external_id_of
from connectors.protocols.geojson import SourceFeatures
from connectors.protocols.moments import parse_moment, utc_text

SAME_AS_UTC = ("", "utc", "etc/utc", "coordinated universal time", "gmt")
DATE_TYPES = ("esriFieldTypeDate", "esriFieldTypeTimestampOffset")


@dataclass
class Read:
    """
    Turns the steps of a walk into pages, and follows the newest edit.

    :param since: only what was edited from then on was asked for
    :param watermark: the newest edit known
    :param before: the watermark that holds if the read proves incomplete
    :param generation: the server's, when the read began
    :param edited: when anything in the layer was last edited, when the read began; milliseconds since 1970
    :param began: the server's time when the read began: what is edited later is asked for again, since its row may
        have been read before
    """

    options: Mapping[str, Any]
    since: datetime | None
    watermark: datetime | None
    before: str | None
    generation: int | None
    edited: int | None
    began: datetime | None

    def __post_init__(self) -> None:
        self.zone: tzinfo = ZoneInfo(self.options["time_zone"])

    def page(self, step: Step) -> Page:
        self.note(step.features)
        records = [{"crs": step.crs, "feature": one} for one in step.features] if step.crs else step.features
        watermark = utc_text(self.watermark) if self.watermark else None
        bookmark = {"generation": self.generation, "edited": self.edited}
        if step.place is not None:
            there = {
                "place": step.place,
                "since": utc_text(self.since) if self.since else None,
                "began": utc_text(self.began) if self.began else None,
                "before": self.before,
                "watermark": watermark,
            }
            return Page(records=records, cursor=there | bookmark, total=step.total, fingerprint=step.fingerprint)
        bookmark = {"generation": None, "edited": None} if step.shortfall else bookmark
        return Page(
            records=records,
            cursor={"watermark": self.before if step.shortfall else watermark, **bookmark},
            complete=not step.shortfall,
            incomplete_reason=step.shortfall,
            total=step.total,
            fingerprint=step.fingerprint,
        )

    def note(self, features: SourceFeatures) -> None:
        """
        :raises BadConfig: if the server sends what was not asked for
        """
        name = self.options["modified_property"]
        if not name or not features:
            return
        values = features.column(name)
        oldest, newest = self._ends(values)
        if self.since is not None and (None in values or (oldest is not None and oldest < self.since)):
            raise BadConfig(
                f"The server was asked for what was edited since {utc_text(self.since)} and also sends what is older: "
                "it does not heed the question. Choose another way to ask for changes, or none.",
                field="changes",
            )
        if newest is not None:
            newest = min(newest, self.began) if self.began else newest
            self.watermark = max(newest, self.watermark) if self.watermark else newest

    def _ends(self, values: Sequence[Any]) -> tuple[datetime | None, datetime | None]:
        """The oldest and the newest of edit dates; what is none is set aside by `parse`."""
        numbers = [value for value in values if type(value) is int]
        texts = {value for value in values if isinstance(value, str)}
        found = []
        for value in (min(numbers, default=None), max(numbers, default=None), *texts):
            with suppress(ValueError):
                found.append(to_moment(value, self.zone))
        moments = [moment for moment in found if moment is not None]
        return min(moments, default=None), max(moments, default=None)


def start_of_edits(options: Mapping[str, Any], layer: Layer, cursor: Cursor) -> datetime | None:
    """
    From which edit date on to ask; `None`: nothing is known yet, so for everything.

    :raises BadConfig: if the layer cannot be asked so
    """
    name = options["modified_property"]
    if name not in layer.fields:
        dates = ", ".join(field for field, kind in layer.fields.items() if kind in DATE_TYPES)
        raise BadConfig(
            f"{layer.path} has no field {name or 'for the edit date'}. Its dates are: {dates or 'none'}.",
            field="modified_property",
        )
    if layer.edited_in.lower() not in SAME_AS_UTC and options["time_zone"] == "UTC":
        raise BadConfig(
            f"{layer.path} reads dates in {layer.edited_in}. Choose that as the time zone, by its name such as "
            "America/Los_Angeles.",
            field="time_zone",
        )
    watermark = parse_moment(cursor.get("watermark"))
    # Conditions on a date are in whole seconds.
    return watermark and (watermark - timedelta(seconds=options["overlap_s"])).replace(microsecond=0)


def check_can_be_asked(options: Mapping[str, Any]) -> None:
    """
    :raises BadConfig: if changes are not to be asked for
    """
    if options["changes"] == NOT_AT_ALL:
        raise BadConfig(
            "This layer cannot be asked for changes as it is set up. Read it in full, or choose how to ask.",
            field="changes",
        )


def condition(options: Mapping[str, Any], since: datetime | None) -> str:
    """In SQL: the stream's own condition, and what was edited from then on."""
    parts = [f"({options['where']})"] if options["where"] else []
    if since is not None:
        local = since.astimezone(ZoneInfo(options["time_zone"]))
        parts.append(f"{options['modified_property']} >= TIMESTAMP '{local:%Y-%m-%d %H:%M:%S}'")
    return " AND ".join(parts) or ALL


def is_unchanged(layer: Layer, cursor: Cursor) -> bool:
    """Whether the layer itself says that nothing was edited since the last read began."""
    known = cursor.get("edited")
    return known is not None and known == layer.last_edit


def pages_of(changes: Changes, cursor: Cursor, stream: SourceStream, *, size: int) -> Iterator[Page]:
    """
    Pages of what has changed and of what is gone; until the last has landed, the cursor stays where it was. A deletion
    that does not tell the key comes as a record that cannot be read.
    """
    records = [*changes.features, *({DELETED: name} for name in changes.unnamed)]
    gone = [external_id_of(key, stream, options_of(stream)) for key in changes.deleted]
    after = {**cursor, "generation": changes.generation}
    most = max(1, len(records), len(gone))
    for start in range(0, most, size):
        is_last = start + size >= most
        yield Page(
            records=records[start : start + size],
            gone=gone[start : start + size],
            cursor=after if is_last else dict(cursor),
            complete=is_last,
            total=len(records) + len(gone),
        )
