"""
Lands 500,000 readings of two days, the same again, and copies them bare; prints what that took as JSON.

Each page is one poll: a reading of each of 5,000 signals, in JSON. Every tenth signal is a switch position, and one
reading in fifty is of bad quality. The tables have no statistics, as on the first day.
"""

import os
import random
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import LiteralString

import msgspec
import orjson
import psycopg
from django.conf import settings

from config.wiring import WIRING
from connectors.contracts.base import contract_id
from connectors.contracts.reading import Quality, Reading, SwitchState
from connectors.contracts.signal import Signal, SignalKind
from connectors.landing import Landed, Landing
from connectors.models import Connector, Stream
from organisation.database import require_safe_role
from organisation.models import Organisation
from organisation.scope import Scope, acting_for, system_job
from tests.benchmarks.results import Result

SIGNALS = 5_000
POLLS = 100
PERIOD = timedelta(days=2)
ROUNDS = 3
TARGET = 100_000

PAGE = msgspec.json.Decoder(list[Reading])


@dataclass(frozen=True, kw_only=True)
class Round:
    """Readings a second: landed, landed again when nothing changes, and copied."""

    first: float
    again: float
    copied: float


def main() -> None:
    require_safe_role()
    load = os.getloadavg()[0]
    now = datetime.now(UTC)
    scope, signals, readings = _make_streams(now)
    names = [f"ns=2;s=Substation{number // 50:03}.Bay{number % 50:02}.P" for number in range(SIGNALS)]
    _land(
        [Signal(external_id=name, name=name, kind=_kind(number)) for number, name in enumerate(names)], signals, scope
    )
    pages = _polls(names, now)
    rounds = [_round(pages, readings, scope) for _ in range(ROUNDS)]
    best = max(rounds, key=lambda one: one.first)
    copied = max(one.copied for one in rounds)
    result = Result(
        "readings",
        round(best.first),
        "a second",
        f"> {TARGET}",
        best.first > TARGET,
        f"{SIGNALS * POLLS:,} readings over two days in pages of {SIGNALS:,}, one of each signal. Within the time: "
        "JSON to records of the contract, a page ahead in a thread; the wiring's landing function, in a transaction "
        "per page; all in one process. Not within it: fetching, the engine's own rows, followers. "
        f"Best of {ROUNDS}: {_listed(one.first for one in rounds)}; the same again, when nothing changes: "
        f"{_listed(one.again for one in rounds)}; bare binary COPY of the same rows by the owner, encoded beforehand: "
        f"{_listed(one.copied for one in rounds)}, of which landing is {best.first / copied:.0%}; "
        f"role app; {os.cpu_count()} cores, load before {load:.1f}",
    )
    sys.stdout.buffer.write(orjson.dumps([asdict(result)]))


def _make_streams(now: datetime) -> tuple[Scope, Landing, Landing]:
    with system_job("benchmark"):
        organisation = Organisation.objects.create(slug="bench", name="Bench")
    scope = Scope(organisation_id=organisation.pk)
    with acting_for(scope):
        connector = Connector.objects.create(name="Bench", kind="pretend")
        streams = [
            Stream.objects.create(connector=connector, name=contract.contract_name, contract=contract_id(contract))
            for contract in (Signal, Reading)
        ]
    signals, readings = (
        Landing(organisation_id=organisation.pk, connector_id=connector.pk, stream_id=stream.pk, now=now)
        for stream in streams
    )
    return scope, signals, readings


def _kind(number: int) -> SignalKind:
    return SignalKind.SWITCH_POSITION if number % 10 == 0 else SignalKind.MEASUREMENT


def _polls(names: Sequence[str], now: datetime) -> list[bytes]:
    """Pages as a source would send them, oldest first, the signals of each in an order that is not ours."""
    chance = random.Random(71)  # the same ones each time
    order = chance.sample(range(SIGNALS), SIGNALS)
    polled_at = (now - PERIOD + PERIOD * poll / POLLS for poll in range(POLLS))
    return [
        msgspec.json.encode([_reading(names[number], _kind(number), at, chance) for number in order])
        for at in polled_at
    ]


def _reading(name: str, kind: SignalKind, polled_at: datetime, chance: random.Random) -> Reading:
    at = polled_at + timedelta(microseconds=chance.randrange(1_000_000))
    if chance.random() < 0.02:
        return Reading(external_id=name, signal=name, source_time=at, quality=Quality.BAD, reason="BadNoCommunication")
    if kind is SignalKind.SWITCH_POSITION:
        return Reading(external_id=name, signal=name, source_time=at, state=chance.choice(list(SwitchState)))
    return Reading(external_id=name, signal=name, source_time=at, value=round(chance.uniform(-10, 10), 3))


def _round(pages: Sequence[bytes], landing: Landing, scope: Scope) -> Round:
    _as_owner("TRUNCATE telemetry_reading, telemetry_latestreading")
    first = _timed(pages, landing, scope, expected=Landed(created=SIGNALS))
    again = _timed(pages, landing, scope, expected=Landed(unchanged=SIGNALS))
    return Round(first=first, again=again, copied=_copy())


def _timed(pages: Sequence[bytes], landing: Landing, scope: Scope, *, expected: Landed) -> float:
    began = time.perf_counter()
    landed = [_land(records, landing, scope) for records in _decoded_ahead(pages)]
    taken = time.perf_counter() - began
    if wrong := [one for one in landed if replace(one, touched=()) != expected]:
        raise RuntimeError(f"{len(wrong)} of {len(pages)} pages were landed otherwise than expected.")
    return SIGNALS * len(pages) / taken


def _decoded_ahead(pages: Sequence[bytes]) -> Iterator[list[Reading]]:
    """The records of each page; those of the next are made in a thread while this one lands, as in a read."""
    with ThreadPoolExecutor(max_workers=1) as ahead:
        coming = ahead.submit(PAGE.decode, pages[0])
        for page in pages[1:]:
            records, coming = coming.result(), ahead.submit(PAGE.decode, page)
            yield records
        yield coming.result()


def _land(records: Sequence[Signal] | Sequence[Reading], landing: Landing, scope: Scope) -> Landed:
    with acting_for(scope):
        return WIRING.inbound[contract_id(type(records[0]))].land(records, landing)


def _copy() -> float:
    """Copy the readings into the emptied table, in the form in which they came out of it."""
    with psycopg.connect(settings.DATABASE_OWNER_URL, autocommit=True) as owner:
        # COPY into a table is refused as long as row policies hold for its owner.
        owner.execute("ALTER TABLE telemetry_reading NO FORCE ROW LEVEL SECURITY")
        with owner.cursor().copy("COPY (SELECT * FROM telemetry_reading) TO STDOUT (FORMAT BINARY)") as copy:
            rows = b"".join(copy)
        owner.execute("TRUNCATE telemetry_reading")
        began = time.perf_counter()
        with owner.cursor().copy("COPY telemetry_reading FROM STDIN (FORMAT BINARY)") as copy:
            copy.write(rows)
        taken = time.perf_counter() - began
        owner.execute("ALTER TABLE telemetry_reading FORCE ROW LEVEL SECURITY")
    return SIGNALS * POLLS / taken


def _as_owner(statement: LiteralString) -> None:
    with psycopg.connect(settings.DATABASE_OWNER_URL, autocommit=True) as owner:
        owner.execute(statement)


def _listed(figures: Iterable[float]) -> str:
    return ", ".join(f"{one:,.0f}" for one in figures)


if __name__ == "__main__":
    main()
