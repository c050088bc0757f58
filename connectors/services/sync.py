"""
The sync engine: one loop for every adapter. A page lands in one transaction with the position after it, so that a
crash at any moment resumes at the last committed page. Delivery is at least once, landing is idempotent: the effect is
exactly once.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import structlog
from django.db import DataError, OperationalError
from django.utils import timezone

from connectors import registry
from connectors.landing import Landing, SeenKeys, Wiring
from connectors.models import Lease, Mode, Outcome, Phase, RunStatus, SeenPage, State, StreamState, Trigger
from connectors.protocols.adapter import Mode as AdapterMode
from connectors.protocols.adapter import Page
from connectors.protocols.errors import BadConfig, SourceError, Throttled, Unauthorized, Unreachable
from connectors.services import lease as leases
from connectors.services import pages
from connectors.services.lease import Claim, LeaseLost, NotClaimed
from connectors.services.runs import ASKED_FOR, Counts, RunBook
from connectors.services.states import settle_state
from organisation.scope import Origin, Scope, acting_for, current_scope

log = structlog.get_logger(__name__)

Clock = Callable[[], datetime]
Committed = Callable[[Counts], None]

TRIES = 3
AGAIN = frozenset({"40001", "40P01"})
"""SQL states after which the same transaction may well succeed: serialization failure, deadlock."""

PAUSE_IF_NOT_TOLD = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=1)
PASSING = frozenset({Outcome.UNREACHABLE, Outcome.THROTTLED})
NOTHING_RETIRED = (
    "A record's key could not be read, so it is not known what is gone: nothing was retired. See what was set aside."
)


class Ended(StrEnum):
    """How a request to read a stream ended."""

    READ = "READ"
    FAILED = "FAILED"
    LOST = "LOST"
    BUSY = "BUSY"
    WAITING = "WAITING"
    SWITCHED_OFF = "SWITCHED_OFF"
    GONE = "GONE"


@dataclass(frozen=True, kw_only=True)
class Synced:
    """What became of a request to read a stream. `detail` is a sentence for a person."""

    ended: Ended
    outcome: Outcome = Outcome.NONE
    detail: str = ""
    run_id: int | None = None
    counts: Counts = field(default_factory=Counts)


def sync_stream(
    *, stream_id: int, mode: Mode, trigger: Trigger, clock: Clock = timezone.now, committed: Committed | None = None
) -> Synced:
    """
    Read a stream into its domain, or go on with a read that was abandoned. The scope is carried, not entered: every
    page is a transaction of its own, and nothing is asked of the source inside one.

    What the source does wrong is in the result. A mistake of ours is recorded, and raised.

    :param committed: called after each committed page
    """
    scope = replace(current_scope(), origin=Origin.SYNC)
    with acting_for(scope):
        claim = leases.claim(stream_id=stream_id, mode=mode, trigger=trigger, now=clock())
        if isinstance(claim, NotClaimed):
            return Synced(ended=Ended(claim))
        read = _Read(claim, scope=scope, clock=clock, committed=committed or (lambda counts: None))
        read.begin()
    try:
        with leases.kept_alive(claim.lease, scope):
            return read.to_its_end()
    except LeaseLost:
        log.warning("sync.lease_lost", stream=stream_id)
        return Synced(ended=Ended.LOST, counts=read.book.counts)


class _Read:
    """One claimed read in this process. What it keeps in memory is what its last committed page made true."""

    def __init__(self, claim: Claim, *, scope: Scope, clock: Clock, committed: Committed) -> None:
        self.stream, self.state, self.lease = claim.stream, claim.state, claim.lease
        self.was_taken_over = claim.was_taken_over
        self.scope, self.clock, self.committed = scope, clock, committed
        self.mode = Mode(self.lease.mode)
        self.book = RunBook.of(self.lease)
        self.began_at = clock()

    def begin(self) -> None:
        """In the transaction of the claim."""
        if self.book.run_id is not None:
            self.book.begun()
        elif self.lease.trigger in ASKED_FOR:
            self.book = self._opened(self.book, self.began_at)
        if self.was_taken_over and self.lease.cursor is None and self.lease.phase == Phase.READING:
            # Its source cannot be resumed: what was seen before is no part of the read that begins now.
            SeenPage.objects.filter(lease=self.lease).delete()

    def to_its_end(self) -> Synced:
        try:
            if self.lease.phase == Phase.READING:
                reason = self._read_pages()
                if reason is not None:
                    return self._failed(Outcome.INCOMPLETE, reason)
            if self.lease.phase == Phase.RETIRING:
                self._retire()
        except SourceError as error:
            return self._failed(_outcome_of(error), str(error), retry_at=self._retry_at(error))
        except LeaseLost:
            raise
        except Exception as error:
            log.exception("sync.bug", stream=self.stream.pk, connector=self.stream.connector_id)
            kind = type(error).__name__
            self._failed(Outcome.BUG, f"A mistake of ours ended the read ({kind}); the log has it. Please report it.")
            raise
        return Synced(ended=Ended.READ, outcome=Outcome.SUCCEEDED, run_id=self.book.run_id, counts=self.book.counts)

    def _read_pages(self) -> str | None:
        """Why the read is not complete; `None`: it is."""
        adapter = registry.build(self.stream.connector, now=self.clock)
        wiring = pages.wiring_of(self.stream.contract)
        source = registry.source_stream(self.stream)
        mode = AdapterMode(self.mode)
        if mode not in source.modes:
            raise BadConfig(
                f"{adapter.label} cannot read {self.stream.contract} in the mode {self.mode.label.lower()}."
            )
        reason = ""
        for page in adapter.fetch(source, cursor=self._position(), mode=mode):
            self._commit(page, pages.read_page(adapter, source, page.records), wiring)
            if page.complete:
                return None
            reason = page.incomplete_reason or reason
        return reason or "The source ended the read without a proof that it was whole."

    def _position(self) -> dict[str, Any] | None:
        position: dict[str, Any] | None = self.lease.cursor
        if position is None and self.mode == Mode.INCREMENTAL:
            position = self.state.cursor
        return position

    def _commit(self, page: Page, read: pages.ReadPage, wiring: Wiring) -> None:
        one_by_one = False
        self.lease.pages += 1
        for attempt in range(1, TRIES + 1):
            try:
                with acting_for(self.scope):
                    book = self._land(page, read, wiring, one_by_one=one_by_one)
                break
            except DataError:
                if one_by_one:
                    raise
                one_by_one = True
            except OperationalError as error:
                if attempt == TRIES or getattr(error.__cause__, "sqlstate", None) not in AGAIN:
                    raise
        else:
            raise AssertionError("the last attempt breaks or raises")
        self.book = book
        self.committed(book.counts)

    def _land(self, page: Page, read: pages.ReadPage, wiring: Wiring, *, one_by_one: bool) -> RunBook:
        now = self.clock()
        retires = self.mode == Mode.FULL and wiring.retire is not None
        phase = Phase.RETIRING if page.complete and retires else Phase.READING
        leases.renew(self.lease, now=now, cursor=page.cursor, phase=phase)
        landing = self._landing(now)
        landed = pages.land(read.records, landing, wiring, one_by_one=one_by_one)
        rejections = pages.set_aside(read, landed)
        new = pages.keep_rejections(self.stream.pk, rejections, now=now)
        pages.tell_followers(wiring, landing, self.stream.contract, landed.touched)
        if retires:
            SeenPage.objects.create(lease=self.lease, number=self.lease.pages, external_ids=read.keys())
        settled = landed.created + landed.updated + landed.unchanged
        counts = Counts(
            expected=page.total,
            pages=1,
            records=len(read.raw),
            created=landed.created,
            updated=landed.updated,
            unchanged=landed.unchanged,
            rejected=len(rejections),
            ignored=max(0, len(read.raw) - settled - len(rejections)),
        )
        book = self.book.advanced(counts, now=now)
        if landed.created or landed.updated or new or (self.mode == Mode.FULL and not page.complete):
            book = self._opened(book, now)
            pages.name_run(new, book.run_id)
        if phase == Phase.RETIRING:
            return book.in_phase(phase, now=now)
        if page.complete:
            return self._finish(book, now=now)
        if self.mode == Mode.INCREMENTAL and page.cursor is not None:
            StreamState.objects.filter(pk=self.state.pk).update(cursor=page.cursor)
        return book

    def _retire(self) -> None:
        """What a complete full read did not see is gone from the source."""
        wiring = pages.wiring_of(self.stream.contract)
        with acting_for(self.scope):
            now = self.clock()
            leases.renew(self.lease, now=now)
            landing = self._landing(now)
            if SeenPage.objects.filter(lease=self.lease, external_ids__contains=[None]).exists():
                book = self._finish(self.book, now=now, detail=NOTHING_RETIRED)
            else:
                gone = wiring.retire(landing, SeenKeys(lease_id=self.lease.pk)) if wiring.retire is not None else ()
                pages.tell_followers(wiring, landing, self.stream.contract, gone)
                book = self.book.advanced(Counts(retired=len(gone)), now=now)
                book = self._finish(self._opened(book, now) if gone else book, now=now)
        self.book = book
        self.committed(book.counts)

    def _finish(self, book: RunBook, *, now: datetime, detail: str = "") -> RunBook:
        """The read was complete: the source proved what we hold."""
        values: dict[str, Any] = {"proved_at": now, "source_read_at": self.lease.started_at, "retry_at": None}
        if self.mode == Mode.FULL:
            values["full_read_at"] = now
        if book.counts.changed:
            values["changed_at"] = now
        if self.lease.cursor is not None:
            values["cursor"] = self.lease.cursor
        book = book.closed(status=RunStatus.SUCCEEDED, outcome=Outcome.SUCCEEDED, detail=detail, now=now)
        self._end(Outcome.SUCCEEDED, detail, now, **values)
        return book

    def _failed(self, outcome: Outcome, detail: str, *, retry_at: datetime | None = None) -> Synced:
        """
        Record how the read broke off. What landed stays, nothing is retired, and its facts grow old.

        The same failure again moves the stream's state only, not the list of runs.
        """
        with acting_for(self.scope):
            now = self.clock()
            is_same = self.state.outcome == outcome and (self.state.detail == detail or outcome in PASSING)
            book = self.book if is_same else self._opened(self.book, now)
            status = RunStatus.INCOMPLETE if outcome == Outcome.INCOMPLETE else RunStatus.FAILED
            self.book = book.closed(status=status, outcome=outcome, detail=detail, now=now)
            self._end(outcome, detail, now, retry_at=retry_at)
        return Synced(
            ended=Ended.FAILED, outcome=outcome, detail=detail, run_id=self.book.run_id, counts=self.book.counts
        )

    def _end(self, outcome: Outcome, detail: str, now: datetime, **values: Any) -> None:
        leases.release(self.lease)
        StreamState.objects.filter(pk=self.state.pk).update(outcome=outcome, detail=detail, attempted_at=now, **values)
        was = self.state.outcome
        if was != outcome:
            say = log.info if outcome == Outcome.SUCCEEDED else log.warning
            say("stream.outcome", stream=self.stream.pk, was=was, outcome=outcome.value, reason=detail)
        if (was, self.state.detail) != (outcome, detail) or self.stream.connector.state != State.ACTIVE:
            settle_state(self.stream.connector_id, now=now)

    def _opened(self, book: RunBook, now: datetime) -> RunBook:
        opened = book.opened(now=now, actor_id=self.scope.actor_id if book.trigger == Trigger.PERSON else None)
        if book.run_id is None:
            Lease.objects.filter(pk=self.lease.pk).update(run_id=opened.run_id)
        return opened

    def _landing(self, now: datetime) -> Landing:
        return Landing(
            organisation_id=self.scope.organisation_id,
            connector_id=self.stream.connector_id,
            stream_id=self.stream.pk,
            now=now,
        )

    def _retry_at(self, error: SourceError) -> datetime | None:
        now = self.clock()
        match error:
            case Throttled():
                return error.retry_at or now + PAUSE_IF_NOT_TOLD
            case Unreachable():
                # Who hangs for long is left alone for as long, so that it does not hold up the other streams.
                return now + min(now - self.began_at, LONGEST_PAUSE)
        return None


def _outcome_of(error: SourceError) -> Outcome:
    match error:
        case Unreachable():
            return Outcome.UNREACHABLE
        case Throttled():
            return Outcome.THROTTLED
        case Unauthorized():
            return Outcome.UNAUTHORIZED
        case BadConfig():
            return Outcome.BAD_CONFIG
    return Outcome.CONTRACT_BROKEN
