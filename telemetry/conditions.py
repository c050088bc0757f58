"""
What notifications make of a condition (OPC 10000-9 §5.5.2); pure.

The newest notification says how a branch of a condition stands. They come late, twice and out of order: what a source
is read again for overlaps on purpose. What does not follow from the newest alone is when an activation began.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from connectors.contracts.alarm import Alarm

EVENTS_KEPT = 32
"""Of one moment. A source that stamps every notification alike must not fill a row."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """
    How one branch of a condition stands.

    :ivar newest: the notification that says so
    :ivar event_ids: the notifications that came with the newest one's time, in the order in which they came
    :ivar activation: how often we saw it become active
    :ivar active_since: when the present or last activation began; `None` if we know of none
    """

    newest: Alarm
    event_ids: tuple[str, ...]
    activation: int
    active_since: datetime | None


def fold(known: Condition | None, notifications: Iterable[Alarm]) -> Condition | None:
    """
    The condition after these notifications of it, in the order of their time; of equal times, in the order given.
    """
    for notification in sorted(notifications, key=lambda one: one.source_time):
        known = _first(notification) if known is None else _next(known, notification)
    return known


def _first(notification: Alarm) -> Condition:
    return Condition(
        newest=notification,
        event_ids=(notification.event_id,),
        activation=int(notification.active),
        active_since=notification.active_since or (notification.source_time if notification.active else None),
    )


def _next(known: Condition, notification: Alarm) -> Condition:
    newest = known.newest
    if notification.source_time < newest.source_time:
        return _late(known, notification)
    if notification.source_time > newest.source_time:
        return _newer(known, notification, event_ids=(notification.event_id,))
    if notification.event_id == newest.event_id:
        return _amended(known, notification)
    if notification.event_id in known.event_ids:
        return _late(known, notification)
    # Another one of the same moment, by a clock that cannot tell them apart: the order in which they come does.
    return _newer(known, notification, event_ids=(*known.event_ids, notification.event_id)[-EVENTS_KEPT:])


def _newer(known: Condition, notification: Alarm, *, event_ids: tuple[str, ...]) -> Condition:
    begins = _begins_activation(known, notification)
    told = notification.active_since
    if told is None:
        since = notification.source_time if begins else known.active_since
    else:
        since = told if begins or known.active_since is None else max(told, known.active_since)
    return Condition(
        newest=notification,
        event_ids=event_ids,
        activation=known.activation + begins,
        active_since=since,
    )


def _begins_activation(known: Condition, notification: Alarm) -> bool:
    if not notification.active:
        return False
    if not known.newest.active:
        return True
    # Active at the time of the one we know, and active since a time after it: between lies a clear that we never
    # saw. A source may stamp the change after the notification of it, so the same change is none.
    told = notification.active_since
    return told is not None and told > known.newest.source_time and told != known.active_since


def _amended(known: Condition, notification: Alarm) -> Condition:
    """The same notification, read again. What its source amended counts, and begins nothing that we knew of."""
    told = _late(known, notification)
    if notification.active and not told.activation:
        since = told.active_since or notification.source_time
        told = replace(told, activation=1, active_since=since)
    return replace(told, newest=notification)


def _late(known: Condition, notification: Alarm) -> Condition:
    """What is late begins nothing and overwrites nothing; it may tell since when."""
    told = notification.active_since
    if told is None or (known.active_since is not None and told <= known.active_since):
        return known
    return replace(known, active_since=told)
