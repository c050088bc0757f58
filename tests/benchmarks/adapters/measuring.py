"""
Reads a static source as the engine does, up to where its records land, and prints what share that is of downloading.

`python -m tests.benchmarks.within tests.benchmarks.adapters.measuring NAME ADDRESS`, as a worker is set up.
"""

import os
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

import msgspec
import orjson
from django.utils import timezone

from connectors.protocols.egress import EgressPolicy
from connectors.protocols.http import HttpLimits, HttpSession, Response
from connectors.protocols.tables import initial_values
from connectors.services import pages
from connectors.services.ahead import fetched_ahead
from connectors.services.sync import PAGES_AHEAD
from tests.benchmarks.adapters.catalogue import SOURCES
from tests.benchmarks.adapters.source import Source
from tests.benchmarks.results import Result

ROUNDS = 5
SHARE = 0.5
ENCODINGS = {"compressed": "gzip, deflate", "plain": "identity"}
"""As the session asks by itself, and as it would be without."""


class Recorder(HttpSession):
    """Keeps what was asked, so that it can be asked again, and what was answered."""

    def __init__(self, encoding: str) -> None:
        limits = HttpLimits(requests_per_second=1_000_000, burst=1_000_000)
        super().__init__(egress=EgressPolicy.of(["127.0.0.0/8"]), now=timezone.now, limits=limits)
        self.encoding = encoding
        self.exchanges: list[tuple[tuple[str, str, dict[str, Any]], bytes]] = []

    def request(self, method: str, url: str, **options: Any) -> Response:
        headers = {**(options.pop("headers", None) or {}), "Accept-Encoding": self.encoding}
        response = super().request(method, url, headers=headers, **options)
        self.exchanges.append(((method, url, {**options, "headers": headers}), response.content))
        return response


@dataclass(frozen=True, kw_only=True)
class Round:
    """Seconds: to read everything, to download the same bytes again, and to decode them as JSON; and how many."""

    read: float
    downloaded: float
    decoded: float
    size: int


def main(name: str, address: str) -> None:
    source = SOURCES[name]
    rounds: dict[str, list[Round]] = {encoding: [] for encoding in ENCODINGS}
    for number in range(ROUNDS + 1):
        for encoding, header in ENCODINGS.items():
            found = _round(source, address, header)
            if number:  # the first makes the answers
                rounds[encoding].append(found)
    results = [asdict(_result(source, encoding, found)) for encoding, found in rounds.items()]
    sys.stdout.buffer.write(orjson.dumps(results))


def _round(source: Source, address: str, encoding: str) -> Round:
    session = Recorder(encoding)
    with session:
        began = time.perf_counter()
        count = _read(source, address, session)
        read = time.perf_counter() - began
        exchanges = list(session.exchanges)
        began = time.perf_counter()
        for (method, url, options), _ in exchanges:
            HttpSession.request(session, method, url, **options)
        downloaded = time.perf_counter() - began
    if count != source.records:
        raise RuntimeError(f"{count} of {source.records} {source.what} came")
    began = time.perf_counter()
    for _, content in exchanges:
        msgspec.json.decode(content)
    decoded = time.perf_counter() - began
    return Round(read=read, downloaded=downloaded, decoded=decoded, size=sum(len(content) for _, content in exchanges))


def _read(source: Source, address: str, session: HttpSession) -> int:
    """How many records came: fetched and read in a thread ahead of the one in which they would land."""
    config = {**initial_values(source.adapter.config_form), "base_url": address, **source.settings}
    adapter = source.adapter(config, session)
    read = adapter.reader(source.stream)
    fetched = adapter.fetch(source.stream, cursor=source.cursor, mode=source.mode)
    found = (pages.read_page(read, page.records) for page in fetched)
    with fetched_ahead(found, depth=PAGES_AHEAD, waiting=lambda: None) as ready:
        return sum(len(page.records) for batch in ready for page in batch)


def _result(source: Source, encoding: str, rounds: list[Round]) -> Result:
    read, downloaded, decoded = (
        min(getattr(one, name) for one in rounds) for name in ("read", "downloaded", "decoded")
    )
    detail = (
        f"{source.records / read:,.0f} {source.what} a second: {read:.2f} s for {rounds[0].size / 1e6:.0f} MB of JSON, "
        f"which take {downloaded:.2f} s to download, and {decoded:.2f} s to decode and do nothing with; the best of "
        f"{ROUNDS} each; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    share = downloaded / read
    return Result(f"{source.name}, {encoding}", round(100 * share), "%", f">= {SHARE:.0%}", share >= SHARE, detail)


if __name__ == "__main__":
    main(sys.argv[2], sys.argv[3])
