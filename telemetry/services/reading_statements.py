"""The statements that land readings, and the temporary table that a page is copied to."""

PAGE = {
    "signal_id": "int8",
    "source_time": "timestamptz",
    "value": "float8",
    "state": "text",
    "quality": "text",
    "reason": "text",
    "has_day": "bool",
    "is_newest": "bool",
    "usable_time": "timestamptz",
    "usable_value": "float8",
    "usable_state": "text",
}
"""
Columns of `readings_page` and their types. `is_newest` marks one reading per signal, the newest of the page; the
`usable_…` ones stand there, and are those of the newest that is not of bad quality.
"""

# Two statements and no join: for tables that have grown since their statistics were made, the planner would compare
# every signal with every reading.
SIGNALS = """
SELECT external_id, id FROM telemetry_signal
WHERE organisation_id = %(organisation)s AND connector_id = %(connector)s AND external_id = ANY(%(names)s::text[])
"""

LATEST = """
SELECT signal_id, source_time, value, state, quality, reason FROM telemetry_latestreading
WHERE organisation_id = %(organisation)s AND signal_id = ANY(%(signals)s::bigint[])
"""

PREPARE = """
SET LOCAL client_min_messages = warning;
CREATE TEMPORARY TABLE IF NOT EXISTS readings_page (
  signal_id int8, source_time timestamptz, value float8, state text, quality text, reason text, has_day bool,
  is_newest bool, usable_time timestamptz, usable_value float8, usable_state text
) ON COMMIT DELETE ROWS;
SET LOCAL client_min_messages TO DEFAULT;
DELETE FROM readings_page
"""

COPY = f"COPY readings_page ({', '.join(PAGE)}) FROM STDIN (FORMAT BINARY)"

# Both write in the order of the key: writers of shared keys would deadlock.
APPEND = """
INSERT INTO telemetry_reading AS known
  (organisation_id, signal_id, source_time, landed_at, value, state, quality, reason)
SELECT %(organisation)s, signal_id, source_time, %(now)s, value, state, quality, reason
FROM readings_page WHERE has_day ORDER BY signal_id, source_time
ON CONFLICT (signal_id, source_time) DO UPDATE SET value = excluded.value, state = excluded.state,
  quality = excluded.quality, reason = excluded.reason, landed_at = excluded.landed_at
WHERE (known.value, known.state, known.quality, known.reason)
  IS DISTINCT FROM (excluded.value, excluded.state, excluded.quality, excluded.reason)
"""
"""For readings that are newer than any of their signal."""

MERGE = """
WITH changed AS MATERIALIZED (
  SELECT page.*, known.signal_id IS NOT NULL AS is_known
  FROM readings_page AS page
  LEFT JOIN LATERAL (
    SELECT * FROM telemetry_reading
    WHERE organisation_id = %(organisation)s AND signal_id = page.signal_id AND source_time = page.source_time
    LIMIT 1
  ) AS known ON true
  WHERE page.has_day AND (known.signal_id IS NULL OR (known.value, known.state, known.quality, known.reason)
    IS DISTINCT FROM (page.value, page.state, page.quality, page.reason))
), written AS (
  INSERT INTO telemetry_reading AS known
    (organisation_id, signal_id, source_time, landed_at, value, state, quality, reason)
  SELECT %(organisation)s, signal_id, source_time, %(now)s, value, state, quality, reason
  FROM changed ORDER BY signal_id, source_time
  ON CONFLICT (signal_id, source_time) DO UPDATE SET value = excluded.value, state = excluded.state,
    quality = excluded.quality, reason = excluded.reason, landed_at = excluded.landed_at
)
SELECT count(*) FILTER (WHERE NOT is_known), count(*) FILTER (WHERE is_known) FROM changed
"""
"""
For any. A partitioned table tells no system columns, so what was there before is asked beforehand: in a sub-select with
a limit, so that the planner looks up each row by its key, whatever the statistics of a day that has just begun.
"""

_NEWER = """(latest.source_time < excluded.source_time
  OR latest.source_time = excluded.source_time AND (latest.value, latest.state, latest.quality, latest.reason)
    IS DISTINCT FROM (excluded.value, excluded.state, excluded.quality, excluded.reason))"""

_NEWER_USABLE = """(excluded.usable_time IS NOT NULL AND (latest.usable_time IS NULL
  OR latest.usable_time < excluded.usable_time
  OR latest.usable_time = excluded.usable_time AND (latest.usable_value, latest.usable_state)
    IS DISTINCT FROM (excluded.usable_value, excluded.usable_state)))"""

_MOVED = ",\n  ".join(
    f"{column} = CASE WHEN {condition} THEN excluded.{column} ELSE latest.{column} END"
    for condition, columns in (
        (_NEWER, ("source_time", "landed_at", "value", "state", "quality", "reason")),
        (_NEWER_USABLE, ("usable_time", "usable_value", "usable_state")),
    )
    for column in columns
)

UPSERT_LATEST = f"""
INSERT INTO telemetry_latestreading AS latest (organisation_id, signal_id, source_time, landed_at, value,
  state, quality, reason, usable_time, usable_value, usable_state)
SELECT %(organisation)s, signal_id, source_time, %(now)s, value, state, quality, reason,
  usable_time, usable_value, usable_state
FROM readings_page WHERE is_newest ORDER BY signal_id
ON CONFLICT (organisation_id, signal_id) DO UPDATE SET
  {_MOVED}
WHERE {_NEWER} OR {_NEWER_USABLE}
RETURNING signal_id
"""  # noqa: S608  # put together from the constants above; every value is a parameter
"""The out-of-order guard stands here, where no other writer can come between."""
