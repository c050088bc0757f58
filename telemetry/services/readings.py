"""
Landing of readings: history and the newest of each signal, in one transaction.

Most of what a poll brings is known: it is told from the newest readings alone, before anything is written.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.db import IntegrityError, transaction

from connectors import binary_arrays as arrays
from connectors.binary_arrays import NEVER, Flags, Integers
from connectors.contracts.reading import Reading as ReadingRecord
from connectors.landing import Landed, Landing, SetAside
from telemetry.queries.partitions import kept_spans
from telemetry.services import reading_statements as sql
from telemetry.services.reading_columns import Columns, Latest

AHEAD = timedelta(minutes=10)
"""How far a source's clock may run before ours. A reading from the future would hide all that follow it."""

Spans = Sequence[tuple[datetime, datetime]]


def land_readings(records: Sequence[ReadingRecord], landing: Landing) -> Landed:
    """
    Land readings of signals that are known.

    Of several with one signal and time the last counts, in a page and after it: sources restate a value when
    its quality changes. One that is older than the days kept lands if it is the newest of its signal, in
    `LatestReading` alone: a switch may not have moved for years. Set aside are those of an unknown signal,
    from the future, and late ones for which there is no day.

    :return: `touched` are the signals whose newest, or newest usable, reading changed
    """
    if not records:
        return Landed()
    with arrays.binary_cursor() as cursor:
        page = Columns.of(records, _signals(cursor, records, landing)).last_of_each()
        given = {"organisation": landing.organisation_id, "connector": landing.connector_id, "now": landing.now}
        cursor.execute(sql.TAKE_TURNS, given)
        latest = _latest(cursor, page)
        sifted = _sift(page, latest, records, landing)
        changed = sifted.changed
        if not len(changed):
            return Landed(unchanged=sifted.unchanged, set_aside=sifted.set_aside)
        created, updated = _write_history(cursor, sifted, given)
        touched = _write_latest(cursor, changed, latest, given)
    # What has no day in history is told by its signal's newest reading alone.
    created += int(np.count_nonzero(sifted.is_newer & ~sifted.has_day))
    updated += int(np.count_nonzero(~sifted.is_newer & ~sifted.has_day))
    return Landed(
        created=created,
        updated=updated,
        unchanged=sifted.unchanged + len(changed) - created - updated,
        touched=touched,
        set_aside=sifted.set_aside,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sifted:
    """
    A page of which is told apart what is known, what is news, and what cannot be taken.

    :ivar changed: what the newest readings do not already tell
    :ivar is_newer: which of that is newer than any reading that we have of its signal
    :ivar has_day: for which of that there is a day in history
    """

    changed: Columns
    is_newer: Flags
    has_day: Flags
    unchanged: int
    set_aside: tuple[SetAside, ...]


def _sift(page: Columns, latest: Latest, records: Sequence[ReadingRecord], landing: Landing) -> _Sifted:
    newest = latest.time[latest.rows_of(page.signal)]
    is_unknown = page.signal < 0
    # SCADA repeats the last value when a point is stale: equal is not fresh.
    is_told = latest.tells(page)
    is_news = ~(is_unknown | is_told)
    is_ahead = is_news & (page.time > arrays.micros([landing.now + AHEAD]))
    is_news &= ~is_ahead
    spans = kept_spans() if is_news.any() else []
    has_day = _has_day(page.time, spans)
    is_late = is_news & ~has_day & (page.time < newest)
    is_news &= ~is_late
    set_aside = [
        SetAside(index=index, reason=reason(records[index]), path=path)
        for flags, path, reason in (
            (is_unknown, "signal", _unknown),
            (is_ahead, "source_time", lambda record: _ahead(record, landing)),
            (is_late, "source_time", lambda record: _no_day(record, spans)),
        )
        for index in page.place[flags].tolist()
    ]
    return _Sifted(
        changed=page.take(is_news),
        is_newer=(page.time > newest)[is_news],
        has_day=has_day[is_news],
        unchanged=int(np.count_nonzero(is_told)),
        set_aside=tuple(sorted(set_aside, key=lambda aside: aside.index)),
    )


def _has_day(times: Integers, spans: Spans) -> Flags:
    within = np.zeros(len(times), dtype=np.bool_)
    for begin, end in spans:
        first, last = arrays.micros([begin, end]).tolist()
        within |= (times >= first) & (times < last)
    return within


def _signals(cursor: Any, records: Sequence[ReadingRecord], landing: Landing) -> dict[str, int]:
    """The key of each signal that is named; one below 0 for a name that is unknown."""
    names = list(dict.fromkeys(record.signal for record in records))
    cursor.execute(sql.SIGNALS, {"connector": landing.connector_id, "names": arrays.texts(names)})
    known, keys = cursor.fetchone()
    signals = {name: -number for number, name in enumerate(names, start=1)}
    signals.update(zip(known, keys.tolist(), strict=True))
    return signals


def _latest(cursor: Any, page: Columns) -> Latest:
    signals = page.newest_of_each().signal
    span = np.array([page.time.min(), page.time.max()])
    cursor.execute(sql.LATEST, {"signals": arrays.integers(signals[signals >= 0]), "span": arrays.instants(span)})
    return Latest.of(*cursor.fetchone())


def _write_history(cursor: Any, sifted: _Sifted, given: dict[str, Any]) -> tuple[int, int]:
    """How many readings of history were created and updated."""
    appended = _append(cursor, sifted.changed.take(sifted.is_newer & sifted.has_day), given)
    is_left = sifted.has_day if appended is None else sifted.has_day & ~sifted.is_newer
    if not is_left.any():
        return appended or 0, 0
    cursor.execute(sql.MERGE, {**given, **sifted.changed.take(is_left).parameters()})
    created, updated = cursor.fetchone()
    return (appended or 0) + created, updated


def _append(cursor: Any, readings: Columns, given: dict[str, Any]) -> int | None:
    """How many were created; `None` if history holds one of them already, and nothing was written."""
    if not len(readings):
        return 0
    try:
        with transaction.atomic():
            cursor.execute(sql.APPEND, {**given, **readings.parameters()})
    except IntegrityError:
        return None
    return len(readings)


def _write_latest(cursor: Any, changed: Columns, latest: Latest, given: dict[str, Any]) -> tuple[int, ...]:
    """The signals whose newest, or newest usable, reading changed."""
    newest, usable = changed.newest_of_each(), changed.usable().newest_of_each()
    rows = latest.rows_of(newest.signal)
    has_latest = latest.signal[rows] == newest.signal
    # One of the same time is told otherwise: what is told alike is not among the changed.
    moves = newest.time >= latest.time[rows]
    at = np.searchsorted(newest.signal, usable.signal)
    usable_time = np.full(len(newest), NEVER)
    usable_time[at] = usable.time
    usable_time[usable_time < latest.usable_time[rows]] = NEVER
    usable_value, without_value = np.zeros(len(newest)), np.ones(len(newest), dtype=np.bool_)
    usable_state = np.full(len(newest), None, dtype=np.object_)
    usable_value[at], usable_state[at] = usable.content.value, usable.content.state
    without_value[at] = usable.content.without_value

    def parameters(which: Flags) -> dict[str, Any]:
        return {
            **given,
            **newest.take(which).parameters(),
            "usable_times": arrays.instants(usable_time[which], usable_time[which] == NEVER),
            "usable_values": arrays.floats(usable_value[which], without_value[which]),
            "usable_states": arrays.texts(usable_state[which].tolist()),
        }

    for statement, which in ((sql.MOVE_LATEST, moves & has_latest), (sql.FIRST_LATEST, ~has_latest)):
        if which.any():
            cursor.execute(statement, parameters(which))
    touched = newest.signal[moves].tolist()
    late = ~moves & (usable_time > NEVER)
    if late.any():
        cursor.execute(sql.MOVE_USABLE, parameters(late))
        touched += [row[0] for row in cursor.fetchall()]
    return tuple(sorted(touched))


def _unknown(record: ReadingRecord) -> str:
    return f"No signal {record.signal} is known from this system; read its signals first."


def _ahead(record: ReadingRecord, landing: Landing) -> str:
    ahead = timedelta(seconds=round((record.source_time - landing.now).total_seconds()))
    return f"It is stamped {ahead} ahead of our clock. Check the source's clock and its time zone."


def _no_day(record: ReadingRecord, spans: Spans) -> str:
    kept = f"the days kept begin on {spans[0][0]:%Y-%m-%d}" if spans else "no days are kept yet"
    return f"It is of {record.source_time:%Y-%m-%d}, and {kept}; a newer reading of the signal is known."
