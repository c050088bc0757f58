"""A database of a benchmark's own on the servers of the test suite: made as in production, dropped afterwards."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from config.supervisor import test_services
from config.supervisor.environment import PROJECT


@contextmanager
def scratch_database() -> Iterator[dict[str, str]]:
    """The environment of a process that works in it, as the role app: roles are made, then all is migrated."""
    services = test_services.ensure()
    # By this beginning the servers know what a killed run left behind.
    name = f"test_bench_{os.getpid()}"
    environment = {
        **os.environ,
        **services,
        "DATABASE_URL": _in(name, services["DATABASE_URL"]),
        "DATABASE_OWNER_URL": _in(name, services["DATABASE_OWNER_URL"]),
        "LOG_LEVEL": "ERROR",
    }
    with psycopg.connect(services["DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            run(environment, "manage.py", "database", "roles")
            run(environment, "manage.py", "migrate", "--verbosity", "0")
            yield environment
        finally:
            owner.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def run(environment: dict[str, str], *arguments: str) -> str:
    """
    What a Python process prints.

    :raises RuntimeError: with what it complained of, if it fails
    """
    process = subprocess.run(
        [sys.executable, *arguments], cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
    )
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed:\n{process.stderr[-2_000:]}")
    return process.stdout


def _in(name: str, url: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
