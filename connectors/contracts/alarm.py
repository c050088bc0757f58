from enum import StrEnum
from typing import Annotated, ClassVar

import msgspec

from connectors.contracts.base import Instant, Name, Record, Text


class AlarmCategory(StrEnum):
    """What kind of condition it is, from the source's condition type (OPC 10000-9 §5.8)."""

    TRIP = "TRIP"
    OFF_NORMAL = "OFF_NORMAL"
    LIMIT = "LIMIT"
    SYSTEM = "SYSTEM"
    OTHER = "OTHER"


class Alarm(Record, frozen=True, kw_only=True):
    """
    One state of one branch of one condition (OPC 10000-9 §5.5.2). `source_time` is the time of this notification.

    Alarms are keyed by condition and branch, never by `event_id`, which is new for each notification and is what an
    acknowledgement must quote. `active_since` is when the condition last became active, if the source says.
    """

    contract_name: ClassVar[str] = "alarm"
    contract_version: ClassVar[str] = "1"

    condition: Name
    branch: Text = ""
    event_id: Name
    source_time: Instant
    category: AlarmCategory = AlarmCategory.OTHER
    name: Text = ""
    message: Text = ""
    severity: Annotated[int, msgspec.Meta(ge=1, le=1_000)]
    active: bool
    acknowledged: bool
    retained: bool = True
    active_since: Instant | None = None
    element: Name | None = None
    signal: Name | None = None


def alarm_key(condition: str, branch: str) -> str:
    """The external id of an alarm: the condition, and the branch where there is one."""
    return f"{condition}#{branch}" if branch else condition
