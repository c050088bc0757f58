"""What stands on a connector's page above its form: state and evidence, and its streams with what happens to them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from connectors import registry
from connectors.freshness import Freshness, freshness
from connectors.models import (
    UNDER_WAY,
    Connector,
    ConnectorProbe,
    Mode,
    Outcome,
    Run,
    Schedule,
    Stream,
    StreamState,
)
from connectors.protocols.adapter import Mode as AdapterMode


@dataclass(frozen=True)
class Progress:
    """A read that is under way. `part` is 0 to 1, if the source said how much there is."""

    run: Run
    part: float | None
    rate: float
    left: timedelta | None


@dataclass(frozen=True)
class StreamLine:
    stream: Stream
    state: StreamState | None
    freshness: Freshness
    schedules: list[Schedule]
    next_at: datetime | None
    running: Progress | None
    modes: tuple[str, ...]

    @property
    def has_failed(self) -> bool:
        return self.state is not None and self.state.outcome not in (Outcome.NONE, Outcome.SUCCEEDED)


@dataclass(frozen=True)
class Panel:
    connector: Connector
    label: str
    probe: ConnectorProbe | None
    lines: list[StreamLine]


def progress_of(run: Run, *, now: datetime) -> Progress:
    spent = max(0.001, ((run.finished_at or now) - run.started_at).total_seconds())
    rate = run.records / spent
    part = min(1.0, run.records / run.expected) if run.expected else None
    left = timedelta(seconds=(run.expected - run.records) / rate) if run.expected and rate else None
    return Progress(run=run, part=part, rate=rate, left=left if run.finished_at is None else None)


def panel_of(connector: Connector) -> Panel:
    """Five statements, however many streams."""
    now = timezone.now()
    streams = list(connector.streams.order_by("pk").prefetch_related("states", "schedules__periodic_task__interval"))
    running = {
        run.stream_id: progress_of(run, now=now) for run in Run.objects.filter(stream__in=streams, status__in=UNDER_WAY)
    }
    return Panel(
        connector=connector,
        label=registry.adapter_for(connector.kind).label,
        probe=connector.probes.first(),
        lines=[_line(connector, stream, running.get(stream.pk), now=now) for stream in streams],
    )


def _line(connector: Connector, stream: Stream, running: Progress | None, *, now: datetime) -> StreamLine:
    state = next(iter(stream.states.all()), None)
    schedules = [one for one in stream.schedules.all() if one.is_enabled]
    attempted = state.attempted_at if state else None
    ticks = [attempted + timedelta(seconds=float(one.every_s)) for one in schedules] if attempted else []
    return StreamLine(
        stream=stream,
        state=state,
        freshness=freshness(
            outcome=state.outcome if state else Outcome.NONE,
            proved_at=state.proved_at if state else None,
            freshness_s=stream.freshness_s,
            now=now,
        ),
        schedules=schedules,
        next_at=max(now, min(ticks)) if ticks else None,
        running=running,
        modes=tuple(
            Mode(one.value).value
            for one in registry.modes_of(connector.kind, stream.contract)
            if one is not AdapterMode.EVENT
        ),
    )
