"""The servers that all test sessions share."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from config.supervisor import test_services
from config.supervisor.environment import PROJECT
from config.supervisor.processes import working_in

USE_THEM = """
import json, sys
from pathlib import Path
from config.supervisor import test_services
print(json.dumps(test_services.ensure(Path(sys.argv[1]))), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "test"
    yield folder
    assert test_services.remove(folder)


def session_in(folder: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-c", USE_THEM, str(folder)],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def test_sessions_that_start_at_once_get_the_same_servers_and_keep_them_from_being_stopped(
    folder: Path,
) -> None:
    sessions = [session_in(folder) for _ in range(3)]
    environments = [json.loads(session.stdout.readline()) for session in sessions if session.stdout]

    assert environments[0] == environments[1] == environments[2]
    assert not test_services.stop(folder)
    assert test_services.is_running(folder)
    for session in sessions:
        session.communicate()
    assert test_services.is_running(folder)
    assert test_services.stop(folder)
    assert not test_services.is_running(folder)
    assert working_in(folder / "valkey") == []


def test_databases_of_killed_sessions_go_at_the_next_start(folder: Path) -> None:
    with psycopg.connect(test_services.ensure(folder)["DATABASE_OWNER_URL"], autocommit=True) as connection:
        connection.execute("create database test_forgotten")
    assert test_services.stop(folder)

    with psycopg.connect(test_services.ensure(folder)["DATABASE_OWNER_URL"]) as connection:
        names = connection.execute("select datname from pg_database where not datistemplate order by 1").fetchall()

    assert names == [("postgres",), ("utility",)]
