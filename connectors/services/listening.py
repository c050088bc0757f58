"""
Listening to one stream: its source promises to tell, what changed before is read, and then each thing that it tells
lands as a page does. The lease is held for as long as that lasts, so that of many listeners one has the stream, and
another takes over from one that is gone.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.utils import timezone

from connectors import registry
from connectors.models import Lease, LeasePhase, Mode, Outcome, RunStatus, Schedule, StreamState, Trigger
from connectors.protocols.adapter import Cursor, Listens, Page
from connectors.protocols.errors import CannotListen, Interrupted
from connectors.services import lease as leases
from connectors.services import pages
from connectors.services.lease import Claim, LeaseLost, NotClaimed
from connectors.services.outcomes import Ended, Synced
from connectors.services.reading import Clock, Committed, Read
from connectors.services.runs import Cancelled, Counts, RunBook
from organisation.scope import Origin, Scope, acting_for, current_scope

log = structlog.get_logger(__name__)

PAGES_AHEAD = 4

ASK_AGAIN_AFTER = timedelta(minutes=10)
"""A source that cannot be listened to is asked again then: it may have been mended."""


def listen_to_stream(
    *,
    stream_id: int,
    is_stopping: Callable[[], bool],
    clock: Clock = timezone.now,
    committed: Committed | None = None,
) -> Synced:
    """
    Listen to a stream until it is time to stop, another read is to have it, or the source fails. The scope is carried,
    not entered: every page is a transaction of its own.

    What the source does wrong stands in the stream's state, as after a read. A mistake of ours is recorded, and raised.

    :param is_stopping: looked at between two pages, of which an adapter gives one every few seconds
    :param committed: called after each committed page
    """
    scope = replace(current_scope(), origin=Origin.SYNC)
    with acting_for(scope):
        claim = leases.claim(stream_id=stream_id, mode=Mode.EVENT, trigger=Trigger.PUSH, now=clock())
        if isinstance(claim, NotClaimed):
            return Synced(ended=Ended(claim))
        listening = Listening(
            claim, scope=scope, clock=clock, committed=committed or (lambda counts: None), is_stopping=is_stopping
        )
        listening.begin()
    try:
        with leases.kept_alive(claim.lease, scope):
            return listening.to_its_end()
    except LeaseLost:
        log.info("listening.gave_way", stream=stream_id)
        return Synced(ended=Ended.LOST, counts=listening.book.counts)


class Listening(Read):
    """A claimed stream that is listened to in this process. Each page that changed something is a run of its own."""

    goes_on = True

    def __init__(
        self, claim: Claim, *, scope: Scope, clock: Clock, committed: Committed, is_stopping: Callable[[], bool]
    ) -> None:
        super().__init__(claim, scope=scope, clock=clock, committed=committed, ahead=PAGES_AHEAD)
        self.is_stopping = is_stopping
        self.was_interrupted = False

    def begin(self) -> None:
        """Who takes over from a listener begins as it did, but goes on with what it wrote down of catching up."""
        super().begin()
        self.lease.phase, self.lease.cursor = LeasePhase.READING, None
        Lease.objects.filter(pk=self.lease.pk).update(phase=LeasePhase.READING, cursor=None)

    def _read_pages(self) -> str | None:
        """Until it is time to stop."""
        adapter = registry.build(self.stream.connector, now=self.clock)
        try:
            if not isinstance(adapter, Listens) or not registry.can_listen(adapter.kind, self.stream.contract):
                raise CannotListen(f"{adapter.label} does not tell of {self.stream.contract} by itself.")
            while not self.is_stopping():
                reason = self._listen(adapter)
                if reason is not None:
                    return reason
        except CannotListen as error:
            self._refused(str(error))
            return None
        with acting_for(self.scope):
            leases.release(self.lease)
        return None

    def _listen(self, adapter: Listens) -> str | None:
        """Until it is time to stop or to listen anew, or the sentence that says why what changed before is unproven."""
        with acting_for(self.scope):
            self.state.refresh_from_db(fields=["cursor", "outcome", "detail"])
        source = registry.source_stream(self.stream)
        with closing(adapter.listen(source, cursor=self.state.cursor)) as told:
            promised = next(told, None)
            if promised is None:
                raise CannotListen("The source promised nothing.")
            reason = self._catch_up(promised.cursor)
            if reason is not None:
                return reason
            self._go_live()
            try:
                for page in told:
                    if page is not None:
                        self._hear(page)
                    if self.is_stopping():
                        break
            except Interrupted as error:
                if self.was_interrupted:  # twice, and nothing heard between: it would only break off again
                    raise
                self.was_interrupted = True
                log.warning("listening.interrupted", stream=self.stream.pk, reason=str(error))
        return None

    def _catch_up(self, cursor: Cursor | None) -> str | None:
        """Read what changed before. Afterwards the lease is still ours."""
        self._begin_piece(Mode.INCREMENTAL, LeasePhase.READING)
        self.lease.cursor = cursor
        return super()._read_pages()

    def _go_live(self) -> None:
        self._begin_piece(Mode.EVENT, LeasePhase.LISTENING)
        with acting_for(self.scope):
            if not leases.renew(self.lease, now=self.lease.started_at):
                raise Cancelled
            Lease.objects.filter(pk=self.lease.pk).update(started_at=self.lease.started_at)
            StreamState.objects.filter(pk=self.state.pk).update(listen_refusal="", listen_again_at=None)
        log.info("listening.live", stream=self.stream.pk)

    def _begin_piece(self, mode: Mode, phase: LeasePhase) -> None:
        self.mode, self.began_at = mode, self.clock()
        self.lease.phase, self.lease.started_at, self.lease.cursor = phase, self.began_at, None
        if self.book.run_id is None or mode == Mode.EVENT:
            self.book = self._blank_book()

    def _blank_book(self) -> RunBook:
        return RunBook(stream_id=self.stream.pk, mode=self.mode, trigger=Trigger.PUSH, started_at=self.clock())

    def _hear(self, page: Page) -> None:
        self.book = self._blank_book()
        adapter = registry.build(self.stream.connector, now=self.clock)
        wiring = pages.wiring_of(self.stream.contract)
        reader = adapter.reader(registry.source_stream(self.stream))
        read = pages.read_page(reader, page.records, gone=page.gone)
        self._commit([(page, pages.prepared(read, wiring))], wiring)
        self.was_interrupted, self.began_at = False, self.clock()

    def _hold(self, page: Page, now: datetime) -> None:
        if not leases.renew(self.lease, now=now, cursor=page.cursor):
            raise Cancelled

    def _written_down(self, page: Page, counts: Counts, now: datetime) -> RunBook:
        """A page that was heard proves what we hold; the run that it is, if it changed something, ends with it."""
        if self.mode != Mode.EVENT:
            return super()._written_down(page, counts, now)
        book = self.book.advanced(counts, now=now)
        if book.run_id is not None:
            book.closed(status=RunStatus.SUCCEEDED, outcome=Outcome.SUCCEEDED, detail="", now=now)
            Lease.objects.filter(pk=self.lease.pk).update(run=None)
        self.has_rejected = self.has_rejected or counts.rejected > 0
        values: dict[str, Any] = {"proved_at": now, "attempted_at": now}
        skew = registry.clock_skew(self.stream.connector, now=self.clock)
        values["source_read_at"] = now + (skew or timedelta())
        if page.cursor is not None:
            values["cursor"] = page.cursor
        if counts.changed:
            values["changed_at"] = now
        StreamState.objects.filter(pk=self.state.pk).update(**values)
        return self._blank_book()

    def _end(self, outcome: Outcome, detail: str, now: datetime, **values: Any) -> None:
        super()._end(outcome, detail, now, **values)
        self.state.outcome, self.state.detail = outcome, detail
        # The run has ended, and the lease goes on.
        Lease.objects.filter(pk=self.lease.pk).update(run=None)

    def _refused(self, reason: str) -> None:
        """It says so on the stream, which is free for its schedules."""
        with acting_for(self.scope):
            is_polled = Schedule.objects.filter(stream=self.stream, is_enabled=True).exists()
            meanwhile = (
                "It is read by its schedules." if is_polled else "Give it a schedule, so that it is read at all."
            )
            StreamState.objects.filter(pk=self.state.pk).update(
                listen_refusal=f"{reason} {meanwhile}", listen_again_at=self.clock() + ASK_AGAIN_AFTER
            )
            leases.release(self.lease)
        log.warning("listening.refused", stream=self.stream.pk, reason=reason)
