"""How far a read is, or how it went: what its page and its stream's line tell of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.models import UNDER_WAY, Phase, Run, RunStatus
from connectors.reports import Report, report_of


@dataclass(frozen=True)
class PhaseLine:
    label: str
    took: timedelta
    is_over: bool


@dataclass(frozen=True)
class Progress:
    """
    `part` is 0 to 1, if the source said how much there is; `rate` is in records a second. `left` is told of a read
    under way alone.
    """

    run: Run
    part: float | None
    rate: float
    left: timedelta | None
    phases: tuple[PhaseLine, ...]
    report: Report | None

    @property
    def is_under_way(self) -> bool:
        return self.run.status in UNDER_WAY

    @property
    def is_running(self) -> bool:
        return self.run.status == RunStatus.RUNNING


def progress_of(run: Run, *, now: datetime) -> Progress:
    spent = max(0.001, ((run.finished_at or now) - run.started_at).total_seconds())
    rate = run.records / spent
    part = min(1.0, run.records / run.expected) if run.expected else None
    is_running = run.status == RunStatus.RUNNING
    left = timedelta(seconds=max(0, run.expected - run.records) / rate) if run.expected and rate else None
    return Progress(
        run=run,
        part=part,
        rate=rate,
        left=left if is_running else None,
        phases=_phases(run, now=now),
        report=report_of(run.report),
    )


def _phases(run: Run, *, now: datetime) -> tuple[PhaseLine, ...]:
    """In order; none of a read that nobody has begun."""
    if run.status == RunStatus.PENDING:
        return ()
    lines = []
    for one in run.phases:
        ended = datetime.fromisoformat(one["finished_at"]) if one["finished_at"] else run.finished_at
        took = max(timedelta(0), (ended or now) - datetime.fromisoformat(one["started_at"]))
        lines.append(PhaseLine(label=Phase(one["phase"]).label, took=took, is_over=ended is not None))
    return tuple(lines)
