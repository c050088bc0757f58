"""Whether a fact may still be relied on. Old, unreachable and never known are three different things."""

from datetime import datetime, timedelta
from enum import StrEnum

from connectors.models import Outcome


class Freshness(StrEnum):
    FRESH = "FRESH"
    STALE = "STALE"
    UNAVAILABLE = "UNAVAILABLE"
    UNKNOWN = "UNKNOWN"


UNAVAILABLE_OUTCOMES = frozenset({Outcome.UNREACHABLE, Outcome.THROTTLED, Outcome.UNAUTHORIZED, Outcome.BAD_CONFIG})
"""The last attempt was refused or did not reach the source."""


def freshness(*, outcome: str, proved_at: datetime | None, freshness_s: int, now: datetime) -> Freshness:
    """
    :param outcome: how the last attempt to read the stream ended
    :param proved_at: when the source last proved what we hold; `None`: it never delivered
    :param freshness_s: the stream's target; an age of exactly this is fresh
    """
    if proved_at is None:
        return Freshness.UNKNOWN
    if outcome in UNAVAILABLE_OUTCOMES:
        return Freshness.UNAVAILABLE
    if now - proved_at > timedelta(seconds=freshness_s):
        return Freshness.STALE
    return Freshness.FRESH


def freshness_sql(*, outcome: str, proved_at: str, freshness_s: str, now: str) -> str:
    """
    The same as an SQL expression, for compiled queries.

    :param outcome: each of the four is itself SQL: a column, or a placeholder
    """
    unavailable = ", ".join(f"'{one}'" for one in sorted(UNAVAILABLE_OUTCOMES))
    return (
        f"CASE WHEN {proved_at} IS NULL THEN '{Freshness.UNKNOWN}'"
        f" WHEN {outcome} IN ({unavailable}) THEN '{Freshness.UNAVAILABLE}'"
        f" WHEN {now} - {proved_at} > make_interval(secs => {freshness_s}) THEN '{Freshness.STALE}'"
        f" ELSE '{Freshness.FRESH}' END"
    )
