"""`make up` from outside: what it starts, what it says, and that it leaves nothing behind."""

import contextlib
import fcntl
import os
import pty
import signal
import socket
import stat
import subprocess
import sys
import termios
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from config.supervisor.environment import PROJECT, discover
from tests.supervisor.conftest import System, wait_until


def test_everything_runs_until_a_signal_and_nothing_afterwards(system: System) -> None:
    system.start("servers")

    environment = system.environment_for_others
    with psycopg.connect(environment["DATABASE_OWNER_URL"]) as connection:
        role = connection.execute(
            "select rolname, rolsuper, rolbypassrls, rolcreatedb, rolcreaterole "
            "from pg_roles where rolname = current_user"
        )
        assert role.fetchone() == ("owner", False, False, True, True)
    with redis.Redis.from_url(environment["REDIS_URL"]) as broker:
        assert broker.config_get("appendonly") == {"appendonly": "yes"}
    with urllib.request.urlopen(f"http://127.0.0.1:{system.port}/") as answer:
        assert answer.status == 200

    assert system.stop(signal.SIGINT) == 0
    assert system.processes() == []
    assert system.printed.count(f"Ready: http://127.0.0.1:{system.port}/\n") == 1
    assert system.printed.index("coordinator@example") < system.printed.index("Ready: ")
    assert system.printed.endswith("Stopping …\nStopped.\n")
    left = {path.name for path in system.folder.iterdir()}
    assert left.isdisjoint({"services.json", "processes.json", "supervisor.json"})


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_each_signal_that_ends_a_terminal_program_stops_in_order(system: System, number: signal.Signals) -> None:
    system.start()

    assert system.stop(number) == 0

    assert system.processes() == []


def test_credentials_are_for_their_owner_only(system: System) -> None:
    system.start("servers")

    def mode(path: Path) -> str:
        return stat.filemode(path.stat().st_mode)

    assert mode(system.folder) == "drwx------"
    assert mode(system.folder / "secrets.json") == "-rw-------"
    assert mode(system.folder / "services.json") == "-rw-------"
    assert mode(system.folder / "valkey" / "valkey.conf") == "-rw-------"
    assert mode(system.database_home) == "drwx------"
    environment = system.environment_for_others
    for role in ("postgres", "owner", "app"):
        url = environment["DATABASE_OWNER_URL"].replace("//owner:", f"//{role}:x")
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(url).close()


def test_commands_by_hand_find_the_running_system(system: System) -> None:
    system.start("servers")

    found = discover({"DATA_DIR": str(system.folder)})

    assert found["DATABASE_URL"].startswith("postgresql://app:")
    assert found["PORT"] == str(system.port)
    assert {"DATABASE_OWNER_URL", "REDIS_URL", "SECRET_KEY", "SECRETS_KEYS"} <= found.keys()


def test_a_second_one_in_the_same_folder_is_refused_and_the_first_goes_on(system: System) -> None:
    first = system.start()

    second = subprocess.run(
        [sys.executable, "-m", "tests.supervisor.pretend"],
        cwd=PROJECT,
        env=system.environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert second.returncode == 1
    assert second.stderr == (
        f"It runs here already: http://127.0.0.1:{system.port}/ (process {first.pid}). Stop that one first, "
        "or give this one a DATA_DIR, PORT and SIMULATOR_PORT of its own.\n"
    )
    assert first.poll() is None
    assert len(system.processes()) == 2


def test_a_port_in_use_is_named_and_nothing_is_left_running(system: System) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", system.port))
        other.listen()

        assert system.launch("servers").wait(30) == 1

    assert (
        f"Port {system.port} is in use by another program. Stop that one, or choose another port: "
        f"PORT={system.port + 1} make up\n" in system.printed
    )
    assert "Ready" not in system.printed
    assert system.processes() == []


def test_a_step_that_fails_shows_the_end_of_its_log_and_stops_the_rest(system: System) -> None:
    assert system.launch("failing").wait(30) == 1

    assert "“count the poles” failed (exit status 1). The end of" in system.printed
    assert "37 poles are missing" in system.printed
    assert "Ready" not in system.printed
    assert system.processes() == []


def test_a_signal_during_the_start_stops_it(system: System) -> None:
    popen = system.launch("slow")
    wait_until(lambda: len(system.processes()) == 3, "the slow step")

    popen.send_signal(signal.SIGTERM)

    assert popen.wait(30) == 0
    assert "Ready" not in system.printed
    assert system.processes() == []


class Make:
    """`make` in a terminal of its own, whose only job is the pretend system."""

    def __init__(self, system: System, makefile: Path) -> None:
        makefile.write_text(f"up:\n\t@exec '{sys.executable}' -m tests.supervisor.pretend under-make\n")
        self.terminal, its_end = pty.openpty()
        self.popen = subprocess.Popen(
            ["make", "-f", str(makefile), "up"],
            cwd=PROJECT,
            env=system.environment(),
            stdin=its_end,
            stdout=its_end,
            stderr=its_end,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - it forks nothing itself
        )
        os.close(its_end)
        os.set_blocking(self.terminal, False)
        self.printed = ""
        wait_until(lambda: "Ready: " in self.read(), "the system to be ready")

    def read(self) -> str:
        with contextlib.suppress(OSError):
            self.printed += os.read(self.terminal, 4096).decode()
        return self.printed


@pytest.fixture
def make(system: System, tmp_path: Path) -> Iterator[Make]:
    make = Make(system, tmp_path / "Makefile")
    yield make
    make.popen.kill()
    make.popen.wait()
    with contextlib.suppress(OSError):
        os.close(make.terminal)


def type_ctrl_c(make: Make) -> None:
    os.write(make.terminal, b"\x03")


ENDS: dict[str, Callable[[Make], None]] = {
    "Ctrl-C is typed": type_ctrl_c,
    "the terminal is closed": lambda make: os.close(make.terminal),
    "make is terminated": lambda make: make.popen.send_signal(signal.SIGTERM),
    "make is told to hang up": lambda make: make.popen.send_signal(signal.SIGHUP),
    "make is killed": lambda make: make.popen.send_signal(signal.SIGKILL),
}


@pytest.mark.parametrize("end", ENDS)
def test_nothing_outlives_make_when(end: str, system: System, make: Make) -> None:
    assert len(system.processes()) == 2

    ENDS[end](make)

    wait_until(lambda: not (system.folder / "supervisor.json").exists(), "the supervisor to stop", seconds=20)
    assert system.processes() == []
