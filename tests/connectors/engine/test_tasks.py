"""Background entry points: who is called with what, in whose scope."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from connectors import tasks
from connectors.models import Lease, Mode, OutboxItem, Stream, Trigger
from connectors.services.requests import queue_incremental, start_sync
from connectors.services.schedules import save_schedule
from organisation.models import Organisation
from organisation.scope import Scope, current_scope
from organisation.tasks import TaskWithoutOrganisation
from tests.connectors.engine.scripted import Domain, Source, zones

Queued = list[tuple[str, int, tuple[Any, ...]]]


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> Queued:
    """What was queued: the task, the organisation it will carry, its arguments."""
    found: Queued = []
    for task in (tasks.sync_stream, tasks.deliver_outbox):

        def delay(*arguments: Any, name: str = task.name) -> None:
            found.append((name.rpartition(".")[2], current_scope().organisation_id, arguments))

        monkeypatch.setattr(task, "delay", delay)
    return found


def test_followers_are_told_in_the_process_that_read(
    stream: Stream, source: Source, domain: Domain, queued: Queued
) -> None:
    source.pages = [zones("A"), zones("B")]
    told_after: list[int] = []
    domain.before_commit = lambda number: told_after.append(len(domain.told))

    tasks.sync_stream(stream.pk, Mode.INCREMENTAL.value, Trigger.SCHEDULE.value)

    assert told_after == [0, 1]
    assert len(domain.told) == 2
    assert queued == []
    assert not OutboxItem.objects.exists()


def test_of_a_full_read_followers_are_told_at_its_end(stream: Stream, source: Source, domain: Domain) -> None:
    source.pages = [zones("A"), zones("B")]

    tasks.sync_stream(stream.pk, Mode.FULL.value, Trigger.SCHEDULE.value)

    [change] = domain.told
    assert len(change.ids) == 2


def test_reads_that_were_asked_for_are_queued(stream: Stream, queued: Queued, scope: Scope) -> None:
    save_schedule(stream=stream, mode=Mode.INCREMENTAL, every_s=60)
    queue_incremental(stream_ids=[stream.pk], trigger=Trigger.OUTAGE, now=timezone.now())

    tasks.deliver_outbox()

    assert queued == [("sync_stream", scope.organisation_id, (stream.pk, "INCREMENTAL", "OUTAGE"))]


def test_the_sweep_finds_what_nobody_did(stream: Stream, queued: Queued, scope: Scope) -> None:
    now = timezone.now()
    tasks.sweep()
    assert queued == []
    start_sync(stream=stream, mode=Mode.FULL, trigger=Trigger.PERSON, actor_id=None, now=now)
    save_schedule(stream=stream, mode=Mode.INCREMENTAL, every_s=60)
    queue_incremental(stream_ids=[stream.pk], trigger=Trigger.OUTAGE, now=now)

    tasks.sweep()

    assert queued == [
        ("deliver_outbox", scope.organisation_id, ()),
        ("sync_stream", scope.organisation_id, (stream.pk, "FULL", "PERSON")),
    ]
    queued.clear()
    Lease.objects.update(expires_at=now + timedelta(seconds=30))
    OutboxItem.objects.update(due_at=now + timedelta(seconds=30))
    tasks.sweep()
    assert queued == []


def test_a_task_without_an_organisation_refuses(utility: Organisation) -> None:
    with pytest.raises(TaskWithoutOrganisation):
        tasks.sync_stream(1, "FULL", "SCHEDULE")
