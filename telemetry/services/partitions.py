"""
Upkeep of the days that hold readings, by the owner of the tables.

A new day is made beside the table and attached, an old one detached concurrently and dropped: both leave
readers and writers alone, where `CREATE … PARTITION OF` and `DROP` make them wait for the longest of them.
"""

import time
from datetime import UTC, datetime, timedelta

import structlog
from django.db import OperationalError, connection, transaction
from psycopg import errors

from organisation.database import APP, SYSTEM
from telemetry.queries.partitions import ONE_DAY, TABLE, Partition, partitions

DAYS_BACK = 7
DAYS_AHEAD = 14
DAYS_KEPT = 90

LOCK_TIMEOUT_MS = 200
DETACH_TIMEOUT_MS = 60_000
ATTEMPTS = 20
PAUSE_S = 0.25

log = structlog.get_logger(__name__)


class UnableToDetach(Exception):
    """Days leave the table outside a transaction only: `DETACH … CONCURRENTLY` is a series of its own."""


class TableBusy(Exception):
    """Somebody holds a lock on the readings for longer than we keep asking."""


def keep_partitions(*, now: datetime) -> None:
    """
    Make the days that are missing ahead, and drop those past keeping. Run as the owner, outside a transaction.

    :raises UnableToDetach: within a transaction
    :raises TableBusy: if a transaction stays open on the table; what is left is done by the next upkeep
    """
    ensure_partitions(now=now)
    expire_partitions(now=now)


def ensure_partitions(*, now: datetime, days_back: int = DAYS_BACK, days_ahead: int = DAYS_AHEAD) -> list[str]:
    """
    Make the days from `days_back` before today to `days_ahead` after it, where they are missing.

    Run as the owner. Nobody is given rights on a partition: the policies of the table do not hold for who
    goes to a partition directly.

    :return: names of the partitions made
    :raises TableBusy: if the table stays locked
    """
    today = now.astimezone(UTC).date()
    known = {one.day: one for one in partitions()}
    made = []
    for offset in range(-days_back, days_ahead + 1):
        day = today + offset * ONE_DAY
        found = known.get(day)
        if found is not None and found.is_attached:
            continue
        partition = Partition(day=day)
        _attach_patiently(partition)
        made.append(partition.name)
    if made:
        log.info("partitions.made", table=TABLE, first=made[0], last=made[-1], count=len(made))
    return made


def expire_partitions(*, now: datetime, days_kept: int = DAYS_KEPT) -> list[str]:
    """
    Drop the days that ended more than `days_kept` days ago. Run as the owner, outside a transaction.

    An expiry that broke off is taken up where it stopped. The newest reading of a signal outlives its day, in
    `LatestReading`.

    :return: names of the partitions dropped
    :raises UnableToDetach: within a transaction
    :raises TableBusy: if a transaction stays open on the table
    """
    if connection.in_atomic_block:
        raise UnableToDetach("Call expire_partitions outside a transaction.")
    oldest = now - timedelta(days=days_kept)
    dropped = []
    # What is leaving goes first: the server detaches one partition at a time.
    for partition in sorted(partitions(), key=lambda one: not one.is_leaving):
        is_past = partition.ends_at <= oldest
        if partition.is_leaving:
            _detach(partition, how="FINALIZE")
        elif partition.is_attached and is_past:
            _detach(partition, how="CONCURRENTLY")
        if partition.is_leaving or is_past:
            with connection.cursor() as cursor:
                cursor.execute(f'DROP TABLE "{partition.name}"')
            dropped.append(partition.name)
    if dropped:
        log.info("partitions.expired", table=TABLE, names=dropped)
    return dropped


def _attach(partition: Partition) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_MS}ms'")
        # Two upkeeps at once: the second finds the work done.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('partitions'))")
        if any(one.day == partition.day and one.is_attached for one in partitions()):
            return
        name, within = f'"{partition.name}"', ("source_time >= {} AND source_time < {}", "FROM ({}) TO ({})")
        check, bounds = (
            words.format(f"'{partition.begins_at.isoformat()}'", f"'{partition.ends_at.isoformat()}'")
            for words in within
        )
        # The check spares the server the scan by which it would prove the same; attached, the bounds say it.
        cursor.execute(
            f"""
            CREATE TABLE IF NOT EXISTS {name} (LIKE "{TABLE}" INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
            REVOKE ALL ON {name} FROM PUBLIC, {APP}, {SYSTEM};
            ALTER TABLE {name} ADD CONSTRAINT day CHECK ({check});
            ALTER TABLE "{TABLE}" ATTACH PARTITION {name} FOR VALUES {bounds};
            ALTER TABLE {name} DROP CONSTRAINT day;
            """
        )
        # The timeout is this step's own, also where a transaction is around it.
        cursor.execute("SET LOCAL lock_timeout TO DEFAULT")


def _detach(partition: Partition, *, how: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{DETACH_TIMEOUT_MS}ms'")
        try:
            cursor.execute(f'ALTER TABLE "{TABLE}" DETACH PARTITION "{partition.name}" {how}')
        except OperationalError as error:
            if isinstance(error.__cause__, errors.LockNotAvailable):
                raise TableBusy(
                    f"A transaction stays open on {TABLE}: {partition.name} is detached by the next upkeep."
                ) from error
            raise
        finally:
            cursor.execute("RESET lock_timeout")


def _attach_patiently(partition: Partition) -> None:
    """Ask for a lock briefly and often: whoever waits for one in line makes all the others wait behind it."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _attach(partition)
        except OperationalError as error:
            if not isinstance(error.__cause__, errors.LockNotAvailable):
                raise
            if attempt == ATTEMPTS:
                raise TableBusy(f"{TABLE} stayed locked; {partition.name} was not made.") from error
            log.info("partition.attach_waits", partition=partition.name, attempt=attempt)
            time.sleep(PAUSE_S)
        else:
            return
