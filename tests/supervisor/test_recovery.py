"""What is killed comes back or is cleared away, and no data is lost with it."""

import contextlib
import os
import signal
import subprocess
import threading
import time

import psutil
import psycopg
import pytest
import redis

from tests.supervisor.conftest import System, wait_until


def write(environment: dict[str, str]) -> None:
    with psycopg.connect(environment["DATABASE_OWNER_URL"]) as connection:
        connection.execute("create table pole (id int)")
        connection.execute("insert into pole values (37)")
    with redis.Redis.from_url(environment["REDIS_URL"]) as broker:
        broker.set("pole", "37")


def database_is_kept(environment: dict[str, str]) -> bool:
    try:
        with psycopg.connect(environment["DATABASE_OWNER_URL"]) as connection:
            return connection.execute("select id from pole").fetchall() == [(37,)]
    except psycopg.OperationalError:
        return False


def broker_is_kept(environment: dict[str, str]) -> bool:
    try:
        with redis.Redis.from_url(environment["REDIS_URL"]) as broker:
            return bool(broker.get("pole") == b"37")
    except redis.RedisError:
        return False


def test_servers_that_are_killed_are_started_again_where_they_were(system: System) -> None:
    system.start("servers")
    environment = system.environment_for_others
    write(environment)

    os.kill(system.pid_of("postgresql"), signal.SIGKILL)
    os.kill(system.pid_of("valkey"), signal.SIGKILL)

    wait_until(lambda: database_is_kept(environment), "PostgreSQL to come back")
    wait_until(lambda: broker_is_kept(environment), "Valkey to come back")
    assert system.printed.count("postgresql ended unexpectedly (signal SIGKILL)") == 1
    assert system.printed.count("valkey ended unexpectedly (signal SIGKILL)") == 1
    assert system.stop() == 0
    assert system.processes() == []


def test_a_busy_backend_of_a_killed_server_does_not_keep_it_down(system: System) -> None:
    system.start("servers")
    environment = system.environment_for_others
    write(environment)
    busy = threading.Thread(target=_count_for_long, args=(environment["DATABASE_OWNER_URL"],))
    busy.start()
    wait_until(lambda: _is_counting(environment), "the long query")

    os.kill(system.pid_of("postgresql"), signal.SIGKILL)

    wait_until(lambda: database_is_kept(environment), "PostgreSQL to come back", seconds=30)
    busy.join()


def _count_for_long(url: str) -> None:
    with pytest.raises(psycopg.OperationalError), psycopg.connect(url) as connection:
        connection.execute("select count(*) from generate_series(1, 10000000000)")


def _is_counting(environment: dict[str, str]) -> bool:
    with psycopg.connect(environment["DATABASE_OWNER_URL"]) as connection:
        found = connection.execute(
            "select count(*) from pg_stat_activity where query like '%generate_series%' and state = 'active'"
        ).fetchone()
    return found is not None and found[0] == 2


def test_a_recovery_whose_process_is_killed_too_does_not_keep_the_database_down(system: System) -> None:
    system.start("servers")
    environment = system.environment_for_others
    write(environment)
    # More to recover takes longer: time to hit it.
    with psycopg.connect(environment["DATABASE_OWNER_URL"]) as connection:
        connection.execute("create table much as select generate_series(1, 500000) as id")
    server = psutil.Process(system.pid_of("postgresql"))

    _child_of(server, "postgres: io worker").kill()
    _child_of(server, "postgres: startup").kill()

    wait_until(lambda: database_is_kept(environment), "PostgreSQL to come back", seconds=60)


def _child_of(server: psutil.Process, beginning: str) -> psutil.Process:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for child in server.children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if " ".join(child.cmdline()).startswith(beginning):
                    return child
    raise AssertionError(f"There was no {beginning}.")


def test_a_program_that_is_killed_is_started_again(system: System) -> None:
    system.start()
    before = system.pid_of("idler")

    os.kill(before, signal.SIGKILL)

    wait_until(lambda: system.pid_of("idler") != before, "the idler to come back")
    assert "idler ended unexpectedly (signal SIGKILL) and is being started again." in system.printed


def test_after_a_killed_supervisor_the_next_one_finds_all_data_and_no_orphans(system: System) -> None:
    first = system.start("servers,stubborn")
    write(system.environment_for_others)
    stubborn = system.pid_of("stubborn")

    first.kill()
    first.wait()
    system.start("servers")

    assert database_is_kept(system.environment_for_others)
    assert broker_is_kept(system.environment_for_others)
    assert "that an unclean stop had left running." in system.printed
    assert stubborn not in {process.pid for process in system.processes()}
    assert system.stop() == 0
    assert system.processes() == []


def test_a_lock_file_that_names_a_living_stranger_does_not_keep_the_database_down(system: System) -> None:
    system.start("servers")
    write(system.environment_for_others)
    lock = system.database_home / "data" / "postmaster.pid"
    content = lock.read_text(encoding="ascii")
    assert system.stop() == 0
    with subprocess.Popen(["sleep", "60"]) as stranger:
        lock.write_text(content.replace(content.splitlines()[0], str(stranger.pid), 1), encoding="ascii")

        system.start("servers")

        assert database_is_kept(system.environment_for_others)
        assert stranger.poll() is None
        stranger.kill()


def test_a_lock_of_its_socket_that_names_a_living_stranger_does_not_keep_the_database_down(system: System) -> None:
    system.start("servers")
    write(system.environment_for_others)
    lock = system.database_home / "run" / ".s.PGSQL.5432.lock"
    content = lock.read_text(encoding="ascii")
    owner = lock.stat().st_uid
    assert system.stop() == 0
    with subprocess.Popen(["sleep", "60"], user=owner if os.geteuid() == 0 else None) as stranger:
        lock.write_text(content.replace(content.splitlines()[0], str(stranger.pid), 1), encoding="ascii")
        os.chown(lock, owner, -1)

        system.start("servers")

        assert database_is_kept(system.environment_for_others)
        assert stranger.poll() is None
        stranger.kill()


def test_a_first_start_that_was_cut_short_is_begun_anew(system: System) -> None:
    system.start("servers")
    assert system.stop() == 0
    data = system.database_home / "data"
    data.rename(data.with_name("data.draft"))

    system.start("servers")

    with psycopg.connect(system.environment_for_others["DATABASE_OWNER_URL"]) as connection:
        assert connection.execute("select current_database()").fetchone() == ("utility",)
    assert [path.name for path in data.parent.glob("data*")] == ["data"]
