"""
What the board and the page of one outage show, each read in one statement over the facts of `outage.facts`, and
decoded into typed rows.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection

from connectors.freshness import Freshness, freshness_sql
from organisation.scope import current_scope
from outage import facts
from outage.models import OPEN_STATUSES, Status

MOST_ROWS = 200
"""More rows than this no one reads; the figures above them still count all."""

STANDING = (*OPEN_STATUSES, Status.RESTORED, Status.VERIFIED)
"""On the board until it is closed or dismissed."""


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """What every fact carries: where it came from, when it was true, when it was proved, and whether it is fresh."""

    source_name: str | None = None
    source_kind: str | None = None
    source_state: str | None = None
    source_time: datetime | None = None
    landed_at: datetime | None = None
    freshness: Freshness = Freshness.UNKNOWN
    target_s: int | None = None


class Location(Fact, frozen=True, kw_only=True):
    element_id: str | None = None
    name: str | None = None
    kind: str | None = None
    nominal_voltage_v: float | None = None
    longitude: float | None = None
    latitude: float | None = None
    zones: tuple[str, ...] = ()


class Customers(Fact, frozen=True, kw_only=True):
    affected: int | None = None
    critical: int | None = None
    off: int | None = None
    critical_off: int | None = None


class Crew(Fact, frozen=True, kw_only=True):
    name: str | None = None
    status: str | None = None
    work_order_number: str | None = None
    work_order_status: str | None = None
    assignment_status: str | None = None


class Restoration(Fact, frozen=True, kw_only=True):
    estimated_at: datetime | None = None
    confidence: str | None = None
    cause: str | None = None
    note: str | None = None


class Measurement(Fact, frozen=True, kw_only=True):
    signal: str
    unit: str = ""
    signal_kind: str = ""
    value: float | None = None
    state: str | None = None
    quality: str | None = None
    reason: str | None = None


class TimelineEntry(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime
    recorded_at: datetime
    kind: str
    from_status: str = ""
    to_status: str = ""
    summary: str = ""
    reason: str = ""
    source: str = ""
    actor: str | None = None
    customers_affected: int = 0
    critical_customers_affected: int = 0


class OutageAlarm(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    name: str
    message: str
    severity: int
    at: datetime
    source_name: str
    is_active: bool
    is_acknowledged: bool
    is_retained: bool
    shelving: str = ""
    acknowledgement: str | None = None
    detail: str | None = None


class CriticalCustomer(msgspec.Struct, frozen=True, kw_only=True):
    external_id: str
    name: str
    reason: str
    node: str | None
    is_off: bool
    restored_at: datetime | None = None


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """An outage with its context, as the board needs it."""

    id: int
    number: str
    type: str
    status: Status
    cause: str
    confidence: float
    detected_at: datetime
    restored_at: datetime | None
    customers_affected: int
    critical_customers_affected: int
    customers_off: int
    critical_customers_off: int
    is_charged: bool
    alias: str | None
    location: Location
    customers: Customers
    crew: Crew
    restoration: Restoration
    telemetry: tuple[Measurement, ...] = ()

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_STATUSES

    @property
    def element(self) -> str:
        """What people call the place: the element's id, or the name that its alarm gave it."""
        return self.location.element_id or self.alias or "Element not named"

    def inputs(self) -> Iterable[Fact]:
        """The facts behind this outage that are known: none of them is better than its source."""
        return (
            fact
            for fact in (self.location, self.customers, self.crew, self.restoration, *self.telemetry)
            if fact.source_name is not None and fact.landed_at is not None
        )


class Page(Row, frozen=True, kw_only=True):
    """An outage with everything that its page shows."""

    timeline: tuple[TimelineEntry, ...] = ()
    alarms: tuple[OutageAlarm, ...] = ()
    critical: tuple[CriticalCustomer, ...] = ()
    map_version: str = ""


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """The figures above the board, over all outages and not only over those shown."""

    standing: int = 0
    open: int = 0
    unconfirmed: int = 0
    customers_off: int = 0
    critical_off: int = 0


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A connector and the weakest of its streams."""

    id: int
    name: str
    state: str
    state_reason: str
    freshness: Freshness | None
    proved_at: datetime | None
    target_s: int | None


@dataclass(frozen=True)
class Board:
    rows: tuple[Row, ...]
    totals: Totals
    sources: tuple[Source, ...]
    etag: str


def read_board(*, now: datetime) -> Board:
    """The board in two statements: the outages with all their context, and the sources."""
    values: dict[str, Any] = {"organisation": current_scope().organisation_id, "now": now}
    with connection.cursor() as cursor:
        cursor.execute(BOARD, {**values, "standing": list(STANDING), "most": MOST_ROWS})
        rows = cursor.fetchall()
        cursor.execute(SOURCES, values)
        sources = cursor.fetchall()
    digest = hashlib.sha256(repr((rows, sources)).encode()).hexdigest()[:24]
    return Board(
        rows=tuple(_row.decode(text) for text, _ in rows),
        totals=_totals.decode(rows[0][1]) if rows else Totals(),
        sources=tuple(_source.decode(text) for (text,) in sources),
        etag=digest,
    )


@dataclass(frozen=True)
class PageRead:
    outage: Page
    etag: str


def read_page(key: str, *, now: datetime) -> PageRead | None:
    """
    One outage, in one statement; `None` if this organisation has none of that number or id.

    :param key: its number, as people say it, or its id
    """
    with connection.cursor() as cursor:
        cursor.execute(
            PAGE,
            {
                "organisation": current_scope().organisation_id,
                "now": now,
                "number": key,
                "id": int(key) if key.isdecimal() and len(key) < 19 else None,
            },
        )
        found = cursor.fetchone()
    if found is None:
        return None
    return PageRead(outage=_page.decode(found[0]), etag=hashlib.sha256(found[0].encode()).hexdigest()[:24])


_row = msgspec.json.Decoder(Row)
_page = msgspec.json.Decoder(Page)
_totals = msgspec.json.Decoder(Totals)
_source = msgspec.json.Decoder(Source)


def _object(fact: str, extra: str = "") -> str:
    """A fact as an object, an empty one where there is nothing to tell."""
    return f"coalesce((SELECT jsonb_strip_nulls(to_jsonb(f)){extra} FROM ({fact.format(a='o')}) f), '{{}}')"


def _list(query: str, order: str) -> str:
    rows = f"SELECT jsonb_agg(jsonb_strip_nulls(to_jsonb(f)) ORDER BY {order}) FROM ({query.format(a='o')}) f"
    return f"coalesce(({rows}), '[]')"


# The zones around an element, the nearest first.
_ZONES = """ || jsonb_build_object(
  'zones', (
    WITH RECURSIVE around AS (
      SELECT z.id, z.parent_id, z.name, 1 AS depth FROM gis_zone z
      WHERE z.organisation_id = f.organisation_id AND z.id = f.zone_id
      UNION ALL
      SELECT p.id, p.parent_id, p.name, around.depth + 1 FROM around
      JOIN gis_zone p ON p.organisation_id = f.organisation_id AND p.id = around.parent_id
      WHERE around.depth < 6
    ) SELECT coalesce(jsonb_agg(around.name ORDER BY around.depth), '[]') FROM around))"""

_COLUMNS = f"""
  'id', o.id, 'number', o.number, 'type', o.type, 'status', o.status, 'cause', o.cause, 'confidence', o.confidence,
  'detected_at', o.detected_at, 'restored_at', o.restored_at, 'is_charged', o.is_charged,
  'customers_affected', o.customers_affected, 'critical_customers_affected', o.critical_customers_affected,
  'customers_off', o.customers_off, 'critical_customers_off', o.critical_customers_off,
  'alias', (SELECT x.external_id FROM gis_elementalias x
    WHERE x.organisation_id = o.organisation_id AND x.id = o.alias_id),
  'location', {_object(facts.LOCATION, _ZONES)},
  'customers', {_object(facts.CUSTOMERS)},
  'crew', {_object(facts.CREW)},
  'restoration', {_object(facts.RESTORATION)},
  'telemetry', {_list(facts.TELEMETRY, "f.signal, f.id")}
"""

# Restored ones stand after the open ones; within each, harm decides, then age.
_WORST_FIRST = """ORDER BY o.status IN ('RESTORED', 'VERIFIED'), o.critical_customers_off DESC, o.customers_off DESC,
  o.detected_at, o.id"""

BOARD = f"""
WITH standing AS (
  SELECT o.*, json_build_object(
    'standing', count(*) OVER (),
    'open', count(*) FILTER (WHERE o.status NOT IN ('RESTORED', 'VERIFIED')) OVER (),
    'unconfirmed', count(*) FILTER (WHERE o.status = 'DETECTED') OVER (),
    'customers_off', coalesce(sum(o.customers_off) OVER (), 0),
    'critical_off', coalesce(sum(o.critical_customers_off) OVER (), 0))::text AS totals
  FROM outage_outage o
  WHERE o.organisation_id = %(organisation)s AND o.status = ANY(%(standing)s)
  {_WORST_FIRST}
  LIMIT %(most)s
)
SELECT jsonb_build_object({_COLUMNS})::text, o.totals
FROM standing o
{_WORST_FIRST}
"""

_ALARMS = """
SELECT a.id, a.name, a.message, a.severity, ev.at, c.name AS source_name, a.is_active, a.is_acknowledged, a.is_retained,
  a.shelving, k.status AS acknowledgement, k.detail
FROM (
  SELECT e.organisation_id, e.alarm_id, max(e.at) AS at FROM outage_evidence e
  WHERE e.organisation_id = {a}.organisation_id AND e.outage_id = {a}.id GROUP BY e.organisation_id, e.alarm_id
) ev
JOIN telemetry_alarm a ON a.organisation_id = ev.organisation_id AND a.id = ev.alarm_id
JOIN connectors_connector c ON c.organisation_id = a.organisation_id AND c.id = a.connector_id
LEFT JOIN LATERAL (
  SELECT k.status, nullif(k.detail, '') AS detail FROM telemetry_acknowledgement k
  WHERE k.organisation_id = a.organisation_id AND k.alarm_id = a.id AND k.event_id = a.event_id
  ORDER BY k.id DESC LIMIT 1
) k ON true
"""

_CRITICAL = """
SELECT sp.external_id, sp.name, sp.priority_reason AS reason, coalesce(sp.node, '') AS node, af.is_off, af.restored_at
FROM outage_affectedservicepoint af
JOIN customer_servicepoint sp ON sp.organisation_id = af.organisation_id AND sp.id = af.service_point_id
WHERE af.organisation_id = {a}.organisation_id AND af.outage_id = {a}.id AND sp.priority = 'CRITICAL'
ORDER BY af.is_off DESC, sp.name, sp.external_id LIMIT 100
"""

# What the map shows changes with the numbering, with a device that opened or closed since, and with the outage itself.
MAP_VERSION = """(
  SELECT concat_ws('-', n.version, extract(epoch FROM n.topology_at),
    (SELECT concat_ws('.', count(*), max(d.id)) FROM gis_deadrange d
     WHERE d.organisation_id = n.organisation_id AND d.version = n.version),
    extract(epoch FROM o.updated_at), o.customers_off, o.element_id)
  FROM gis_network n WHERE n.organisation_id = o.organisation_id)"""

PAGE = f"""
SELECT jsonb_build_object({_COLUMNS},
  'timeline', {_list(facts.TIMELINE, "f.at DESC, f.id DESC")},
  'alarms', {_list(_ALARMS, "f.at DESC, f.id DESC")},
  'critical', {_list(_CRITICAL, "f.is_off DESC, f.name, f.external_id")},
  'map_version', coalesce({MAP_VERSION}, '0'))::text
FROM outage_outage o
WHERE o.organisation_id = %(organisation)s AND (o.number = %(number)s OR o.id = %(id)s)
ORDER BY o.number = %(number)s DESC LIMIT 1
"""

_WEAKEST_FIRST = "array_position(ARRAY['UNAVAILABLE', 'STALE', 'UNKNOWN', 'FRESH'], w.freshness)"

_FRESHNESS = freshness_sql(outcome="ss.outcome", proved_at="ss.proved_at", freshness_s="st.freshness_s", now="%(now)s")

SOURCES = f"""
SELECT jsonb_build_object('id', c.id, 'name', c.name, 'state', c.state, 'state_reason', c.state_reason,
  'freshness', weakest.freshness, 'proved_at', weakest.proved_at, 'target_s', weakest.freshness_s)::text
FROM connectors_connector c
LEFT JOIN LATERAL (
  SELECT w.* FROM (
    SELECT ss.proved_at, st.freshness_s,
      {_FRESHNESS} AS freshness
    FROM connectors_stream st
    LEFT JOIN connectors_streamstate ss ON ss.organisation_id = st.organisation_id AND ss.stream_id = st.id
    WHERE st.organisation_id = c.organisation_id AND st.connector_id = c.id AND st.is_enabled
  ) w
  ORDER BY {_WEAKEST_FIRST}, (%(now)s - w.proved_at) / w.freshness_s DESC NULLS FIRST LIMIT 1
) weakest ON c.state <> 'DISABLED'
WHERE c.organisation_id = %(organisation)s
ORDER BY c.id
"""


def worst_sources(sources: Sequence[Source]) -> list[Source]:
    """Those on which nobody should rely without looking."""
    return [one for one in sources if one.freshness in (Freshness.STALE, Freshness.UNAVAILABLE) or one.state == "ERROR"]
