"""Why a row stands where it stands on the board: what is due from the reader, and how bad it is. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from connectors.freshness import Freshness
from outage.console.reading import Fact, Row
from outage.models import Status


class Group(StrEnum):
    """In the order in which the board shows them."""

    ACT = "act"
    WAY = "way"
    DONE = "done"
    CALM = "calm"


GROUPS: dict[Group, tuple[str, str]] = {
    Group.ACT: ("Act now", "Something is due from you"),
    Group.WAY: ("Under way", "Nothing due, watched by its own clock"),
    Group.DONE: ("To verify and close", "Power is back"),
    Group.CALM: ("Nobody off", "Tripped, and nobody lost supply"),
}

MANY = 100
"""From this many customers off, an outage is major."""

CREW_WORDS = {
    "AVAILABLE": "available",
    "ASSIGNED": "assigned",
    "ENROUTE": "on the way",
    "ONSITE": "on site",
    "OFF_SHIFT": "off shift",
}

STAGES = (
    Status.DETECTED,
    Status.CONFIRMED,
    Status.DISPATCHED,
    Status.REPAIRING,
    Status.PARTIALLY_RESTORED,
    Status.RESTORED,
    Status.VERIFIED,
    Status.CLOSED,
)


@dataclass(frozen=True)
class Standing:
    """
    :ivar severity: critical, major, minor or info
    :ivar tone: how the reason is said: `bad`, `warn` or plain
    """

    group: Group
    severity: str
    reason: str
    icon: str = ""
    tone: str = ""


def standing(row: Row, *, now: datetime) -> Standing:
    """
    Where a row belongs. An outage that put nobody off is lowest, whatever else is true of it; one whose customers are
    not known yet is not among those, for unknown is not zero.
    """
    if row.is_open and row.is_charged and not row.customers_affected:
        word = "Not confirmed. " if row.status == Status.DETECTED else ""
        return Standing(Group.CALM, "info", f"{word}No customer is behind it now")
    if row.status == Status.RESTORED:
        return Standing(Group.DONE, "info", "Verify that power is back for all")
    if row.status == Status.VERIFIED:
        return Standing(Group.DONE, "info", "Close it with its cause")
    due = _due(row, now=now)
    severity = _severity(row, overdue=is_overdue(row, now=now))
    if due is not None:
        reason, icon, tone = due
        return Standing(Group.ACT, severity, reason, icon, tone)
    return Standing(Group.WAY, severity, _progress(row))


def is_overdue(row: Row, *, now: datetime) -> bool:
    """A promise to customers has passed while they are still off."""
    estimate = row.restoration.estimated_at
    return row.is_open and estimate is not None and estimate < now and not (row.is_charged and not row.customers_off)


def weakest(facts: Iterable[Fact], *, now: datetime) -> Fact | None:
    """The input that deserves the most doubt: what cannot be asked, what is old, then what is nearest to being so."""

    def doubt(fact: Fact) -> tuple[int, float]:
        seconds = (now - fact.landed_at).total_seconds() if fact.landed_at else 0.0
        return _DOUBT.index(fact.freshness), -seconds / (fact.target_s or 1)

    return min(facts, key=doubt, default=None)


_DOUBT = (Freshness.UNAVAILABLE, Freshness.STALE, Freshness.UNKNOWN, Freshness.FRESH)


def steps(status: str, passed: Sequence[str] = ()) -> tuple[str, ...]:
    """
    The stages as marks: done, current, skipped or still to come. Without a timeline, everything before counts as done.

    :param passed: statuses that the outage has been in, by its timeline
    """
    if status not in STAGES:
        return ("",) * len(STAGES)
    here = STAGES.index(Status(status))
    return tuple(
        "c" if place == here else "" if place > here else "d" if not passed or stage in passed else "s"
        for place, stage in enumerate(STAGES)
    )


def _due(row: Row, *, now: datetime) -> tuple[str, str, str] | None:
    """What is due from the reader, the most pressing first: what to say, its symbol and its tone."""
    everybody_back = row.is_charged and row.customers_affected > 0 and not row.customers_off
    if is_overdue(row, now=now):
        told = "and the source cannot be asked" if row.restoration.freshness == Freshness.UNAVAILABLE else ""
        return (f"Estimate passed {told or 'without news from the crew'}", "clock", "bad")
    if everybody_back:
        return ("All are back by the network. Record the restoration", "check", "warn")
    if row.status == Status.DETECTED:
        return (f"Confidence {row.confidence:.2f}. Confirm or dismiss", "info", "warn")
    if row.status == Status.CONFIRMED and row.crew.name is None:
        return ("No crew is assigned", "crew", "bad")
    if row.status == Status.CONFIRMED:
        return (f"{row.crew.name} is {crew_words(row)}. Record the dispatch", "crew", "warn")
    if row.status == Status.DISPATCHED and row.crew.status == "ONSITE":
        return (f"{row.crew.name} is on site. Record that repair began", "crew", "warn")
    if row.critical_customers_off and row.restoration.estimated_at is None:
        return ("Critical customers are off and nobody has said until when", "home", "bad")
    return None


def _progress(row: Row) -> str:
    if row.crew.name is not None:
        return f"{row.crew.name} is {crew_words(row)}"
    if row.status == Status.PARTIALLY_RESTORED and row.customers_affected:
        return f"{row.customers_affected - row.customers_off:,} of {row.customers_affected:,} are back"
    return "Watched"


def crew_words(row: Row) -> str:
    """What the crew is doing, as one says it."""
    status = row.crew.status or row.crew.assignment_status or ""
    return CREW_WORDS.get(status, status.replace("_", " ").lower() or "assigned")


def _severity(row: Row, *, overdue: bool) -> str:
    if row.critical_customers_off:
        return "critical"
    if overdue or row.customers_off >= MANY:
        return "major"
    return "minor" if row.customers_off or not row.is_charged else "info"
