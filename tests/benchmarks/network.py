"""
Builds a network of 1,000,000 elements, numbers it, asks it, and prints what that took as JSON.

100 substations on a closed ring, each with a source and 20 feeders; a feeder is a breaker and 498 branches that fork
as they go, every tenth of them a switch; 1,800 open ties between feeders. Every second node has a service point, one in
a hundred of them critical.
"""

import os
import random
import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, LiteralString

import orjson
import psycopg
from django.conf import settings
from django.db import connection

from connectors.contracts.reading import SwitchState
from connectors.models import Connector, Stream
from customer.queries import impact
from customer.services.counting import recount
from gis.models import NetworkElement
from gis.positions import PositionReport
from gis.services.network import renumber
from gis.services.positions import apply_switch_positions
from organisation.database import require_safe_role
from organisation.models import Organisation
from organisation.scope import Scope, acting_for, system_job
from tests.benchmarks.results import Result

ELEMENTS = 1_000_000
SUBSTATIONS, FEEDERS, BRANCHES = 100, 20, 499
TIES = ELEMENTS - SUBSTATIONS * (2 + FEEDERS * BRANCHES)

QUESTIONS = 1_000
OPEN_SWITCHES = 20
QUERY_TARGET_MS = 5.0
REBUILD_TARGET_S = 30.0


def main() -> None:
    require_safe_role()
    _as_owner(WITHOUT_REFERENCES)
    scope = _land()
    _as_owner("VACUUM ANALYZE")  # as autovacuum does some minutes after a first load
    base = _peak_mib()
    computed = time.process_time()
    first = _timed(lambda: _rebuild(scope))
    computed = time.process_time() - computed
    again = _timed(lambda: _rebuild(scope))
    peak = _peak_mib()
    _open_some(scope)
    inside, whole, answers = _ask(scope)
    p95 = _p95(inside)
    results = [
        Result(
            "impact-query",
            round(p95, 3),
            "ms, p95",
            f"< {QUERY_TARGET_MS:g}",
            p95 < QUERY_TARGET_MS,
            f"{QUESTIONS} elements at random of {ELEMENTS:,}, {OPEN_SWITCHES} switches open: median "
            f"{statistics.median(inside):.2f} ms, worst {max(inside):.2f} ms; with a transaction of its own p95 "
            f"{_p95(whole):.2f} ms; answers from {min(answers)} to {max(answers):,} service points; role app; "
            f"{_machine()}",
        ),
        Result(
            "impact-rebuild",
            round(max(first, again), 2),
            "s",
            f"< {REBUILD_TARGET_S:g}",
            max(first, again) < REBUILD_TARGET_S,
            f"{ELEMENTS:,} elements read, numbered, counted and written: the first time {first:.1f} s, of which "
            f"{computed:.1f} s of computing in this process, again {again:.1f} s; peak memory {peak:.0f} MiB, "
            f"{base:.0f} MiB of it before; role app; {_machine()}",
        ),
    ]
    sys.stdout.buffer.write(orjson.dumps([asdict(one) for one in results]))


def _land() -> Scope:
    with system_job("benchmark"):
        organisation = Organisation.objects.create(slug="bench", name="Bench")
    scope = Scope(organisation_id=organisation.pk)
    with acting_for(scope), connection.cursor() as cursor:
        connector = Connector.objects.create(name="Bench", kind="pretend")
        stream = Stream.objects.create(connector=connector, name="all", contract="any/1")
        given: dict[str, Any] = {
            "organisation": organisation.pk,
            "connector": connector.pk,
            "stream": stream.pk,
            "now": datetime.now(UTC),
            "substations": SUBSTATIONS,
            "feeders": SUBSTATIONS * FEEDERS,
            "last": BRANCHES - 1,
            "ties": TIES,
        }
        for statement in (SOURCES, BRANCHES_OF_FEEDERS, TIES_BETWEEN_FEEDERS, SERVICE_POINTS):
            cursor.execute(statement, given)
        landed = NetworkElement.objects.count()
    if landed != ELEMENTS:
        raise RuntimeError(f"There are {landed} elements, not {ELEMENTS}.")
    return scope


def _as_owner(statement: LiteralString) -> None:
    with psycopg.connect(settings.DATABASE_OWNER_URL, autocommit=True) as owner:
        owner.execute(statement)


def _rebuild(scope: Scope) -> None:
    now = datetime.now(UTC)
    with acting_for(scope):
        renumber(now=now)
        recount(now=now)


def _open_some(scope: Scope) -> None:
    now = datetime.now(UTC)
    with acting_for(scope):
        switches = list(NetworkElement.objects.filter(kind="BREAKER").values_list("pk", flat=True)[:OPEN_SWITCHES])
        apply_switch_positions(
            positions=[PositionReport(element_id=one, state=SwitchState.OPEN, source_time=now) for one in switches],
            now=now,
        )


def _ask(scope: Scope) -> tuple[list[float], list[float], list[int]]:
    """Milliseconds of each question alone, and with its transaction; and how many service points it answered."""
    with acting_for(scope):
        everything = list(NetworkElement.objects.values_list("pk", flat=True))
    asked = random.Random(215).sample(everything, QUESTIONS)  # the same ones each time
    inside, whole, answers = [], [], []
    for element in asked:
        began = time.perf_counter()
        with acting_for(scope):
            inner = time.perf_counter()
            answers.append(impact([element])[element].total)
            inside.append((time.perf_counter() - inner) * 1_000)
        whole.append((time.perf_counter() - began) * 1_000)
    return inside, whole, answers


def _machine() -> str:
    return f"{os.cpu_count()} cores, load {os.getloadavg()[1]:.1f}"


def _timed(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95) - 1]


# Checking three million references between rows that are made here would take the most of the time.
WITHOUT_REFERENCES = """
DO $$
DECLARE one record;
BEGIN
  FOR one IN SELECT conrelid::regclass AS of, conname AS name FROM pg_constraint
    WHERE contype = 'f' AND conrelid IN ('gis_networkelement'::regclass, 'customer_servicepoint'::regclass)
  LOOP
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', one.of, one.name);
  END LOOP;
END $$
"""

INTO_ELEMENTS = """
INSERT INTO gis_networkelement (organisation_id, connector_id, stream_id, landed_at, external_id, kind, name,
  from_node, to_node, normally_open)
SELECT %(organisation)s, %(connector)s, %(stream)s, %(now)s,
"""

SOURCES = f"""
{INTO_ELEMENTS} 'S' || station, 'SOURCE', '', 's' || station, NULL, false
FROM generate_series(0, %(substations)s - 1) AS station
UNION ALL
SELECT %(organisation)s, %(connector)s, %(stream)s, %(now)s,
  'R' || station, 'LINE', '', 's' || station, 's' || (station + 1) %% %(substations)s, false
FROM generate_series(0, %(substations)s - 1) AS station
"""  # noqa: S608  # our own words

# Branch 0 of a feeder is its breaker; each other one hangs on one of the four before it.
BRANCHES_OF_FEEDERS = f"""
{INTO_ELEMENTS} format('E%%s-%%s', feeder, branch),
  CASE WHEN branch = 0 THEN 'BREAKER' WHEN branch %% 10 = 0 THEN 'LOAD_BREAK_SWITCH' ELSE 'LINE' END, '',
  CASE WHEN branch = 0 THEN 's' || feeder %% %(substations)s
    ELSE format('n%%s-%%s', feeder, greatest(branch - 1 - (hashint8(feeder * 1000 + branch) & 3), 0)) END,
  format('n%%s-%%s', feeder, branch), false
FROM generate_series(0, %(feeders)s - 1) AS feeder CROSS JOIN generate_series(0, %(last)s) AS branch
"""

TIES_BETWEEN_FEEDERS = f"""
{INTO_ELEMENTS} 'T' || tie, 'LOAD_BREAK_SWITCH', '',
  format('n%%s-%%s', tie, %(last)s), format('n%%s-%%s', (tie + 1) %% %(feeders)s, %(last)s), true
FROM generate_series(0, %(ties)s - 1) AS tie
"""

SERVICE_POINTS = """
INSERT INTO customer_servicepoint (organisation_id, connector_id, stream_id, landed_at, external_id, node, name,
  customer_class, priority, priority_reason, account_number)
SELECT %(organisation)s, %(connector)s, %(stream)s, %(now)s, format('P%%s-%%s', feeder, branch),
  format('n%%s-%%s', feeder, branch), '', '', CASE WHEN branch %% 200 = 2 THEN 'CRITICAL' ELSE 'NORMAL' END, '', ''
FROM generate_series(0, %(feeders)s - 1) AS feeder CROSS JOIN generate_series(2, %(last)s, 2) AS branch
"""


if __name__ == "__main__":
    main()
