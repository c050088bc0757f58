"""Faults that a person or a test injects into one system for a while."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from simulator.errors import Refused

SYSTEMS = ("scada", "pi", "gis", "arcgis", "maximo", "cis", "tablet")
FAULTS = ("slow", "500", "429", "401", "garbage", "truncated", "repeated", "cut")
FAULTS_OF = {
    # A gateway that keeps no history of values, or none of events.
    "scada": (*FAULTS, "unrecorded", "eventless"),
    # Half a page that says it goes on, and change tracking that was cleaned up.
    "arcgis": (*FAULTS, "short", "purged"),
    # A push has no pages.
    "tablet": ("slow", "500", "429", "401", "garbage", "cut"),
    # A restart, after which the markers of Stream Updates are not known; streams that were configured otherwise;
    # Stream Updates switched off; an account that may only read.
    "pi": (*FAULTS, "forgotten", "reconfigured", "no-updates", "read-only"),
}
MAX_SECONDS = 3600


@dataclass
class Fault:
    system: str
    kind: str
    until: datetime
    # How many requests it still hits; None: all of them.
    times: int | None
    # How many requests it still lets pass.
    after: int

    def as_json(self, *, now: datetime) -> dict[str, Any]:
        left = round((self.until - now).total_seconds(), 1)
        return {"system": self.system, "fault": self.kind, "seconds_left": left, "times": self.times}


class Faults:
    """One fault per system at a time: a new one replaces the old. Safe to use from any thread."""

    def __init__(self, *, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._by_system: dict[str, Fault] = {}

    def inject(self, system: str, kind: str, *, seconds: float, times: int | None = None, after: int = 0) -> Fault:
        """
        :raises Refused: if there is no such system or fault, or a number is out of its range.
        """
        if system not in SYSTEMS:
            raise Refused(f"system is one of {', '.join(SYSTEMS)}.")
        allowed = FAULTS_OF.get(system, FAULTS)
        if kind not in allowed:
            raise Refused(f"fault is, for {system}, one of {', '.join(allowed)}.")
        if not 0 < seconds <= MAX_SECONDS:
            raise Refused(f"seconds is a number above 0, up to {MAX_SECONDS}.")
        if (times is not None and times < 1) or after < 0:
            raise Refused("times is 1 or more, after 0 or more.")
        fault = Fault(system, kind, self._clock() + timedelta(seconds=seconds), times, after)
        with self._lock:
            self._by_system[system] = fault
        return fault

    def clear(self) -> None:
        with self._lock:
            self._by_system.clear()

    def active(self) -> list[Fault]:
        now = self._clock()
        with self._lock:
            self._drop_ended(now)
            return list(self._by_system.values())

    def take(self, system: str) -> str | None:
        """The fault that hits this one request, which is counted."""
        now = self._clock()
        with self._lock:
            self._drop_ended(now)
            fault = self._by_system.get(system)
            if fault is None:
                return None
            if fault.after > 0:
                fault.after -= 1
                return None
            if fault.times is not None:
                fault.times -= 1
            return fault.kind

    def _drop_ended(self, now: datetime) -> None:
        for system, fault in list(self._by_system.items()):
            if fault.until <= now or fault.times == 0:
                del self._by_system[system]
