from enum import StrEnum
from typing import Annotated, ClassVar

import msgspec

from connectors.contracts.base import Geometry, Name, Record, Text


class ElementKind(StrEnum):
    """What stands in the network (IEC 61970 CIM class in brackets)."""

    SOURCE = "SOURCE"  # EnergySource
    BUSBAR = "BUSBAR"  # BusbarSection
    NODE = "NODE"  # ConnectivityNode drawn as a feature
    LINE = "LINE"  # ACLineSegment
    TRANSFORMER = "TRANSFORMER"  # PowerTransformer
    BREAKER = "BREAKER"  # Breaker
    LOAD_BREAK_SWITCH = "LOAD_BREAK_SWITCH"  # LoadBreakSwitch
    DISCONNECTOR = "DISCONNECTOR"  # Disconnector
    FUSE = "FUSE"  # Fuse


class NetworkElement(Record, frozen=True, kw_only=True):
    """
    One element of the network model.

    `terminals` names the connectivity nodes: two make a branch, one an element that sits on its node.
    `normally_open` is the planned state; the live one arrives as a reading of the switch's position signal.
    """

    contract_name: ClassVar[str] = "network-element"
    contract_version: ClassVar[str] = "1"

    kind: ElementKind
    name: Text = ""
    nominal_voltage_v: Annotated[float, msgspec.Meta(ge=0)] | None = None
    terminals: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=2)]
    normally_open: bool = False
    zone: Name | None = None
    geometry: Geometry | None = None
