"""
What happens after a commit, written down in it: followers are told, records are delivered, streams are read.

Followers are told one after the other in the order of the commits, by one worker per organisation at a time. A delivery
calls its system outside any transaction; its claim is a due time in the near future, so that a crash repeats it.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec
import structlog
from django.db import connection
from django.utils import timezone

from connectors import registry
from connectors.contracts.base import OutboundRecord, contract_id
from connectors.contracts.catalogue import OUTBOUND
from connectors.landing import Change, DeliveryReceipt
from connectors.models import Connector, Mode, OutboxItem, OutboxKind, State, Trigger
from connectors.protocols.adapter import Receipt
from connectors.protocols.errors import SourceError, Throttled, Unreachable
from connectors.queries import connectors, due_items
from connectors.services import requests
from connectors.services.pages import contract_wiring
from organisation.scope import acting_for, current_scope

log = structlog.get_logger(__name__)

Clock = Callable[[], datetime]

TOGETHER = 50
"""Followers are told of so many pages of one stream in one go."""

FOLLOW_ATTEMPTS = 8
DELIVERY_TIME = timedelta(minutes=3)
"""Longer than any delivery takes; after it, a delivery whose worker died is tried again."""

GIVE_UP_AFTER = timedelta(hours=1)
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0

_LOCK = 0x0B0C5
"""The space of our advisory locks; the other half is the organisation."""


class UnableToDeliver(Exception):
    """The connector's system takes no such records. The message is for a person."""


def deliver_record(
    *, connector: Connector, record: OutboundRecord, subject: str, actor_id: int | None, now: datetime
) -> OutboxItem:
    """
    Have a record delivered after the caller's transaction commits. Interfaces queue `connectors.tasks.deliver_outbox`.

    :param subject: what the receipt is about, such as `alarm:17`; the contract's settler is told with it
    :raises UnableToDeliver: if the connector is switched off, or its adapter does not take such records
    """
    if type(record) not in registry.adapter_for(connector.kind).accepts:
        raise UnableToDeliver(f"{connector.name} takes no {contract_id(type(record))}.")
    if connector.state == State.DISABLED:
        raise UnableToDeliver(f"{connector.name} is switched off: {connector.state_reason}")
    return OutboxItem.objects.create(
        kind=OutboxKind.DELIVER,
        contract=contract_id(type(record)),
        connector=connector,
        payload=msgspec.to_builtins(record),
        subject=subject,
        actor_id=actor_id,
        created_at=now,
        due_at=now,
    )


class Told(StrEnum):
    DONE = "DONE"
    NOTHING_DUE = "NOTHING_DUE"
    OTHERS_ARE_AT_IT = "OTHERS_ARE_AT_IT"


def tell_next_followers(*, clock: Clock = timezone.now) -> Told:
    """
    Tell the followers of the next pages, in one transaction. An item whose followers fail is tried again later, and
    does not hold up the next ones: followers look at what stands in the database, not at what they are told first.
    """
    scope = current_scope()
    try:
        with acting_for(scope):
            return _tell(clock(), together=TOGETHER)
    except _Failed as failed:
        log.exception("outbox.follower_failed", contract=failed.items[0].contract, items=len(failed.items))
        # Taken together, one bad page would hold up good ones.
        with acting_for(scope):
            _postpone_follow(failed, clock(), alone=len(failed.items) == 1)
        return Told.DONE


class _Failed(Exception):
    def __init__(self, items: list[OutboxItem], reason: str) -> None:
        super().__init__(reason)
        self.items, self.reason = items, reason


def _tell(now: datetime, *, together: int) -> Told:
    scope = current_scope()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [_LOCK, scope.organisation_id & 0x7FFFFFFF])
        if not cursor.fetchone()[0]:
            return Told.OTHERS_ARE_AT_IT
    due = list(due_items(now).filter(kind=OutboxKind.FOLLOW)[:together])
    if not due:
        return Told.NOTHING_DUE
    first = due[0]
    items = []
    for item in due:
        if (item.contract, item.stream_id) != (first.contract, first.stream_id) or (items and item.attempts):
            break
        items.append(item)
        if first.attempts:
            break
    wiring = contract_wiring().inbound.get(first.contract)
    ids = sorted({one for item in items for one in item.payload["ids"]})
    change = Change(
        contract=first.contract,
        connector_id=first.connector_id or 0,
        stream_id=first.stream_id or 0,
        ids=tuple(ids),
        now=now,
    )
    try:
        for follow in wiring.followers if wiring is not None else ():
            follow(change)
    except Exception as error:
        raise _Failed(items, f"{type(error).__name__}: {error}") from error
    OutboxItem.objects.filter(pk__in=[item.pk for item in items]).delete()
    return Told.DONE


def _postpone_follow(failed: _Failed, now: datetime, *, alone: bool) -> None:
    for item in failed.items:
        item.attempts += 1
        item.last_error = failed.reason[:2_000]
        item.due_at = now + (_pause(item.attempts) if alone else timedelta(0))
        item.given_up_at = now if item.attempts >= FOLLOW_ATTEMPTS else None
        item.save(update_fields=["attempts", "last_error", "due_at", "given_up_at"])


@dataclass(frozen=True, kw_only=True)
class QueuedRead:
    """A read that an outage or a person asked for and that waits for a worker."""

    stream_id: int
    mode: Mode
    trigger: Trigger


def begin_queued_reads(*, clock: Clock = timezone.now) -> list[QueuedRead]:
    """Turn the wishes that are due into reads that wait for a worker; the caller queues the tasks."""
    scope = current_scope()
    begun = []
    with acting_for(scope):
        now = clock()
        wishes = due_items(now).filter(kind=OutboxKind.SYNC).select_for_update(skip_locked=True)
        for item in wishes:
            read = requests.begin_queued(item, now=now)
            if read is not None:
                begun.append(QueuedRead(stream_id=read[0], mode=read[1], trigger=read[2]))
    return begun


def deliver_next(*, clock: Clock = timezone.now) -> bool:
    """
    Deliver the next record that is due. Whether there was one.

    Repeating a delivery does not repeat its effect: the adapter reads back what became of the one before.
    """
    scope = current_scope()
    with acting_for(scope):
        item = due_items(clock()).filter(kind=OutboxKind.DELIVER).select_for_update(skip_locked=True).first()
        if item is None:
            return False
        item.attempts += 1
        item.due_at = clock() + DELIVERY_TIME
        item.save(update_fields=["attempts", "due_at"])
        connector = connectors().filter(pk=item.connector_id).first()
    try:
        if connector is None or connector.state == State.DISABLED:
            raise Unreachable("The connector is switched off.")
        record = msgspec.convert(item.payload, OUTBOUND[item.contract])
        receipt = registry.build(connector).deliver(record)
    except SourceError as error:
        _not_delivered(item, error, clock)
    except Exception as error:
        log.exception("outbox.bug", item=item.pk, contract=item.contract)
        _settle(item, clock(), error=f"A mistake of ours kept it from being delivered ({type(error).__name__}).")
        raise
    else:
        _settle(item, clock(), receipt=receipt)
    return True


def _not_delivered(item: OutboxItem, error: SourceError, clock: Clock) -> None:
    now = clock()
    is_passing = isinstance(error, Unreachable | Throttled)
    if not is_passing or now - item.created_at > GIVE_UP_AFTER:
        _settle(item, now, error=str(error))
        return
    told = error.retry_at if isinstance(error, Throttled) else None
    with acting_for(current_scope()):
        item.due_at = told or now + _pause(item.attempts)
        item.last_error = str(error)
        item.save(update_fields=["due_at", "last_error"])


def _settle(item: OutboxItem, now: datetime, *, receipt: Receipt | None = None, error: str = "") -> None:
    """Keep what became of a delivery, and tell the one who asked, in one transaction."""
    with acting_for(current_scope()):
        item.last_error = error
        if receipt is None:
            item.given_up_at = now
            log.warning("outbox.given_up", item=item.pk, contract=item.contract, reason=error)
        else:
            item.done_at = now
            item.receipt = {
                "reference": receipt.reference,
                "already_done": receipt.already_done,
                "detail": receipt.detail,
            }
        item.save(update_fields=["last_error", "given_up_at", "done_at", "receipt"])
        settle = contract_wiring().receipts.get(item.contract)
        if settle is not None:
            settle(
                DeliveryReceipt(
                    contract=item.contract,
                    subject=item.subject,
                    reference="" if receipt is None else receipt.reference,
                    error=error,
                    now=now,
                )
            )


def _pause(attempts: int) -> timedelta:
    """Longer with each attempt, and with jitter, so that what failed together does not come back together."""
    seconds = min(FIRST_PAUSE * 2 ** (attempts - 1), LONGEST_PAUSE)
    return timedelta(seconds=seconds * random.uniform(0.5, 1))  # noqa: S311  # no secret
