from typing import ClassVar

from connectors.contracts.base import Name, OutboundRecord, Text


class AlarmConfirmation(OutboundRecord, frozen=True, kw_only=True):
    """A person has seen to what an alarm told of: told to the system that raised it (OPC 10000-9 §5.7.4)."""

    contract_name: ClassVar[str] = "alarm-confirmation"
    contract_version: ClassVar[str] = "1"

    condition: Name
    branch: Text = ""
    event_id: Name
    comment: Text = ""
    confirmed_by: Name
