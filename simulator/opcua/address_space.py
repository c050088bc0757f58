"""The tree that the gateway shows: substation, feeders, low-voltage areas, switches and measurements."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from simulator.flows import current_in_amperes, quarter_start
from simulator.gis.zones import rural_zones
from simulator.grid import Element, rural_grid
from simulator.opcua import codes
from simulator.opcua.encoding import NAMESPACE, DataValue, Variant, date_time, localized, own
from simulator.utility import Utility

OBJECT, VARIABLE = 1, 2
MAX_NODES_PER_READ = 500
MAX_NODES_PER_BROWSE = 500

FOLDER_TYPE, OBJECT_TYPE, VARIABLE_TYPE, PROPERTY_TYPE = "i=61", "i=58", "i=63", "i=68"
MULTI_STATE_DISCRETE, ANALOG_UNIT, TRIP_ALARM_TYPE = "i=2376", "i=17497", "i=10751"

KILOWATT = ("kW", "kilowatt", 4937556)
AMPERE = ("A", "ampere", 4279632)
UNCERTAIN_SENSOR = "SW-10842.I"
BROKEN_SENSOR = "SW-10812.I"

ReadValue = Callable[[Utility, datetime], DataValue]


@dataclass(frozen=True)
class Reference:
    type: str
    is_forward: bool
    target: str


@dataclass
class Node:
    id: str
    node_class: int
    browse_name: str
    display_name: str
    type_definition: str
    data_type: str | None = None
    read: ReadValue | None = None
    value_rank: int = -1
    # Set on a switch, its variables and its condition.
    switch: Element | None = None
    is_historic: bool = False
    references: list[Reference] = field(default_factory=list)


class AddressSpace:
    """Read only once it is built, so all simulators in one process may share it."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self._standard_nodes()
        self._network()

    def _add(self, node: Node, *, under: str | None = None, by: str = codes.HAS_COMPONENT) -> str:
        self.nodes[node.id] = node
        if under is not None:
            self.nodes[under].references.append(Reference(by, True, node.id))
            node.references.append(Reference(by, False, under))
        node.references.append(Reference(codes.HAS_TYPE_DEFINITION, True, node.type_definition))
        return node.id

    def _object(
        self,
        node_id: str,
        name: str,
        *,
        under: str | None,
        by: str = codes.ORGANIZES,
        type_id: str = OBJECT_TYPE,
    ) -> str:
        browse_name = _qualified(node_id) if node_id.startswith("nsu=") else name
        return self._add(Node(node_id, OBJECT, browse_name, name, type_id), under=under, by=by)

    def _property(
        self,
        node_id: str,
        name: str,
        data_type: str,
        variant: Callable[[Utility, datetime], Variant],
        *,
        under: str,
    ) -> None:
        def read(utility: Utility, now: datetime) -> DataValue:
            return DataValue(variant(utility, now), source_time=utility.started_at)

        node = Node(node_id, VARIABLE, name, name, PROPERTY_TYPE, data_type=data_type, read=read)
        self._add(node, under=under, by=codes.HAS_PROPERTY)

    def _standard_nodes(self) -> None:
        self._object("i=84", "Root", under=None, type_id=FOLDER_TYPE)
        self._object("i=85", "Objects", under="i=84", type_id=FOLDER_TYPE)
        self._object("i=2253", "Server", under="i=85", type_id="i=2004")
        self._object("i=2268", "ServerCapabilities", under="i=2253", by=codes.HAS_COMPONENT, type_id="i=2013")
        self._object("i=11704", "OperationLimits", under="i=2268", by=codes.HAS_COMPONENT, type_id="i=11564")
        self._object("i=11192", "HistoryServerCapabilities", under="i=2268", by=codes.HAS_COMPONENT, type_id="i=2330")
        for node_id, name in (
            ("i=11193", "AccessHistoryDataCapability"),
            ("i=11242", "AccessHistoryEventsCapability"),
        ):
            self._property(node_id, name, "i=1", _constant(Variant(codes.BOOLEAN, True)), under="i=11192")
        self._property("i=2255", "NamespaceArray", "i=12", _namespaces, under="i=2253")
        self.nodes["i=2255"].value_rank = 1
        for node_id, name, limit in (
            ("i=11705", "MaxNodesPerRead", MAX_NODES_PER_READ),
            ("i=11710", "MaxNodesPerBrowse", MAX_NODES_PER_BROWSE),
        ):
            self._property(node_id, name, "i=7", _constant(Variant(codes.UINT32, limit)), under="i=11704")

        def current_time(utility: Utility, now: datetime) -> DataValue:
            return DataValue(Variant(codes.DATE_TIME, date_time(now)), source_time=now)

        clock = Node("i=2258", VARIABLE, "CurrentTime", "CurrentTime", VARIABLE_TYPE, "i=294", current_time)
        self._add(clock, under="i=2253")

    def _network(self) -> None:
        zones = rural_zones()
        folders: dict[str, str] = {}
        for level, prefix in (("substation", "SUB"), ("feeder_area", "FDR"), ("low_voltage_area", "LVA")):
            for zone in zones.by_id.values():
                if zone.level == level:
                    name = own(f"{prefix}-{zone.id.removeprefix('ZONE-')}")
                    under = folders.get(zone.parent or "", "i=85")
                    folders[zone.id] = self._object(name, zone.name, under=under)
        self._local_control(folders["ZONE-MV1.101"])
        for switch in rural_grid().switches:
            self._switch(switch, under=folders[zones.by_subnet[switch.subnet]])

    def _local_control(self, substation: str) -> None:
        def read(utility: Utility, now: datetime) -> DataValue:
            return DataValue(Variant(codes.BOOLEAN, False), source_time=utility.started_at)

        node_id = f"{substation}.LOCAL"
        name = "Local control"
        node = Node(node_id, VARIABLE, _qualified(node_id), name, VARIABLE_TYPE, "i=1", read)
        self._add(node, under=substation)

    def _switch(self, switch: Element, *, under: str) -> None:
        node_id = own(switch.id)
        self._object(node_id, switch.name, under=under, by=codes.HAS_COMPONENT)
        self.nodes[node_id].switch = switch
        self._position(switch, under=node_id)
        if switch.is_measured:
            self._measurement(switch, "P", "Active power", KILOWATT, _power(switch), under=node_id)
            self._measurement(switch, "I", "Current", AMPERE, _current(switch), under=node_id)
        condition = own(f"{switch.id}.Trip")
        self._object(condition, "Trip", under=node_id, by=codes.HAS_CONDITION, type_id=TRIP_ALARM_TYPE)
        self.nodes[condition].switch = switch

    def _position(self, switch: Element, *, under: str) -> None:
        def read(utility: Utility, now: datetime) -> DataValue:
            since, position = utility.scada.position(switch.id)
            return DataValue(Variant(codes.INT32, int(position)), source_time=since)

        node_id = f"{under}.POS"
        node = Node(node_id, VARIABLE, _qualified(node_id), "Position", MULTI_STATE_DISCRETE, "i=6", read)
        node.switch, node.is_historic = switch, True
        self._add(node, under=under)
        texts = [localized(text, "en") for text in ("intermediate", "open", "closed", "faulty")]
        states = _constant(Variant(codes.LOCALIZED_TEXT, texts))
        self._property(f"{node_id}.EnumStrings", "EnumStrings", "i=21", states, under=node_id)
        self.nodes[f"{node_id}.EnumStrings"].value_rank = 1

    def _measurement(
        self, switch: Element, tag: str, name: str, unit: tuple[str, str, int], read: ReadValue, *, under: str
    ) -> None:
        node_id = f"{under}.{tag}"
        node = Node(node_id, VARIABLE, _qualified(node_id), name, ANALOG_UNIT, "i=11", read)
        node.switch = switch
        self._add(node, under=under)
        symbol, description, unit_id = unit
        information = {
            "UaTypeId": "i=887",
            "NamespaceUri": "http://www.opcfoundation.org/UA/units/un/cefact",
            "UnitId": unit_id,
            "DisplayName": {"Text": symbol},
            "Description": {"Text": description},
        }
        variant = Variant(codes.EXTENSION_OBJECT, information)
        self._property(f"{node_id}.EngineeringUnits", "EngineeringUnits", "i=887", _constant(variant), under=node_id)


@lru_cache(maxsize=1)
def rural_address_space() -> AddressSpace:
    return AddressSpace()


def _namespaces(utility: Utility, now: datetime) -> Variant:
    """After each restart another one stands before ours, which so has another index."""
    before = [f"urn:rural-grid:gateway:{number}" for number in range(1, utility.gateway_index)]
    return Variant(codes.STRING, ["http://opcfoundation.org/UA/", *before, NAMESPACE])


def _constant(variant: Variant) -> Callable[[Utility, datetime], Variant]:
    return lambda utility, now: variant


def _qualified(node_id: str) -> str:
    return node_id.replace(";s=", ";", 1)


def _power(switch: Element) -> ReadValue:
    def read(utility: Utility, now: datetime) -> DataValue:
        power = utility.flows.power_kw(switch.id, now=now)
        return DataValue(Variant(codes.DOUBLE, power), source_time=_measured_at(utility, now))

    return read


def _current(switch: Element) -> ReadValue:
    def read(utility: Utility, now: datetime) -> DataValue:
        measured_at = _measured_at(utility, now)
        tag = f"{switch.id}.I"
        if tag == BROKEN_SENSOR:
            return DataValue(None, status=codes.BAD_SENSOR_FAILURE, source_time=measured_at)
        power = utility.flows.power_kw(switch.id, now=now)
        current = current_in_amperes(power_kw=power, nominal_kv=switch.nominal_kv)
        status = codes.UNCERTAIN_SENSOR_NOT_ACCURATE if tag == UNCERTAIN_SENSOR else codes.GOOD
        return DataValue(Variant(codes.DOUBLE, current), status=status, source_time=measured_at)

    return read


def _measured_at(utility: Utility, now: datetime) -> datetime:
    """The last change: a switching, or the quarter-hour of the load profile."""
    return max(utility.switched_at, quarter_start(now))
