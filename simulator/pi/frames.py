"""Event frames: each time that a switch tripped, from then until it was normal again, and who has seen it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from simulator.grid import Element
from simulator.pi.archive import time_text
from simulator.pi.assets import DATABASE, ELEMENT, FRAME, element_of, guid, web_id
from simulator.scada import Event, Scada

NO_END = "9999-12-31T23:59:59Z"
TEMPLATE = "Breaker trip"


@dataclass(frozen=True)
class Seen:
    by: str
    at: datetime


class AlreadyAcknowledged(Exception):
    """An event frame can be acknowledged once."""


@dataclass
class Frame:
    switch: Element
    started_at: datetime
    newest: Event
    ended_at: datetime | None = None
    seen: "Seen | None" = None

    @property
    def name(self) -> str:
        return f"{TEMPLATE} {self.switch.id} {time_text(self.started_at)}"

    @property
    def path(self) -> str:
        return f"{DATABASE}\\EventFrames[{self.name}]"

    def is_named(self, key: str) -> bool:
        return key in (web_id(FRAME, self.path, is_brief=is_brief) for is_brief in (True, False))

    def overlaps(self, start: datetime, end: datetime) -> bool:
        return self.started_at <= end and (self.ended_at is None or self.ended_at >= start)

    def as_json(self, *, is_brief: bool) -> dict[str, Any]:
        return {
            "WebId": web_id(FRAME, self.path, is_brief=is_brief),
            "Id": str(guid(self.path)),
            "Name": self.name,
            "Description": self.newest.message,
            "Path": self.path,
            "TemplateName": TEMPLATE,
            "HasChildren": False,
            "CategoryNames": [],
            "ExtendedProperties": {},
            "StartTime": time_text(self.started_at),
            "EndTime": NO_END if self.ended_at is None else time_text(self.ended_at),
            "Severity": "Critical" if self.newest.severity >= 900 else "Major",
            "AcknowledgedBy": "" if self.seen is None else self.seen.by,
            "AcknowledgedDate": "1970-01-01T00:00:00Z" if self.seen is None else time_text(self.seen.at),
            "CanBeAcknowledged": True,
            "IsAcknowledged": self.seen is not None,
            "IsAnnotated": False,
            "IsLocked": False,
            "AreValuesCaptured": False,
            "RefElementWebIds": [web_id(ELEMENT, element_of(self.switch), is_brief=is_brief)],
            "Links": {},
        }


class FrameLog:
    """The event frames of a utility. Not locked: who asks holds the utility's lock."""

    def __init__(self, scada: Scada) -> None:
        self._scada = scada
        self._seen: dict[str, Seen] = {}

    def frames(self) -> list[Frame]:
        """In the order in which they began."""
        frames: list[Frame] = []
        current: dict[str, Frame] = {}
        for event in self._scada.events:
            if event.branch:  # tells again of a frame that another has followed
                continue
            frame = current.get(event.switch.id)
            if event.is_active and (frame is None or frame.ended_at is not None):
                frame = current[event.switch.id] = Frame(event.switch, event.time, event)
                frame.seen = self._seen.get(frame.path)
                frames.append(frame)
            if frame is None:
                continue
            frame.newest = event
            if not event.is_active and frame.ended_at is None:
                frame.ended_at = event.time
            if event.is_acknowledged and frame.seen is None:
                frame.seen = Seen(by=event.user or "", at=event.time)
        return sorted(frames, key=lambda one: one.started_at)

    def find(self, key: str) -> Frame | None:
        """By its WebId."""
        return next((one for one in self.frames() if one.is_named(key)), None)

    def acknowledge(self, frame: Frame, *, by: str, at: datetime) -> None:
        """
        In the historian alone: the control system has its own acknowledgements.

        :raises AlreadyAcknowledged: if it was, here or in the control system
        """
        if frame.seen is not None:
            raise AlreadyAcknowledged
        self._seen[frame.path] = Seen(by=by, at=at)
