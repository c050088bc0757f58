"""Room for readings in the tests' database: what `manage.py database partitions` does in the product."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import connection

from telemetry.services.partitions import ensure_partitions


@contextmanager
def as_owner() -> Iterator[None]:
    """Tests sign in as the owner and run as the role app."""
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
        yield
        if not connection.needs_rollback:
            cursor.execute("SET ROLE app")


def make_days(now: datetime, *, back: int = 2, ahead: int = 1) -> list[str]:
    with as_owner():
        return ensure_partitions(now=now, days_back=back, days_ahead=ahead)
