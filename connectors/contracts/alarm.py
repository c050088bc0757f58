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


class Shelving(StrEnum):
    """How an alarm is hidden from operators: until it is no longer active, or for a time (OPC 10000-9 §5.8.17)."""

    ONE_SHOT = "ONE_SHOT"
    TIMED = "TIMED"


class Alarm(Record, frozen=True, kw_only=True):
    """
    One state of one branch of one condition (OPC 10000-9 §5.5.2). `source_time` is the time of this notification.

    Alarms are keyed by condition and branch, never by `event_id`, which is new for each notification and is what an
    acknowledgement must quote. `active_since` is when the condition last became active, if the source says.

    `confirmed` is `None` where the source has nobody confirm it, `shelving` where it is not shelved. `comment` is the
    last one that was written on it there, by `commented_by`, an account of that system.
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
    confirmed: bool | None = None
    shelving: Shelving | None = None
    shelved_until: Instant | None = None
    comment: Text = ""
    commented_by: Text = ""


def alarm_key(condition: str, branch: str) -> str:
    """The external id of an alarm: the condition, and the branch where there is one."""
    return f"{condition}#{branch}" if branch else condition
