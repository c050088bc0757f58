"""The product's own processes in a folder of their own: started by its supervisor, found, and killed."""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import psycopg

from config.supervisor import residence
from config.supervisor.environment import PROJECT, discover
from config.supervisor.failures import StartFailed
from config.supervisor.leftovers import MARK
from config.supervisor.processes import StopSignal, clear, marked, tail, working_in

PARTS = ("postgresql", "valkey", "web", "worker", "beat", "listener")
READY_WITHIN_S = 180
LEASE_S = 4
OURS_TO_SAY = ("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_ROLE", "REDIS_URL", "SECRET_KEY", "SECRETS_KEYS")


class TookTooLong(Exception):
    """What was waited for did not come."""


def wait_until(happened: Callable[[], Any], what: str, *, within_s: float) -> Any:
    """
    The first true answer.

    :raises TookTooLong: with `what`
    """
    deadline = time.monotonic() + within_s
    while not (answer := happened()):
        if time.monotonic() > deadline:
            raise TookTooLong(f"not within {within_s:.0f} s: {what}")
        time.sleep(0.1)
    return answer


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class Product:
    """One system. Its supervisor is started again whenever it is gone, as the init system of a machine would do."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.output = folder.with_name("supervisor.log")
        self.supervisor: subprocess.Popen[bytes] | None = None

    def environment(self) -> dict[str, str]:
        """Of the supervisor, and of whatever else is to work in this system."""
        inherited = {name: value for name, value in os.environ.items() if name not in OURS_TO_SAY}
        return {
            **inherited,
            "DATA_DIR": str(self.folder),
            "PORT": str(self.port),
            "DEMO": "0",
            "WORKER_CONCURRENCY": "2",
            "LEASE_S": str(LEASE_S),
            "LOG_LEVEL": "INFO",
            "DJANGO_SETTINGS_MODULE": "config.settings",
        }

    def start(self) -> None:
        """
        For the first time, until everything answers.

        :raises StartFailed: with what the supervisor said
        """
        self._start_supervisor()
        wait_until(lambda: self._is_gone() or self._is_whole(), "the system is ready", within_s=READY_WITHIN_S)
        if self._is_gone():
            raise StartFailed(f"The system does not start:\n{tail(self.output)}")

    def look_after(self) -> bool:
        """Start the supervisor if it is gone. Whether everything runs and answers."""
        if self._is_gone():
            self._start_supervisor()
            return False
        return self._is_whole()

    def _start_supervisor(self) -> None:
        with self.output.open("ab") as output:
            self.supervisor = subprocess.Popen(
                [sys.executable, "-m", "config.supervisor", "up"],
                cwd=PROJECT,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _is_gone(self) -> bool:
        return self.supervisor is None or self.supervisor.poll() is not None

    def _is_whole(self) -> bool:
        pids = self._pids()
        return all(_runs(pids.get(part)) for part in PARTS) and self._is_ready()

    def kill(self, victim: str, chance: random.Random) -> None:
        """
        Kill -9 a part; `pool`, a process of the worker; `backend`, one of PostgreSQL, whatever it does; or
        `everything` at once, as a power cut does. A part that is down already stays down.
        """
        pids = self._pids()
        match victim:
            case "everything":
                self._cut_the_power()
            case "pool":
                _kill_a_child(pids.get("worker"), chance)
            case "backend":
                _kill_a_child(pids.get("postgresql"), chance)
            case part if _runs(pids.get(part)):
                os.kill(pids[part], signal.SIGKILL)

    def connect(self) -> "psycopg.Connection[tuple[Any, ...]]":
        """As the role of the product itself, so that what it may not see is not seen."""
        url = discover(self.environment())["DATABASE_URL"]
        return psycopg.connect(url, connect_timeout=10)

    def stop(self) -> None:
        """End it, and leave nothing of it behind but its logs."""
        self._cut_the_power()
        residence.remove(self.folder)
        for path in self.folder.glob("*"):
            if path.is_dir() and path.name != "log":
                shutil.rmtree(path)

    def _cut_the_power(self) -> None:
        if self.supervisor is not None:
            self.supervisor.kill()
            self.supervisor.wait()
        clear(self._processes(), [StopSignal(signal.SIGKILL, 10)])

    def _pids(self) -> dict[str, int]:
        try:
            pids: dict[str, int] = json.loads((self.folder / "processes.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return pids

    def _processes(self) -> list[psutil.Process]:
        pointer = self.folder / residence.POINTER
        home = Path(json.loads(pointer.read_bytes())["folder"]) if pointer.exists() else self.folder / "postgresql"
        return [
            *marked(MARK, str(self.folder)),
            *working_in(self.folder / "valkey"),
            *working_in(home / "data"),
        ]

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health/ready", timeout=10) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False


def _runs(pid: int | None) -> bool:
    if pid is None:
        return False
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _kill_a_child(pid: int | None, chance: random.Random) -> None:
    if pid is None:
        return
    try:
        children = psutil.Process(pid).children()
        if children:
            chance.choice(children).kill()
    except psutil.NoSuchProcess:
        return
