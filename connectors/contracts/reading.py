from enum import StrEnum
from typing import ClassVar

from connectors.contracts.base import Instant, Name, Record, Text


class Quality(StrEnum):
    """The quality of a value, from the severity bits of its status (OPC 10000-4 §7.39)."""

    GOOD = "GOOD"
    UNCERTAIN = "UNCERTAIN"
    BAD = "BAD"


class SwitchState(StrEnum):
    """A switch position as a double-point (IEC 61850-7-3, Dbpos)."""

    OPEN = "OPEN"
    CLOSED = "CLOSED"
    INTERMEDIATE = "INTERMEDIATE"


class Reading(Record, frozen=True, kw_only=True):
    """
    One value of one signal at one moment. Its key is signal and `source_time`; `external_id` repeats the signal.

    `value` is a number in the signal's unit; `state` is the word of a discrete signal (`OPEN`, `CLOSED`). A reading
    of bad quality may have neither. `reason` keeps the source's own status symbol when quality is not good.
    """

    contract_name: ClassVar[str] = "reading"
    contract_version: ClassVar[str] = "1"
    keyed_by_moment: ClassVar[bool] = True

    signal: Name
    source_time: Instant
    value: float | None = None
    state: Text | None = None
    quality: Quality = Quality.GOOD
    reason: Text = ""
