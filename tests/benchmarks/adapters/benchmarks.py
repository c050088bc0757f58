"""
`adapter-*`: records of a static source on loopback, read end to end, as a share of downloading the same bytes with the
same session and doing nothing. Landing is measured by `sync-*` and `readings`.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from config.supervisor.environment import PROJECT
from tests.benchmarks.adapters.catalogue import SOURCES
from tests.benchmarks.adapters.source import Source
from tests.benchmarks.results import Result, read
from tests.benchmarks.scratch import run


def measure(name: str) -> list[Result]:
    source = SOURCES[name]
    with _server(source) as address:
        command = ("-m", "tests.benchmarks.within", "tests.benchmarks.adapters.measuring", name, address)
        return read(run(dict(os.environ), *command))


@contextmanager
def _server(source: Source) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tests.benchmarks.adapters.static_server", source.name, str(port)]
    process = subprocess.Popen(command, cwd=PROJECT)
    try:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}{source.path}"
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


BENCHMARKS: dict[str, Callable[[], list[Result]]] = {name: partial(measure, name) for name in SOURCES}
