"""
`adapter-arcgis-enterprise`: features fetched from a static ArcGIS layer on loopback and read into the contract, as a
share of downloading the same bytes with the same session and doing nothing. Landing is measured by `sync-first`.
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
from connectors.adapters.arcgis_enterprise.adapter import ArcgisEnterpriseAdapter
from connectors.adapters.arcgis_enterprise.settings import ArcgisEnterpriseForm
from connectors.protocols.adapter import Mode, SourceStream
from connectors.protocols.egress import EgressPolicy
from connectors.protocols.http import HttpLimits, HttpSession, Response
from connectors.protocols.tables import initial_values
from tests.benchmarks.layer_server import SERVICE
from tests.benchmarks.results import Result

FEATURES = 100_000
TIMES = 3
SHARE = 0.5
FORMATS = {"GEOJSON": "GeoJSON", "JSON": "JSON of ArcGIS"}


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


def adapter_arcgis_enterprise() -> list[Result]:
    with _server() as address:
        return [_measured(address, geometry_format) for geometry_format in FORMATS]


def _measured(address: str, geometry_format: str) -> Result:
    config = {**initial_values(ArcgisEnterpriseForm), "base_url": address, "sign_in": "NONE"}
    stream = SourceStream(
        name="Poles/FeatureServer/0", contract="feature/1", options={"geometry_format": geometry_format}
    )
    session = Recorder()
    with session:
        adapter = ArcgisEnterpriseAdapter(config, session)
        runs = [_run(adapter, session, stream) for _ in range(TIMES)]
    took, bare = (min(seconds) for seconds in zip(*runs, strict=True))
    megabytes = session.bytes / TIMES / 2e6
    detail = (
        f"{FEATURES / took:,.0f} features a second: {took:.2f} s for {megabytes:.0f} MB, which take {bare:.2f} s to "
        f"download; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    name, share = f"adapter-arcgis-enterprise ({FORMATS[geometry_format]})", bare / took
    return Result(name, round(100 * share), "%", f">= {SHARE:.0%}", share >= SHARE, detail)


def _run(adapter: ArcgisEnterpriseAdapter, session: Recorder, stream: SourceStream) -> tuple[float, float]:
    """Seconds to read everything, and to download the same again."""
    session.asked.clear()
    began = time.perf_counter()
    read = adapter.reader(stream)
    pages = adapter.fetch(stream, cursor=None, mode=Mode.FULL)
    features = sum(len([read(raw) for raw in page.records]) for page in pages)
    took = time.perf_counter() - began
    if features != FEATURES:
        raise RuntimeError(f"{features} of {FEATURES} features came")
    asked = list(session.asked)
    began = time.perf_counter()
    for method, url, options in asked:
        session.request(method, url, **options)
    return took, time.perf_counter() - began


@contextmanager
def _server() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tests.benchmarks.layer_server", str(port), str(FEATURES)]
    process = subprocess.Popen(command, cwd=PROJECT)
    address = f"http://127.0.0.1:{port}{SERVICE}"
    try:
        _wait_for(address)
        yield address
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


BENCHMARKS: dict[str, Callable[[], list[Result]]] = {"adapter-arcgis-enterprise": adapter_arcgis_enterprise}
