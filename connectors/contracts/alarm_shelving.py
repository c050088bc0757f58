from enum import StrEnum
from typing import ClassVar

from connectors.contracts.base import Instant, Name, OutboundRecord, Text


class ShelvingAction(StrEnum):
    """
    What is asked for (OPC 10000-9 §5.8.17). ONE_SHOT lasts until the alarm is no longer active, TIMED until a moment.
    """

    ONE_SHOT = "ONE_SHOT"
    TIMED = "TIMED"
    UNSHELVE = "UNSHELVE"


class AlarmShelving(OutboundRecord, frozen=True, kw_only=True):
    """
    A person hides an alarm from operators for a while, or shows it again: told to the system that raised it. It holds
    for the condition as a whole, whatever its branches. `until` is given with TIMED, and only then.
    """

    contract_name: ClassVar[str] = "alarm-shelving"
    contract_version: ClassVar[str] = "1"

    condition: Name
    action: ShelvingAction
    until: Instant | None = None
    reason: Text = ""
    requested_by: Name
