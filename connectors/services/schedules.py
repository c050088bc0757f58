"""Schedules, kept in step with django-celery-beat's periodic tasks, which are never edited by hand."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from connectors import registry
from connectors.models import Mode, Schedule, State, Stream, Trigger
from connectors.protocols.adapter import Mode as AdapterMode
from organisation.roles import Capability
from organisation.scope import Origin

SYNC_TASK = "connectors.tasks.sync_stream"
SWEEP_TASK = "connectors.tasks.sweep"
SWEEP_EVERY = timedelta(seconds=1)
PRUNE_TASK = "connectors.tasks.prune"
LOOK_WHETHER_TO_PRUNE_EVERY = timedelta(hours=1)
"""Who was pruned within the day is passed over: so it is done daily even where the system runs a few hours a day."""


class UnableToSchedule(Exception):
    """The adapter cannot read that contract in that mode."""


@transaction.atomic
def save_schedule(*, stream: Stream, mode: Mode, every_s: Decimal | float, is_enabled: bool = True) -> Schedule:
    """
    Have a stream read every so many seconds in a mode: one schedule for each.

    :raises UnableToSchedule: if the stream cannot be read in that mode
    """
    if AdapterMode(mode) not in registry.modes_of(stream.connector.kind, stream.contract):
        raise UnableToSchedule(f"{stream} cannot be read in the mode {Mode(mode).label.lower()}.")
    schedule, _ = Schedule.objects.update_or_create(
        stream=stream, mode=mode, defaults={"every_s": every_s, "is_enabled": is_enabled}
    )
    _keep_in_step(schedule)
    return schedule


@transaction.atomic
def remove_schedule(*, schedule: Schedule) -> None:
    task_id = schedule.periodic_task_id
    schedule.delete()
    PeriodicTask.objects.filter(pk=task_id).delete()


@transaction.atomic
def keep_schedules_in_step(*, stream_ids: list[int]) -> None:
    """After streams or their connector were switched on or off."""
    for schedule in Schedule.objects.filter(stream_id__in=stream_ids).select_related("stream__connector"):
        _keep_in_step(schedule)


def install_system_schedules() -> None:
    """What the system does by itself, for every organisation. Repeating it changes nothing."""
    PeriodicTask.objects.update_or_create(
        name="system: sweep outboxes and abandoned reads",
        defaults={
            "task": SWEEP_TASK,
            "interval": _interval(Decimal(SWEEP_EVERY.total_seconds())),
            "expire_seconds": 5,
            "enabled": True,
        },
    )
    PeriodicTask.objects.update_or_create(
        name="system: prune what is older than it is kept",
        defaults={
            "task": PRUNE_TASK,
            "interval": _interval(Decimal(LOOK_WHETHER_TO_PRUNE_EVERY.total_seconds())),
            "expire_seconds": int(LOOK_WHETHER_TO_PRUNE_EVERY.total_seconds()),
            "enabled": True,
        },
    )


def _keep_in_step(schedule: Schedule) -> None:
    stream = schedule.stream
    values: dict[str, Any] = {
        "task": SYNC_TASK,
        "interval": _interval(Decimal(schedule.every_s)),
        "args": json.dumps([stream.pk, schedule.mode, Trigger.SCHEDULE]),
        "headers": json.dumps({"organisation_scope": _scope_header(schedule.organisation_id)}),
        # A tick that nobody took up before the next one is not worth taking up.
        "expire_seconds": max(2, int(schedule.every_s)),
        "enabled": schedule.is_enabled and stream.is_enabled and stream.connector.state != State.DISABLED,
    }
    task, _ = PeriodicTask.objects.update_or_create(name=f"schedule {schedule.pk}", defaults=values)
    if schedule.periodic_task_id != task.pk:
        Schedule.objects.filter(pk=schedule.pk).update(periodic_task=task)
        schedule.periodic_task = task


def _scope_header(organisation_id: int) -> dict[str, Any]:
    """See organisation.tasks, which reads it."""
    return {
        "organisation_id": organisation_id,
        "actor_id": None,
        "origin": Origin.SYNC.value,
        "reason": "",
        "request_id": "",
        "capabilities": sorted(Capability),
    }


def _interval(every_s: Decimal) -> IntervalSchedule:
    if every_s == int(every_s):
        every, period = int(every_s), IntervalSchedule.SECONDS
    else:
        every, period = int(every_s * 1_000_000), IntervalSchedule.MICROSECONDS
    found: IntervalSchedule | None = IntervalSchedule.objects.filter(every=every, period=period).first()
    return found or IntervalSchedule.objects.create(every=every, period=period)
