"""What happened to an outage, in order, with the customers off at that moment. Entries are never changed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from outage.models import Outage, TimelineEntry, TimelineKind


@dataclass(frozen=True, kw_only=True)
class Note:
    """
    :param key: telling the same thing twice makes one entry
    :param at: when it happened, by who told of it
    :param source: name of the connector that told, if no person did
    """

    kind: TimelineKind
    key: str
    at: datetime
    summary: str
    source: str = ""
    reason: str = ""
    actor_id: int | None = None
    from_status: str = ""
    to_status: str = ""


def write(outage: Outage, note: Note, *, now: datetime) -> None:
    write_all([(outage, note)], now=now)


def write_all(notes: Iterable[tuple[Outage, Note]], *, now: datetime) -> None:
    """Append entries in this order, each with the impact that its outage has now; those that stand already are left."""
    TimelineEntry.objects.bulk_create(
        [
            TimelineEntry(
                outage=outage,
                organisation_id=outage.organisation_id,
                at=note.at,
                recorded_at=now,
                kind=note.kind,
                from_status=note.from_status,
                to_status=note.to_status,
                actor_id=note.actor_id,
                source=note.source,
                summary=note.summary,
                reason=note.reason,
                customers_affected=outage.customers_off,
                critical_customers_affected=outage.critical_customers_off,
                key=note.key,
            )
            for outage, note in notes
        ],
        ignore_conflicts=True,
    )


def since_detection(at: datetime, outage: Outage) -> datetime:
    """
    When what another system tells became part of the outage: a job that stood before it, and a clock that keeps whole
    seconds, would be read as the answer to an alarm that had not come yet.
    """
    return max(at, outage.detected_at)


def impact(outage: Outage, *, at: datetime, now: datetime, source: str) -> Note:
    """That other customers are off by an outage than before."""
    off = customers(outage.customers_off, outage.critical_customers_off)
    return Note(
        kind=TimelineKind.IMPACT,
        key=f"impact:{now.isoformat()}:{outage.customers_off}",
        at=min(at, now),
        summary=f"{off.capitalize()} off",
        source=source,
    )


def customers(count: int, critical: int) -> str:
    """A number of customers for a person: `1,337 customers, 7 of them critical`."""
    if not count:
        return "no customers"
    people = "1 customer" if count == 1 else f"{count:,} customers"
    if not critical:
        return people
    return f"{people}, critical" if count == 1 else f"{people}, {critical:,} of them critical"
