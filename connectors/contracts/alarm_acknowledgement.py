from typing import ClassVar

from connectors.contracts.base import Name, OutboundRecord, Text


class AlarmAcknowledgement(OutboundRecord, frozen=True, kw_only=True):
    """A person has seen an alarm: told to the system that raised it (OPC 10000-9 §5.7.3)."""

    contract_name: ClassVar[str] = "alarm-acknowledgement"
    contract_version: ClassVar[str] = "1"

    condition: Name
    branch: Text = ""
    event_id: Name
    comment: Text = ""
    acknowledged_by: Name
