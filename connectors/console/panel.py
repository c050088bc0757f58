"""What stands on a connector's page above its form: state and evidence, and its streams with what happens to them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from connectors import registry
from connectors.console.progress import Progress, progress_of
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
from connectors.protocols.webhook import TakesWebhooks
from connectors.queries import listening_since
from organisation.templatetags import marks

NOTEWORTHY_SKEW_S = 2


@dataclass(frozen=True)
class StreamLine:
    stream: Stream
    state: StreamState | None
    freshness: Freshness
    schedules: list[Schedule]
    next_at: datetime | None
    running: Progress | None
    modes: tuple[str, ...]
    listening_since: datetime | None

    @property
    def has_failed(self) -> bool:
        return self.state is not None and self.state.outcome not in (Outcome.NONE, Outcome.SUCCEEDED)

    @property
    def clock_note(self) -> str:
        """A sentence, if the source's clock is off by more than what a network explains."""
        skew = self.state.clock_skew_s if self.state else None
        if skew is None or abs(skew) <= NOTEWORTHY_SKEW_S:
            return ""
        return f"Its clock is {marks.span(skew)} {'ahead of' if skew > 0 else 'behind'} ours. Check its time service."


@dataclass(frozen=True)
class Panel:
    """:ivar takes_webhooks: its source can call a webhook, and sign the call"""

    connector: Connector
    label: str
    takes_webhooks: bool
    probe: ConnectorProbe | None
    lines: list[StreamLine]


def panel_of(connector: Connector) -> Panel:
    """Six statements, however many streams."""
    now = timezone.now()
    streams = list(
        connector.streams.order_by("pk").prefetch_related("states", "leases", "schedules__periodic_task__interval")
    )
    running = {
        run.stream_id: progress_of(run, now=now) for run in Run.objects.filter(stream__in=streams, status__in=UNDER_WAY)
    }
    adapter = registry.adapter_for(connector.kind)
    return Panel(
        connector=connector,
        label=adapter.label,
        takes_webhooks=issubclass(adapter, TakesWebhooks),
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
        listening_since=listening_since(stream, now=now),
        modes=tuple(
            Mode(one.value).value
            for one in registry.modes_of(connector.kind, stream.contract)
            if one is not AdapterMode.EVENT
        ),
    )
