"""
The statements that land readings. A page comes with the statement, as one array per column.

Those that look for rows name no organisation: the row policy does. Named twice, it would count twice in the
estimate, and the planner take any index that begins with it for as good as the right one.
"""

# Two statements and no join: for tables that have grown since their statistics were made, the planner would compare
# every signal with every reading.
SIGNALS = """
SELECT coalesce(array_agg(external_id), '{}'), coalesce(array_agg(id), '{}')
FROM telemetry_signal WHERE connector_id = %(connector)s AND external_id = ANY(%(names)s::text[])
"""

LATEST = """
SELECT coalesce(array_agg(signal_id), '{}'), coalesce(array_agg(source_time), '{}'),
  coalesce(array_agg(coalesce(usable_time, '-infinity')), '{}'),
  coalesce(array_agg(signal_id) FILTER (WHERE is_asked), '{}'),
  coalesce(array_agg(value) FILTER (WHERE is_asked), '{}'),
  coalesce(array_agg(state) FILTER (WHERE is_asked), '{}'),
  coalesce(array_agg(quality::text) FILTER (WHERE is_asked), '{}'),
  coalesce(array_agg(reason) FILTER (WHERE is_asked), '{}')
FROM (
  SELECT *, source_time BETWEEN (%(span)s::timestamptz[])[1] AND (%(span)s::timestamptz[])[2] AS is_asked
  FROM telemetry_latestreading WHERE signal_id = ANY(%(signals)s::bigint[])
) AS latest
"""
"""By column, and after that the content of those whose time lies within what the page spans."""

TAKE_TURNS = "SELECT pg_advisory_xact_lock(hashtextextended('readings', %(connector)s))"
"""
Until the transaction ends, nobody else lands readings of the connector: what is told from the newest readings stays
true, and of two who write those of the same signals, each in the order that a plan has, none ends in a deadlock.
"""

# Side by side in a select list they go row by row through the server; as a table they would be stored there first.
_COLUMNS = """unnest(%(signals)s::bigint[]) AS signal_id, unnest(%(times)s::timestamptz[]) AS source_time,
  unnest(%(values)s::float8[]) AS value, unnest(%(states)s::text[]) AS state,
  unnest(%(qualities)s::text[]) AS quality, unnest(%(reasons)s::text[]) AS reason"""

_PAGE = f"(SELECT {_COLUMNS}) AS page"

APPEND = f"""
INSERT INTO telemetry_reading
  (organisation_id, signal_id, source_time, landed_at, value, state, quality, reason)
SELECT %(organisation)s, signal_id, source_time, %(now)s, value, state, quality, reason
FROM {_PAGE}
"""  # noqa: S608  # put together from the constants above; every value is a parameter
"""For what history does not hold; it looks at nothing, and fails if history does."""

MERGE = f"""
WITH changed AS MATERIALIZED (
  SELECT page.*, known.signal_id IS NOT NULL AS is_known
  FROM {_PAGE}
  LEFT JOIN LATERAL (
    SELECT * FROM telemetry_reading
    WHERE organisation_id = %(organisation)s AND signal_id = page.signal_id AND source_time = page.source_time
    LIMIT 1
  ) AS known ON true
  WHERE known.signal_id IS NULL OR (known.value, known.state, known.quality, known.reason)
    IS DISTINCT FROM (page.value, page.state, page.quality, page.reason)
), written AS (
  INSERT INTO telemetry_reading AS known
    (organisation_id, signal_id, source_time, landed_at, value, state, quality, reason)
  SELECT %(organisation)s, signal_id, source_time, %(now)s, value, state, quality, reason
  FROM changed
  ON CONFLICT (signal_id, source_time) DO UPDATE SET value = excluded.value, state = excluded.state,
    quality = excluded.quality, reason = excluded.reason, landed_at = excluded.landed_at
)
SELECT count(*) FILTER (WHERE NOT is_known), count(*) FILTER (WHERE is_known) FROM changed
"""  # noqa: S608  # as above
"""
For any. A partitioned table tells no system columns, so what was there before is asked beforehand: in a sub-select with
a limit, so that the planner looks up each row by its key, whatever the statistics of a day that has just begun.
"""

_NEWEST = f"""(SELECT %(now)s AS landed_at, {_COLUMNS},
  unnest(%(usable_times)s::timestamptz[]) AS usable_time, unnest(%(usable_values)s::float8[]) AS usable_value,
  unnest(%(usable_states)s::text[]) AS usable_state) AS page"""

# The signals are listed beside the join, so that the planner has an index to find them by, however it joins.
_OF_PAGE = "latest.signal_id = page.signal_id AND latest.signal_id = ANY(%(signals)s::bigint[])"

MOVE_LATEST = f"""
UPDATE telemetry_latestreading AS latest SET
  source_time = page.source_time, landed_at = page.landed_at, value = page.value, state = page.state,
  quality = page.quality, reason = page.reason,
  usable_time = coalesce(page.usable_time, latest.usable_time),
  usable_value = CASE WHEN page.usable_time IS NULL THEN latest.usable_value ELSE page.usable_value END,
  usable_state = CASE WHEN page.usable_time IS NULL THEN latest.usable_state ELSE page.usable_state END
FROM {_NEWEST}
WHERE {_OF_PAGE}
"""  # noqa: S608  # as above
"""For signals whose newest reading is older, or was told otherwise. A usable one is given where that moves too."""

MOVE_USABLE = f"""
UPDATE telemetry_latestreading AS latest SET
  usable_time = page.usable_time, usable_value = page.usable_value, usable_state = page.usable_state
FROM {_NEWEST}
WHERE {_OF_PAGE} AND (latest.usable_time, latest.usable_value, latest.usable_state)
  IS DISTINCT FROM (page.usable_time, page.usable_value, page.usable_state)
RETURNING latest.signal_id
"""  # noqa: S608  # as above
"""For signals whose newest reading stays, and is of bad quality: what they showed last came late, or was restated."""

FIRST_LATEST = f"""
INSERT INTO telemetry_latestreading (organisation_id, signal_id, source_time, landed_at, value,
  state, quality, reason, usable_time, usable_value, usable_state)
SELECT %(organisation)s, signal_id, source_time, landed_at, value, state, quality, reason,
  usable_time, usable_value, usable_state
FROM {_NEWEST}
"""  # noqa: S608  # as above
"""For signals that had none."""
