"""
Set-based landing: a page of rows travels as one array for each column, what is unchanged is joined away, the rest
is merged.

`INSERT … ON CONFLICT` in the order of the key, because unsorted merges of shared keys deadlock and `MERGE`
fails under concurrency. Arrays in binary form take a third of what it costs to write rows for `COPY`, and need no
temporary table, into which it would have to go: row-level security refuses it on the table.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from django.db import connection, models
from django.db.transaction import TransactionManagementError

from connectors import merge_statements as statements
from connectors.binary_arrays import binary_cursor
from connectors.landing import Gone, Landing, SeenKeys
from connectors.merge_columns import ColumnForm, Field, form_of

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


NOTHING = Merged(created=0, updated=0, unchanged=0, ids_touched=(), ids_by_key={})


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

    :param rows: values in the order of `columns`; dicts, lists and `msgspec.Raw` for JSON, text for a `box`. Of several
        with one key the last counts (with `newest_by`: the newest)
    :param columns: names of database columns (`zone_id`, not `zone`)
    :param key: the columns of a unique constraint
    :param compare: which of the columns tell that a row differs; by default all but those of type `box`
    :param newest_by: a column of times; a row that is older than the one stored counts as unchanged
    :raises TransactionManagementError: outside a transaction
    """
    return merge_prepared(
        prepare(model, rows, columns=columns, key=key, compare=compare, newest_by=newest_by), landing=landing
    )


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """Rows as they travel, all of it but where they come from."""

    plan: "_Plan"
    arrays: Mapping[str, Any]
    size: int


def prepare(
    model: type[models.Model],
    rows: Iterable[Sequence[Any]],
    *,
    columns: Sequence[str],
    key: Sequence[str] = SOURCE_KEY,
    compare: Sequence[str] | None = None,
    newest_by: str | None = None,
) -> Prepared:
    """The part of a merge that needs no database, for who wants it done while another page lands."""
    plan = _plan(model, tuple(columns), tuple(key), None if compare is None else tuple(compare), newest_by)
    page = plan.one_row_per_key(rows)
    return Prepared(plan=plan, arrays=plan.arrays(page), size=len(page))


def merge_prepared(page: Prepared, *, landing: Landing, tells_ids: bool = True) -> Merged:
    """
    :param tells_ids: false for who needs no more than the numbers
    :raises TransactionManagementError: outside a transaction
    """
    if not connection.in_atomic_block:
        raise TransactionManagementError("A merge needs the transaction of its page; open acting_for(scope).")
    if not page.size:
        return NOTHING
    plan = page.plan
    parameters = {**page.arrays, **plan.parameters(landing)}
    if landing.keeps_changes or not landing.expects_new:
        return _compare(plan, parameters, page.size, logs=landing.keeps_changes)
    new = _insert(plan, parameters, tells_ids=tells_ids)
    if new.created == page.size:
        return new
    # What was new is known by now, and unchanged.
    rest = _compare(plan, parameters, page.size)
    return replace(
        rest,
        created=rest.created + new.created,
        unchanged=rest.unchanged - new.created,
        ids_touched=tuple(sorted({*rest.ids_touched, *new.ids_touched})),
    )


def _insert(plan: "_Plan", parameters: Mapping[str, Any], *, tells_ids: bool) -> Merged:
    """What is not known."""
    with binary_cursor() as cursor:
        if tells_ids:
            return plan.merged(_read(cursor, plan.sql.insert, parameters))
        cursor.execute(plan.sql.insert_untold, parameters)
        return replace(NOTHING, created=cursor.rowcount)


def _compare(plan: "_Plan", parameters: Mapping[str, Any], size: int, *, logs: bool = False) -> Merged:
    """What differs; all of the page is told of."""
    with _nested_loops() as cursor:
        if logs:
            cursor.execute(plan.sql.log, parameters)
        found = _read(cursor, plan.sql.merge, parameters)
        if len(found) < size:
            # Another transaction landed something newer meanwhile: now it can be seen.
            known = {row[2:] for row in found}
            found += [row for row in _read(cursor, plan.sql.merge, parameters) if row[2:] not in known]
    return plan.merged(found)


def retire(model: type[models.Model], landing: Landing, gone: Gone) -> Sequence[int]:
    """
    Retire the stream's rows that no page of a complete full read held, or that its source says are gone; a sync never
    deletes. A key that no row of the stream has is nothing.

    :return: their primary keys, for the contract's followers
    """
    parameters: dict[str, Any] = {
        "landed_at": landing.now,
        "organisation_id": landing.organisation_id,
        "connector_id": landing.connector_id,
        "stream_id": landing.stream_id,
    }
    table, keeps_changes = model._meta.db_table, landing.keeps_changes
    with connection.cursor() as cursor:
        if isinstance(gone, SeenKeys):
            # With old statistics, or none, every row would be looked for in every page.
            cursor.execute("SET LOCAL enable_nestloop = off")
            statement = statements.retire_unseen(table, keeps_changes=keeps_changes)
            retired = cursor.execute(statement, {**parameters, "lease": gone.lease_id}).fetchall()
            cursor.execute("SET LOCAL enable_nestloop TO DEFAULT")
        else:
            statement = statements.retire_named(table, keeps_changes=keeps_changes)
            retired = cursor.execute(statement, {**parameters, "keys": list(gone.external_ids)}).fetchall()
    return sorted(row[0] for row in retired)


def _read(cursor: Any, statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Rows of what happened, primary key, and the varying columns of the key."""
    cursor.execute(statement, parameters)
    rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """The statements of a merge into one table with one list of columns, made once per process."""

    sql: statements.Statements
    forms: tuple[tuple[str, ColumnForm], ...]
    defaulted: Mapping[str, Field]
    key_at: tuple[int, ...]
    newest_at: int | None

    def one_row_per_key(self, rows: Iterable[Sequence[Any]]) -> list[Sequence[Any]]:
        if len(self.key_at) == 1 and self.newest_at is None:
            [at] = self.key_at
            return list({row[at]: row for row in rows}.values())
        page: dict[Any, Sequence[Any]] = {}
        for row in rows:
            key = tuple(row[at] for at in self.key_at)
            if self.newest_at is not None and key in page and _older(row, page[key], self.newest_at):
                continue
            page[key] = row
        return list(page.values())

    def arrays(self, page: Sequence[Sequence[Any]]) -> dict[str, Any]:
        columns = zip(self.forms, zip(*page, strict=True), strict=bool(page))
        return {name: form.encode(values) for (name, form), values in columns}

    def parameters(self, landing: Landing) -> dict[str, Any]:
        """Defaults are asked anew for each merge: one may be a function."""
        return {
            **{name: field.get_db_prep_save(field.get_default(), connection) for name, field in self.defaulted.items()},
            "organisation_id": landing.organisation_id,
            "connector_id": landing.connector_id,
            "stream_id": landing.stream_id,
            "landed_at": landing.now,
        }

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
    fields = {field.column: field for field in model._meta.local_concrete_fields if field.column is not None}
    from_landing = tuple(name for name in statements.FROM_LANDING if name in fields and name not in columns)
    defaulted = {
        name: field
        for name, field in fields.items()
        if name not in columns + from_landing and not field.primary_key and not field.null
    }
    if compare is None:
        compare = tuple(name for name in columns if fields[name].db_type(connection) != "box")
    forms = [form_of(fields[name]) for name in columns]
    shape = statements.Shape(
        table=model._meta.db_table,
        columns=columns,
        arrays=tuple(form.array for form in forms),
        values=tuple(form.value for form in forms),
        from_landing=from_landing,
        defaulted={name: str(field.db_type(connection)) for name, field in defaulted.items()},
        key=key,
        compared=tuple(name for name in compare if name not in key)
        + tuple(name for name in from_landing if name == "stream_id" and name not in key),
        retires="retired_at" in fields and "retired_at" not in columns,
        newest_by=newest_by,
    )
    return _Plan(
        sql=statements.statements(shape),
        forms=tuple((statements.sent(name), form) for name, form in zip(columns, forms, strict=True)),
        defaulted=defaulted,
        key_at=tuple(columns.index(name) for name in shape.key_columns),
        newest_at=None if newest_by is None else columns.index(newest_by),
    )


@contextmanager
def _nested_loops() -> Iterator[Any]:
    """
    Within, the planner looks each row up by its key: with old statistics it would scan the table each time.
    """
    with binary_cursor() as cursor, connection.cursor() as planner:
        planner.execute("SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off")
        yield cursor
        planner.execute("SET LOCAL enable_hashjoin TO DEFAULT; SET LOCAL enable_mergejoin TO DEFAULT")
