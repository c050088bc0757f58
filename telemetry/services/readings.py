"""
Landing of readings: history and the newest of each signal, in one transaction.

Most of what a poll brings is known: it is told from the newest readings alone, before anything is written.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection

from connectors.contracts.reading import Quality
from connectors.contracts.reading import Reading as ReadingRecord
from connectors.landing import Landed, Landing, SetAside
from telemetry.queries.partitions import is_within, kept_spans
from telemetry.services import reading_statements as sql

AHEAD = timedelta(minutes=10)
"""How far a source's clock may run before ours. A reading from the future would hide all that follow it."""

Shown = tuple[float | None, str | None, str, str]
"""What a reading shows: value, state, quality, reason."""
QUALITY = 2
NOTHING = (None, None, None)


def land_readings(records: Sequence[ReadingRecord], landing: Landing) -> Landed:
    """
    Land readings of signals that are known.

    Of several with one signal and time the last counts, in a page and after it: sources restate a value when
    its quality changes. One that is older than the days kept lands if it is the newest of its signal, in
    `LatestReading` alone: a switch may not have moved for years. Set aside are those of an unknown signal,
    from the future, and late ones for which there is no day.

    :return: `touched` are the signals whose newest, or newest usable, reading changed
    """
    # The last of each signal and time, where it stands in the page.
    last = {(record.signal, record.source_time): index for index, record in enumerate(records)}
    page = _sift([(index, records[index]) for index in last.values()], landing)
    if not page.changed:
        return Landed(unchanged=page.unchanged, set_aside=tuple(page.set_aside))
    with connection.cursor() as cursor:
        _copy(cursor, page.changed)
        parameters: dict[str, Any] = {"organisation": landing.organisation_id, "now": landing.now}
        created, updated = _write_history(cursor, page.changed, parameters)
        cursor.execute(sql.UPSERT_LATEST, parameters)
        touched = tuple(sorted(row[0] for row in cursor.fetchall()))
    # What has no day in history is told by its signal's newest reading alone.
    created += sum(one.is_newer and not one.has_day for one in page.changed)
    updated += sum(not one.is_newer and not one.has_day for one in page.changed)
    return Landed(
        created=created,
        updated=updated,
        unchanged=page.unchanged + len(page.changed) - created - updated,
        touched=touched,
        set_aside=tuple(page.set_aside),
    )


class _Changed(NamedTuple):
    """
    A reading that the newest one of its signal does not already tell.

    :ivar is_newer: than any that we have of its signal, so that history need not be asked for it
    """

    signal_id: int
    source_time: datetime
    shown: Shown
    has_day: bool
    is_newer: bool


@dataclass(slots=True)
class _Page:
    changed: list[_Changed] = field(default_factory=list)
    unchanged: int = 0
    set_aside: list[SetAside] = field(default_factory=list)


def _sift(records: Sequence[tuple[int, ReadingRecord]], landing: Landing) -> _Page:
    """Tell apart what is known, what is news, and what cannot be taken."""
    page = _Page()
    latest = _latest({record.signal for _, record in records}, landing)
    spans: list[tuple[datetime, datetime]] | None = None
    horizon = landing.now + AHEAD
    for index, record in records:
        known = latest.get(record.signal)
        if known is None:
            reason = f"No signal {record.signal} is known from this system; read its signals first."
            page.set_aside.append(SetAside(index=index, reason=reason, path="signal"))
            continue
        signal_id, newest, newest_shown = known
        shown = (record.value, record.state, record.quality.value, record.reason)
        # SCADA repeats the last value when a point is stale: equal is not fresh.
        if record.source_time == newest and shown == newest_shown:
            page.unchanged += 1
            continue
        if record.source_time > horizon:
            page.set_aside.append(SetAside(index=index, reason=_ahead(record, landing), path="source_time"))
            continue
        if spans is None:
            spans = kept_spans()
        is_newer = newest is None or record.source_time > newest
        has_day = is_within(record.source_time, spans)
        if not has_day and newest is not None and record.source_time < newest:
            page.set_aside.append(SetAside(index=index, reason=_no_day(record, spans), path="source_time"))
            continue
        page.changed.append(_Changed(signal_id, record.source_time, shown, has_day, is_newer))
    return page


def _latest(names: set[str], landing: Landing) -> dict[str, tuple[int, datetime | None, Shown | None]]:
    """Of each known signal its key, and the time and content of its newest reading."""
    parameters: dict[str, Any] = {"organisation": landing.organisation_id, "connector": landing.connector_id}
    with connection.cursor() as cursor:
        cursor.execute(sql.SIGNALS, {**parameters, "names": list(names)})
        signals: dict[str, int] = dict(cursor.fetchall())
        cursor.execute(sql.LATEST, {**parameters, "signals": list(signals.values())})
        newest = {row[0]: (row[1], row[2:]) for row in cursor.fetchall()}
    unread = (None, None)
    return {name: (signal_id, *newest.get(signal_id, unread)) for name, signal_id in signals.items()}


def _copy(cursor: Any, changed: Sequence[_Changed]) -> None:
    newest: dict[int, _Changed] = {}
    usable: dict[int, _Changed] = {}
    for one in changed:
        for best, counts in ((newest, True), (usable, one.shown[QUALITY] != Quality.BAD)):
            if counts and (one.signal_id not in best or best[one.signal_id].source_time < one.source_time):
                best[one.signal_id] = one
    cursor.execute(sql.PREPARE)
    with cursor.copy(sql.COPY) as copy:
        copy.set_types(sql.PAGE.values())
        for one in changed:
            is_newest = newest[one.signal_id] is one
            best_usable = usable.get(one.signal_id) if is_newest else None
            told = NOTHING if best_usable is None else (best_usable.source_time, *best_usable.shown[:QUALITY])
            copy.write_row((one.signal_id, one.source_time, *one.shown, one.has_day, is_newest, *told))


def _write_history(cursor: Any, changed: Sequence[_Changed], parameters: dict[str, Any]) -> tuple[int, int]:
    """How many readings of history were created and updated."""
    if all(one.is_newer for one in changed):
        cursor.execute(sql.APPEND, parameters)
        return cursor.rowcount, 0
    cursor.execute(sql.MERGE, parameters)
    created, updated = cursor.fetchone()
    return created, updated


def _ahead(record: ReadingRecord, landing: Landing) -> str:
    ahead = timedelta(seconds=round((record.source_time - landing.now).total_seconds()))
    return f"It is stamped {ahead} ahead of our clock. Check the source's clock and its time zone."


def _no_day(record: ReadingRecord, spans: Sequence[tuple[datetime, datetime]]) -> str:
    kept = f"the days kept begin on {spans[0][0]:%Y-%m-%d}" if spans else "no days are kept yet"
    return f"It is of {record.source_time:%Y-%m-%d}, and {kept}; a newer reading of the signal is known."
