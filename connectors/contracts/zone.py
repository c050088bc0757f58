from enum import StrEnum
from typing import ClassVar

from connectors.contracts.base import Geometry, Name, Record, Text


class ZoneLevel(StrEnum):
    COMPANY = "COMPANY"
    SUBSTATION = "SUBSTATION"
    FEEDER_AREA = "FEEDER_AREA"
    LOW_VOLTAGE_AREA = "LOW_VOLTAGE_AREA"


class Zone(Record, frozen=True, kw_only=True):
    """An area of the utility; `parent` is the external id of the zone that holds it."""

    contract_name: ClassVar[str] = "zone"
    contract_version: ClassVar[str] = "1"

    name: Text
    level: ZoneLevel
    parent: Name | None = None
    geometry: Geometry | None = None
