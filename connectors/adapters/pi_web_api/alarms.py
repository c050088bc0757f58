"""
Event frames as alarms. Each frame is one occurrence of a condition: active until its end, and on the operators' list
until it is acknowledged, if it can be. A list by time does not tell of an acknowledgement long after the end, so those
that wait for one are asked for by themselves.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
from connectors.protocols.pi.web_api import Part, PartAnswer, PiWebApi, items_of

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

SEVERITIES = {"None": 1, "Information": 100, "Warning": 300, "Minor": 500, "Major": 700, "Critical": 900}
"""From the words of event frames to the numbers of alarms, 1 to 1000 (OPC 10000-5 §6.4.2)."""

MOST_WAITING = 200
"""So many event frames that are over and not acknowledged are looked after, the newest."""

FRAMES_IN_SET = 25
"""What a query string of 2,048 characters has room for."""

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
    :param waiting: the WebIds of those that are over and wait to be acknowledged, in the order in which they were seen
    """

    start: str
    until: str
    doubt: str
    collection: Collection
    waiting: dict[str, None] = field(default_factory=dict)

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
        waiting = dict.fromkeys(cursor.get("waiting", ()))
        if "place" in cursor:
            collection = Collection.resumed(cursor["place"], size=size)
            start, until, doubt = cursor["start"], cursor["until"], cursor["doubt"]
            return cls(start=start, until=until, doubt=doubt, collection=collection, waiting=waiting)
        start = utc_text((parse_moment(cursor["since"]) or BEGINNING) - overlap)
        return cls(start=start, until=utc_text(now), doubt="", collection=Collection(size=size), waiting=waiting)

    def cursor(self, *, is_last: bool) -> Cursor:
        waiting = list(self.waiting)
        if is_last:
            return {"since": self.until, "waiting": waiting}
        return {
            "start": self.start,
            "until": self.until,
            "doubt": self.doubt,
            "place": self.collection.state(),
            "waiting": waiting,
        }

    def take(self, frames: Iterable[Mapping[str, Any]]) -> None:
        """Take into account which of these wait to be acknowledged."""
        for frame in frames:
            if _waits(frame):
                self.waiting[frame["WebId"]] = None
            else:
                self.waiting.pop(frame["WebId"], None)
        for oldest in list(self.waiting)[:-MOST_WAITING]:
            del self.waiting[oldest]


def read_frames(api: PiWebApi, root: Root, options: Mapping[str, Any], read: FrameRead) -> Iterator[Page]:
    """
    Pages of event frames, oldest first, each with the paths of the elements that it refers to under `Elements`. Those
    that were acknowledged since they were last seen come before.
    """
    if acknowledged := list(_acknowledged(api, read)):
        yield Page(records=acknowledged, cursor=read.cursor(is_last=False))
    is_last = False
    while not is_last:
        answers = api.batch(_with_elements(api, "frames", _frames_url(api, root, options, read), "Items[*].WebId"))
        body = answers["frames"].required()
        frames = items_of(body)
        known, is_last = read.collection.take(body)
        if frames:
            _add_elements(api, frames, answers["framesElements"])
            read.take(frames)
        reason = read.collection.doubt or read.doubt
        yield Page(
            records=frames[known:],
            cursor=read.cursor(is_last=is_last),
            complete=is_last and not reason,
            incomplete_reason=reason if is_last else "",
        )


def _acknowledged(api: PiWebApi, read: FrameRead) -> Iterator[dict[str, Any]]:
    """Those that waited and wait no longer. One that is gone is not waited for any more."""
    keys = list(read.waiting)
    sets = [keys[at : at + FRAMES_IN_SET] for at in range(0, len(keys), FRAMES_IN_SET)]
    parts: dict[str, Part] = {}
    for number, together in enumerate(sets):
        fields = ";".join(f"Items.Object.{name}" for name in FRAME)
        url = api.url("eventframes/multiple", webId=together, selectedFields=fields, **BRIEF)
        parts |= _with_elements(api, f"waiting{number}", url, "Items[*].Object.WebId")
    answers = api.batch(parts) if parts else {}
    for number, together in enumerate(sets):
        told = [one.get("Object") for one in items_of(answers[f"waiting{number}"].required())]
        frames = [one for one in told if isinstance(one, dict) and one.get("WebId")]
        if frames:
            _add_elements(api, frames, answers[f"waiting{number}Elements"])
        still = {frame["WebId"] for frame in frames if _waits(frame)}
        for key in together:
            if key not in still:
                del read.waiting[key]
        yield from (frame for frame in frames if frame["WebId"] not in still)


def _waits(frame: Mapping[str, Any]) -> bool:
    """Whether it is over, and only an acknowledgement is missing."""
    is_open = frame.get("CanBeAcknowledged") is True and frame.get("IsAcknowledged") is not True
    try:
        return is_open and read_end(frame.get("EndTime")) is not None
    except ValueError:
        return False  # it is set aside when it is read


def _with_elements(api: PiWebApi, name: str, url: str, path: str) -> dict[str, Part]:
    """
    Parts that ask for event frames, and for the elements that each refers to.

    :param path: to the WebIds in the answer to the first
    """
    elements = api.url("eventframes/{0}/referencedelements", selectedFields="Items.Path")
    return {
        name: Part(resource=url),
        f"{name}Elements": Part(resource=elements, after=name, each=f"$.{name}.Content.{path}"),
    }


def _add_elements(api: PiWebApi, frames: Sequence[dict[str, Any]], answer: PartAnswer) -> None:
    each = api.each_answer(answer.required(), expected=len(frames))
    for frame, elements in zip(frames, each, strict=True):
        # A frame that was deleted meanwhile still is what it was.
        frame["Elements"] = [] if elements.refusal else [one.get("Path") for one in items_of(elements.body)]


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
