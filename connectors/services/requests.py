"""Asking for a read: by a person, or by an outage that wants to know now."""

from collections.abc import Collection
from datetime import datetime, timedelta

from connectors import registry
from connectors.models import (
    UNDER_WAY,
    Lease,
    Mode,
    OutboxItem,
    OutboxKind,
    Run,
    RunStatus,
    Schedule,
    State,
    Stream,
    Trigger,
)
from connectors.protocols.adapter import Mode as AdapterMode
from connectors.services import lease as leases
from connectors.services.runs import CANCELLED, RunBook

MODES = (Mode.INCREMENTAL, Mode.FULL)


class UnableToSync(Exception):
    """The stream cannot be read that way, or not now. The message is for a person."""


class UnableToCancel(Exception):
    """There is nothing to cancel any more. The message is for a person."""


def start_sync(
    *, stream: Stream, mode: Mode, trigger: Trigger, actor_id: int | None, now: datetime, is_dry: bool = False
) -> Run:
    """
    Ask for a read, in the caller's transaction. Its run is pending at once; whoever syncs the stream next begins it,
    and the sweep sees to it that somebody does. Interfaces queue `connectors.tasks.sync_stream` after commit.

    :param is_dry: say what the read would do, and do nothing of it
    :raises UnableToSync: if the stream is switched off, is being read, or cannot be read in that mode
    """
    if not stream.is_enabled or stream.connector.state == State.DISABLED:
        raise UnableToSync(f"{stream} is switched off. Switch it on first.")
    modes = registry.modes_of(stream.connector.kind, stream.contract)
    if AdapterMode(mode) not in modes:
        possible = " or ".join(one.value.lower() for one in modes if one is not AdapterMode.EVENT)
        how = f"It can be read in these modes: {possible}." if possible else "Its source pushes by itself."
        raise UnableToSync(f"{stream} cannot be read in the mode {Mode(mode).label.lower()}. {how}")
    is_free = leases.give_way(stream=stream, mode=mode, trigger=trigger, now=now)
    lease = leases.insert(stream=stream, mode=mode, trigger=trigger, now=now, is_dry=is_dry) if is_free else None
    if lease is None:
        raise UnableToSync(f"{stream} is being read right now. Its runs show how far it is.")
    RunBook.of(lease).opened(now=now, actor_id=actor_id, status=RunStatus.PENDING)
    run = Run.objects.select_related("stream__connector").get(stream=stream, status=RunStatus.PENDING)
    Lease.objects.filter(pk=lease.pk).update(run=run)
    return run


def cancel_run(*, run: Run, actor_id: int | None, now: datetime) -> Run:
    """
    Ask a read to stop, in the caller's transaction: before its next page if it has begun, at once if it has not. It is
    not a rollback: what landed stays, and nothing is retired.

    :raises UnableToCancel: if it has ended
    """
    lease = Lease.objects.select_for_update().filter(run=run).first()
    run.refresh_from_db()
    if run.status not in UNDER_WAY or lease is None:
        raise UnableToCancel(f"It has ended already: {run.get_status_display().lower()}.")
    run.cancel_asked_at, run.cancel_asked_by_id = now, actor_id
    run.save(update_fields=["cancel_asked_at", "cancel_asked_by"])
    if lease.fence == Lease.NOBODY:
        leases.abandon(lease, status=RunStatus.CANCELLED, reason=CANCELLED, now=now)
        run.refresh_from_db()
    return run


def what_cancelling_means(run: Run) -> str:
    """A sentence for whoever cancelled it."""
    if run.status == RunStatus.CANCELLED:
        return "Cancelled before it began: nothing was read."
    if run.is_dry:
        return "Asked to stop: it ends before its next page."
    return "Asked to stop: it ends before its next page. This is not a rollback: what has landed stays."


def queue_incremental(
    *,
    trigger: Trigger,
    now: datetime,
    stream_ids: Collection[int] | None = None,
    contracts: Collection[str] | None = None,
) -> int:
    """
    Have streams read as soon as this transaction commits, rather than wait for their schedules. Each is read in the
    mode in which a schedule reads it, for changes where there is one. Waits for nobody: it only writes down what is
    asked for. Streams that are switched off, unscheduled, or asked for already are left alone.

    :param stream_ids: these streams, or
    :param contracts: every stream of these contracts (`work-order/1`)
    :return: how many streams will be read
    """
    schedules = Schedule.objects.filter(is_enabled=True, stream__in=Stream.objects.enabled(), mode__in=MODES)
    if stream_ids is not None:
        schedules = schedules.filter(stream_id__in=stream_ids)
    if contracts is not None:
        schedules = schedules.filter(stream__contract__in=contracts)
    waiting = set(OutboxItem.objects.filter(kind=OutboxKind.SYNC).values_list("stream_id", flat=True))
    chosen: dict[int, tuple[str, str, int]] = {}
    for stream_id, mode, contract, connector_id in schedules.order_by("stream_id", "-mode").values_list(
        "stream_id", "mode", "stream__contract", "stream__connector_id"
    ):
        if stream_id not in waiting and (stream_id not in chosen or mode == Mode.INCREMENTAL):
            chosen[stream_id] = (mode, contract, connector_id)
    OutboxItem.objects.bulk_create(
        OutboxItem(
            kind=OutboxKind.SYNC,
            contract=contract,
            connector_id=connector_id,
            stream_id=stream_id,
            payload={"mode": mode, "trigger": trigger},
            created_at=now,
            due_at=now,
        )
        for stream_id, (mode, contract, connector_id) in chosen.items()
    )
    return len(chosen)


class NothingToWake(LookupError):
    """The connector has no such stream that is read by a schedule. The message is for who calls."""


def wake_connector(*, connector_id: int, names: Collection[str], now: datetime) -> list[str]:
    """
    Have a connector's streams read as soon as this transaction commits, because its source says that something has
    changed. What is asked for already, or listened to, is not asked for again.

    :param names: these streams alone; none: all that are read by a schedule
    :return: the names of the streams that the word was for
    :raises NothingToWake: if there is none, or one that is named is not read by a schedule
    """
    known = scheduled_streams(connector_id)
    unknown = sorted({*names}.difference(name for name, _ in known))
    if unknown or not known:
        what = ", ".join(unknown) or "any stream"
        raise NothingToWake(f"This connector does not read {what} by a schedule, or not now: switch it on first.")
    chosen = [(name, pk) for name, pk in known if not names or name in names]
    queue_incremental(trigger=Trigger.PUSH, now=now, stream_ids=[pk for _, pk in chosen])
    return [name for name, _ in chosen]


def scheduled_streams(connector_id: int) -> list[tuple[str, int]]:
    """Names and primary keys of a connector's streams that a schedule reads now."""
    scheduled = Stream.objects.enabled().filter(connector_id=connector_id, schedules__is_enabled=True).distinct()
    return list(scheduled.order_by("pk").values_list("name", "pk"))


BUSY_PAUSE = timedelta(milliseconds=500)
ATTEMPTS_WHILE_BUSY = 20


def begin_queued(item: OutboxItem, *, now: datetime) -> tuple[int, Mode, Trigger] | None:
    """
    Turn a queued wish into a read that waits for a worker, in the caller's transaction. A stream that is being read is
    asked again shortly: that read may have begun before the reason for the wish.

    :return: what to sync; `None`: not now, or no more
    """
    mode, trigger = Mode(item.payload["mode"]), Trigger(item.payload["trigger"])
    stream = Stream.objects.select_related("connector").get(outbox_items=item)
    lease = Lease.objects.filter(stream=stream).first()
    is_busy = lease is not None
    if lease is not None and lease.mode == Mode.EVENT:
        # Who listens knows already; one that is gone gives way.
        is_busy = lease.expires_at > now
        item.attempts = ATTEMPTS_WHILE_BUSY
    if is_busy and item.attempts < ATTEMPTS_WHILE_BUSY:
        item.attempts += 1
        item.due_at = now + BUSY_PAUSE
        item.save(update_fields=["attempts", "due_at"])
        return None
    item.delete()
    if is_busy:
        return None
    try:
        start_sync(stream=stream, mode=mode, trigger=trigger, actor_id=item.actor_id, now=now)
    except UnableToSync:
        return None
    return stream.pk, mode, trigger
