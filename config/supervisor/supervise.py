"""Starts the parts of a system in order, keeps them running, and stops them in the opposite order."""

import http.client
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn
from urllib.parse import urlsplit

from config.supervisor import postgresql, valkey
from config.supervisor.console import complain, say
from config.supervisor.data_dir import (
    InUse,
    Lock,
    keep_secrets,
    make_private_folder,
    read_json,
    write_json,
)
from config.supervisor.environment import PROJECT, SERVICES_FILE
from config.supervisor.failures import StartFailed
from config.supervisor.launch import Options, Part, Server, Service, Step
from config.supervisor.leftovers import MARK, clear_leftovers
from config.supervisor.processes import Child, start, tail

STATE_FILE = "supervisor.json"
PROCESSES_FILE = "processes.json"
SECONDS_TO_ANSWER = 120
LONGEST_BACKOFF = 30
SECONDS_TO_TRUST = 30
SECONDS_BETWEEN_LOOKS = 5


class StopRequested(Exception):
    """A signal asked us to stop."""


class Supervisor:
    """One system in one DATA_DIR."""

    def __init__(
        self,
        *,
        options: Options,
        parts: Sequence[Part],
        environ: Mapping[str, str],
        ready: str,
        gone: Sequence[Callable[[], bool]] = (),
    ) -> None:
        """
        :param ready: the line that says that all is up.
        :param gone: each answers whether somebody for whose sake we run is gone.
        """
        self.options = options
        self.parts = parts
        self.folder = options.data_dir
        self.environ = {name: value for name, value in environ.items() if value}
        self.ready = ready
        self.gone = gone
        self.running: dict[str, Child] = {}
        self.lock = Lock(self.folder / "supervisor.lock")
        self._stop_requested = False
        self._servers: dict[str, postgresql.PostgreSQL | valkey.Valkey] = {}
        self._down: dict[str, _Outage] = {}
        self._look_closer_at = 0.0
        self._is_database_stuck = False

    def run(self) -> int:
        """
        Start, watch until a signal comes, stop.

        Returns the exit status: 0 after a stop that was asked for, 1 when something did not start.
        """
        self._listen()
        make_private_folder(self.folder)
        try:
            self._take_lock()
        except StartFailed as refusal:
            complain(str(refusal))
            return 1
        try:
            self._start_all()
            self._watch()
        except StopRequested:
            return 0
        except StartFailed as failure:
            complain(f"\n{failure}")
            return 1
        finally:
            self._stop_all()
            self.lock.release()

    # -- Alone in the folder --------------------------------------------------------------------------

    def _take_lock(self) -> None:
        """
        :raises StartFailed: if another supervisor is alive in this folder and not about to end.
        """
        deadline = time.monotonic() + SECONDS_TO_ANSWER
        asked = time.monotonic()
        told = False
        while True:
            try:
                self.lock.take()
                return
            except InUse:
                other = read_json(self.folder / STATE_FILE) or {}
            ending = other.get("state") == "stopping"
            # One that was just told to end may not have written so yet.
            if time.monotonic() > (deadline if ending else asked + 1):
                raise StartFailed(
                    f"It runs here already: {other.get('url', '')} (process {other.get('pid')}). "
                    "Stop that one first, or give this one a DATA_DIR, PORT and SIMULATOR_PORT of its own."
                )
            if ending and not told:
                say("Waiting for the one before to stop …")
                told = True
            self._breathe()

    def _tell_state(self, state: str) -> None:
        content = {"pid": os.getpid(), "state": state, "url": self.options.url}
        write_json(self.folder / STATE_FILE, content)

    # -- Starting -------------------------------------------------------------------------------------

    def _start_all(self) -> None:
        self._tell_state("starting")
        make_private_folder(self.folder / "log")
        self._prepare_servers()
        self._clear_leftovers()
        self._check_ports()
        for part in self.parts:
            began = time.monotonic()
            self._start(part)
            self._breathe()
            if not (isinstance(part, Step) and part.prints):
                say(f"  {part.name:<24}{time.monotonic() - began:6.1f} s")
        self._tell_state("running")

    def _prepare_servers(self) -> None:
        secrets = keep_secrets(self.folder)
        for name in ("SECRET_KEY", "SECRETS_KEYS"):
            self.environ.setdefault(name, secrets[name])
        self.environ |= {
            "DATA_DIR": str(self.folder),
            "PORT": str(self.options.port),
            "SIMULATOR_PORT": str(self.options.simulator_port),
            "DEMO": "1" if self.options.demo else "0",
            "PYTHONUNBUFFERED": "1",
            MARK: str(self.folder),
        }
        if not self.options.own_database:
            self._servers["postgresql"] = postgresql.PostgreSQL(
                data_dir=self.folder, log=self._log("postgresql"), passwords=secrets
            )
        if not self.options.own_broker:
            self._servers["valkey"] = valkey.Valkey(
                folder=self.folder / "valkey", log=self._log("valkey"), password=secrets["valkey"]
            )

    def _clear_leftovers(self) -> None:
        found = clear_leftovers(self.folder, reversed(self._servers.values()))
        if found:
            say(f"Cleared {found} process(es) that an unclean stop had left running.")

    def _check_ports(self) -> None:
        for part in self.parts:
            if isinstance(part, Service) and part.port is not None:
                variable, number = part.port
                if not _is_free(number):
                    raise StartFailed(
                        f"Port {number} is in use by another program. Stop that one, or choose another port: "
                        f"{variable}={number + 1} make up"
                    )

    def _start(self, part: Part) -> None:
        match part:
            case Server():
                self._start_server(part.name)
            case Service():
                self._start_service(part)
                self._await_answer(part)
            case Step():
                self._run_step(part)

    def _start_server(self, name: str) -> None:
        server = self._servers.get(name)
        if server is None:
            self._look_at_own(name)
            return
        self.running[name] = server.start(waiting=self._check_stop)
        if isinstance(server, postgresql.PostgreSQL):
            self.environ["DATABASE_URL"] = server.url(postgresql.APP)
            self.environ["DATABASE_OWNER_URL"] = server.url(postgresql.OWNER)
        else:
            self.environ["REDIS_URL"] = server.url
        self._record()

    def _look_at_own(self, name: str) -> None:
        variable, answers = {
            "postgresql": ("DATABASE_OWNER_URL", postgresql.answers),
            "valkey": ("REDIS_URL", valkey.answers),
        }[name]
        if not answers(self.environ[variable]):
            raise StartFailed(
                f"Nobody answers at {variable}. Check the address, the password and that the server runs."
            )

    def _start_service(self, service: Service) -> None:
        self.running[service.name] = start(
            service.name,
            service.command,
            environment=self.environ,
            log=self._log(service.name),
            folder=PROJECT,
            stopping=service.stopping,
        )
        self._record()

    def _await_answer(self, service: Service) -> None:
        child = self.running[service.name]
        deadline = time.monotonic() + SECONDS_TO_ANSWER
        while service.probe is not None and not _answers(service.probe):
            if not child.is_running:
                raise StartFailed(f"{service.name} ended ({child.exit_status}). {self._end_of(service.name)}")
            if time.monotonic() > deadline:
                raise StartFailed(f"{service.name} does not answer at {service.probe}. {self._end_of(service.name)}")
            self._breathe()

    def _run_step(self, step: Step) -> None:
        log = self._log("printed" if step.prints else "setup")
        if step.prints:
            log.unlink(missing_ok=True)
        child = start(step.name, step.command, environment=self.environ, log=log, folder=PROJECT)
        try:
            while child.is_running:
                self._breathe()
        finally:
            child.stop()
        if child.popen.returncode != 0:
            raise StartFailed(f"“{step.name}” failed ({child.exit_status}). {self._end_of(log.stem)}")
        if step.prints:
            say(f"\n{log.read_text(encoding='utf-8').rstrip()}\n")
            log.unlink()

    # -- Running --------------------------------------------------------------------------------------

    def _watch(self) -> NoReturn:
        say(self.ready)
        by_name = {part.name: part for part in self.parts}
        while True:
            self._breathe(0.2)
            for name in list(self.running):
                self._look_after(by_name[name])
            if time.monotonic() > self._look_closer_at:
                self._look_closer_at = time.monotonic() + SECONDS_BETWEEN_LOOKS
                self._end_a_stuck_database()

    def _end_a_stuck_database(self) -> None:
        """One that is found stuck twice in a row is killed, and started again like any that was killed."""
        server, child = self._servers.get("postgresql"), self.running.get("postgresql")
        if not isinstance(server, postgresql.PostgreSQL) or child is None or not child.is_running:
            return
        was_stuck, self._is_database_stuck = self._is_database_stuck, server.is_stuck(child)
        if was_stuck and self._is_database_stuck:
            complain("postgresql waits for a recovery that nobody does any more: it is killed.")
            child.popen.kill()
            self._is_database_stuck = False

    def _look_after(self, part: Part) -> None:
        """Restart a part that ended, ever more patiently; say so once, and once when it is back."""
        child = self.running[part.name]
        outage = self._down.get(part.name)
        if child.is_running:
            if outage is not None and time.monotonic() > outage.started_at + SECONDS_TO_TRUST:
                say(f"{part.name} is back.")
                del self._down[part.name]
            return
        if outage is None:
            outage = self._down[part.name] = _Outage()
            complain(
                f"{part.name} ended unexpectedly ({child.exit_status}) and is being started again. "
                f"Its log: {self._log(part.name)}"
            )
        if time.monotonic() < outage.retry_at:
            return
        outage.tried()
        child.stop()
        try:
            if isinstance(part, Service):
                self._start_service(part)
            else:
                self._start_server(part.name)
        except StartFailed:
            # Its log says why; told once that it is down, we go on trying.
            return

    # -- Stopping -------------------------------------------------------------------------------------

    def _stop_all(self) -> None:
        self._tell_state("stopping")
        if self.running:
            say("Stopping …")
        for name in reversed(list(self.running)):
            self.running[name].stop()
            del self.running[name]
            self._record()
        for file in (SERVICES_FILE, PROCESSES_FILE, STATE_FILE):
            (self.folder / file).unlink(missing_ok=True)
        say("Stopped.")

    def _listen(self) -> None:
        signal.signal(signal.SIGINT, self._request_stop)
        signal.signal(signal.SIGTERM, self._request_stop)
        # Under nohup it is ignored on purpose.
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            signal.signal(signal.SIGHUP, self._request_stop)

    def _request_stop(self, _signal: int, _frame: FrameType | None) -> None:
        # Only noted: raised from here it could part a child's start from its entry in our list.
        self._stop_requested = True

    def _check_stop(self) -> None:
        if self._stop_requested or any(is_gone() for is_gone in self.gone):
            raise StopRequested

    def _breathe(self, seconds: float = 0.05) -> None:
        self._check_stop()
        time.sleep(seconds)
        self._check_stop()

    # -- Files ----------------------------------------------------------------------------------------

    def _record(self) -> None:
        """Leave for others what runs and how to reach it."""
        names = ["PORT", "SIMULATOR_PORT", "DEMO"]
        if "postgresql" in self.running:
            names += ["DATABASE_URL", "DATABASE_OWNER_URL"]
        if "valkey" in self.running:
            names += ["REDIS_URL"]
        environment = {name: self.environ[name] for name in names}
        write_json(self.folder / SERVICES_FILE, {"environment": environment})
        processes = {name: child.popen.pid for name, child in self.running.items()}
        write_json(self.folder / PROCESSES_FILE, {"supervisor": os.getpid(), **processes})

    def _log(self, name: str) -> Path:
        return self.folder / "log" / f"{name}.log"

    def _end_of(self, name: str) -> str:
        return f"The end of {self._log(name)}:\n\n{tail(self._log(name))}"


class _Outage:
    """How long a part is down and when to try again."""

    def __init__(self) -> None:
        self.wait = 0.5
        self.retry_at = time.monotonic() + self.wait
        self.started_at = time.monotonic()

    def tried(self) -> None:
        self.started_at = time.monotonic()
        self.wait = min(self.wait * 2, LONGEST_BACKOFF)
        self.retry_at = self.started_at + self.wait


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As our servers do: a port that only waits out its last connections is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _answers(url: str) -> bool:
    parsed = urlsplit(url)
    connection = http.client.HTTPConnection(parsed.hostname or "", parsed.port, timeout=10)
    try:
        connection.request("GET", parsed.path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
