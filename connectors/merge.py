"""
Set-based landing: a page of rows is copied to a temporary table, what is unchanged is joined away, the rest
is merged.

`INSERT … ON CONFLICT` in the order of the key, because unsorted merges of shared keys deadlock and `MERGE`
fails under concurrency. `COPY` goes to a temporary table, because row-level security refuses it on the table.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2s
from typing import Any, TypeAlias

import orjson
from django.contrib.postgres.fields import ArrayField
from django.db import connection, models
from django.db.transaction import TransactionManagementError

from connectors.landing import Landing, SeenKeys
from connectors.models import SeenPage

_Column: TypeAlias = "models.Field[Any, Any]"

FROM_LANDING = ("organisation_id", "connector_id", "stream_id", "landed_at")
SOURCE_KEY = ("organisation_id", "connector_id", "external_id")


@dataclass(frozen=True, kw_only=True)
class Merged:
    """
    What a merge did. A row that another of the same page superseded is in none of the counts.

    :param ids_touched: primary keys of what was created or updated, in ascending order
    :param ids_by_key: the primary key of every row of the page, by what varies in its key: a value if that is
        one column (`external_id`), else a tuple in the order of the key
    """

    created: int
    updated: int
    unchanged: int
    ids_touched: tuple[int, ...]
    ids_by_key: Mapping[Any, int]


def merge(
    model: type[models.Model],
    rows: Iterable[Sequence[Any]],
    *,
    landing: Landing,
    columns: Sequence[str],
    key: Sequence[str] = SOURCE_KEY,
    compare: Sequence[str] | None = None,
    newest_by: str | None = None,
) -> Merged:
    """
    Bring rows into a table: create, update what differs, leave the rest alone. Repeating it changes nothing.

    A retired row that comes back is un-retired, which counts as an update. `landed_at` moves with a change
    only. Organisation, connector, stream and `landed_at` come from the landing, where the model has them and
    `columns` does not name them. Fields that nothing names get their default on creation and stay afterwards.

    Not for partitioned tables, whose `xmax` PostgreSQL does not show.

    :param rows: values in the order of `columns`; dicts and lists for JSON, text for a `box`. Of several with
        one key the last counts (with `newest_by`: the newest)
    :param columns: names of database columns (`zone_id`, not `zone`)
    :param key: the columns of a unique constraint
    :param compare: which of the columns tell that a row differs; by default all but those of type `box`
    :param newest_by: a column of times; a row that is older than the one stored counts as unchanged
    :raises TransactionManagementError: outside a transaction
    """
    plan = _plan(
        model,
        tuple(columns),
        tuple(key),
        None if compare is None else tuple(compare),
        newest_by,
    )
    page = plan.one_row_per_key(rows)
    if not connection.in_atomic_block:
        raise TransactionManagementError("A merge needs the transaction of its page; open acting_for(scope).")
    if not page:
        return Merged(created=0, updated=0, unchanged=0, ids_touched=(), ids_by_key={})
    given = {
        "organisation_id": landing.organisation_id,
        "connector_id": landing.connector_id,
        "stream_id": landing.stream_id,
        "landed_at": landing.now,
    }
    parameters = {**plan.defaults(), **given}
    with connection.cursor() as cursor, _nested_loops(cursor, plan.prepare):
        # psycopg's copy runs outside of what Django translates.
        with connection.wrap_database_errors, cursor.copy(plan.copy) as copy:
            for row in page.values():
                copy.write_row(plan.encoded(row))
        cursor.execute(plan.merge, parameters)
        found = cursor.fetchall()
        if len(found) < len(page):
            # Another transaction landed something newer meanwhile: now it can be seen.
            cursor.execute(plan.merge, parameters)
            known = {row[2:] for row in found}
            found += [row for row in cursor.fetchall() if row[2:] not in known]
    return plan.merged(found)


def retire_unseen(model: type[models.Model], landing: Landing, seen: SeenKeys) -> Sequence[int]:
    """
    Retire the stream's rows that no page of a complete full read held; a sync never deletes.

    :return: their primary keys, for the contract's followers
    """
    statement = f"""
        UPDATE {_quoted(model._meta.db_table)} AS known SET retired_at = %(now)s, landed_at = %(now)s
        WHERE known.organisation_id = %(organisation)s AND known.connector_id = %(connector)s
          AND known.stream_id = %(stream)s AND known.retired_at IS NULL
          AND NOT EXISTS (
            SELECT 1 FROM {_quoted(SeenPage._meta.db_table)} AS page
              CROSS JOIN LATERAL jsonb_array_elements_text(page.external_ids) AS seen (external_id)
            WHERE page.organisation_id = %(organisation)s AND page.lease_id = %(lease)s
              AND seen.external_id = known.external_id)
        RETURNING known.id"""  # noqa: S608  # names of our own tables; every value is a parameter
    with connection.cursor() as cursor:
        cursor.execute(
            statement,
            {
                "now": landing.now,
                "organisation": landing.organisation_id,
                "connector": landing.connector_id,
                "stream": landing.stream_id,
                "lease": seen.lease_id,
            },
        )
        return sorted(row[0] for row in cursor.fetchall())


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """The statements of a merge into one table with one list of columns, made once per process."""

    prepare: str
    copy: str
    merge: str
    defaulted: Mapping[str, _Column]
    encoders: tuple[Callable[[Any], Any] | None, ...]
    key_at: tuple[int, ...]
    newest_at: int | None

    def one_row_per_key(self, rows: Iterable[Sequence[Any]]) -> dict[tuple[Any, ...], Sequence[Any]]:
        page: dict[tuple[Any, ...], Sequence[Any]] = {}
        for row in rows:
            key = tuple(row[at] for at in self.key_at)
            if self.newest_at is not None and key in page and _older(row, page[key], self.newest_at):
                continue
            page[key] = row
        return page

    def defaults(self) -> dict[str, Any]:
        """Asked anew for each merge: a default may be a function."""
        return {name: field.get_db_prep_save(field.get_default(), connection) for name, field in self.defaulted.items()}

    def encoded(self, row: Sequence[Any]) -> list[Any]:
        return [
            value if encode is None or value is None else encode(value)
            for encode, value in zip(self.encoders, row, strict=True)
        ]

    def merged(self, found: Sequence[tuple[Any, ...]]) -> Merged:
        """:param found: rows of what happened, primary key, and the varying columns of the key"""
        touched = sorted(row[1] for row in found if row[0] != "unchanged")
        created = sum(row[0] == "created" for row in found)
        single = len(self.key_at) == 1
        return Merged(
            created=created,
            updated=len(touched) - created,
            unchanged=len(found) - len(touched),
            ids_touched=tuple(touched),
            ids_by_key={row[2] if single else tuple(row[2:]): row[1] for row in found},
        )


def _older(row: Sequence[Any], than: Sequence[Any], at: int) -> bool:
    return row[at] is not None and than[at] is not None and bool(row[at] < than[at])


@lru_cache(maxsize=256)
def _plan(
    model: type[models.Model],
    columns: tuple[str, ...],
    key: tuple[str, ...],
    compare: tuple[str, ...] | None,
    newest_by: str | None,
) -> _Plan:
    fields = _columns(model)
    from_landing = tuple(name for name in FROM_LANDING if name in fields and name not in columns)
    defaulted = {
        name: field
        for name, field in fields.items()
        if name not in columns + from_landing and not field.primary_key and not field.null
    }
    if compare is None:
        compare = tuple(name for name in columns if fields[name].db_type(connection) != "box")
    key_columns = tuple(name for name in key if name in columns)
    table = model._meta.db_table
    staged = f"merging_{blake2s('|'.join((table, *columns)).encode(), digest_size=8).hexdigest()}"
    selection = f"SELECT {_list(columns)} FROM {_quoted(table)} WITH NO DATA"  # noqa: S608  # our own names
    create = f"CREATE TEMPORARY TABLE IF NOT EXISTS {staged} ON COMMIT DELETE ROWS AS {selection}"
    return _Plan(
        prepare=f"{create}; DELETE FROM {staged}",  # noqa: S608  # our own name
        copy=f"COPY {staged} ({_list(columns)}) FROM STDIN",
        merge=_merge_statement(
            table=_quoted(table),
            staged=staged,
            columns=columns,
            from_landing=from_landing,
            defaulted=tuple(defaulted),
            key=key,
            key_columns=key_columns,
            compared=tuple(name for name in compare if name not in key)
            + tuple(name for name in from_landing if name == "stream_id" and name not in key),
            retires="retired_at" in fields and "retired_at" not in columns,
            newest_by=newest_by,
        ),
        defaulted=defaulted,
        encoders=tuple(_encoder(fields[name]) for name in columns),
        key_at=tuple(columns.index(name) for name in key_columns),
        newest_at=None if newest_by is None else columns.index(newest_by),
    )


def _merge_statement(
    *,
    table: str,
    staged: str,
    columns: tuple[str, ...],
    from_landing: tuple[str, ...],
    defaulted: tuple[str, ...],
    key: tuple[str, ...],
    key_columns: tuple[str, ...],
    compared: tuple[str, ...],
    retires: bool,
    newest_by: str | None,
) -> str:
    def fresh(name: str) -> str:
        return f"%({name})s" if name in from_landing else f"fresh.{_quoted(name)}"

    def is_older(fresh: str, known: str) -> str:
        """A retired row is taken as it comes, whatever its age."""
        if newest_by is None:
            return "false"
        present = f"AND {known}.retired_at IS NULL" if retires else ""
        return f"({known}.{_quoted(newest_by)} > {fresh}.{_quoted(newest_by)} {present}) IS TRUE"

    same = [f"known.{_quoted(name)} IS NOT DISTINCT FROM {fresh(name)}" for name in compared]
    same += ["known.retired_at IS NULL"] if retires else []
    match = " AND ".join(f"known.{_quoted(name)} = {fresh(name)}" for name in key)
    updates = [f"{_quoted(name)} = excluded.{_quoted(name)}" for name in columns + from_landing if name not in key]
    updates += ["retired_at = NULL"] if retires else []
    values = [fresh(name) if name in from_landing else _quoted(name) for name in columns + from_landing]
    values += [f"%({name})s" for name in defaulted]
    return f"""
        WITH compared AS MATERIALIZED (
          SELECT fresh.*, known.id AS known_id,
            known.id IS NOT NULL
              AND (({" AND ".join(same) or "true"}) OR {is_older("fresh", "known")}) AS is_same
          FROM {staged} AS fresh LEFT JOIN {table} AS known ON {match}
        ), written AS (
          INSERT INTO {table} ({_list(columns + from_landing + defaulted)})
          SELECT {", ".join(values)} FROM compared WHERE NOT is_same ORDER BY {_list(key_columns)}
          ON CONFLICT ({_list(key)}) DO UPDATE SET {", ".join(updates)}
            WHERE NOT {is_older("excluded", table)}
          RETURNING id, xmax = 0 AS is_created, {_list(key_columns)}
        )
        SELECT 'unchanged', known_id, {_list(key_columns)} FROM compared WHERE is_same
        UNION ALL
        SELECT CASE WHEN is_created THEN 'created' ELSE 'updated' END, id, {_list(key_columns)} FROM written
        """  # noqa: S608  # names of our own tables and columns; every value is a parameter


def _columns(model: type[models.Model]) -> dict[str, _Column]:
    return {field.column: field for field in model._meta.local_concrete_fields if field.column is not None}


def _encoder(field: _Column) -> Callable[[Any], Any] | None:
    if isinstance(field, models.JSONField):
        return _json
    if isinstance(field, ArrayField):
        return list
    return None


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


@contextmanager
def _nested_loops(cursor: Any, prepare: str) -> Iterator[None]:
    """
    Within, the planner looks each row up by its key: with old statistics it would scan the table each time.
    """
    cursor.execute(f"{prepare}; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off")
    yield
    cursor.execute("SET LOCAL enable_hashjoin TO DEFAULT; SET LOCAL enable_mergejoin TO DEFAULT")


def _quoted(name: str) -> str:
    return f'"{name}"'


def _list(names: Iterable[str]) -> str:
    return ", ".join(map(_quoted, names))
