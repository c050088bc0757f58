"""What the control system knows: switch positions as reported, trip conditions, and the history of both."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum

from simulator.grid import Element, Grid


class Position(IntEnum):
    """A double point, as in IEC 61850-7-3 (Dbpos)."""

    INTERMEDIATE = 0
    OPEN = 1
    CLOSED = 2
    FAULTY = 3


@dataclass(frozen=True)
class Event:
    """One notification of a condition. Never changed: a change of the condition is another event."""

    event_id: bytes
    switch: Element
    time: datetime
    receive_time: datetime
    message: str
    severity: int
    is_active: bool
    is_acknowledged: bool
    retain: bool
    comment: str | None
    user: str | None


@dataclass
class Condition:
    """The trip alarm of one switch; its current state is that of its newest event."""

    switch: Element
    newest: Event | None = None
    # Every EventId of the present activation; those of earlier ones are unknown by now.
    event_ids: set[bytes] = field(default_factory=set)


class EventIdUnknown(Exception):
    """The EventId is not the newest one of the condition, or belongs to an earlier activation."""


class AlreadyAcknowledged(Exception):
    """The condition has been acknowledged since it became active."""


SEVERITY_BY_KV = {110.0: 900, 20.0: 800}
SEVERITY_OF_LOW_VOLTAGE = 500


class Scada:
    """Not locked: the utility that holds it is."""

    def __init__(self, *, grid: Grid, started_at: datetime) -> None:
        self.started_at = started_at
        self.conditions: Mapping[str, Condition] = {switch.id: Condition(switch) for switch in grid.switches}
        self.events: list[Event] = []
        self._history: dict[str, list[tuple[datetime, Position]]] = {
            switch.id: [(started_at, Position.OPEN if switch.is_normally_open else Position.CLOSED)]
            for switch in grid.switches
        }

    def position(self, switch_id: str) -> tuple[datetime, Position]:
        """The position last reported, and since when it holds."""
        return self._history[switch_id][-1]

    def position_history(self, switch_id: str) -> list[tuple[datetime, Position]]:
        return list(self._history[switch_id])

    def report_position(self, switch: Element, position: Position, *, at: datetime) -> None:
        if self._history[switch.id][-1][1] is not position:
            self._history[switch.id].append((at, position))

    def raise_trip(self, switch: Element, *, at: datetime, now: datetime) -> Event:
        return self._notify(
            self.conditions[switch.id], at=at, now=now, is_active=True, message=f"{switch.name} ausgelöst"
        )

    def clear_trip(self, switch: Element, *, at: datetime, now: datetime) -> Event:
        return self._notify(
            self.conditions[switch.id], at=at, now=now, is_active=False, message=f"{switch.name} normal"
        )

    def acknowledge(self, switch_id: str, *, event_id: bytes, comment: str | None, user: str, now: datetime) -> Event:
        """
        Acknowledge a condition (OPC 10000-9 §5.7.3); it notifies about that with an event of its own.

        :raises EventIdUnknown: if the id is stale. Read the condition again.
        :raises AlreadyAcknowledged: if there is nothing left to acknowledge.
        """
        condition = self.conditions[switch_id]
        newest = condition.newest
        if newest is None or event_id not in condition.event_ids:
            raise EventIdUnknown
        if newest.is_acknowledged:
            raise AlreadyAcknowledged
        if event_id != newest.event_id:
            raise EventIdUnknown
        return self._notify(
            condition,
            at=now,
            now=now,
            is_active=newest.is_active,
            message=newest.message,
            is_acknowledged=True,
            comment=comment,
            user=user,
        )

    def _notify(
        self,
        condition: Condition,
        *,
        at: datetime,
        now: datetime,
        is_active: bool,
        message: str,
        is_acknowledged: bool | None = None,
        comment: str | None = None,
        user: str | None = None,
    ) -> Event:
        before = condition.newest
        becomes_active = is_active and (before is None or not before.is_active)
        if becomes_active:
            condition.event_ids.clear()
        if is_acknowledged is None:
            # A new activation needs a new acknowledgement; a condition that never was active needs none.
            is_acknowledged = not becomes_active and (before is None or before.is_acknowledged)
        event = Event(
            event_id=secrets.token_bytes(16),
            switch=condition.switch,
            time=at,
            receive_time=now,
            message=message,
            severity=SEVERITY_BY_KV.get(condition.switch.nominal_kv, SEVERITY_OF_LOW_VOLTAGE),
            is_active=is_active,
            is_acknowledged=is_acknowledged,
            retain=is_active or not is_acknowledged,
            comment=comment,
            user=user,
        )
        condition.newest = event
        condition.event_ids.add(event.event_id)
        self.events.append(event)
        return event
