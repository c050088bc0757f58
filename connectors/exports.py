"""Rejected records as files to work on elsewhere: one JSON object a line, or CSV for a spreadsheet."""

import csv
import io
from collections.abc import Callable, Iterator
from typing import Any

import orjson
from django.db.models import QuerySet

from connectors.models import RejectedRecord
from organisation.scope import Scope, acting_for

COLUMNS = (
    "connector",
    "stream",
    "contract",
    "external_id",
    "reason",
    "path",
    "times",
    "first_seen_at",
    "last_seen_at",
    "settled_at",
    "raw",
)
BATCH = 100
"""Records that are held in memory at once; one may be 200 kB."""

FORMULA = tuple("=+-@\t\r\n＝＋－＠")  # noqa: RUF001  # the wide forms, which a spreadsheet takes for the same
"""What a spreadsheet takes for the beginning of a formula, and would compute: a source could have written it."""

Rows = QuerySet[RejectedRecord]


def as_ndjson(rows: Rows, scope: Scope) -> Iterator[bytes]:
    """`raw` is the text that was kept of what the source sent, in most cases JSON."""
    for batch in _batches(rows, scope):
        yield b"".join(orjson.dumps(described(one)) + b"\n" for one in batch)


def as_csv(rows: Rows, scope: Scope) -> Iterator[bytes]:
    """RFC 4180, in UTF-8, with a header. A cell that would be a formula begins with an apostrophe."""
    yield _csv([COLUMNS])
    for batch in _batches(rows, scope):
        yield _csv([[guarded(value) for value in described(one).values()] for one in batch])


FORMATS: dict[str, tuple[str, Callable[[Rows, Scope], Iterator[bytes]]]] = {
    "ndjson": ("application/x-ndjson", as_ndjson),
    "csv": ("text/csv; charset=utf-8", as_csv),
}
"""By name, which is also the file's ending: its media type, and what writes it."""


def described(one: RejectedRecord) -> dict[str, Any]:
    """In the order of `COLUMNS`. Needs the stream and its connector."""
    return {
        "connector": one.stream.connector.name,
        "stream": one.stream.name,
        "contract": one.stream.contract,
        "external_id": one.external_id,
        "reason": one.reason,
        "path": one.path,
        "times": one.times,
        "first_seen_at": one.first_seen_at.isoformat(),
        "last_seen_at": one.last_seen_at.isoformat(),
        "settled_at": one.settled_at.isoformat() if one.settled_at else None,
        "raw": one.raw,
    }


def guarded(value: Any) -> Any:
    """A cell as text and nothing else, whatever a source wrote."""
    text = value.lstrip(" ") if isinstance(value, str) else ""
    return f"'{value}" if text.startswith(FORMULA) else value


def _batches(rows: Rows, scope: Scope) -> Iterator[list[RejectedRecord]]:
    """As they first came, each batch in a transaction of its own: a download outlives its view."""
    after = 0
    ordered = rows.select_related("stream__connector").order_by("pk")
    while True:
        with acting_for(scope):
            batch = list(ordered.filter(pk__gt=after)[:BATCH])
        if batch:
            yield batch
        if len(batch) < BATCH:
            return
        after = batch[-1].pk


def _csv(rows: Any) -> bytes:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue().encode()
