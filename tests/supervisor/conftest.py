import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from config.supervisor import residence
from config.supervisor.environment import PROJECT
from config.supervisor.leftovers import MARK
from config.supervisor.processes import clear, is_gone, marked, working_in


class System:
    """A pretend system in a DATA_DIR of its own, which may be started more than once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.output = folder.with_name("output.txt")
        self.popen: subprocess.Popen[bytes] | None = None

    def environment(self, pretend: str = "") -> dict[str, str]:
        given = {"DATA_DIR": str(self.folder), "PORT": str(self.port), "PRETEND": pretend}
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name not in {"DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL"}
        }
        return {**inherited, **given, "PYTHONPATH": str(PROJECT)}

    def launch(self, pretend: str = "") -> "subprocess.Popen[bytes]":
        with self.output.open("wb") as output:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", "tests.supervisor.pretend"],
                cwd=PROJECT,
                env=self.environment(pretend),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self.popen

    def start(self, pretend: str = "") -> "subprocess.Popen[bytes]":
        popen = self.launch(pretend)
        wait_until(lambda: popen.poll() is not None or "Ready: " in self.printed, "the system to be ready")
        assert popen.poll() is None, self.printed
        return popen

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.popen is not None
        self.popen.send_signal(number)
        return self.popen.wait(60)

    @property
    def printed(self) -> str:
        return self.output.read_text(encoding="utf-8")

    @property
    def environment_for_others(self) -> dict[str, str]:
        content = json.loads((self.folder / "services.json").read_text(encoding="utf-8"))
        environment: dict[str, str] = content["environment"]
        return environment

    def pid_of(self, name: str) -> int:
        pid: int = json.loads((self.folder / "processes.json").read_text(encoding="utf-8"))[name]
        return pid

    @property
    def database_home(self) -> Path:
        """The folder of PostgreSQL's data and sockets."""
        pointer = self.folder / residence.POINTER
        if pointer.exists():
            return Path(json.loads(pointer.read_text(encoding="utf-8"))["folder"])
        return self.folder / "postgresql"

    def processes(self) -> list[psutil.Process]:
        """All that runs for this system, the supervisor apart."""
        return [
            process
            for process in (
                *marked(MARK, str(self.folder)),
                *working_in(self.folder / "valkey"),
                *working_in(self.database_home / "data"),
            )
            if not is_gone(process)
        ]


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    system = System(tmp_path / "data")
    yield system
    if system.popen is not None and system.popen.poll() is None:
        system.popen.kill()
        system.popen.wait()
    clear(system.processes())
    if system.folder.exists():
        residence.remove(system.folder)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(happened: Callable[[], bool], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"Waited {seconds} s in vain for {what}."
        time.sleep(0.02)
