from enum import StrEnum
from typing import ClassVar

from connectors.contracts.base import Name, Record, Text


class SignalKind(StrEnum):
    MEASUREMENT = "MEASUREMENT"
    SWITCH_POSITION = "SWITCH_POSITION"
    STATUS = "STATUS"


class Signal(Record, frozen=True, kw_only=True):
    """
    Something that a source measures or reports over time.

    It may name the network element or the equipment record that it belongs to, and needs neither.
    `unit` is a UCUM code (`kW`, `A`, `V`), empty for a state.
    """

    contract_name: ClassVar[str] = "signal"
    contract_version: ClassVar[str] = "1"

    name: Text
    kind: SignalKind = SignalKind.MEASUREMENT
    unit: Text = ""
    element: Name | None = None
    equipment: Name | None = None
