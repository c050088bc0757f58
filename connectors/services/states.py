"""
The state of a connector, set plainly from the last probe and the last attempt on each of its streams. Written when it
changes, not when it is looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from connectors.models import Connector, ConnectorProbe, Outcome, State, StreamState

log = structlog.get_logger(__name__)

FOR_A_PERSON = frozenset({Outcome.UNAUTHORIZED, Outcome.BAD_CONFIG, Outcome.CONTRACT_BROKEN, Outcome.BUG})
PASSING = frozenset({Outcome.UNREACHABLE, Outcome.THROTTLED, Outcome.INCOMPLETE})


@dataclass(frozen=True)
class Judgement:
    state: State
    reason: str


def judge(*, probe: ConnectorProbe | None, streams: Sequence[StreamState]) -> Judgement:
    """
    :param streams: states of the streams that are switched on, with their stream
    """
    tried = [one for one in streams if one.outcome != Outcome.NONE]
    proved = [one.attempted_at for one in tried if one.outcome == Outcome.SUCCEEDED and one.attempted_at is not None]
    if probe is not None and not probe.succeeded and all(at < probe.at for at in proved):
        return Judgement(State.ERROR, probe.summary)
    failing = [one for one in tried if one.outcome != Outcome.SUCCEEDED]
    broken = [one for one in failing if one.outcome in FOR_A_PERSON]
    if broken:
        return Judgement(State.ERROR, _reason(broken))
    if failing and all(one.outcome == Outcome.UNREACHABLE for one in tried):
        return Judgement(State.ERROR, _reason(failing))
    if failing:
        return Judgement(State.DEGRADED, _reason(failing))
    if not tried and probe is None:
        return Judgement(State.REGISTERED, "")
    return Judgement(State.ACTIVE, "")


def settle_state(connector_id: int, *, now: datetime) -> None:
    """
    Bring a connector's state in step with the evidence, in the transaction that changed it. What a person switched off
    stays off.
    """
    # Locked first, so that of two streams that end at once the second sees what the first wrote.
    connector = Connector.objects.select_for_update().get(pk=connector_id)
    if connector.state == State.DISABLED:
        return
    judgement = judge(
        probe=ConnectorProbe.objects.filter(connector=connector).first(),
        streams=list(
            StreamState.objects.filter(stream__connector=connector, stream__is_enabled=True)
            .select_related("stream")
            .order_by("stream_id")
        ),
    )
    move(connector, to=judgement.state, reason=judgement.reason, now=now)


def move(connector: Connector, *, to: State, reason: str, now: datetime) -> None:
    if (connector.state, connector.state_reason) == (to, reason):
        return
    changed = ["state_reason"]
    if connector.state != to:
        say = log.info if to in (State.ACTIVE, State.REGISTERED, State.DISABLED) else log.warning
        say("connector.state", connector=connector.pk, was=connector.state, state=to.value, reason=reason)
        connector.state, connector.state_since = to, now
        changed += ["state", "state_since"]
    connector.state_reason = reason
    connector.save(update_fields=changed)


def _reason(failing: Sequence[StreamState]) -> str:
    first = failing[0]
    more = len(failing) - 1
    others = "" if not more else f" {more} more {'stream fails' if more == 1 else 'streams fail'} too."
    return f"{first.stream.label or first.stream.name}: {first.detail}{others}"
