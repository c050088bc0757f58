"""`manage.py database upkeep`, in this process with its waiting taken over, and from outside as it is run."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import pytest
from django.conf import settings
from django.db import connection
from structlog.testing import capture_logs

from config.supervisor.environment import PROJECT
from config.upkeep import keep_up
from telemetry.queries.partitions import Partition, partitions
from telemetry.services.partitions import DAYS_AHEAD, DAYS_BACK
from tests.supervisor.conftest import wait_until


class Ended(Exception):
    """The test has seen enough."""


@pytest.fixture
def owner(transactional_db: None) -> Iterator[None]:
    """Signs in as the owner, now and at each connection that follows, and leaves no day behind."""
    options = connection.settings_dict["OPTIONS"]
    role = options.pop("assume_role")
    connection.close()
    yield
    with connection.cursor() as cursor:
        for partition in partitions():
            cursor.execute(f'DROP TABLE "{partition.name}"')
    connection.close()
    options["assume_role"] = role


def waiting(*steps: Callable[[], object]) -> tuple[list[float], Callable[[float], None]]:
    """Waits nothing, but does the next step instead, and ends after the last. What was asked for, and the waiting."""
    asked: list[float] = []
    left = iter(steps)

    def wait(seconds: float) -> None:
        asked.append(seconds)
        step = next(left, None)
        if step is None:
            raise Ended
        step()

    return asked, wait


def test_days_that_go_missing_come_back_six_hours_later(owner: None) -> None:
    def lose_the_last() -> None:
        made.extend(partitions())
        with connection.cursor() as cursor:
            cursor.execute(f'DROP TABLE "{made[-1].name}"')

    made: list[Partition] = []
    asked, wait = waiting(lose_the_last)

    with pytest.raises(Ended):
        keep_up(wait=wait)

    assert asked == [21_600, 21_600]
    assert len(made) == DAYS_BACK + 1 + DAYS_AHEAD
    assert partitions() == made


def test_a_database_that_is_away_is_asked_every_minute_and_said_once(
    owner: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = connection.settings_dict["HOST"]
    monkeypatch.setitem(connection.settings_dict, "HOST", str(tmp_path))
    asked, wait = waiting(lambda: None, lambda: connection.settings_dict.update(HOST=host))

    with capture_logs() as events, pytest.raises(Ended):
        keep_up(wait=wait)

    assert asked == [60, 60, 21_600]
    assert [event["event"] for event in events if event["event"].startswith("upkeep.")] == [
        "upkeep.failed",
        "upkeep.recovered",
    ]
    assert str(tmp_path) in events[0]["reason"]
    assert len(partitions()) == DAYS_BACK + 1 + DAYS_AHEAD


def test_it_holds_no_connection_while_it_waits(owner: None) -> None:
    def see() -> None:
        held.append(connection.connection is not None)

    held: list[bool] = []
    _, wait = waiting(see)

    with pytest.raises(Ended):
        keep_up(wait=wait)

    assert held == [False]


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_good_order_also_while_it_waits_for_a_lock(
    owner: None, number: signal.Signals, tmp_path: Path
) -> None:
    name = quote(str(connection.settings_dict["NAME"]))
    environment = {
        "PATH": os.environ["PATH"],
        "DATA_DIR": str(tmp_path),
        "LOG_LEVEL": "ERROR",
        "DATABASE_OWNER_URL": urlunsplit(urlsplit(settings.DATABASE_OWNER_URL)._replace(path=f"/{name}")),
    }

    def waits() -> bool:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = %s", [name]
            )
            return bool(cursor.fetchone()[0])

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtext('partitions'))")
    with subprocess.Popen(
        [sys.executable, "manage.py", "database", "upkeep"], cwd=PROJECT, env=environment, stderr=subprocess.PIPE
    ) as process:
        wait_until(waits, "the upkeep to ask for the lock")
        process.send_signal(number)
        complaints = process.communicate(timeout=60)[1]

    assert (process.returncode, complaints) == (0, b"")
    assert partitions() == []
