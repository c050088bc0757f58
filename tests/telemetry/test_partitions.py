import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.db import ProgrammingError, connection, transaction

from telemetry.queries.partitions import Partition, kept_spans, partitions, spans
from telemetry.services import partitions as upkeep
from telemetry.services.partitions import TableBusy, UnableToDetach, ensure_partitions, expire_partitions
from tests.telemetry.days import as_owner, make_days

NAMES = [f"telemetry_reading_202611{day}" for day in (22, 23, 24, 25)]


@pytest.fixture
def owner(transactional_db: None) -> Iterator[None]:
    """Runs as the owner outside a transaction, and leaves no day behind."""
    with as_owner():
        yield
        with connection.cursor() as cursor:
            for partition in partitions():
                cursor.execute(f'DROP TABLE "{partition.name}"')


@pytest.fixture
def other(owner: None) -> Iterator[psycopg.Connection[Any]]:
    """A second connection of the owner, as another process would have."""
    options = connection.get_connection_params()
    keep = {key: options[key] for key in ("dbname", "user", "password", "host", "port") if options.get(key)}
    with psycopg.connect(**keep) as opened:
        yield opened
        opened.rollback()


def test_makes_the_days_that_are_missing_and_only_those(db: None, now: datetime) -> None:
    assert make_days(now) == NAMES
    assert make_days(now) == []
    assert make_days(now + timedelta(days=1)) == ["telemetry_reading_20261126"]
    assert kept_spans() == [(datetime(2026, 11, 22, tzinfo=UTC), datetime(2026, 11, 27, tzinfo=UTC))]


def test_a_day_is_a_day_of_universal_time(db: None) -> None:
    half_past_midnight_in_berlin = datetime.fromisoformat("2026-11-24T00:30:00+01:00")

    assert make_days(half_past_midnight_in_berlin, back=0, ahead=0) == ["telemetry_reading_20261123"]


def test_nobody_but_the_owner_has_rights_on_a_partition(days: None) -> None:
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"TABLE {NAMES[0]}")
    with connection.cursor() as cursor:
        for role in ("app", "app_system"):
            for right in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE"):
                cursor.execute("SELECT has_table_privilege(%s, %s, %s)", [role, NAMES[0], right])
                assert cursor.fetchone() == (False,)


def test_a_made_day_carries_no_check_of_its_own(days: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE conrelid = to_regclass(%s) AND contype IN ('c', 'f')",
            [NAMES[0]],
        )
        assert cursor.fetchall() == []


def test_drops_the_days_past_keeping(owner: None, now: datetime) -> None:
    ensure_partitions(now=now, days_back=2, days_ahead=1)

    assert expire_partitions(now=now, days_kept=2) == []
    assert expire_partitions(now=now, days_kept=1) == NAMES[:1]
    assert [one.name for one in partitions()] == NAMES[1:]


def test_takes_up_an_expiry_that_broke_off(
    owner: None, other: psycopg.Connection[Any], now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_partitions(now=now, days_back=2, days_ahead=1)
    monkeypatch.setattr(upkeep, "DETACH_TIMEOUT_MS", 100)
    other.execute("SELECT count(*) FROM telemetry_reading")

    with pytest.raises(TableBusy, match=f"{NAMES[0]} is detached by the next upkeep"):
        expire_partitions(now=now, days_kept=1)

    assert partitions()[0] == Partition(day=date(2026, 11, 22), is_leaving=True)
    assert kept_spans()[0][0] == datetime(2026, 11, 23, tzinfo=UTC)
    other.rollback()
    assert expire_partitions(now=now, days_kept=1) == NAMES[:1]
    assert [one.name for one in partitions()] == NAMES[1:]


def test_drops_a_day_that_was_detached_and_not_dropped(owner: None, now: datetime) -> None:
    ensure_partitions(now=now, days_back=2, days_ahead=1)
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE telemetry_reading DETACH PARTITION {NAMES[0]}")

    assert expire_partitions(now=now, days_kept=1) == NAMES[:1]


def test_a_day_that_was_detached_and_is_wanted_again_comes_back(owner: None, now: datetime) -> None:
    ensure_partitions(now=now, days_back=2, days_ahead=1)
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE telemetry_reading DETACH PARTITION {NAMES[0]}")

    assert ensure_partitions(now=now, days_back=2, days_ahead=1) == NAMES[:1]
    assert all(one.is_attached for one in partitions())


def test_refuses_to_detach_in_a_transaction(db: None, now: datetime) -> None:
    with pytest.raises(UnableToDetach):
        expire_partitions(now=now)


def test_making_a_day_waits_for_no_reader(owner: None, other: psycopg.Connection[Any], now: datetime) -> None:
    ensure_partitions(now=now, days_back=0, days_ahead=0)
    other.execute("SELECT count(*) FROM telemetry_reading")

    assert ensure_partitions(now=now, days_back=1, days_ahead=0) == [NAMES[1]]


def test_asks_again_for_a_lock_that_it_does_not_get(
    owner: None, other: psycopg.Connection[Any], now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "LOCK_TIMEOUT_MS", 50)
    other.execute("LOCK TABLE telemetry_reading IN SHARE MODE")
    release = threading.Timer(0.4, other.rollback)
    release.start()

    started = time.monotonic()
    assert ensure_partitions(now=now, days_back=0, days_ahead=0) == [NAMES[2]]

    assert time.monotonic() - started > 0.3
    release.join()


def test_gives_up_on_a_table_that_stays_locked(
    owner: None, other: psycopg.Connection[Any], now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("LOCK_TIMEOUT_MS", 20), ("ATTEMPTS", 2), ("PAUSE_S", 0.01)):
        monkeypatch.setattr(upkeep, name, value)
    other.execute("LOCK TABLE telemetry_reading IN SHARE MODE")

    with pytest.raises(TableBusy, match=f"{NAMES[2]} was not made"):
        ensure_partitions(now=now, days_back=0, days_ahead=0)

    assert partitions() == []


def test_spans_join_days_that_follow_each_other() -> None:
    first, second, fourth = date(2026, 11, 1), date(2026, 11, 2), date(2026, 11, 4)

    joined = spans([first, second, fourth])

    assert joined == [
        (datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC)),
        (datetime(2026, 11, 4, tzinfo=UTC), datetime(2026, 11, 5, tzinfo=UTC)),
    ]
