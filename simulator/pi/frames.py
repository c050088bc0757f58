"""Event frames: each time that a switch tripped, from then until it was normal again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from simulator.grid import Element
from simulator.pi.archive import time_text
from simulator.pi.assets import DATABASE, ELEMENT, FRAME, element_of, guid, web_id
from simulator.scada import Event, Scada

NO_END = "9999-12-31T23:59:59Z"
TEMPLATE = "Breaker trip"


@dataclass
class Frame:
    switch: Element
    started_at: datetime
    newest: Event
    ended_at: datetime | None = None
    acknowledged: Event | None = None

    @property
    def name(self) -> str:
        return f"{TEMPLATE} {self.switch.id} {time_text(self.started_at)}"

    @property
    def path(self) -> str:
        return f"{DATABASE}\\EventFrames[{self.name}]"

    def overlaps(self, start: datetime, end: datetime) -> bool:
        return self.started_at <= end and (self.ended_at is None or self.ended_at >= start)

    def as_json(self, *, is_brief: bool) -> dict[str, Any]:
        seen = self.acknowledged
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
            "AcknowledgedBy": "" if seen is None else (seen.user or ""),
            "AcknowledgedDate": "1970-01-01T00:00:00Z" if seen is None else time_text(seen.time),
            "CanBeAcknowledged": True,
            "IsAcknowledged": seen is not None,
            "IsAnnotated": False,
            "IsLocked": False,
            "AreValuesCaptured": False,
            "RefElementWebIds": [web_id(ELEMENT, element_of(self.switch), is_brief=is_brief)],
            "Links": {},
        }


def frames_of(scada: Scada) -> list[Frame]:
    """In the order in which they began."""
    frames: list[Frame] = []
    current: dict[str, Frame] = {}
    for event in scada.events:
        if event.branch:  # tells again of a frame that another has followed
            continue
        frame = current.get(event.switch.id)
        if event.is_active and (frame is None or frame.ended_at is not None):
            frame = current[event.switch.id] = Frame(event.switch, event.time, event)
            frames.append(frame)
        if frame is None:
            continue
        frame.newest = event
        if not event.is_active and frame.ended_at is None:
            frame.ended_at = event.time
        if event.is_acknowledged and frame.acknowledged is None:
            frame.acknowledged = event
    return sorted(frames, key=lambda one: one.started_at)
