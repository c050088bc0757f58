"""
PostgreSQL and Valkey for the test suite: started once, shared by all sessions, left running between them.

    from config.supervisor import test_services
    environment = test_services.ensure()
"""

import os
import shutil
from pathlib import Path

import psycopg
from psycopg import sql

from config.supervisor import postgresql, residence, valkey
from config.supervisor.data_dir import InUse, Lock, keep_secrets, make_private_folder, read_json, write_json
from config.supervisor.environment import DEFAULT_DATA_DIR, PROJECT, SERVICES_FILE

FOLDER = PROJECT / DEFAULT_DATA_DIR / "test"

# Held for the life of each process that uses the servers, so that nobody stops them under it.
_in_use: dict[Path, Lock] = {}


def ensure(folder: Path = FOLDER) -> dict[str, str]:
    """
    The variables that lead to running servers: DATABASE_URL (role app), DATABASE_OWNER_URL, REDIS_URL, keys.

    Starts what is not running. Data need not survive: nothing waits for the disk. The role `app` is made by
    `manage.py database roles`, as in production.
    """
    folder = make_private_folder(folder.resolve())
    if folder not in _in_use:
        _in_use[folder] = Lock(folder / "users.lock")
        _in_use[folder].take(shared=True, wait=True)
    with Lock(folder / "start.lock"):
        return _running(folder) or _start(folder)


def stop(folder: Path = FOLDER) -> bool:
    """Stop the servers, unless another process uses them. Returns whether they are stopped."""
    folder = folder.resolve()
    if not folder.exists():
        return True
    held = _in_use.pop(folder, None)
    if held is not None:
        held.release()
    users = Lock(folder / "users.lock")
    try:
        users.take()
    except InUse:
        return False
    with Lock(folder / "start.lock"):
        database, broker = _servers(folder)
        database.clear_orphans()
        broker.clear_orphans()
        (folder / SERVICES_FILE).unlink(missing_ok=True)
    users.release()
    return True


def is_running(folder: Path = FOLDER) -> bool:
    return _running(folder.resolve()) is not None


def remove(folder: Path = FOLDER) -> bool:
    """Stop the servers and drop their data. Returns whether it was done: not while they are in use."""
    if not stop(folder):
        return False
    residence.remove(folder.resolve())
    shutil.rmtree(folder, ignore_errors=True)
    return True


def _running(folder: Path) -> dict[str, str] | None:
    services = read_json(folder / SERVICES_FILE)
    if services is None:
        return None
    environment: dict[str, str] = services["environment"]
    if postgresql.answers(environment["DATABASE_OWNER_URL"]) and valkey.answers(environment["REDIS_URL"]):
        return environment
    return None


def _start(folder: Path) -> dict[str, str]:
    database, broker = _servers(folder)
    database.start(attached=False).let_go()
    broker.start(attached=False).let_go()
    _drop_leftovers(database.url(postgresql.OWNER))
    secrets = keep_secrets(folder)
    environment = {
        "DATABASE_URL": database.url(postgresql.APP),
        "DATABASE_OWNER_URL": database.url(postgresql.OWNER),
        "REDIS_URL": broker.url,
        "SECRET_KEY": secrets["SECRET_KEY"],
        "SECRETS_KEYS": secrets["SECRETS_KEYS"],
        "DATA_DIR": str(folder),
    }
    write_json(folder / SERVICES_FILE, {"environment": environment, "started_by": os.getpid()})
    return environment


def _drop_leftovers(url: str) -> None:
    """Drop the databases of test runs that were killed: just started, nobody can be using one."""
    with psycopg.connect(url, autocommit=True) as connection:
        names = connection.execute("select datname from pg_database where starts_with(datname, 'test_')")
        for (name,) in names.fetchall():
            connection.execute(sql.SQL("drop database {}").format(sql.Identifier(name)))


def _servers(folder: Path) -> tuple[postgresql.PostgreSQL, valkey.Valkey]:
    secrets = keep_secrets(folder)
    database = postgresql.PostgreSQL(
        data_dir=folder, log=folder / "postgresql.log", passwords=secrets, settings=postgresql.FORGETFUL
    )
    broker = valkey.Valkey(folder=folder / "valkey", log=folder / "valkey.log", password=secrets["valkey"], keeps=False)
    return database, broker
