from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from connectors.freshness import Freshness, freshness, freshness_sql
from connectors.models import Outcome

NOW = datetime(2026, 11, 24, 2, 15, tzinfo=UTC)
CASES = [
    *((outcome, None, Freshness.UNKNOWN) for outcome in Outcome),
    *((outcome, 60, Freshness.FRESH) for outcome in ("SUCCEEDED", "INCOMPLETE", "CONTRACT_BROKEN", "BUG", "NONE")),
    *((outcome, 60.001, Freshness.STALE) for outcome in ("SUCCEEDED", "INCOMPLETE", "CONTRACT_BROKEN", "BUG", "NONE")),
    *(
        (outcome, age, Freshness.UNAVAILABLE)
        for outcome in ("UNREACHABLE", "THROTTLED", "UNAUTHORIZED", "BAD_CONFIG")
        for age in (0, 3_600)
    ),
]


@pytest.mark.parametrize(("outcome", "age", "expected"), CASES)
def test_old_unreachable_and_unknown_are_three_things(outcome: str, age: float | None, expected: Freshness) -> None:
    proved_at = None if age is None else NOW - timedelta(seconds=age)

    assert freshness(outcome=outcome, proved_at=proved_at, freshness_s=60, now=NOW) is expected


@pytest.mark.django_db
def test_sql_says_the_same() -> None:
    said = freshness_sql(outcome="outcome", proved_at="proved_at", freshness_s="60", now="%s::timestamptz")
    with connection.cursor() as cursor:
        for outcome, age, expected in CASES:
            proved_at = None if age is None else NOW - timedelta(seconds=age)
            cursor.execute(
                f"SELECT {said} FROM (SELECT %s::text AS outcome, %s::timestamptz AS proved_at) AS state",  # noqa: S608  # our own expression
                [NOW, outcome, proved_at],
            )
            assert cursor.fetchone() == (expected,)
