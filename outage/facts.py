"""
The facts of an outage's context as SQL: one sub-select per fact, each with its value and where that came from. The
board of fifty outages with all of it is one statement; GraphQL compiles its selection over these, the console reads
all of them.

In every text `{a}` is the outage's alias; `%(now)s` is the moment asked for.
"""

from connectors.freshness import freshness_sql
from outage.models import Outage

_STREAM = """
  JOIN connectors_stream st ON st.organisation_id = {row}.organisation_id AND st.id = {stream}
  LEFT JOIN connectors_streamstate ss ON ss.organisation_id = st.organisation_id AND ss.stream_id = st.id
  JOIN connectors_connector c ON c.organisation_id = st.organisation_id AND c.id = st.connector_id
"""


def _proved(row: str, state: str = "ss") -> str:
    """
    When the source last proved a row: its own landing, or a later complete read that held it. A pushing source is
    never read, so that each push proves itself alone.
    """
    return (
        f"CASE WHEN {state}.source_read_at IS NULL OR {row}.retired_at IS NOT NULL THEN {row}.landed_at "
        f"ELSE greatest({row}.landed_at, {state}.proved_at) END"
    )


def _provenance(*, source_time: str, landed_at: str, known: str = "true") -> str:
    fresh = freshness_sql(outcome="ss.outcome", proved_at=f"({landed_at})", freshness_s="st.freshness_s", now="%(now)s")
    return f"""
  c.name AS source_name, c.kind AS source_kind, c.state AS source_state,
  {source_time} AS source_time, {landed_at} AS landed_at, st.freshness_s AS target_s,
  CASE WHEN {known} THEN {fresh} ELSE 'UNKNOWN' END AS freshness
"""


ALIASES_OF_ELEMENT = """(
  SELECT named.id FROM gis_elementalias named
  WHERE named.organisation_id = {a}.organisation_id AND named.element_id = {a}.element_id
  UNION ALL SELECT {a}.alias_id
)"""

# By ids from two ways of asking, for each of which there is an index: one condition with OR would walk all of a table.
WORK_ORDERS = f"""
  FROM work_workorder w
  WHERE w.organisation_id = {{a}}.organisation_id AND w.retired_at IS NULL
    AND w.id IN (
      SELECT x.id FROM work_workorder x
      WHERE x.organisation_id = {{a}}.organisation_id AND x.alias_id IN {ALIASES_OF_ELEMENT}
      UNION ALL
      SELECT x.id FROM work_equipment q
        JOIN work_workorder x ON x.organisation_id = q.organisation_id AND x.connector_id = q.connector_id
          AND x.equipment_external_id = q.external_id
        LEFT JOIN gis_elementalias own ON own.organisation_id = x.organisation_id AND own.id = x.alias_id
      WHERE q.organisation_id = {{a}}.organisation_id AND q.alias_id IN {ALIASES_OF_ELEMENT}
        AND own.element_id IS NULL)
    AND coalesce(w.reported_at, w.source_time, w.landed_at)
      BETWEEN {{a}}.context_since AND coalesce({{a}}.restored_at, 'infinity')
"""
"""
The work orders of an outage: on its element, by the element that they name or, if that is not known, by their
equipment. What was reported before the outage's context began, or after its supply was back, is about something else.
"""

JOB_FIRST = """
  ORDER BY w.status IN ('CLOSED', 'CANCELLED', 'COMPLETED'), coalesce(w.reported_at, w.source_time, w.landed_at) DESC,
    w.id DESC
"""
"""Of several work orders the one that is still to be done, then the one reported last."""

ESTIMATES = f"""
  FROM outage_restorationestimate r
  WHERE r.organisation_id = {{a}}.organisation_id AND r.retired_at IS NULL
    AND r.id IN (
      SELECT x.id FROM outage_restorationestimate x
      WHERE x.organisation_id = {{a}}.organisation_id AND x.alias_id IN {ALIASES_OF_ELEMENT}
      UNION ALL
      SELECT x.id FROM outage_restorationestimate x
      WHERE x.organisation_id = {{a}}.organisation_id
        AND x.work_order_external_id IN (SELECT w.external_id {WORK_ORDERS}))
    AND r.source_time BETWEEN {{a}}.context_since AND coalesce({{a}}.restored_at, 'infinity')
"""
"""What the field told of an outage: estimates that name its element or one of its work orders."""

LOCATION = (
    "SELECT e.organisation_id, e.external_id AS element_id, e.name, e.kind, e.longitude, e.latitude, e.zone_id,"
    + _provenance(source_time="coalesce(e.source_time, ss.source_read_at)", landed_at=_proved("e"))
    + "FROM gis_networkelement e"
    + _STREAM.format(row="e", stream="e.stream_id")
    + "WHERE e.organisation_id = {a}.organisation_id AND e.id = {a}.element_id"
)

CUSTOMERS = (
    "SELECT CASE WHEN {a}.is_charged THEN {a}.customers_affected END AS affected,"
    " CASE WHEN {a}.is_charged THEN {a}.critical_customers_affected END AS critical,"
    " CASE WHEN {a}.is_charged THEN {a}.customers_off END AS off,"
    " CASE WHEN {a}.is_charged THEN {a}.critical_customers_off END AS critical_off,"
    + _provenance(source_time="ss.source_read_at", landed_at="ss.proved_at", known="{a}.is_charged")
    + """FROM connectors_stream st
  LEFT JOIN connectors_streamstate ss ON ss.organisation_id = st.organisation_id AND ss.stream_id = st.id
  JOIN connectors_connector c ON c.organisation_id = st.organisation_id AND c.id = st.connector_id
  WHERE st.organisation_id = {a}.organisation_id AND st.contract = 'service-point/1'
  ORDER BY ss.proved_at DESC NULLS LAST, st.id LIMIT 1"""
)

CREW = f"""
SELECT coalesce(nullif(k.name, ''), w.crew_external_id) AS name, k.status, w.external_id AS work_order_number,
  w.status AS work_order_status, w.assignment_status,
  {
    _provenance(
        source_time="greatest(w.source_time, k.source_time)",
        landed_at=f"least(w.proved_at, {_proved('k', 'ks')})",
        known="coalesce(k.name, w.crew_external_id) IS NOT NULL",
    )
}
FROM (
  SELECT w.organisation_id, w.connector_id, w.stream_id, w.external_id, w.status, w.source_time,
    d.crew_external_id, d.status AS assignment_status,
    {_proved("w", "ws")} AS proved_at
  FROM (SELECT w.* {WORK_ORDERS} {JOB_FIRST} LIMIT 1) w
  LEFT JOIN connectors_streamstate ws ON ws.organisation_id = w.organisation_id AND ws.stream_id = w.stream_id
  LEFT JOIN LATERAL (
    SELECT d.crew_external_id, d.status FROM work_assignment d
    WHERE d.organisation_id = w.organisation_id AND d.work_order_id = w.id
    ORDER BY d.assigned_at DESC NULLS LAST, d.id DESC LIMIT 1
  ) d ON true
) w
LEFT JOIN work_crew k ON k.organisation_id = w.organisation_id AND k.connector_id = w.connector_id
  AND k.external_id = w.crew_external_id AND k.retired_at IS NULL
LEFT JOIN connectors_streamstate ks ON ks.organisation_id = k.organisation_id AND ks.stream_id = k.stream_id
{_STREAM.format(row="w", stream="coalesce(k.stream_id, w.stream_id)")}
"""

RESTORATION = (
    "SELECT r.estimated_at, r.confidence, r.cause, r.note,"
    + _provenance(source_time="r.source_time", landed_at=_proved("r"))
    + f"FROM (SELECT r.* {ESTIMATES} ORDER BY r.source_time DESC, r.id DESC LIMIT 1) r"
    + _STREAM.format(row="r", stream="r.stream_id")
)

# The stream of readings proves a value, not the one that told of the signal's existence.
TELEMETRY = (
    "SELECT s.id, s.external_id AS signal_id, s.name AS signal, s.unit, s.kind AS signal_kind,"
    " l.value, l.state, l.quality, l.reason,"
    + _provenance(
        source_time="l.source_time", landed_at="greatest(l.landed_at, ss.proved_at)", known="l.id IS NOT NULL"
    )
    + f"""FROM telemetry_signal s
  LEFT JOIN telemetry_latestreading l ON l.organisation_id = s.organisation_id AND l.signal_id = s.id
  LEFT JOIN LATERAL (
    SELECT st.* FROM connectors_stream st
    WHERE st.organisation_id = s.organisation_id AND st.connector_id = s.connector_id
    ORDER BY st.contract = 'reading/1' DESC, st.id LIMIT 1
  ) st ON true
  LEFT JOIN connectors_streamstate ss ON ss.organisation_id = st.organisation_id AND ss.stream_id = st.id
  JOIN connectors_connector c ON c.organisation_id = st.organisation_id AND c.id = st.connector_id
  WHERE s.organisation_id = {{a}}.organisation_id AND s.retired_at IS NULL AND s.alias_id IN {ALIASES_OF_ELEMENT}"""
)

TIMELINE = """
SELECT t.id, t.at, t.recorded_at, t.kind, t.from_status, t.to_status, t.summary, t.reason, t.customers_affected,
  t.critical_customers_affected, t.source, coalesce(nullif(u.name, ''), u.email, nullif(t.source, '')) AS actor
FROM outage_timelineentry t LEFT JOIN organisation_user u ON u.id = t.actor_id
WHERE t.organisation_id = {a}.organisation_id AND t.outage_id = {a}.id
"""

ALERTS = """
SELECT t.* FROM outage_issuedalert t WHERE t.organisation_id = {a}.organisation_id AND t.outage_id = {a}.id
"""

TABLE = Outage._meta.db_table
