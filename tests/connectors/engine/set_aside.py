"""Setting records aside and replaying them, for tests."""

from typing import Any

from connectors.models import Mode, Stream, Trigger
from connectors.services import pages
from connectors.services.replay import Replayed, replay_rejected
from connectors.services.sync import sync_stream
from gis.models import Zone
from tests.connectors.engine.scripted import Clock


def read(stream: Stream, clock: Clock, mode: Mode = Mode.INCREMENTAL) -> None:
    sync_stream(stream_id=stream.pk, mode=mode, trigger=Trigger.SCHEDULE, clock=clock)


def replay_all(stream: Stream, clock: Clock, *ids: int) -> Replayed:
    return replay_rejected(stream_id=stream.pk, ids=ids or None, clock=clock, sleep=lambda seconds: None)


def counted(replayed: Replayed) -> tuple[int, int, int, int]:
    return replayed.landed, replayed.settled, replayed.failed, replayed.cut


def names() -> dict[str, str]:
    return dict(Zone.objects.order_by("external_id").values_list("external_id", "name"))


def set_aside(stream: Stream, raw: Any, clock: Clock, *, key: str = "", reason: str = "it was not read") -> int:
    rejection = pages.Rejection(index=0, external_id=key, reason=reason, path="", raw=pages.raw_text(raw))
    [pk] = pages.keep_rejections(stream.pk, [rejection], now=clock())
    return pk
