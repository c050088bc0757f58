"""
The trail's triggers, generated from simple-history's models: one statement trigger per kind of write, so that
`queryset.update`, bulk writes and merges leave a trace too. Measured in the notes on the data layer: a third of the
cost per row of simple-history's signals.
"""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db import connection, models


def tracked_models() -> list[type[models.Model]]:
    return [model for model in apps.get_models() if hasattr(model, "history") and not hasattr(model, "instance_type")]


def install_triggers() -> None:
    """Write the functions and triggers of every tracked model anew; run by the owner after a migration."""
    present = set(connection.introspection.table_names())
    with connection.cursor() as cursor:
        # The functions act as app_system, which may own them only while it may create in the schema.
        cursor.execute("GRANT CREATE ON SCHEMA public TO app_system")
        for model in tracked_models():
            if {model._meta.db_table, history_of(model)._meta.db_table} <= present:
                for statement in trigger_statements(model):
                    cursor.execute(statement)
        cursor.execute("REVOKE CREATE ON SCHEMA public FROM app_system")


def history_of(model: type[models.Model]) -> type[models.Model]:
    history: type[models.Model] = model.history.model  # type: ignore[attr-defined]  # simple-history adds the manager
    return history


def tracked_fields(history: type[models.Model]) -> "list[models.Field[Any, Any]]":
    """The fields of the tracked model that its history keeps."""
    return list(history.tracked_fields)  # type: ignore[attr-defined]  # simple-history's attribute


def trigger_statements(model: type[models.Model]) -> Iterator[str]:
    table = model._meta.db_table
    function = f"trail_{table}"
    yield _function(model, function)
    yield f'ALTER FUNCTION "{function}"() OWNER TO app_system'
    for name, event, transition in (
        ("created", "INSERT", "NEW TABLE AS fresh"),
        ("changed", "UPDATE", "OLD TABLE AS gone NEW TABLE AS fresh"),
        ("deleted", "DELETE", "OLD TABLE AS gone"),
    ):
        yield (
            f'CREATE OR REPLACE TRIGGER trail_{name} AFTER {event} ON "{table}" REFERENCING {transition} '
            f'FOR EACH STATEMENT EXECUTE FUNCTION "{function}"()'
        )


def _function(model: type[models.Model], name: str) -> str:
    history = history_of(model)
    columns = [str(field.column) for field in tracked_fields(history)]
    has_organisation = "organisation_id" in columns
    shared = not has_organisation and any(field.name == "organisation" for field in history._meta.local_fields)
    organisation = {
        (True, False): "{row}.organisation_id",
        (False, True): "(app_organisations())[1]",
    }[has_organisation, shared]

    def record(sign: str, row: str, source: str) -> str:
        target = [*columns, *(["organisation_id"] if shared else [])]
        values = [f'{row}."{column}"' for column in columns] + ([organisation] if shared else [])
        return f"""
    WITH written AS (
      INSERT INTO "{history._meta.db_table}" ({_list(target)}, history_date, history_type, history_change_reason,
        history_user_id, origin, request_id)
      SELECT {", ".join(values)}, clock_timestamp(), '{sign}', nullif(current_setting('app.reason', true), ''),
        app_actor(), coalesce(nullif(current_setting('app.origin', true), ''), 'SYSTEM'),
        coalesce(current_setting('app.request_id', true), '')
      FROM {source}
      RETURNING history_id, id, organisation_id, history_date, history_change_reason, history_user_id, origin,
        request_id
    )
    INSERT INTO audit_event (organisation_id, at, actor_id, origin, reason, request_id, action, model, object_id,
      history_id)
    SELECT organisation_id, history_date, history_user_id, origin, coalesce(history_change_reason, ''), request_id,
      '{sign}', '{model._meta.label_lower}', id, history_id
    FROM written WHERE organisation_id IS NOT NULL;"""

    fresh, gone = (", ".join(f'{row}."{column}"' for column in columns) for row in ("fresh", "gone"))
    compared = f"({fresh}) IS DISTINCT FROM ({gone})"
    # enable_nestloop: a cached plan takes transition tables for tiny, which costs 30 times as much at 5,000 rows.
    return f"""
CREATE OR REPLACE FUNCTION "{name}"() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET enable_nestloop = off AS $trail$
BEGIN
  IF TG_OP = 'INSERT' THEN{record("+", "fresh", "fresh")}
  ELSIF TG_OP = 'UPDATE' THEN{record("~", "fresh", f"fresh JOIN gone USING (id) WHERE {compared}")}
  ELSE{record("-", "gone", "gone")}
  END IF;
  RETURN NULL;
END $trail$"""


def _list(columns: list[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)
