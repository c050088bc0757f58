from typing import ClassVar

from connectors.contracts.base import Name, Record, Text


class Equipment(Record, frozen=True, kw_only=True):
    """An asset record as asset management keeps it; `element` names the network element it stands for."""

    contract_name: ClassVar[str] = "equipment"
    contract_version: ClassVar[str] = "1"

    name: Text = ""
    status: Text = ""
    location: Text = ""
    element: Name | None = None
