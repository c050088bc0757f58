"""How a request to read a stream ended; what a source's error means for it, and when it may be asked again."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from django.db import InterfaceError, OperationalError

from connectors.models import Outcome
from connectors.protocols.errors import BadConfig, SourceError, Throttled, Unauthorized, Unreachable
from connectors.services.runs import Counts


class Ended(StrEnum):
    """How a request to read a stream ended."""

    READ = "READ"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    LOST = "LOST"
    BUSY = "BUSY"
    WAITING = "WAITING"
    SWITCHED_OFF = "SWITCHED_OFF"
    GONE = "GONE"


@dataclass(frozen=True, kw_only=True)
class Synced:
    """What became of a request to read a stream. `detail` is a sentence for a person."""

    ended: Ended
    outcome: Outcome = Outcome.NONE
    detail: str = ""
    run_id: int | None = None
    counts: Counts = field(default_factory=Counts)


PASSING = frozenset({Outcome.UNREACHABLE, Outcome.THROTTLED})
"""What goes by itself, and is told in other words each time."""

PAUSE_IF_NOT_TOLD = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=1)


def outcome_of(error: SourceError) -> Outcome:
    match error:
        case Unreachable():
            return Outcome.UNREACHABLE
        case Throttled():
            return Outcome.THROTTLED
        case Unauthorized():
            return Outcome.UNAUTHORIZED
        case BadConfig():
            return Outcome.BAD_CONFIG
    return Outcome.CONTRACT_BROKEN


def retry_at(error: SourceError, *, began_at: datetime, now: datetime) -> datetime | None:
    """`None`: when its schedule says so."""
    match error:
        case Throttled():
            return error.retry_at or now + PAUSE_IF_NOT_TOLD
        case Unreachable():
            # Who hangs for long is left alone for as long, so that it does not hold up the other streams.
            return now + min(now - began_at, LONGEST_PAUSE)
    return None


def is_loss_of_database(error: Exception) -> bool:
    """Whether it is that our own database went away, or is on its way (SQLSTATE classes 08 and 57P; none: no word)."""
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    state = getattr(error.__cause__, "sqlstate", None)
    return state is None or state.startswith(("08", "57P"))


def may_succeed_again(error: OperationalError) -> bool:
    """Whether the same transaction may well succeed: after a serialization failure, or a deadlock."""
    return getattr(error.__cause__, "sqlstate", None) in {"40001", "40P01"}
