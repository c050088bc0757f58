"""
Who reads a stream: one at a time. The unique constraint on the lease is the lock; a lease that expired is taken over,
and the read goes on after its last committed page, in its mode and with its run. Each claim gets the next fencing
number, which every commit of the read has to show: who was taken over, and does not know it yet, can commit nothing.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from threading import Event, Thread
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import F
from django.utils import timezone
from psycopg.types.json import Jsonb

from connectors.models import (
    UNDER_WAY,
    Lease,
    LeasePhase,
    Mode,
    Outcome,
    Phase,
    Run,
    RunStatus,
    SeenPage,
    State,
    Stream,
    StreamState,
    Trigger,
)
from connectors.protocols.adapter import Cursor
from connectors.queries import streams
from organisation.scope import Scope, acting_for

log = structlog.get_logger(__name__)

DURATION = timedelta(seconds=settings.LEASE_S)
HEARTBEAT = DURATION / 3
LISTENERS_DURATION = timedelta(seconds=10)
"""At most: as long as who listens is dead and nobody knows, nobody is told of anything."""

LONGEST_PAGE = timedelta(minutes=10)
"""A source that takes longer for one page loses the stream to whoever asks next."""

NEXT_FENCE = "nextval('connectors_fence')"


def duration_of(mode: str) -> timedelta:
    """How long a lease lasts that nobody renews."""
    return min(DURATION, LISTENERS_DURATION) if mode == Mode.EVENT else DURATION


class LeaseLost(Exception):
    """Another took the read over: what this one still has in hand must not be committed."""


class NotClaimed(StrEnum):
    """Why there is nothing to read now."""

    BUSY = "BUSY"
    WAITING = "WAITING"
    SWITCHED_OFF = "SWITCHED_OFF"
    GONE = "GONE"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """
    A stream that is ours to read, as it was when we claimed it.

    :param lease: its `cursor` is where to go on, if there are `pages` already
    :param was_taken_over: another began this read
    """

    stream: Stream
    state: StreamState
    lease: Lease
    was_taken_over: bool


def claim(*, stream_id: int, mode: Mode, trigger: Trigger, now: datetime) -> Claim | NotClaimed:
    """
    Take the stream's lease, in the caller's transaction. An abandoned read goes before the one that is asked for.
    """
    stream = streams().filter(pk=stream_id).first()
    if stream is None:
        return NotClaimed.GONE
    known = _not_giving_way(stream, mode=mode, trigger=trigger, now=now)
    if known is not None and known.mode != mode and Mode.EVENT in (known.mode, mode):
        return NotClaimed.BUSY
    state = _state_of(stream, is_dry=known is not None and known.is_dry)
    if known is not None:
        if known.expires_at <= now:
            # A locked one is no more than late: its holder is landing a page.
            known = Lease.objects.select_for_update(skip_locked=True).filter(pk=known.pk, expires_at__lte=now).first()
        if known is None or known.expires_at > now:
            return NotClaimed.BUSY
    if not stream.is_enabled or stream.connector.state == State.DISABLED:
        if known is not None:
            abandon(known, reason="The stream was switched off before it was read whole.", now=now)
        return NotClaimed.SWITCHED_OFF
    if known is not None:
        return Claim(stream=stream, state=state, lease=known, was_taken_over=_take_over(known, now=now))
    if trigger != Trigger.PERSON and state.retry_at is not None and state.retry_at > now:
        return NotClaimed.WAITING
    lease = insert(stream=stream, mode=mode, trigger=trigger, now=now, held=True)
    if lease is None:
        return NotClaimed.BUSY
    return Claim(stream=stream, state=state, lease=lease, was_taken_over=False)


def give_way(*, stream: Stream, mode: Mode, trigger: Trigger, now: datetime) -> bool:
    """
    Whether the stream is free for a read, in the caller's transaction. Who listens to it lets go for one of everything
    and for what a person asks for, and comes back when that has ended; a listener that is gone does so for any.
    """
    return _not_giving_way(stream, mode=mode, trigger=trigger, now=now) is None


def end_listening(stream_ids: Iterable[int]) -> None:
    """
    Have who listens to these streams, if anybody does, begin anew with the settings of now, if it is still wanted. In
    the caller's transaction.
    """
    listened_to = Lease.objects.filter(stream_id__in=list(stream_ids), mode=Mode.EVENT)
    listened_to.update(fence=Lease.NOBODY, expires_at=F("started_at"))
    StreamState.objects.filter(stream_id__in=list(stream_ids)).update(listen_refusal="", listen_again_at=None)


def _not_giving_way(stream: Stream, *, mode: Mode, trigger: Trigger, now: datetime) -> Lease | None:
    known: Lease | None = Lease.objects.filter(stream=stream).first()
    if known is None or known.mode != Mode.EVENT or mode == Mode.EVENT:
        return known
    if known.expires_at > now and mode != Mode.FULL and trigger != Trigger.PERSON:
        return known
    abandon(known, reason="Catching up ended for a read of its own.", now=now)
    return None


def _state_of(stream: Stream, *, is_dry: bool) -> StreamState:
    """The row that the engine writes to; a dry run makes none."""
    state = StreamState.objects.filter(stream=stream).first()
    if state is not None:
        return state
    if is_dry:
        return StreamState(stream=stream)
    StreamState.objects.bulk_create([StreamState(stream=stream)], ignore_conflicts=True)
    return StreamState.objects.get(stream=stream)


def insert(
    *, stream: Stream, mode: Mode, trigger: Trigger, now: datetime, held: bool = False, is_dry: bool = False
) -> Lease | None:
    """
    A lease of its own for a new read; `None` if the stream has one. Look for one before: this waits for who is landing
    a page.

    :param held: by the caller; if not, it waits for whoever claims the stream next
    """
    expires_at = now + duration_of(mode) if held else now
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {connection.ops.quote_name(Lease._meta.db_table)} "  # noqa: S608  # our own names
            "(organisation_id, stream_id, fence, mode, trigger, is_dry, phase, started_at, expires_at, pages) "
            f"VALUES (%s, %s, {NEXT_FENCE if held else Lease.NOBODY}, %s, %s, %s, %s, %s, %s, 0) "
            "ON CONFLICT (organisation_id, stream_id) DO NOTHING RETURNING id, fence",
            [stream.organisation_id, stream.pk, mode, trigger, is_dry, LeasePhase.READING, now, expires_at],
        )
        inserted = cursor.fetchone()
    if inserted is None:
        return None
    return Lease(
        pk=inserted[0],
        organisation_id=stream.organisation_id,
        stream=stream,
        fence=inserted[1],
        mode=mode,
        trigger=trigger,
        is_dry=is_dry,
        phase=LeasePhase.READING,
        started_at=now,
        expires_at=expires_at,
    )


def renew(lease: Lease, *, now: datetime, cursor: Cursor | None = None, phase: LeasePhase | None = None) -> bool:
    """
    Keep the lease past a page that is about to be committed in the same transaction.

    :param cursor: where the read goes on after that page; `None`: where it went on before
    :return: whether the read is still wanted; false: a person asked it to stop
    :raises LeaseLost: if it expired or another has it
    """
    lease.expires_at = now + duration_of(lease.mode)
    lease.cursor = lease.cursor if cursor is None else cursor
    lease.phase = phase or lease.phase
    position: Any = None if lease.cursor is None else Jsonb(lease.cursor)
    with connection.cursor() as asked:
        asked.execute(
            f"""
            UPDATE {Lease._meta.db_table} AS lease SET expires_at = %s, cursor = %s, phase = %s, pages = %s
            WHERE id = %s AND fence = %s AND expires_at > %s RETURNING NOT EXISTS (
              SELECT 1 FROM {Run._meta.db_table} AS run
              WHERE run.id = lease.run_id AND run.cancel_asked_at IS NOT NULL)
            """,  # noqa: S608  # our own names
            [lease.expires_at, position, lease.phase, lease.pages, lease.pk, lease.fence, now],
        )
        kept = asked.fetchone()
    if kept is None:
        raise LeaseLost(f"The read of stream {lease.stream_id} was taken over.")
    return bool(kept[0])


def begin_anew_in_full(lease: Lease) -> None:
    """Have the read that holds the lease read everything, from the start. What it has landed stands."""
    lease.mode, lease.cursor, lease.pages = Mode.FULL, None, 0
    Lease.objects.filter(pk=lease.pk, fence=lease.fence).update(mode=lease.mode, cursor=None, pages=0)
    SeenPage.objects.filter(lease=lease).delete()


def release(lease: Lease) -> None:
    """
    End the read in the transaction that says how it ended.

    :raises LeaseLost: if another has it
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {connection.ops.quote_name(Lease._meta.db_table)} WHERE id = %s AND fence = %s",  # noqa: S608  # our own name
            [lease.pk, lease.fence],
        )
        if not cursor.rowcount:
            raise LeaseLost(f"The read of stream {lease.stream_id} was taken over.")
    if lease.mode == Mode.FULL:
        SeenPage.objects.filter(lease_id=lease.pk).delete()


def abandon(lease: Lease, *, reason: str, now: datetime, status: RunStatus = RunStatus.INCOMPLETE) -> None:
    """End a read that nobody will go on with."""
    if lease.run_id is not None:
        Run.objects.filter(pk=lease.run_id, status__in=UNDER_WAY).update(
            status=status, outcome=Outcome(status), detail=reason, phase=Phase.DONE, finished_at=now
        )
    Lease.objects.filter(pk=lease.pk).delete()


@contextmanager
def kept_alive(lease: Lease, scope: Scope) -> Iterator[None]:
    """
    Renew the lease from a thread while a page is on its way for long; not beyond `LONGEST_PAGE` after the last one.
    """
    ended = Event()
    duration = duration_of(lease.mode)
    pause = min(HEARTBEAT, duration / 3)

    def beat() -> None:
        while not ended.wait(pause.total_seconds()):
            if timezone.now() > lease.expires_at - duration + LONGEST_PAGE:
                return
            try:
                with acting_for(scope):
                    Lease.objects.filter(pk=lease.pk, fence=lease.fence).update(expires_at=timezone.now() + duration)
            except DatabaseError:
                log.warning("lease.not_renewed", stream=lease.stream_id, exc_info=True)
            finally:
                connection.close()

    thread = Thread(target=beat, name=f"lease of stream {lease.stream_id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()


def _take_over(lease: Lease, *, now: datetime) -> bool:
    """Whether another had begun the read: with the next number, it can commit no more."""
    begun = lease.fence != Lease.NOBODY
    lease.expires_at = now + duration_of(lease.mode)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {connection.ops.quote_name(Lease._meta.db_table)} "  # noqa: S608  # our own names
            f"SET fence = {NEXT_FENCE}, expires_at = %s WHERE id = %s RETURNING fence",
            [lease.expires_at, lease.pk],
        )
        [lease.fence] = cursor.fetchone()
    if begun:
        log.warning("sync.taken_over", stream=lease.stream_id, pages=lease.pages, fence=lease.fence)
        if lease.run_id is not None:
            Run.objects.filter(pk=lease.run_id).update(takeovers=F("takeovers") + 1)
    return begun
