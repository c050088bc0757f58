"""What tests of listening share."""

from connectors.models import (
    Mode,
    Stream,
    StreamState,
    Trigger,
)
from connectors.protocols.adapter import Page
from connectors.services.listening import listen_to_stream
from connectors.services.outcomes import Synced
from connectors.services.sync import sync_stream
from gis.models import Zone
from tests.connectors.engine.scripted import Clock, Source, zones

PROMISE = Page(records=())
SIGN_OF_LIFE = Page(records=())


def told(*keys: str, name: str = "North", **cursor: str) -> Page:
    return Page(records=zones(*keys, name=name), cursor=cursor or None)


def listen(stream: Stream, clock: Clock, source: Source) -> Synced:
    """Until the source has told all that it has to tell."""
    return listen_to_stream(stream_id=stream.pk, is_stopping=lambda: not source.told, clock=clock)


def poll(stream: Stream, clock: Clock, mode: Mode = Mode.INCREMENTAL) -> Synced:
    return sync_stream(stream_id=stream.pk, mode=mode, trigger=Trigger.SCHEDULE, clock=clock)


def state_of(stream: Stream) -> StreamState:
    return StreamState.objects.get(stream=stream)


def names() -> dict[str, str]:
    return dict(Zone.objects.values_list("external_id", "name"))
