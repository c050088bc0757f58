"""What the control system knows: switch positions as reported, trip conditions, and the history of both."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any

from simulator.grid import Element, Grid


class Position(IntEnum):
    """A double point, as in IEC 61850-7-3 (Dbpos)."""

    INTERMEDIATE = 0
    OPEN = 1
    CLOSED = 2
    FAULTY = 3


class Shelving(StrEnum):
    """Whether a condition is hidden from operators for a while (OPC 10000-9 §5.8.17)."""

    UNSHELVED = "UNSHELVED"
    ONE_SHOT = "ONE_SHOT"
    TIMED = "TIMED"


@dataclass(frozen=True)
class Event:
    """
    One notification of a condition. Never changed: a change of the condition is another event.

    :ivar branch: which earlier state of the condition it tells of; empty: of the present one
    :ivar is_confirmed: None where nobody is to confirm it
    """

    event_id: bytes
    switch: Element
    time: datetime
    receive_time: datetime
    message: str
    severity: int
    is_active: bool
    is_acknowledged: bool
    is_confirmed: bool | None
    retain: bool
    comment: str | None
    user: str | None
    branch: str = ""
    shelving: Shelving = Shelving.UNSHELVED
    unshelve_at: datetime | None = None


@dataclass
class Branch:
    """One state of a condition that may want to be seen to; its newest event says how it stands."""

    id: str = ""
    newest: Event | None = None
    # Every EventId of the present activation; those of earlier ones are unknown by now.
    event_ids: set[bytes] = field(default_factory=set)


@dataclass
class Condition:
    """The trip alarm of one switch: its present state, and earlier ones that nobody has seen to (§5.5.2.2)."""

    switch: Element
    now: Branch = field(default_factory=Branch)
    earlier: dict[str, Branch] = field(default_factory=dict)
    branches_made: int = 0
    shelving: Shelving = Shelving.UNSHELVED
    unshelve_at: datetime | None = None

    @property
    def newest(self) -> Event | None:
        return self.now.newest

    @property
    def retained(self) -> list[Event]:
        newest = (branch.newest for branch in (self.now, *self.earlier.values()))
        return [event for event in newest if event is not None and event.retain]

    def branch_of(self, event_id: bytes) -> tuple[Branch, Event]:
        """
        :raises EventIdUnknown: if no branch has had such an event
        """
        for branch in (self.now, *self.earlier.values()):
            if branch.newest is not None and event_id in branch.event_ids:
                return branch, branch.newest
        raise EventIdUnknown


class EventIdUnknown(Exception):
    """The EventId is not the newest one of the condition, or belongs to an earlier activation."""


class AlreadyAcknowledged(Exception):
    """The condition has been acknowledged since it became active."""


class AlreadyConfirmed(Exception):
    """The condition has been confirmed since it was acknowledged."""


class NotYetAcknowledged(Exception):
    """What nobody has acknowledged cannot be confirmed."""


class AlreadyShelved(Exception):
    """The condition is shelved in that way."""


class NotShelved(Exception):
    """There is nothing to unshelve."""


class ShelvingTooLong(Exception):
    """The time is not above zero, or longer than conditions may be shelved."""


SEVERITY_BY_KV = {110.0: 900, 20.0: 800}
SEVERITY_OF_LOW_VOLTAGE = 500
LONGEST_SHELVING = timedelta(hours=12)


class Scada:
    """Not locked: the utility that holds it is."""

    def __init__(self, *, grid: Grid, started_at: datetime, has_full_conditions: bool = False) -> None:
        self.started_at = started_at
        self._is_full = has_full_conditions
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
        return self._changes(switch, at=at, now=now, is_active=True, message=f"{switch.name} ausgelöst")

    def clear_trip(self, switch: Element, *, at: datetime, now: datetime) -> Event:
        return self._changes(switch, at=at, now=now, is_active=False, message=f"{switch.name} normal")

    def acknowledge(self, switch_id: str, *, event_id: bytes, comment: str | None, user: str, now: datetime) -> Event:
        """
        Acknowledge a branch of a condition (OPC 10000-9 §5.7.3); it notifies about that with an event of its own.

        :raises EventIdUnknown: if the id is stale. Read the condition again.
        :raises AlreadyAcknowledged: if there is nothing left to acknowledge.
        """
        condition = self.conditions[switch_id]
        branch, newest = condition.branch_of(event_id)
        if newest.is_acknowledged:
            raise AlreadyAcknowledged
        if event_id != newest.event_id:
            raise EventIdUnknown
        wants_confirmation = False if self._is_full else None
        return self._notify(
            condition,
            branch,
            newest,
            now,
            is_acknowledged=True,
            is_confirmed=wants_confirmation,
            comment=comment,
            user=user,
        )

    def confirm(self, switch_id: str, *, event_id: bytes, comment: str | None, user: str, now: datetime) -> Event:
        """
        Confirm a branch of a condition (OPC 10000-9 §5.7.4).

        :raises EventIdUnknown: if the id is stale
        :raises AlreadyConfirmed: if there is nothing left to confirm
        :raises NotYetAcknowledged: if it is not acknowledged
        """
        condition = self.conditions[switch_id]
        branch, newest = condition.branch_of(event_id)
        if newest.is_confirmed:
            raise AlreadyConfirmed
        if event_id != newest.event_id:
            raise EventIdUnknown
        if not newest.is_acknowledged:
            raise NotYetAcknowledged
        return self._notify(condition, branch, newest, now, is_confirmed=True, comment=comment, user=user)

    def add_comment(self, switch_id: str, *, event_id: bytes, comment: str | None, user: str, now: datetime) -> Event:
        """
        Write a comment on a branch of a condition (OPC 10000-9 §5.5.6).

        :raises EventIdUnknown: if the id is stale
        """
        condition = self.conditions[switch_id]
        branch, newest = condition.branch_of(event_id)
        return self._notify(condition, branch, newest, now, comment=comment, user=user)

    def shelve(self, switch_id: str, *, lasts: timedelta | None, user: str, now: datetime) -> Event:
        """
        Shelve a condition (OPC 10000-9 §5.8.17), for a time or, without one, until it is no longer active.

        :raises AlreadyShelved: if it is shelved like that
        :raises ShelvingTooLong: if the time is out of range
        """
        condition = self.conditions[switch_id]
        shelving = Shelving.ONE_SHOT if lasts is None else Shelving.TIMED
        if lasts is not None and not timedelta() < lasts <= LONGEST_SHELVING:
            raise ShelvingTooLong
        if condition.shelving is shelving:
            raise AlreadyShelved
        condition.shelving, condition.unshelve_at = shelving, None if lasts is None else now + lasts
        return self._notify(condition, condition.now, self._newest_of(condition, now), now, user=user)

    def unshelve(self, switch_id: str, *, user: str | None, now: datetime) -> Event:
        """
        :raises NotShelved: if it is not shelved
        """
        condition = self.conditions[switch_id]
        if condition.shelving is Shelving.UNSHELVED:
            raise NotShelved
        condition.shelving, condition.unshelve_at = Shelving.UNSHELVED, None
        return self._notify(condition, condition.now, self._newest_of(condition, now), now, user=user)

    def advance(self, *, now: datetime) -> None:
        """End what was shelved for a time that is over."""
        for condition in self.conditions.values():
            if condition.unshelve_at is not None and condition.unshelve_at <= now:
                self.unshelve(condition.switch.id, user=None, now=condition.unshelve_at)

    def _changes(self, switch: Element, *, at: datetime, now: datetime, is_active: bool, message: str) -> Event:
        condition = self.conditions[switch.id]
        before = condition.newest
        becomes_active = is_active and (before is None or not before.is_active)
        if becomes_active:
            if self._is_full and before is not None and before.retain:
                self._branch_off(condition, before, at=at, now=now)
            condition.now.event_ids.clear()
        if not is_active and condition.shelving is Shelving.ONE_SHOT:
            condition.shelving = Shelving.UNSHELVED
        # A new activation needs a new acknowledgement; a condition that never was active needs none.
        needs_no_more = not becomes_active and (before is None or before.is_acknowledged)
        return self._notify(
            condition,
            condition.now,
            self._newest_of(condition, now),
            at,
            received=now,
            is_active=is_active,
            message=message,
            is_acknowledged=needs_no_more,
            is_confirmed=before.is_confirmed if before and needs_no_more else None,
            comment=None,
            user=None,
        )

    def _branch_off(self, condition: Condition, before: Event, *, at: datetime, now: datetime) -> None:
        """What nobody has seen to stays on the list beside the new activation (OPC 10000-9 §4.4)."""
        condition.branches_made += 1
        branch = Branch(f"{condition.switch.id}.Trip.{condition.branches_made}")
        condition.earlier[branch.id] = branch
        self._notify(condition, branch, before, at, received=now)

    def _newest_of(self, condition: Condition, now: datetime) -> Event:
        """How a condition stands; one that never was active is clear."""
        return condition.newest or Event(
            event_id=b"",
            switch=condition.switch,
            time=now,
            receive_time=now,
            message=f"{condition.switch.name} normal",
            severity=SEVERITY_BY_KV.get(condition.switch.nominal_kv, SEVERITY_OF_LOW_VOLTAGE),
            is_active=False,
            is_acknowledged=True,
            is_confirmed=None,
            retain=False,
            comment=None,
            user=None,
        )

    def _notify(
        self,
        condition: Condition,
        branch: Branch,
        before: Event,
        at: datetime,
        *,
        received: datetime | None = None,
        **changes: Any,
    ) -> Event:
        event = replace(
            before,
            event_id=secrets.token_bytes(16),
            time=at,
            receive_time=received or at,
            branch=branch.id,
            shelving=condition.shelving,
            unshelve_at=condition.unshelve_at,
            **changes,
        )
        event = replace(event, retain=event.is_active or not event.is_acknowledged or event.is_confirmed is False)
        branch.newest = event
        branch.event_ids.add(event.event_id)
        if branch.id and not event.retain:
            del condition.earlier[branch.id]
        self.events.append(event)
        return event
