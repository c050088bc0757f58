"""
Replay: once a stream's mapping was mended, what had been set aside is read again from what was kept of it, and lands
like a page. What still cannot be read stays, with its new reason.

A replay never overwrites what is newer. What was set aside is settled, and does not land, if since it was last seen

- a row with its key landed, changed or was retired, or the source says of the row that it was true later;
- something else with its key was set aside: that one is the newer version;
- a full read began that was complete, and the source no longer sent it like this.

The stream is held meanwhile, so that no read is under way, and the rows are locked, so that a push waits. Of a contract
that is keyed by moment, such as readings, each moment stands for itself, and what was set aside last counts.
"""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from django.db.models import Q, QuerySet

from connectors import registry
from connectors.landing import Landed, Landing
from connectors.models import KnownPage, Mode, Outcome, RejectedRecord, RunStatus, State, Stream, Trigger
from connectors.protocols.errors import BadConfig, BadRecord
from connectors.queries import streams
from connectors.services import changes, pages
from connectors.services import lease as leases
from connectors.services.outdated import Candidate, outdated
from connectors.services.runs import Counts, RunBook
from connectors.services.storable import check_storable
from organisation.scope import Scope, acting_for, current_scope

Clock = Callable[[], datetime]

CHUNK = 500
TRIES_WHILE_READ = 20
TURN = timedelta(milliseconds=100)
LONG_AGO = datetime.min.replace(tzinfo=UTC)

NOT_OURS = "it is none of this contract any more"


class UnableToReplay(Exception):
    """The stream cannot take records now. The message is for a person."""


class StreamIsRead(UnableToReplay):
    """It is being read: a replay may begin when that has ended."""


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """
    What became of records that had been set aside.

    :param landed: were read, and stand in their domain now
    :param settled: did not land, for they are outdated, or none of the contract any more
    :param failed: still cannot be read or landed
    :param cut: cannot be replayed: what was kept of them is no whole JSON
    """

    landed: int = 0
    settled: int = 0
    failed: int = 0
    cut: int = 0
    run_id: int | None = None

    def plus(self, other: "Replayed") -> "Replayed":
        sums = {
            one.name: getattr(self, one.name) + getattr(other, one.name) for one in fields(self) if one.name != "run_id"
        }
        return Replayed(run_id=other.run_id, **sums)

    @property
    def sentence(self) -> str:
        said = [f"{self.landed} landed"]
        said += [f"{self.settled} settled without landing, as outdated"] if self.settled else []
        said += [f"{self.failed} still cannot be read"] if self.failed else []
        said += [f"{self.cut} cannot be replayed, as they were not kept whole"] if self.cut else []
        return f"Replay of what was set aside: {', '.join(said)}."


def raw_of(rejected: RejectedRecord) -> Any:
    """
    What the source sent, as JSON decodes to it.

    :raises ValueError: if what was kept is cut, or was no JSON
    """
    if len(rejected.raw) >= pages.LONGEST_RAW:
        raise ValueError("It was too long to be kept whole.")
    return orjson.loads(rejected.raw)


def replay_rejected(
    *,
    stream_id: int,
    clock: Clock,
    ids: Collection[int] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Replayed:
    """
    Read again what was set aside of a stream and is not settled, in the order in which it was last seen. The scope is
    carried; each chunk is a transaction of its own. It is written down as a run of whoever is in scope.

    :param ids: these of them alone
    :raises UnableToReplay: if the stream is gone, switched off, or set up wrongly
    :raises StreamIsRead: if a read is under way; chunks that landed before it stay landed
    """
    scope = current_scope()
    with acting_for(scope):
        replay = _Replay(stream_to_replay(stream_id), scope=scope, ids=ids, clock=clock)
    refused = 0
    while not replay.is_over:
        with acting_for(scope):
            is_ours = replay.next_chunk()
        refused = 0 if is_ours else refused + 1
        if refused == TRIES_WHILE_READ:
            raise StreamIsRead(f"{replay.stream} is being read right now. Replay when that has ended.")
        if refused:
            sleep(TURN.total_seconds())
    return replay.replayed


def stream_to_replay(stream_id: int) -> Stream:
    """
    Of the organisation in scope.

    :raises UnableToReplay: if it is gone or switched off
    """
    stream = streams().filter(pk=stream_id).first()
    if stream is None:
        raise UnableToReplay("There is no such stream any more.")
    if not stream.is_enabled or stream.connector.state == State.DISABLED:
        raise UnableToReplay(f"{stream} is switched off: nothing of it lands. Switch it on first.")
    return stream


@dataclass
class _Chunk:
    """Some of what was set aside, and what is to become of each: it lands, is settled, fails, or is left as it is."""

    candidates: list[Candidate] = field(default_factory=list)
    settled: list[tuple[RejectedRecord, str]] = field(default_factory=list)
    failed: list[tuple[RejectedRecord, pages.Rejection]] = field(default_factory=list)
    cut: int = 0


class _Replay:
    def __init__(self, stream: Stream, *, scope: Scope, ids: Collection[int] | None, clock: Clock) -> None:
        self.stream, self.scope, self.ids, self.clock = stream, scope, ids, clock
        try:
            self.adapter, self.wiring = registry.build(stream.connector), pages.wiring_of(stream.contract)
        except BadConfig as error:
            raise UnableToReplay(str(error)) from error
        self.source = registry.source_stream(stream)
        self.began_at = clock()
        self.after: tuple[datetime, int] | None = None
        self.keys_landed: set[str] = set()
        self.replayed, self.is_over = Replayed(), False
        self.book = RunBook(stream_id=stream.pk, mode=Mode.EVENT, trigger=Trigger.PERSON, started_at=self.began_at)

    def next_chunk(self) -> bool:
        """In the caller's transaction. False if the stream is being read: then nothing was done."""
        now = self.clock()
        if not leases.give_way(stream=self.stream, mode=Mode.INCREMENTAL, trigger=Trigger.PERSON, now=now):
            return False
        # Gone again before anybody sees it; but whoever wants to begin a read waits for it.
        lease = leases.insert(stream=self.stream, mode=Mode.INCREMENTAL, trigger=Trigger.PERSON, now=now, held=True)
        if lease is None:
            return False
        rejected = list(self._waiting()[:CHUNK])
        if rejected:
            self._replay(rejected, now=now)
            self.after = rejected[-1].last_seen_at, rejected[-1].pk
        self.is_over = len(rejected) < CHUNK
        leases.release(lease)
        return True

    def _waiting(self) -> QuerySet[RejectedRecord]:
        waiting = RejectedRecord.objects.for_organisation(self.scope.organisation_id).filter(
            stream=self.stream, settled_at=None, last_seen_at__lte=self.began_at
        )
        if self.ids is not None:
            waiting = waiting.filter(pk__in=self.ids)
        if self.after is not None:
            at, pk = self.after
            waiting = waiting.filter(Q(last_seen_at__gt=at) | Q(last_seen_at=at, pk__gt=pk))
        return waiting.select_for_update().order_by("last_seen_at", "pk")

    def _replay(self, rejected: Sequence[RejectedRecord], *, now: datetime) -> None:
        chunk = self._read(rejected)
        reasons = outdated(
            chunk.candidates,
            stream=self.stream,
            keyed_by_moment=self.wiring.contract.keyed_by_moment,
            just_landed=self.keys_landed,
        )
        chunk.settled += [
            (one.rejected, reasons[one.rejected.pk]) for one in chunk.candidates if one.rejected.pk in reasons
        ]
        chunk.candidates = [one for one in chunk.candidates if one.rejected.pk not in reasons]
        landed = self._land(chunk, now=now)
        _settle(chunk, now=now)
        _keep_reasons(self.stream, chunk.failed)
        self._write(len(rejected), chunk, landed, now=now)

    def _read(self, rejected: Sequence[RejectedRecord]) -> _Chunk:
        chunk = _Chunk()
        for one in rejected:
            try:
                raw = raw_of(one)
            except ValueError:
                chunk.cut += 1
                continue
            try:
                record = self.adapter.parse(raw, self.source)
                if record is None:
                    chunk.settled.append((one, NOT_OURS))
                else:
                    check_storable(record)
                    chunk.candidates.append(Candidate(one, record))
            except BadRecord as error:
                chunk.failed.append((one, pages.rejection_of(0, raw, error)))
        # Of one key what is true later lands later, even if it came on the same page.
        chunk.candidates.sort(key=lambda one: (one.rejected.last_seen_at, one.record.source_time or LONG_AGO))
        return chunk

    def _land(self, chunk: _Chunk, *, now: datetime) -> Landed:
        landing = Landing(
            organisation_id=self.scope.organisation_id,
            connector_id=self.stream.connector_id,
            stream_id=self.stream.pk,
            now=now,
            keeps_changes=self.stream.keeps_changes,
        )
        candidates = chunk.candidates
        landed = pages.land_in_halves([one.record for one in candidates], landing, self.wiring)
        pages.tell_followers(self.wiring, landing, self.stream.contract, landed.touched)
        refused = {one.index: one for one in landed.set_aside}
        for index, fault in refused.items():
            key = candidates[index].record.external_id
            error = BadRecord(fault.reason, external_id=key, path=fault.path)
            chunk.failed.append((candidates[index].rejected, pages.rejection_of(0, "", error)))
        chunk.candidates = [one for index, one in enumerate(candidates) if index not in refused]
        self.keys_landed |= {one.record.external_id for one in chunk.candidates}
        if landed.created or landed.updated:
            # What a page of the last full read held is no longer what we hold.
            KnownPage.objects.filter(stream=self.stream).delete()
        return landed

    def _write(self, records: int, chunk: _Chunk, landed: Landed, *, now: datetime) -> None:
        of_chunk = Replayed(
            landed=len(chunk.candidates), settled=len(chunk.settled), failed=len(chunk.failed), cut=chunk.cut
        )
        counts = Counts(
            pages=1,
            records=records,
            created=landed.created,
            updated=landed.updated,
            unchanged=landed.unchanged,
            rejected=len(chunk.failed) + chunk.cut,
            ignored=len(chunk.settled),
        )
        replayed = self.replayed.plus(of_chunk)
        book = replace(self.book, counts=self.book.counts.plus(counts)).opened(now=now, actor_id=self.scope.actor_id)
        self.book = book.closed(
            status=RunStatus.SUCCEEDED, outcome=Outcome.SUCCEEDED, detail=replayed.sentence, now=now
        )
        changes.name_run(stream_id=self.stream.pk, run_id=book.run_id, at=now)
        self.replayed = replace(replayed, run_id=book.run_id)


def _settle(chunk: _Chunk, *, now: datetime) -> None:
    """What landed, and what need not land any more, which says so beside its reason."""
    RejectedRecord.objects.filter(pk__in=[one.rejected.pk for one in chunk.candidates]).update(settled_at=now)
    for rejected, why in chunk.settled:
        rejected.reason, rejected.settled_at = f"{rejected.reason} (not landed: {why})", now
    RejectedRecord.objects.bulk_update([one for one, _ in chunk.settled], ["reason", "settled_at"])


def _keep_reasons(stream: Stream, failed: Sequence[tuple[RejectedRecord, pages.Rejection]]) -> None:
    """
    What still fails, with the reason for which it does. If the source sent it again meanwhile, it is known with that
    reason already: then it is one record, and only counts up.
    """
    now_said = [
        (rejected, rejection, digest)
        for rejected, rejection in failed
        if (digest := pages.digest_of(replace(rejection, raw=rejected.raw))) != rejected.digest
    ]
    of_stream = RejectedRecord.objects.filter(stream=stream)
    known = {one.digest: one for one in of_stream.filter(digest__in=[digest for _, _, digest in now_said])}
    changed: dict[int, RejectedRecord] = {}
    doubles: list[int] = []
    for rejected, rejection, digest in now_said:
        same = known.setdefault(digest, rejected)
        if same is rejected:
            same.external_id, same.reason, same.path = rejection.external_id, rejection.reason, rejection.path
            same.digest = digest
        else:
            same.times += rejected.times
            same.first_seen_at = min(same.first_seen_at, rejected.first_seen_at)
            same.settled_at = None
            doubles.append(rejected.pk)
        changed[same.pk] = same
    of_stream.filter(pk__in=doubles).delete()
    columns = ["external_id", "reason", "path", "digest", "times", "first_seen_at", "settled_at"]
    RejectedRecord.objects.bulk_update(changed.values(), columns)
