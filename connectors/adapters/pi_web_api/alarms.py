"""
Event frames as alarms. Each frame is one occurrence of a condition: active until its end, and on the operators' list
until it is acknowledged, if it can be.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.adapters.pi_web_api.listing import BRIEF, Root, selected
from connectors.adapters.pi_web_api.records import checked, name_element
from connectors.contracts.alarm import Alarm, AlarmCategory
from connectors.protocols.adapter import Cursor, Mode, Page
from connectors.protocols.convert import to_record
from connectors.protocols.errors import BadRecord
from connectors.protocols.moments import parse_moment, utc_text
from connectors.protocols.pi.collections import Collection
from connectors.protocols.pi.values import read_end
from connectors.protocols.pi.web_api import Part, PiWebApi, items_of

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

SEVERITIES = {"None": 1, "Information": 100, "Warning": 300, "Minor": 500, "Major": 700, "Critical": 900}
"""From the words of event frames to the numbers of alarms, 1 to 1000 (OPC 10000-5 §6.4.2)."""

FRAME = (
    "WebId",
    "Id",
    "Name",
    "Description",
    "Path",
    "TemplateName",
    "StartTime",
    "EndTime",
    "Severity",
    "CanBeAcknowledged",
    "IsAcknowledged",
    "AcknowledgedDate",
)


@dataclass(frozen=True, kw_only=True)
class FrameRead:
    """
    How far a read of event frames has come: those that were under way at some time from `start` to `until`.

    :param doubt: why even the whole of it does not tell of all, as a sentence
    """

    start: str
    until: str
    doubt: str
    collection: Collection

    @classmethod
    def first(cls, now: datetime, *, days: int, mode: Mode, size: int) -> "FrameRead":
        """
        :param days: how far to look back; 0: to the beginning
        """
        doubt = ""
        if days and mode is Mode.FULL:
            doubt = f"The last {days} days of event frames were read; what older ones became is not told by them."
        start = now - timedelta(days=days) if days else BEGINNING
        return cls(start=utc_text(start), until=utc_text(now), doubt=doubt, collection=Collection(size=size))

    @classmethod
    def next(cls, cursor: Cursor, now: datetime, *, overlap: timedelta, size: int) -> "FrameRead":
        """What goes on where the read of a cursor broke off, or begins where it ended."""
        if "place" in cursor:
            collection = Collection.resumed(cursor["place"], size=size)
            return cls(start=cursor["start"], until=cursor["until"], doubt=cursor["doubt"], collection=collection)
        since = parse_moment(cursor["since"]) or BEGINNING
        return cls(start=utc_text(since - overlap), until=utc_text(now), doubt="", collection=Collection(size=size))

    def cursor(self, *, is_last: bool) -> Cursor:
        if is_last:
            return {"since": self.until}
        return {"start": self.start, "until": self.until, "doubt": self.doubt, "place": self.collection.state()}


def read_frames(api: PiWebApi, root: Root, options: Mapping[str, Any], read: FrameRead) -> Iterator[Page]:
    """Pages of event frames, oldest first, each with the paths of the elements that it refers to under `Elements`."""
    is_last = False
    while not is_last:
        answers = api.batch(
            {
                "frames": Part(resource=_frames_url(api, root, options, read)),
                "elements": Part(
                    resource=api.url("eventframes/{0}/referencedelements", selectedFields="Items.Path"),
                    after="frames",
                    each="$.frames.Content.Items[*].WebId",
                ),
            }
        )
        body = answers["frames"].required()
        frames = items_of(body)
        known, is_last = read.collection.take(body)
        if frames:
            each = api.each_answer(answers["elements"].required(), expected=len(frames))
            for frame, elements in zip(frames, each, strict=True):
                # A frame that was deleted meanwhile still is what it was.
                frame["Elements"] = [] if elements.refusal else [one.get("Path") for one in items_of(elements.body)]
        reason = read.collection.doubt or read.doubt
        yield Page(
            records=frames[known:],
            cursor=read.cursor(is_last=is_last),
            complete=is_last and not reason,
            incomplete_reason=reason if is_last else "",
        )


def _frames_url(api: PiWebApi, root: Root, options: Mapping[str, Any], read: FrameRead) -> str:
    asked = {"nameFilter": "name_filter", "templateName": "template", "categoryName": "category"}
    filters = {name: options[option] for name, option in asked.items() if options[option]}
    return api.url(
        f"assetdatabases/{root.web_id}/eventframes",
        startTime=read.start,
        endTime=read.until,
        searchMode="Overlapped",
        searchFullHierarchy="true",
        sortField="StartTime",
        **read.collection.window,
        **filters,
        **BRIEF,
        **selected(*FRAME),
    )


def read_alarm(
    raw: Mapping[str, Any], *, element_pattern: re.Pattern[str], types: Mapping[str, AlarmCategory]
) -> Alarm:
    """
    :param raw: an event frame with `Elements`, the paths of what it refers to
    :param types: what frames of a template are
    :raises BadRecord: if it cannot be read
    """
    key = checked(raw).get("Id")
    try:
        started, ended = parse_moment(raw.get("StartTime")), read_end(raw.get("EndTime"))
        if started is None:
            raise ValueError("it has no StartTime")
        can_wait = raw.get("CanBeAcknowledged") is True
        acknowledged = not can_wait or raw.get("IsAcknowledged") is True
        acknowledged_at = parse_moment(raw.get("AcknowledgedDate")) if can_wait and acknowledged else None
        told_at: list[datetime] = [one for one in (started, ended, acknowledged_at) if one is not None]
    except (TypeError, ValueError) as error:
        raise BadRecord.of(key, error) from error
    active = ended is None
    paths = raw.get("Elements")
    elements = [one for one in paths if isinstance(one, str)] if isinstance(paths, list) else []
    fields = {
        "external_id": key,
        "condition": key,
        "event_id": raw.get("WebId"),
        "source_time": max(told_at),
        "category": types.get(str(raw.get("TemplateName")), AlarmCategory.OTHER),
        "name": raw.get("Name") or "",
        "message": raw.get("Description") or raw.get("Name") or "",
        "severity": SEVERITIES.get(str(raw.get("Severity")), 1),
        "active": active,
        "acknowledged": acknowledged,
        "retained": active or not acknowledged,
        "active_since": started if active else None,
        "element": next(filter(None, (name_element(path, element_pattern) for path in elements)), None),
    }
    return to_record(Alarm, fields)
