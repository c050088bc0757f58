"""What people call an outage on the radio."""

from datetime import datetime

from django.db import connection

from organisation.scope import current_scope
from outage.local_time import in_local_time

NEXT = """
INSERT INTO outage_numberseries AS series (organisation_id, year, last) VALUES (%s, %s, 1)
ON CONFLICT (organisation_id, year) DO UPDATE SET last = series.last + 1
RETURNING last
"""


def next_number(*, at: datetime) -> str:
    """
    The next number of the year in which an outage began, by the organisation's clock: `2026-0117`.

    Without gaps: the series' row is locked until the commit, and a rollback takes the number back.
    """
    year = in_local_time(at).year
    with connection.cursor() as cursor:
        cursor.execute(NEXT, [current_scope().organisation_id, year])
        return f"{year}-{cursor.fetchone()[0]:04d}"
