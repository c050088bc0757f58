"""What a run changed, row by row, for streams that keep it, and for a dry run that is asked for it."""

from datetime import datetime
from typing import Any

from connectors.models import RecordChange


def name_run(*, stream_id: int, run_id: int | None, at: datetime) -> None:
    """Say in which run a page's changes were made, in the transaction that made them."""
    if run_id is not None:
        RecordChange.objects.filter(stream_id=stream_id, run=None, at=at).update(run_id=run_id)


def first_of(*, stream_id: int, at: datetime, limit: int) -> tuple[int, list[dict[str, Any]]]:
    """How many changes a page made, and the first of them."""
    made = RecordChange.objects.filter(stream_id=stream_id, run=None, at=at)
    shown = made.order_by("pk").values("table", "external_id", "kind", "before", "after")
    return made.count(), [dict(change) for change in shown[: max(0, limit)]]
