"""
`sync-first`, `sync-unchanged`, `sync-memory`, `sync-growth`: a collection of point features with ten properties, in
pages of 1,000 from a static server on loopback, through the whole engine into `gis`; beside ogr2ogr and dlt, on the
same server and database. `tests/benchmarks/peers/install.sh` installs them.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from config.supervisor.environment import PROJECT
from tests.benchmarks.results import Result
from tests.benchmarks.scratch import run, scratch_database

FEATURES = 200_000
TIMES = 3
AS_FAST_AS_OGR = 1.5
AS_FAST_AS_DLT = 4.0
UNCHANGED_AS_FAST = 2.0
MOST_MIB = 300
GROWTH = 0.20
STOCKS = (10_000, 100_000, 1_000_000)

DLT = PROJECT / ".venv-peers" / "bin" / "python"


def sync_first() -> list[Result]:
    ours, ogr, dlt = _beside_peers()
    first = ours["first_s"]
    speed = f"{FEATURES / first:,.0f} features a second: {first:.2f} s; {_machine()}"
    return [
        _ratio("sync-first (ogr2ogr)", ogr, first, AS_FAST_AS_OGR, f"{speed}; ogr2ogr with COPY {_seconds(ogr)}"),
        _ratio("sync-first (dlt)", dlt, first, AS_FAST_AS_DLT, f"{speed}; dlt, REST source and merge, {_seconds(dlt)}"),
    ]


def sync_unchanged() -> list[Result]:
    ours, _, _ = _beside_peers()
    first, again = ours["first_s"], ours["unchanged_s"]
    detail = f"{again:.2f} s after {first:.2f} s for {FEATURES:,} features of which none had changed; {_machine()}"
    return [_ratio("sync-unchanged", first, again, UNCHANGED_AS_FAST, detail)]


def sync_memory() -> list[Result]:
    peaks = {features: _ours(features)["peak_mib"] for features in (FEATURES, 2 * FEATURES)}
    one, two = peaks.values()
    detail = f"peak of the process that read: {one:.0f} MiB at {FEATURES:,} features, {two:.0f} MiB at {2 * FEATURES:,}"
    is_flat = two - one < 0.1 * one
    return [
        Result(
            "sync-memory",
            round(max(one, two)),
            "MiB",
            f"< {MOST_MIB}, flat",
            max(one, two) < MOST_MIB and is_flat,
            detail,
        )
    ]


def sync_growth() -> list[Result]:
    """The same 20,000 new features land beside ever more rows."""
    with _server(20_000) as address, scratch_database() as environment:
        told = json.loads(_engine(environment, "tests.benchmarks.sync_growth_run", address, *map(str, STOCKS)))
    rates = {int(stock): 20_000 / seconds for stock, seconds in told.items()}
    slowest, fastest = min(rates.values()), max(rates.values())
    detail = "; ".join(f"{rate:,.0f} a second beside {stock:,} rows" for stock, rate in rates.items())
    lost = 1 - slowest / fastest
    return [
        Result(
            "sync-growth", round(100 * lost, 1), "% slower", f"< {GROWTH:.0%}", lost < GROWTH, f"{detail}; {_machine()}"
        )
    ]


@cache
def _beside_peers() -> tuple[dict[str, Any], float | None, float | None]:
    """The best of some runs of each, in turns; `None` for a peer that is not installed."""
    with _server(FEATURES) as address:
        ours, ogr = [], []
        for _ in range(TIMES):
            with scratch_database() as environment:
                ours.append(json.loads(_engine(environment, "tests.benchmarks.sync_run", address)))
                ogr.append(_ogr2ogr(environment, address))
        with scratch_database() as environment:
            dlt = _dlt(environment, address)
    best = min(ours, key=lambda told: float(told["first_s"]))
    best["unchanged_s"] = min(told["unchanged_s"] for told in ours)
    return best, min((seconds for seconds in ogr if seconds is not None), default=None), dlt


def _ours(features: int) -> dict[str, Any]:
    with _server(features) as address, scratch_database() as environment:
        told: dict[str, Any] = json.loads(_engine(environment, "tests.benchmarks.sync_run", address))
    return told


def _engine(environment: dict[str, str], module: str, *arguments: str) -> str:
    return run(environment, "-m", "tests.benchmarks.within", module, *arguments)


def _ogr2ogr(environment: dict[str, str], address: str) -> float | None:
    if shutil.which("ogr2ogr") is None:
        return None
    database = " ".join(
        f"{name}='{value}'" for name, value in conninfo_to_dict(environment["DATABASE_OWNER_URL"]).items()
    )
    began = time.perf_counter()
    subprocess.run(
        [
            *("ogr2ogr", "-f", "PostgreSQL", f"PG:{database}", f"OAPIF:{address}/", "poles", "-nln", "by_ogr2ogr"),
            *("-oo", "PAGE_SIZE=1000", "--config", "PG_USE_COPY", "YES"),
        ],
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - began


def _dlt(environment: dict[str, str], address: str) -> float | None:
    if not DLT.exists():
        return None
    script = PROJECT / "tests" / "benchmarks" / "peers" / "dlt_run.py"
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        done = subprocess.run(
            [str(DLT), str(script), address, environment["DATABASE_OWNER_URL"], folder],
            check=True,
            capture_output=True,
            text=True,
            cwd=folder,
        )
    seconds, count = done.stdout.split()
    if int(count) != FEATURES:
        raise RuntimeError(f"dlt landed {count} of {FEATURES} features")
    return float(seconds)


@contextmanager
def _server(features: int) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.feature_server", str(port), str(features)], cwd=PROJECT
    )
    try:
        _wait_for(f"http://127.0.0.1:{port}/")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(address: str) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            urllib.request.urlopen(address, timeout=5).close()  # noqa: S310  # our own loopback address
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


def _ratio(name: str, theirs: float | None, ours: float, target: float, detail: str) -> Result:
    if theirs is None:
        return Result(name, None, "", f">= {target:g} times", False, f"the peer is not installed; {detail}")
    return Result(name, round(theirs / ours, 2), "times as fast", f">= {target:g}", theirs / ours >= target, detail)


def _seconds(taken: float | None) -> str:
    return "not measured" if taken is None else f"{taken:.2f} s"


def _machine() -> str:
    return f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"


BENCHMARKS: dict[str, Callable[[], list[Result]]] = {
    "sync-first": sync_first,
    "sync-unchanged": sync_unchanged,
    "sync-memory": sync_memory,
    "sync-growth": sync_growth,
}
