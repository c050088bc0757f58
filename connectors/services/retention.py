"""
How long the engine's records are kept. What is older goes in batches, each a transaction of its own: nobody waits long
for a lock, and a pruning that is stopped has done what it did.

Never pruned are the first and the last run of a stream, its last successful full read, reads that have not ended, and
the first and the last change of a record.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db.models import Exists, OuterRef, Q, QuerySet

from connectors.models import (
    UNDER_WAY,
    Mode,
    OutboxItem,
    OutboxKind,
    RecordChange,
    RejectedRecord,
    Retention,
    Run,
    RunStatus,
)
from organisation.scope import acting_for, current_scope

log = structlog.get_logger(__name__)

Clock = Callable[[], datetime]

BATCH = 5_000
"""Rows of one transaction."""


def retention_in_scope() -> Retention:
    """What the organisation in scope keeps, in the caller's transaction; the defaults, when it is first asked for."""
    kept, _ = Retention.objects.get_or_create(organisation_id=current_scope().organisation_id)
    return kept


def save_retention(*, runs_days: int, rejected_days: int, changes_days: int) -> Retention:
    """In the caller's transaction. What is older goes with the next pruning."""
    kept = retention_in_scope()
    kept.runs_days, kept.rejected_days, kept.changes_days = runs_days, rejected_days, changes_days
    kept.save(update_fields=["runs_days", "rejected_days", "changes_days"])
    return kept


def prune(*, clock: Clock) -> Retention:
    """
    Remove what is older than the organisation in scope keeps it. The scope is carried; each batch is a transaction.

    :return: what is kept, with how many rows went: of `runs`, `rejected_records`, `changes` and `deliveries`
    """
    scope = current_scope()
    with acting_for(scope):
        kept = retention_in_scope()
    now = clock()
    runs_before = now - timedelta(days=kept.runs_days)
    pruned = {
        "rejected_records": _delete(_old_rejected(now - timedelta(days=kept.rejected_days))),
        "changes": _prune_changes(before=now - timedelta(days=kept.changes_days)),
        "runs": _prune_runs(before=runs_before),
        "deliveries": _delete(_of_scope(OutboxItem).filter(kind=OutboxKind.DELIVER, done_at__lt=runs_before)),
    }
    kept.pruned_at, kept.pruned = now, pruned
    with acting_for(scope):
        kept.save(update_fields=["pruned_at", "pruned"])
    log.info("retention.pruned", **pruned)
    return kept


def _of_scope(model: type[Any]) -> QuerySet[Any]:
    rows: QuerySet[Any] = model.objects.for_organisation(current_scope().organisation_id)
    return rows


def _old_rejected(before: datetime) -> QuerySet[RejectedRecord]:
    """Settled for so long, or not seen again for so long."""
    rows = _of_scope(RejectedRecord).filter(last_seen_at__lt=before)
    return rows.filter(Q(settled_at=None) | Q(settled_at__lt=before))


def _delete(rows: QuerySet[Any]) -> int:
    deleted = 0
    while True:
        with acting_for(current_scope()):
            found = list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])
            rows.model.objects.filter(pk__in=found).delete()
        deleted += len(found)
        if len(found) < BATCH:
            return deleted


def _prune_changes(*, before: datetime) -> int:
    """Over all old ones once, from the oldest on: those that stay are not looked at again for every batch."""
    deleted = 0
    old = _of_scope(RecordChange).filter(at__lt=before).order_by("at", "pk")
    same_record = RecordChange.objects.filter(
        **{name: OuterRef(name) for name in ("organisation", "stream", "external_id", "table")}
    )
    is_between = Exists(same_record.filter(pk__lt=OuterRef("pk"))) & Exists(same_record.filter(pk__gt=OuterRef("pk")))
    rest = old
    while True:
        with acting_for(current_scope()):
            window = list(rest.values_list("at", "pk")[:BATCH])
            deleted += old.filter(is_between, pk__in=[pk for _, pk in window]).order_by().delete()[0]
        if len(window) < BATCH:
            return deleted
        at, pk = window[-1]
        rest = old.filter(Q(at__gt=at) | Q(at=at, pk__gt=pk))


def _prune_runs(*, before: datetime) -> int:
    with acting_for(current_scope()):
        kept = _runs_to_keep()
        old = _of_scope(Run).filter(finished_at__lt=before).exclude(status__in=UNDER_WAY)
        doomed = [pk for pk in old.values_list("pk", flat=True) if pk not in kept]
    for start in range(0, len(doomed), BATCH):
        batch = doomed[start : start + BATCH]
        for model in (RecordChange, RejectedRecord):
            _detach(_of_scope(model).filter(run_id__in=batch))
        with acting_for(current_scope()):
            _of_scope(Run).filter(pk__in=batch).delete()
    return len(doomed)


def _runs_to_keep() -> set[int]:
    first = _of_scope(Run).order_by("stream_id", "started_at", "pk").distinct("stream_id")
    last = _of_scope(Run).order_by("stream_id", "-started_at", "-pk").distinct("stream_id")
    last_whole = last.filter(mode=Mode.FULL, status=RunStatus.SUCCEEDED, is_dry=False)
    return {pk for rows in (first, last, last_whole) for pk in rows.values_list("pk", flat=True)}


def _detach(rows: QuerySet[Any]) -> None:
    """What is kept for longer than its run says no more in which run it was."""
    while True:
        with acting_for(current_scope()):
            found = list(rows.values_list("pk", flat=True)[:BATCH])
            rows.model.objects.filter(pk__in=found).update(run=None)
        if len(found) < BATCH:
            return
