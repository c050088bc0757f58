"""Which days of readings the database has room for."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db import connection

from telemetry.models import Reading

TABLE = Reading._meta.db_table
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Partition:
    """
    One UTC day of readings.

    :ivar is_attached: whether it is part of the table; one that is not was left by an expiry that broke off
    :ivar is_leaving: an expiry has begun to detach it, and has to end that before it can do anything else
    """

    day: date
    is_attached: bool = True
    is_leaving: bool = False

    @property
    def name(self) -> str:
        return f"{TABLE}_{self.day:%Y%m%d}"

    @property
    def begins_at(self) -> datetime:
        return midnight(self.day)

    @property
    def ends_at(self) -> datetime:
        return midnight(self.day + ONE_DAY)


def midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


def partitions() -> list[Partition]:
    """All of them, oldest first, those that are leaving or were left over included."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT to_date(right(part.relname, 8), 'YYYYMMDD'), inhrelid IS NOT NULL, inhdetachpending IS TRUE
            FROM pg_class AS whole
              JOIN pg_class AS part ON part.relnamespace = whole.relnamespace AND part.relkind = 'r'
                AND part.relname ~ ('^' || whole.relname || '_[0-9]{8}$')
              LEFT JOIN pg_inherits ON inhrelid = part.oid AND inhparent = whole.oid
            WHERE whole.oid = to_regclass(%(table)s)
            ORDER BY 1
            """,
            {"table": TABLE},
        )
        return [
            Partition(day=day, is_attached=is_attached, is_leaving=is_leaving)
            for day, is_attached, is_leaving in cursor.fetchall()
        ]


def kept_spans() -> list[tuple[datetime, datetime]]:
    """The times for which there is a partition, as spans `[from, until)`, oldest first."""
    with connection.cursor() as cursor:
        # Of each page that lands: unlike all partitions, those that are part of the table are found by an index.
        cursor.execute(
            """
            SELECT to_date(right(relname, 8), 'YYYYMMDD') FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
            WHERE inhparent = to_regclass(%(table)s) AND NOT inhdetachpending
            ORDER BY 1
            """,
            {"table": TABLE},
        )
        return spans(day for (day,) in cursor.fetchall())


def spans(days: Iterable[date]) -> list[tuple[datetime, datetime]]:
    """Ascending days, with those that follow each other joined."""
    joined: list[tuple[datetime, datetime]] = []
    for day in days:
        begin, end = midnight(day), midnight(day + ONE_DAY)
        if joined and joined[-1][1] == begin:
            begin, _ = joined.pop()
        joined.append((begin, end))
    return joined
