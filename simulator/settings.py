"""What one simulator may be told when it starts."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

Clock = Callable[[], datetime]

# The utility's wall clock: Maximo answers in it, and load profiles are read by it. One offset all year,
# so that no time zone database is needed.
UTILITY_ZONE = timezone(timedelta(hours=1))


def system_clock() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class CrewTimeline:
    """How long after its assignment a crew is seen to do what."""

    en_route: timedelta = timedelta(seconds=15)
    on_site: timedelta = timedelta(seconds=45)
    working: timedelta = timedelta(seconds=75)


@dataclass(frozen=True)
class Settings:
    push_config: Path | None = None
    product_url: str | None = None
    crew_timeline: CrewTimeline = field(default_factory=CrewTimeline)
    token_lifetime: timedelta = timedelta(minutes=5)
    slow_seconds: float = 5.0
    retry_after_seconds: int = 2
    # The longest that the SCADA gateway lets a subscription be silent.
    keep_alive_seconds: float = 5.0
    # Whether conditions of the SCADA gateway are to be confirmed too, and branch off what nobody has seen to.
    has_full_conditions: bool = False
    # Whether the SCADA gateway names its nodes by the index of their namespace, which a restart changes.
    names_by_index: bool = False
    # Off in tests that move crews and push by hand.
    run_in_background: bool = True
