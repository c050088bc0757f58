import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.db import connection

from audit.models import Action, Event
from audit.triggers import history_of, tracked_fields


def changes_of(events: Sequence[Event]) -> dict[int, str]:
    """
    What each event changed, as `field: before → after`, by event id. One statement per kind of row.
    """
    by_model: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        if event.action == Action.CHANGED:
            by_model[event.model].append(event)
    return {pk: text for label, group in by_model.items() for pk, text in _changes_of_model(label, group)}


def _changes_of_model(label: str, events: Sequence[Event]) -> list[tuple[int, str]]:
    history = history_of(apps.get_model(label))
    names = {str(field.column): field.name for field in tracked_fields(history)}
    table = connection.ops.quote_name(history._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT now_.history_id, to_jsonb(now_), to_jsonb(before)
            FROM {table} now_
            JOIN LATERAL (
              SELECT * FROM {table} earlier
              WHERE earlier.id = now_.id AND earlier.history_id < now_.history_id
              ORDER BY earlier.history_id DESC LIMIT 1
            ) before ON true
            WHERE now_.history_id = ANY(%s)
            """,  # the table's name comes from the model, quoted
            [[event.history_id for event in events]],
        )
        found = {
            history_id: _differences(json.loads(now), json.loads(before), names)
            for history_id, now, before in cursor.fetchall()
        }
    return [(event.pk, found.get(event.history_id, "")) for event in events]


def _differences(now: dict[str, Any], before: dict[str, Any], names: dict[str, str]) -> str:
    return "; ".join(
        f"{names[column]}: {_shown(before.get(column))} → {_shown(value)}"
        for column, value in now.items()
        if column in names and value != before.get(column)
    )


def _shown(value: Any) -> str:
    text = "nothing" if value in (None, "", [], {}) else str(value)
    return text if len(text) <= 80 else text[:79] + "…"
