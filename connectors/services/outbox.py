"""
What is to be done after a commit. An item is written with the change that causes it and worked off afterwards, at least
once: followers are told in the order of the changes, records are delivered, reads that were asked for begin.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import cast

import msgspec
import structlog
from django.db import connection, transaction
from django.db.models import QuerySet

from connectors import registry
from connectors.contracts.base import OutboundRecord, contract_id
from connectors.contracts.catalogue import OUTBOUND
from connectors.landing import Change, DeliveryReceipt
from connectors.models import Connector, Mode, OutboxItem, OutboxKind, State, Trigger
from connectors.protocols.adapter import Receipt
from connectors.protocols.errors import SourceError, Throttled, Unreachable
from connectors.queries import due_items
from connectors.services.pages import contract_wiring
from connectors.services.requests import begin_queued
from organisation.models import User
from organisation.scope import Origin, Scope, acting_for, current_scope

log = structlog.get_logger(__name__)

Clock = Callable[[], datetime]

FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=10)
MOST_ATTEMPTS = 10
TOGETHER = 50
"""Followers are told of so many pages of one stream in one go."""
TURN = timedelta(milliseconds=20)
TRIES_WHILE_OTHERS_ARE_AT_IT = 5
DELIVERY_TAKES_AT_MOST = timedelta(minutes=2)


def deliver_record(
    *, connector: Connector, record: OutboundRecord, subject: str, actor: User | None, now: datetime
) -> OutboxItem:
    """
    Have a record delivered to a system after the caller's transaction commits.

    :param subject: what the receipt will be about, in the words of whoever wired it: `acknowledgement:17`
    """
    return OutboxItem.objects.create(
        kind=OutboxKind.DELIVER,
        contract=contract_id(type(record)),
        connector=connector,
        payload=msgspec.to_builtins(record),
        subject=subject,
        actor=actor,
        created_at=now,
        due_at=now,
    )


@dataclass(frozen=True)
class Begun:
    """A read that was asked for and waits for a worker."""

    stream_id: int
    mode: Mode
    trigger: Trigger


def work_off(*, clock: Clock, sleep: Callable[[float], None] = time.sleep) -> list[Begun]:
    """
    Tell the followers of every change that is due, and let the reads begin that were asked for. The scope is carried;
    each step is a transaction of its own.

    One at a time within an organisation, so that who follows sees changes in the order in which they were committed.
    Who finds another at it leaves it to them, after a moment in which they may have been about to stop.

    :return: the reads for which a worker is to be found now
    """
    scope = current_scope()
    begun: list[Begun] = []
    refused = 0
    while refused < TRIES_WHILE_OTHERS_ARE_AT_IT:
        with acting_for(scope):
            if not _waiting(clock()).exists():
                return begun
            is_ours = _is_our_turn(scope)
            if is_ours:
                begun += _next_step(clock())
        if not is_ours:
            refused += 1
            sleep(TURN.total_seconds())
    return begun


def deliver_due(*, clock: Clock) -> int:
    """
    Deliver the records that are due, each outside of a transaction. The scope is carried.

    :return: how many were taken by their system
    """
    scope = current_scope()
    delivered = 0
    while (item := _claim_delivery(scope, now=clock())) is not None:
        delivered += _deliver(item, scope, clock)
    return delivered


def _waiting(now: datetime) -> QuerySet[OutboxItem]:
    return due_items(now).exclude(kind=OutboxKind.DELIVER)


def _is_our_turn(scope: Scope) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext('outbox'), %s)", [scope.organisation_id % 2**31])
        return bool(cursor.fetchone()[0])


def _next_step(now: datetime) -> list[Begun]:
    items = list(_waiting(now)[:TOGETHER])
    if not items:
        return []
    if items[0].kind == OutboxKind.SYNC:
        asked = begin_queued(items[0], now=now)
        return [] if asked is None else [Begun(*asked)]
    together = list(takewhile(lambda item: _tells_of(item) == _tells_of(items[0]), items))
    if not _tell(together, now=now) and len(together) > 1:
        # Taken together, one bad page would hold up the good ones.
        _tell(together[:1], now=now)
    return []


def _tells_of(item: OutboxItem) -> tuple[str, str, int | None]:
    return item.kind, item.contract, item.stream_id


def _tell(items: list[OutboxItem], *, now: datetime) -> bool:
    """Tell the followers of some pages of one stream at once. Whether they did their work."""
    first = items[0]
    change = Change(
        contract=first.contract,
        connector_id=cast(int, first.connector_id),
        stream_id=cast(int, first.stream_id),
        ids=tuple(sorted({one for item in items for one in item.payload["ids"]})),
        now=now,
    )
    try:
        with transaction.atomic():
            for follow in contract_wiring().inbound[first.contract].followers:
                follow(change)
            OutboxItem.objects.filter(pk__in=[item.pk for item in items]).delete()
    except Exception as error:  # a follower's mistake must not hold up the changes behind it
        log.exception("outbox.follower_failed", contract=first.contract, item=first.pk, attempts=first.attempts + 1)
        if len(items) == 1:
            _again(first, f"{type(error).__name__}: {error}", now=now)
        return False
    return True


def _claim_delivery(scope: Scope, *, now: datetime) -> OutboxItem | None:
    """The next record to deliver; nobody else takes it up while its delivery may be under way."""
    with acting_for(scope):
        item = (
            due_items(now)
            .filter(kind=OutboxKind.DELIVER)
            .select_for_update(skip_locked=True, of=("self",))
            .select_related("connector__organisation")
            .first()
        )
        if item is None:
            return None
        item.attempts += 1
        item.due_at = now + DELIVERY_TAKES_AT_MOST
        item.save(update_fields=["attempts", "due_at"])
    return item


def _deliver(item: OutboxItem, scope: Scope, clock: Clock) -> bool:
    try:
        record = msgspec.convert(item.payload, OUTBOUND[item.contract])
        if item.connector.state == State.DISABLED:
            raise Unreachable(f"{item.connector} is switched off.")
        receipt = registry.build(item.connector, now=clock).deliver(record)
    except (Unreachable, Throttled) as error:
        now = clock()
        with acting_for(scope):
            if _again(item, str(error), now=now, not_before=getattr(error, "retry_at", None)):
                _settle(item, error=str(error), receipt=None, now=now)
        return False
    except SourceError as error:
        now = clock()
        with acting_for(scope):
            _give_up(item, str(error), now=now)
            _settle(item, error=str(error), receipt=None, now=now)
        return False
    except Exception as error:
        now = clock()
        said = f"A mistake of ours kept it from being delivered ({type(error).__name__}); the log has it."
        with acting_for(scope):
            _give_up(item, said, now=now)
            _settle(item, error=said, receipt=None, now=now)
        raise
    with acting_for(scope):
        now = clock()
        item.done_at, item.last_error, item.receipt = now, "", msgspec.to_builtins(receipt)
        item.save(update_fields=["done_at", "last_error", "receipt"])
        _settle(item, error="", receipt=receipt, now=now)
    return True


def _again(item: OutboxItem, error: str, *, now: datetime, not_before: datetime | None = None) -> bool:
    """Try it later, or no more: after `MOST_ATTEMPTS` a person is needed. Returns whether it was given up."""
    if item.kind == OutboxKind.FOLLOW:
        item.attempts += 1
    if item.attempts >= MOST_ATTEMPTS:
        _give_up(item, error, now=now)
        return True
    pause = min(FIRST_PAUSE * 2 ** max(0, item.attempts - 1), LONGEST_PAUSE)
    item.last_error, item.due_at = error, max(now + pause, not_before or now)
    item.save(update_fields=["attempts", "last_error", "due_at"])
    return False


def _give_up(item: OutboxItem, error: str, *, now: datetime) -> None:
    item.last_error, item.given_up_at = error, now
    item.save(update_fields=["attempts", "last_error", "given_up_at"])
    log.error("outbox.given_up", contract=item.contract, item=item.pk, attempts=item.attempts)


def _settle(item: OutboxItem, *, error: str, receipt: Receipt | None, now: datetime) -> None:
    settle = contract_wiring().receipts.get(item.contract)
    if settle is not None:
        settle(
            DeliveryReceipt(
                contract=item.contract,
                subject=item.subject,
                reference=receipt.reference if receipt else "",
                error=error,
                now=now,
            )
        )


def system_scope(organisation_id: int) -> Scope:
    """What the system itself acts in when it looks after an organisation's outbox and reads."""
    return Scope(organisation_id=organisation_id, origin=Origin.SYSTEM)
