from enum import StrEnum
from typing import ClassVar

from connectors.contracts.base import Position, Record, Text


class CrewStatus(StrEnum):
    """What a crew is doing (CIM CrewStatusKind, and whether it can be asked at all)."""

    AVAILABLE = "AVAILABLE"
    ASSIGNED = "ASSIGNED"
    ENROUTE = "ENROUTE"
    ONSITE = "ONSITE"
    OFF_SHIFT = "OFF_SHIFT"


class Crew(Record, frozen=True, kw_only=True):
    contract_name: ClassVar[str] = "crew"
    contract_version: ClassVar[str] = "1"

    name: Text
    status: CrewStatus = CrewStatus.AVAILABLE
    position: Position | None = None
