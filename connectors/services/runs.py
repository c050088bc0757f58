"""The record of a read: written when there is something to tell, and not before."""

from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from typing import Any

from connectors.landing import Landed
from connectors.models import Lease, Mode, Outcome, Phase, Run, RunStatus, Trigger
from connectors.services.dry_run import Report

ASKED_FOR = frozenset({Trigger.PERSON, Trigger.OUTAGE})
"""Who asks for a read sees it from its start, whatever it finds."""


NOTHING_RETIRED = (
    "A record's key could not be read, so it is not known what is gone: nothing was retired. See what was set aside."
)
CANCELLED = "Cancelled by a person. What had landed stays: cancelling is not a rollback."


class Cancelled(Exception):
    """A person asked the read to stop."""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What a read has done so far, in records; `expected` is what the source said there would be."""

    expected: int | None = None
    pages: int = 0
    records: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    retired: int = 0
    rejected: int = 0
    ignored: int = 0

    @classmethod
    def of_page(cls, landed: Landed, *, expected: int | None, records: int, rejected: int) -> "Counts":
        """:param records: how many the source told of, by a record or by the key of one that is gone"""
        settled = landed.retired + landed.created + landed.updated + landed.unchanged
        return cls(
            expected=expected,
            pages=1,
            records=records,
            created=landed.created,
            updated=landed.updated,
            unchanged=landed.unchanged,
            retired=landed.retired,
            rejected=rejected,
            ignored=max(0, records - settled - rejected),
        )

    @property
    def changed(self) -> bool:
        return bool(self.created or self.updated or self.retired)

    def plus(self, other: "Counts") -> "Counts":
        sums = {
            one.name: getattr(self, one.name) + getattr(other, one.name)
            for one in fields(self)
            if one.name != "expected"
        }
        return Counts(expected=self.expected if other.expected is None else other.expected, **sums)


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What became of a page's records. `is_whole`: all of them stand in our tables now, or are none of the contract."""

    counts: Counts
    is_whole: bool


@dataclass(frozen=True, kw_only=True)
class RunBook:
    """
    A read's run, which may not be written yet. Each method works in the caller's transaction and gives the book as it
    is if that commits.
    """

    stream_id: int
    mode: Mode
    trigger: Trigger
    started_at: datetime
    is_dry: bool = False
    run_id: int | None = None
    counts: Counts = field(default_factory=Counts)
    phases: tuple[dict[str, Any], ...] = ()

    @classmethod
    def of(cls, lease: Lease) -> "RunBook":
        """The book of a claimed lease, with what was counted before."""
        book = cls(
            stream_id=lease.stream_id,
            mode=Mode(lease.mode),
            trigger=Trigger(lease.trigger),
            started_at=lease.started_at,
            is_dry=lease.is_dry,
            phases=(_entry(Phase.READING, lease.started_at),),
        )
        if lease.run_id is None:
            return book
        run = Run.objects.get(pk=lease.run_id)
        counts = Counts(**{one.name: getattr(run, one.name) for one in fields(Counts)})
        return replace(book, run_id=run.pk, counts=counts, phases=tuple(run.phases) or book.phases)

    def opened(self, *, now: datetime, actor_id: int | None = None, status: RunStatus = RunStatus.RUNNING) -> "RunBook":
        """With a run: the one that is there, or a new one."""
        if self.run_id is not None:
            return self
        run = Run.objects.create(
            stream_id=self.stream_id,
            mode=self.mode,
            trigger=self.trigger,
            is_dry=self.is_dry,
            actor_id=actor_id,
            status=status,
            started_at=self.started_at,
            advanced_at=now,
            phases=list(self.phases),
            **asdict(self.counts),
        )
        return replace(self, run_id=run.pk)

    def in_full(self) -> "RunBook":
        """It turned out that everything is to be read; what was counted before is no part of that."""
        book = replace(self, mode=Mode.FULL, counts=Counts())
        self._write(mode=Mode.FULL, **asdict(book.counts))
        return book

    def begun(self) -> "RunBook":
        """In a worker's hands."""
        self._write(status=RunStatus.RUNNING)
        return self

    def is_cancelled(self) -> bool:
        """Whether a person asked it to stop."""
        return self.run_id is not None and Run.objects.filter(pk=self.run_id).exclude(cancel_asked_at=None).exists()

    def advanced(self, counts: Counts, *, now: datetime, report: Report | None = None) -> "RunBook":
        """After a page."""
        book = replace(self, counts=self.counts.plus(counts))
        told = {} if report is None else {"report": report.as_json()}
        self._write(**asdict(book.counts), advanced_at=now, **told)
        return book

    def in_phase(self, phase: Phase, *, now: datetime) -> "RunBook":
        book = replace(self, phases=(*_ended(self.phases, now), _entry(phase, now)))
        self._write(phase=phase, phases=list(book.phases))
        return book

    def closed(self, *, status: RunStatus, outcome: Outcome, detail: str, now: datetime) -> "RunBook":
        book = replace(self, phases=_ended(self.phases, now))
        self._write(
            status=status,
            outcome=outcome,
            detail=detail,
            phase=Phase.DONE,
            phases=list(book.phases),
            finished_at=now,
            **asdict(book.counts),
        )
        return book

    def _write(self, **values: Any) -> None:
        if self.run_id is not None:
            Run.objects.filter(pk=self.run_id).update(**values)


def _entry(phase: Phase, started_at: datetime) -> dict[str, Any]:
    return {"phase": phase.value, "started_at": started_at.isoformat(), "finished_at": None}


def _ended(phases: tuple[dict[str, Any], ...], now: datetime) -> tuple[dict[str, Any], ...]:
    return tuple(one | {"finished_at": one["finished_at"] or now.isoformat()} for one in phases)
