"""
`adapter-pi-web-api`: readings fetched from a static PI Web API on loopback and read into the contract, as a share of
downloading the same bytes with the same session and doing nothing. Landing is measured by `readings`.
"""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.utils import timezone

from config.supervisor.environment import PROJECT
from connectors.adapters.pi_web_api.adapter import PiWebApiAdapter
from connectors.adapters.pi_web_api.settings import PiWebApiForm
from connectors.protocols.adapter import Mode, SourceStream
from connectors.protocols.egress import EgressPolicy
from connectors.protocols.http import HttpLimits, HttpSession, Response
from connectors.protocols.moments import utc_text
from connectors.protocols.tables import initial_values
from tests.benchmarks.pi_server import SERVER, START
from tests.benchmarks.results import Result

TAGS, VALUES = 1_000, 200
TIMES = 3
SHARE = 0.5


class Recorder(HttpSession):
    """Keeps what was asked, so that it can be asked again."""

    def __init__(self) -> None:
        limits = HttpLimits(requests_per_second=1_000_000, burst=1_000_000)
        super().__init__(egress=EgressPolicy.of(["127.0.0.0/8"]), now=timezone.now, limits=limits)
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.bytes = 0

    def request(self, method: str, url: str, **options: Any) -> Response:
        self.asked.append((method, url, options))
        response = super().request(method, url, **options)
        self.bytes += len(response.content)
        return response


def adapter_pi_web_api() -> list[Result]:
    session = Recorder()
    with _server() as address, session:
        adapter = PiWebApiAdapter({**initial_values(PiWebApiForm), "base_url": address, "sign_in": "NONE"}, session)
        runs = [_run(adapter, session) for _ in range(TIMES)]
    took, bare = (min(seconds) for seconds in zip(*runs, strict=True))
    detail = (
        f"{TAGS * VALUES / took:,.0f} readings a second: {took:.2f} s for {session.bytes / 1e6:.0f} MB, "
        f"which take {bare:.2f} s to download; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    share = bare / took
    return [Result("adapter-pi-web-api", round(100 * share), "%", f">= {SHARE:.0%}", share >= SHARE, detail)]


def _run(adapter: PiWebApiAdapter, session: Recorder) -> tuple[float, float]:
    """Seconds to read everything, and to download the same again."""
    session.asked.clear()
    session.bytes = 0
    began = time.perf_counter()
    records = _read(adapter, SourceStream(name=SERVER, contract="reading/1"))
    took = time.perf_counter() - began
    if records != TAGS * VALUES:
        raise RuntimeError(f"{records} of {TAGS * VALUES} readings came")
    asked, size = list(session.asked), session.bytes
    began = time.perf_counter()
    for method, url, options in asked:
        session.request(method, url, **options)
    bare = time.perf_counter() - began
    session.bytes = size
    return took, bare


def _read(adapter: PiWebApiAdapter, stream: SourceStream) -> int:
    """How many readings came, each of them read."""
    read = adapter.reader(stream)
    cursor = {"since": utc_text(START), "behind": {}}
    pages = adapter.fetch(stream, cursor=cursor, mode=Mode.INCREMENTAL)
    return sum(len([read(raw) for raw in page.records]) for page in pages)


@contextmanager
def _server() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tests.benchmarks.pi_server", str(port), str(TAGS), str(VALUES)]
    process = subprocess.Popen(command, cwd=PROJECT)
    address = f"http://127.0.0.1:{port}/piwebapi"
    try:
        _wait_for(f"{address}/dataservers")
        yield address
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(address: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(address, timeout=5).close()  # noqa: S310  # our own loopback address
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


BENCHMARKS: dict[str, Callable[[], list[Result]]] = {"adapter-pi-web-api": adapter_pi_web_api}
