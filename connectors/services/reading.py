"""
One read of one stream: fetched ahead, landed page by page, proved whole, and only then rid of what is gone.

A page lands in one transaction with the position after it. Of a dry run that transaction is rolled back, and what it
showed goes into the run's report.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial, reduce
from typing import Any

import structlog
from django.db import DataError, OperationalError, connection, transaction

from connectors import registry
from connectors.landing import Landed, Landing, SeenKeys, Wiring
from connectors.models import Lease, LeasePhase, Mode, Outcome, Phase, RunStatus, SeenPage, State, StreamState, Trigger
from connectors.protocols.adapter import Mode as AdapterMode
from connectors.protocols.adapter import Page
from connectors.protocols.errors import BadConfig, FullReadNeeded, SourceError
from connectors.services import changes, known_pages, outcomes, pages
from connectors.services import lease as leases
from connectors.services.ahead import fetched_ahead
from connectors.services.dry_run import Report
from connectors.services.lease import Claim, LeaseLost
from connectors.services.outcomes import PASSING, Ended, Synced
from connectors.services.pages import Step
from connectors.services.runs import ASKED_FOR, CANCELLED, NOTHING_RETIRED, Cancelled, Counts, RunBook, Taken
from connectors.services.states import settle_state
from organisation.scope import Scope, acting_for

log = structlog.get_logger(__name__)

Clock = Callable[[], datetime]
Committed = Callable[[Counts], None]

TOGETHER = 5_000
"""Records that land in one transaction, if they are ready together."""

TRIES = 3


class Read:
    """One claimed read in this process. What it keeps in memory is what its last committed page made true."""

    goes_on = False
    """Whether the lease is kept after all was read."""

    def __init__(self, claim: Claim, *, scope: Scope, clock: Clock, committed: Committed, ahead: int) -> None:
        self.stream, self.state, self.lease = claim.stream, claim.state, claim.lease
        self.was_taken_over = claim.was_taken_over
        self.scope, self.clock, self.committed, self.ahead = scope, clock, committed, ahead
        self.mode = Mode(self.lease.mode)
        self.book = RunBook.of(self.lease)
        self.report = Report() if self.lease.is_dry else None
        self.began_at = clock()
        self.known: dict[bytes, tuple[int, int]] = {}
        self.seen_again: set[bytes] = set()
        self.expects_new = self.state.full_read_at is None
        self.has_changed_rows = self.has_rejected = False

    def begin(self) -> None:
        """In the transaction of the claim."""
        if self.book.run_id is not None:
            self.book.begun()
        elif self.lease.trigger in ASKED_FOR:
            self.book = self._opened(self.book, self.began_at)
        if self.was_taken_over and self.report is not None:
            # What it would do is not kept page by page: it is asked anew.
            self.lease.cursor, self.lease.phase = None, LeasePhase.READING
            self.book = replace(self.book, counts=Counts())
        if self.was_taken_over and self.lease.cursor is None and self.lease.phase == LeasePhase.READING:
            # What was seen before is no part of a read that begins anew, as where its source cannot be resumed.
            SeenPage.objects.filter(lease=self.lease).delete()
        self.known = known_pages.known_to(self.lease, self.state)
        self.has_rejected = self.stream.rejected_records.filter(settled_at=None).exists()

    def to_its_end(self) -> Synced:
        try:
            if self.lease.phase == LeasePhase.READING:
                reason = self._read_pages_or_everything()
                if reason is not None:
                    return self._failed(Outcome.INCOMPLETE, reason)
            if self.lease.phase == LeasePhase.RETIRING:
                self._retire()
        except SourceError as error:
            again_at = outcomes.retry_at(error, began_at=self.began_at, now=self.clock())
            return self._failed(outcomes.outcome_of(error), str(error), retry_at=again_at)
        except Cancelled:
            return self._cancelled()
        except LeaseLost:
            raise
        except Exception as error:
            if outcomes.is_loss_of_database(error):
                # The database is away: the lease runs out, and whoever claims it then goes on from the last page.
                connection.close()
                raise LeaseLost(f"The database was lost while stream {self.stream.pk} was read.") from error
            log.exception("sync.bug", stream=self.stream.pk, connector=self.stream.connector_id)
            kind = type(error).__name__
            self._failed(Outcome.BUG, f"A mistake of ours ended the read ({kind}); the log has it. Please report it.")
            raise
        return self._told(Ended.READ, Outcome.SUCCEEDED)

    def _read_pages_or_everything(self) -> str | None:
        """As `_read_pages`, of everything if what changed cannot be told."""
        try:
            return self._read_pages()
        except FullReadNeeded:
            if self.goes_on or (self.mode == Mode.FULL and self.lease.cursor is None):
                raise
        self.mode, self.known, self.seen_again = Mode.FULL, {}, set()
        with acting_for(self.scope):
            leases.begin_anew_in_full(self.lease)
            self.book = self.book.in_full()
        return self._read_pages()

    def _read_pages(self) -> str | None:
        """Why the read is not complete; `None`: it is."""
        adapter = registry.build(self.stream.connector, now=self.clock)
        wiring = pages.wiring_of(self.stream.contract)
        source = registry.source_stream(self.stream)
        mode = AdapterMode(self.mode)
        if mode not in source.modes:
            how = self.mode.label.lower()
            raise BadConfig(f"{adapter.label} cannot read {self.stream.contract} in the mode {how}.")
        salt, read = known_pages.salt_of(adapter, source), adapter.reader(source)

        def looked_at(page: Page) -> pages.ReadPage:
            mark = None if page.fingerprint is None or page.gone else known_pages.fingerprint_of(page.fingerprint, salt)
            known = None if mark is None else self.known.get(mark)
            if known is None:
                return look(page, mark)
            return pages.ReadPage(raw=page.records, fingerprint=mark, known=known, look=partial(look, page, mark))

        def look(page: Page, mark: bytes | None) -> pages.ReadPage:
            return pages.prepared(pages.read_page(read, page.records, fingerprint=mark, gone=page.gone), wiring)

        position = self.lease.cursor
        if position is None and self.mode == Mode.INCREMENTAL:
            position = self.state.cursor
        found = ((page, looked_at(page)) for page in adapter.fetch(source, cursor=position, mode=mode))
        reason = ""
        with fetched_ahead(found, depth=self.ahead, waiting=self._heed) as in_turn:
            for ready in in_turn:
                for batch in pages.batches(ready, most=1 if self.report else TOGETHER):
                    self._commit(batch, wiring)
                    last, _ = batch[-1]
                    if last.complete:
                        return None
                    reason = last.incomplete_reason or reason
        return reason or "The source ended the read without a proof that it was whole."

    def _heed(self) -> None:
        """While the next page is long in coming."""
        with acting_for(self.scope):
            if self.book.is_cancelled():
                raise Cancelled

    def _commit(self, batch: list[Step], wiring: Wiring) -> None:
        in_halves = False
        self.lease.pages += len(batch)
        for attempt in range(1, TRIES + 1):
            try:
                with self._forgotten_if_it_fails():
                    book = self._landed(batch, wiring, in_halves=in_halves)
                break
            except DataError:
                if in_halves:
                    raise
                in_halves = True
            except OperationalError as error:
                if attempt == TRIES or not outcomes.may_succeed_again(error):
                    raise
        else:
            raise AssertionError("the last attempt breaks or raises")
        self.seen_again |= {read.fingerprint for _, read in batch if read.known and read.fingerprint}
        self._committed(book)

    @contextmanager
    def _forgotten_if_it_fails(self) -> Iterator[None]:
        """What was not committed is not remembered either."""
        before = self.book, self.known, self.has_changed_rows, self.expects_new, deepcopy(self.report)
        try:
            yield
        except BaseException:
            self.book, self.known, self.has_changed_rows, self.expects_new, self.report = before
            raise

    def _committed(self, book: RunBook) -> None:
        self.book = book
        self.committed(book.counts)

    def _landed(self, batch: list[Step], wiring: Wiring, *, in_halves: bool) -> RunBook:
        """The pages, the position after them and the count, in one transaction; of a dry run, all but the pages."""
        now = self.clock()
        taken: list[Taken] = []
        if self.report is not None:
            with acting_for(self.scope):
                taken = [self._take_in(page, read, wiring, now, in_halves=in_halves) for page, read in batch]
                transaction.set_rollback(True)
        with acting_for(self.scope):
            last, _ = batch[-1]
            self._hold(last, now)
            taken = taken or [self._take_in(page, read, wiring, now, in_halves=in_halves) for page, read in batch]
            first = self.lease.pages - len(batch) + 1
            for number, ((_, read), one) in enumerate(zip(batch, taken, strict=True), start=first):
                if self._retires(wiring):
                    known_pages.see(self.lease, read, number=number, is_whole=one.is_whole, ignored=one.counts.ignored)
            counts = reduce(Counts.plus, (one.counts for one in taken))
            return self._written_down(last, counts, now)

    def _hold(self, page: Page, now: datetime) -> None:
        """
        What comes after this in the transaction commits only if the read is still ours, and wanted.

        :raises LeaseLost: if another has it
        :raises Cancelled: if a person asked it to stop
        """
        retires = page.complete and self._retires(pages.wiring_of(self.stream.contract))
        phase = LeasePhase.RETIRING if retires else LeasePhase.READING
        if not leases.renew(self.lease, now=now, cursor=page.cursor, phase=phase):
            raise Cancelled

    def _retires(self, wiring: Wiring) -> bool:
        return self.mode == Mode.FULL and wiring.retire is not None

    def _take_in(self, page: Page, read: pages.ReadPage, wiring: Wiring, now: datetime, *, in_halves: bool) -> Taken:
        """Land a page's records in their domain, and set aside what it cannot take."""
        if not self.known:
            read.look_after_all()
        if read.known is not None:
            seen = Landed(unchanged=read.known[0])
            counts = Counts.of_page(seen, expected=page.total, records=sum(read.known), rejected=0)
            return Taken(counts=counts, is_whole=True)
        landing = self._landing(now)
        landed = pages.take_in(read, landing, wiring, in_halves=in_halves)
        rejections = pages.set_aside(read, landed)
        told = len(read.raw) + len(read.gone)
        counts = Counts.of_page(landed, expected=page.total, records=told, rejected=len(rejections))
        if landed.updated or landed.retired:
            # It may stand on a page that is known as well.
            self.known = {}
        self.expects_new = 0 < landed.created == len(read.records)
        if self.report is not None:
            self.report.look(landing, self.stream.contract, landed.touched)
            self.report.reject(rejections)
            return Taken(counts=counts, is_whole=not rejections)
        if self.has_rejected:
            pages.settle_what_reads_well(self.stream.pk, read, now=now)
        new = pages.keep_rejections(self.stream.pk, rejections, now=now)
        pages.tell_followers(wiring, landing, self.stream.contract, landed.touched)
        if counts.changed and not self.has_changed_rows:
            known_pages.rows_changed(self.lease, self.stream)
            self.has_changed_rows = True
        if counts.changed or new:
            self._name_run(landing)
            pages.name_run(new, self.book.run_id)
        return Taken(counts=counts, is_whole=not rejections)

    def _written_down(self, page: Page, counts: Counts, now: datetime) -> RunBook:
        book = self.book.advanced(counts, now=now, report=self.report)
        if self.mode == Mode.FULL and not page.complete:
            book = self._opened(book, now)
        if self.lease.phase == LeasePhase.RETIRING:
            return book.in_phase(Phase.RETIRING, now=now)
        if page.complete:
            return self._finished(book, now=now, detail=page.remark)
        if self.mode == Mode.INCREMENTAL and page.cursor is not None and self.report is None:
            StreamState.objects.filter(pk=self.state.pk).update(cursor=page.cursor)
        return book

    def _retire(self) -> None:
        """What a complete full read did not see is gone from the source."""
        wiring = pages.wiring_of(self.stream.contract)
        now = self.clock()
        detail, gone = "", 0
        if self.report is not None:
            with acting_for(self.scope):
                detail, gone = self._retire_unseen(wiring, now)
                transaction.set_rollback(True)
        with acting_for(self.scope):
            if not leases.renew(self.lease, now=now):
                raise Cancelled
            if self.report is None:
                detail, gone = self._retire_unseen(wiring, now)
            book = self.book.advanced(Counts(retired=gone), now=now, report=self.report)
            book = self._finished(book, now=now, detail=detail)
        self._committed(book)

    def _retire_unseen(self, wiring: Wiring, now: datetime) -> tuple[str, int]:
        """Why nothing may be retired, and how many rows were."""
        if SeenPage.objects.filter(lease=self.lease, external_ids__contains=[None]).exists():
            return NOTHING_RETIRED, 0
        is_first_read = self.state.attempted_at is None and not self.was_taken_over
        if is_first_read or self._saw_nothing_else:
            return "", 0
        landing = self._landing(now)
        gone = wiring.retire(landing, SeenKeys(lease_id=self.lease.pk)) if wiring.retire is not None else ()
        if self.report is not None:
            self.report.look(landing, self.stream.contract, gone)
        elif gone:
            pages.tell_followers(wiring, landing, self.stream.contract, gone)
            self._name_run(landing)
        return "", len(gone)

    @property
    def _saw_nothing_else(self) -> bool:
        """All pages that are known came again, and no others."""
        return bool(self.known) and self.known.keys() == self.seen_again and self.book.counts.pages == len(self.known)

    def _finished(self, book: RunBook, *, now: datetime, detail: str = "") -> RunBook:
        """The read was complete: the source proved what we hold."""
        book = book.closed(status=RunStatus.SUCCEEDED, outcome=Outcome.SUCCEEDED, detail=detail, now=now)
        skew = registry.clock_skew(self.stream.connector, now=self.clock)
        values: dict[str, Any] = {"proved_at": now, "retry_at": None}
        values["source_read_at"] = self.lease.started_at + (skew or timedelta())
        if skew is not None:
            values["clock_skew_s"] = skew.total_seconds()
        if self.mode == Mode.FULL:
            values["full_read_at"] = now
            if self.report is None and not self._saw_nothing_else:
                counts = book.counts
                is_all_new = counts.created + counts.ignored == counts.records
                known_pages.remember(self.lease, self.state, is_all_new=is_all_new)
        if book.counts.changed:
            values["changed_at"] = now
        if self.lease.cursor is not None:
            values["cursor"] = self.lease.cursor
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
        return self._told(Ended.FAILED, outcome, detail)

    def _cancelled(self) -> Synced:
        """The stream is as its last committed page left it, and is read again when its schedule says so."""
        with acting_for(self.scope):
            outcome, now = Outcome.CANCELLED, self.clock()
            self.book = self.book.closed(status=RunStatus.CANCELLED, outcome=outcome, detail=CANCELLED, now=now)
            leases.release(self.lease)
            if self.report is None:
                StreamState.objects.filter(pk=self.state.pk).update(attempted_at=now)
        return self._told(Ended.CANCELLED, outcome, CANCELLED)

    def _told(self, ended: Ended, outcome: Outcome, detail: str = "") -> Synced:
        book = self.book
        return Synced(ended=ended, outcome=outcome, detail=detail, run_id=book.run_id, counts=book.counts)

    def _end(self, outcome: Outcome, detail: str, now: datetime, **values: Any) -> None:
        if outcome != Outcome.SUCCEEDED or not self.goes_on:
            leases.release(self.lease)
        if self.report is not None:
            return
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

    def _name_run(self, landing: Landing) -> None:
        """There is something to tell: the run is opened, if it is not, and the changes are told to be its."""
        self.book = self._opened(self.book, landing.now)
        if landing.keeps_changes:
            changes.name_run(stream_id=self.stream.pk, run_id=self.book.run_id, at=landing.now)

    def _landing(self, now: datetime) -> Landing:
        return Landing(
            organisation_id=self.scope.organisation_id,
            connector_id=self.stream.connector_id,
            stream_id=self.stream.pk,
            now=now,
            expects_new=self.expects_new,
            keeps_changes=self.stream.keeps_changes or self.report is not None,
        )
