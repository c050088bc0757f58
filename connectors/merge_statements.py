"""The SQL of a merge: names of our own tables and columns, and every value a parameter."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from connectors.models import ChangeKind, RecordChange, SeenPage

FROM_LANDING = {
    "organisation_id": "bigint",
    "connector_id": "bigint",
    "stream_id": "bigint",
    "landed_at": "timestamptz",
}


@dataclass(frozen=True, kw_only=True)
class Shape:
    """
    What is merged into which table.

    :param columns: what the rows bring, in their order
    :param arrays: the types of the arrays in which they come, and
    :param values: SQL of one value of each, from an element `{}`
    :param from_landing: columns that are the same for all of the page
    :param defaulted: columns that get their default when a row is created, with their types
    :param key: the columns of a unique constraint
    :param compared: the columns that tell that a row differs
    :param retires: rows of the table can be retired
    :param newest_by: a column of times that keeps what is older out
    """

    table: str
    columns: tuple[str, ...]
    arrays: tuple[str, ...]
    values: tuple[str, ...]
    from_landing: tuple[str, ...]
    defaulted: Mapping[str, str]
    key: tuple[str, ...]
    compared: tuple[str, ...]
    retires: bool
    newest_by: str | None

    @property
    def key_columns(self) -> tuple[str, ...]:
        """What varies in the key."""
        return tuple(name for name in self.key if name in self.columns)

    @property
    def page(self) -> str:
        """
        The rows of a page, as a table. Arrays are unpacked in a list of what is selected, row by row; where tables
        stand they would be unpacked into one first.
        """
        elements = (
            f"unnest(%({sent(name)})s::{kind}) AS {quoted(name)}"
            for name, kind in zip(self.columns, self.arrays, strict=True)
        )
        values = (
            f"{form.format(f'element.{quoted(name)}')} AS {quoted(name)}"
            for name, form in zip(self.columns, self.values, strict=True)
        )
        return f"(SELECT {', '.join(values)} FROM (SELECT {', '.join(elements)}) AS element)"

    def fresh(self, name: str) -> str:
        return f"%({name})s::{FROM_LANDING[name]}" if name in self.from_landing else f"fresh.{quoted(name)}"

    @property
    def match(self) -> str:
        return " AND ".join(f"known.{quoted(name)} = {self.fresh(name)}" for name in self.key)

    @property
    def is_same(self) -> str:
        """Whether nothing is to be written of a fresh row that is known."""
        same = [f"known.{quoted(name)} IS NOT DISTINCT FROM {self.fresh(name)}" for name in self.compared]
        same += ["known.retired_at IS NULL"] if self.retires else []
        return f"(({' AND '.join(same) or 'true'}) OR {self.is_older('fresh', 'known')})"

    def is_older(self, fresh: str, known: str) -> str:
        """A retired row is taken as it comes, whatever its age."""
        if self.newest_by is None:
            return "false"
        present = f"AND {known}.retired_at IS NULL" if self.retires else ""
        return f"({known}.{quoted(self.newest_by)} > {fresh}.{quoted(self.newest_by)} {present}) IS TRUE"

    @property
    def insertion(self) -> str:
        """Into which columns, and what to select for them."""
        values = [self.fresh(name) for name in self.columns + self.from_landing]
        values += [f"%({name})s::{kind}" for name, kind in self.defaulted.items()]
        into = f'INSERT INTO "{self.table}" ({listed((*self.columns, *self.from_landing, *self.defaulted))})'
        return f"{into} SELECT {', '.join(values)}"


@dataclass(frozen=True, kw_only=True)
class Statements:
    """
    :param insert: writes those that are not known; tells which
    :param insert_untold: the same without telling
    :param merge: writes those that differ; tells of all, but of those that another transaction made newer meanwhile
    :param log: writes down as changes what `merge` is about to write
    """

    insert: str
    insert_untold: str
    merge: str
    log: str


def statements(shape: Shape) -> Statements:
    insert = _insert(shape)
    return Statements(
        insert=f"{insert} RETURNING 'created', id, {listed(shape.key_columns)}",
        insert_untold=insert,
        merge=_merge(shape),
        log=_log(shape),
    )


def retire_unseen(table: str, *, keeps_changes: bool) -> str:
    """Retires what no page of a lease's read held; tells the primary keys."""
    seen = f"""seen AS MATERIALIZED (
          SELECT jsonb_array_elements_text(page.external_ids) AS external_id
          FROM {quoted(SeenPage._meta.db_table)} AS page
          WHERE page.organisation_id = %(organisation_id)s AND page.lease_id = %(lease)s
        )"""
    is_unseen = "NOT EXISTS (SELECT 1 FROM seen WHERE seen.external_id = known.external_id)"
    return f"WITH {seen}, {_retirement(table, is_unseen, keeps_changes=keeps_changes)}"


def retire_named(table: str, *, keeps_changes: bool) -> str:
    """Retires what has one of some keys; tells the primary keys."""
    return f"WITH {_retirement(table, 'known.external_id = ANY(%(keys)s::text[])', keeps_changes=keeps_changes)}"


def _retirement(table: str, is_gone: str, *, keeps_changes: bool) -> str:
    after = "jsonb_build_object('retired_at', %(landed_at)s::timestamptz)"
    told = f"SELECT %(organisation_id)s, %(stream_id)s, '{table}', external_id, '{ChangeKind.RETIRED}', "
    written = f", written AS ({_LOG} {told} %(landed_at)s, NULL::jsonb, {after} FROM gone)" if keeps_changes else ""
    return f"""gone AS (
          UPDATE {quoted(table)} AS known SET retired_at = %(landed_at)s, landed_at = %(landed_at)s
          WHERE known.organisation_id = %(organisation_id)s AND known.connector_id = %(connector_id)s
            AND known.stream_id = %(stream_id)s AND known.retired_at IS NULL
            AND {is_gone}
          RETURNING known.id, known.external_id
        ){written}
        SELECT id FROM gone"""


_LOG = f"""INSERT INTO {RecordChange._meta.db_table}
  (organisation_id, stream_id, "table", external_id, kind, at, before, after)"""


def _insert(shape: Shape) -> str:
    return f"""
        {shape.insertion} FROM {shape.page} AS fresh ORDER BY {listed(shape.key_columns)}
        ON CONFLICT ({listed(shape.key)}) DO NOTHING"""


def _merge(shape: Shape) -> str:
    updates = [
        f"{quoted(name)} = excluded.{quoted(name)}"
        for name in shape.columns + shape.from_landing
        if name not in shape.key
    ]
    updates += ["retired_at = NULL"] if shape.retires else []
    keys = listed(shape.key_columns)
    return f"""
        WITH compared AS MATERIALIZED (
          SELECT fresh.*, known.id AS known_id, known.id IS NOT NULL AND {shape.is_same} AS is_same
          FROM {shape.page} AS fresh LEFT JOIN "{shape.table}" AS known ON {shape.match}
        ), written AS (
          {shape.insertion} FROM compared AS fresh WHERE NOT is_same ORDER BY {keys}
          ON CONFLICT ({listed(shape.key)}) DO UPDATE SET {", ".join(updates)}
            WHERE NOT {shape.is_older("excluded", quoted(shape.table))}
          RETURNING id, xmax = 0 AS is_created, {keys}
        )
        SELECT 'unchanged', known_id, {keys} FROM compared WHERE is_same
        UNION ALL
        SELECT CASE WHEN is_created THEN 'created' ELSE 'updated' END, id, {keys} FROM written"""


def _log(shape: Shape) -> str:
    names = [name for name in shape.compared if name not in shape.from_landing]
    before = [f"'{name}', known.{quoted(name)}" for name in names]
    after = [f"'{name}', {shape.fresh(name)}" for name in names]
    if shape.retires:
        before, after = [*before, "'retired_at', known.retired_at"], [*after, "'retired_at', NULL"]
    key = " || '/' || ".join(f"fresh.{quoted(name)}::text" for name in shape.key_columns)
    return f"""
        {_LOG}
        SELECT %(organisation_id)s::bigint, %(stream_id)s::bigint, '{shape.table}', key,
          CASE WHEN before IS NULL THEN '{ChangeKind.CREATED}' ELSE '{ChangeKind.UPDATED}' END,
          %(landed_at)s::timestamptz,
          {_differing("before", "after")}, coalesce({_differing("after", "before")}, jsonb_strip_nulls(after))
        FROM (
          SELECT {key} AS key, jsonb_build_object({", ".join(after)}) AS after,
            CASE WHEN known.id IS NOT NULL THEN jsonb_build_object({", ".join(before)}) END AS before
          FROM {shape.page} AS fresh LEFT JOIN "{shape.table}" AS known ON {shape.match}
          WHERE known.id IS NULL OR NOT {shape.is_same}
        ) AS change ORDER BY key"""


def _differing(one: str, other: str) -> str:
    """The members of one object that the other has not or has otherwise; null if there is no other."""
    return f"""(SELECT jsonb_object_agg(name, value) FROM jsonb_each({one}) AS member (name, value)
            WHERE before IS NOT NULL AND value IS DISTINCT FROM {other} -> name)"""


def sent(column: str) -> str:
    """The parameter that brings a column's array."""
    return f"{column}_of_page"


def quoted(name: str) -> str:
    return f'"{name}"'


def listed(names: Iterable[str]) -> str:
    return ", ".join(map(quoted, names))
