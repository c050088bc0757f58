"""Servers that others wrote, started for a test and ended after it."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

SECONDS_TO_START = 120
SECONDS_TO_STOP = 10


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens to."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


@contextmanager
def served(
    command: Sequence[str], *, port: int, folder: Path, environment: Mapping[str, str], **options: Any
) -> Iterator[None]:
    """
    Runs a server while the block runs, which begins when something listens to `port`.

    :param folder: where it runs; its output goes to `log` there
    :param options: those of `subprocess.Popen`
    """
    log = folder / "log"
    with log.open("w") as output:
        server = subprocess.Popen(
            list(command), cwd=folder, env=os.environ | dict(environment), stdout=output, stderr=output, **options
        )
    try:
        _wait_for(port, server, log)
        yield
    finally:
        server.terminate()
        server.wait(SECONDS_TO_STOP)


def _wait_for(port: int, server: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + SECONDS_TO_START
    while server.poll() is None and time.monotonic() < until:
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail(f"{server.args!r} did not start:\n{log.read_text()}")
