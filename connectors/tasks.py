"""Background entry points: reading a stream, working off the outbox, and sweeping up what was left behind."""

from datetime import timedelta
from typing import Any

import structlog
from celery import shared_task
from django.utils import timezone

from connectors.models import Mode, Trigger
from connectors.queries import abandoned_reads, organisations_to_prune, organisations_with_work
from connectors.services import outbox, replay, retention, sync
from connectors.services.runs import Counts
from organisation.scope import carrying
from organisation.tasks import ScopedTask

WAIT_FOR_A_READ = timedelta(seconds=15)
LONGEST_WAIT = timedelta(hours=6)

log = structlog.get_logger(__name__)


@shared_task(name="connectors.tasks.sync_stream")
def sync_stream(stream_id: int, mode: str, trigger: str) -> None:
    """
    Read a stream. What its pages touched is told on at once: in a read for changes after each page, in a full read,
    where followers would do their work for every page, at its end.
    """

    def told(counts: Counts) -> None:
        if mode == Mode.FULL:
            return
        try:
            work_off_outbox()
        except Exception:
            # The page has landed, and the sweep tells of it: no reason to end the read.
            log.exception("outbox.not_worked_off", stream=stream_id)

    try:
        sync.sync_stream(stream_id=stream_id, mode=Mode(mode), trigger=Trigger(trigger), committed=told)
    finally:
        work_off_outbox()


@shared_task(name="connectors.tasks.deliver_outbox")
def deliver_outbox() -> None:
    """Everything that is due in the outbox of the organisation in scope."""
    work_off_outbox()
    outbox.deliver_due(clock=timezone.now)


@shared_task(name="connectors.tasks.sweep", base=ScopedTask, system_job="sweep")
def sweep() -> None:
    """What nobody did: due outbox items, reads whose worker died or that never began. For every organisation."""
    now = timezone.now()
    for organisation_id in organisations_with_work(now):
        with carrying(outbox.system_scope(organisation_id)):
            deliver_outbox.delay()
    for read in abandoned_reads(now):
        with carrying(outbox.system_scope(read.organisation_id)):
            sync_stream.delay(read.stream_id, read.mode, read.trigger)


@shared_task(name="connectors.tasks.prune", base=ScopedTask, system_job="prune")
def prune() -> None:
    """Once a day for every organisation."""
    for organisation_id in organisations_to_prune(timezone.now()):
        with carrying(outbox.system_scope(organisation_id)):
            prune_organisation.delay()


@shared_task(name="connectors.tasks.prune_organisation")
def prune_organisation() -> None:
    """What is older than the organisation in scope keeps it."""
    retention.prune(clock=timezone.now)


@shared_task(name="connectors.tasks.replay_rejected", bind=True, max_retries=LONGEST_WAIT // WAIT_FOR_A_READ)
def replay_rejected(self: Any, stream_id: int, ids: list[int] | None = None) -> None:
    """What was set aside of a stream, or these of it; after the read that is under way, if there is one."""
    try:
        replay.replay_rejected(stream_id=stream_id, ids=ids, clock=timezone.now)
    except replay.StreamIsRead as refusal:
        raise self.retry(exc=refusal, countdown=WAIT_FOR_A_READ.total_seconds()) from refusal
    finally:
        work_off_outbox()


def work_off_outbox() -> None:
    """In this process, so that followers need not wait for another worker."""
    for begun in outbox.work_off(clock=timezone.now):
        sync_stream.delay(begun.stream_id, begun.mode, begun.trigger)
