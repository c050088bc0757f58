"""What the historian shows: an asset database of the grid, and a data server with a tag for each signal."""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from uuid import NAMESPACE_URL, UUID, uuid5

from simulator.gis.zones import rural_zones
from simulator.grid import Element as GridElement
from simulator.grid import rural_grid

AF, DATABASE = "\\\\RURAL-AF", "\\\\RURAL-AF\\Grid"
# A data server is called otherwise than its tags begin.
DATA_SERVER, TAGS = "\\\\PIServers[RURAL-DA]", "\\\\RURAL-DA"
TEMPLATES = {"substation": "Substation", "feeder_area": "Feeder", "low_voltage_area": "LowVoltageArea"}
PI_POINT = "PI Point"

# The marker of a WebId, by what it names (PI Web API, "WebID 2.0").
SERVER, ASSET_DATABASE, ELEMENT, ATTRIBUTE, FRAME, ARCHIVE, POINT = "RS", "RD", "Em", "AbE", "Fm", "DS", "DP"


def guid(path: str) -> UUID:
    return uuid5(NAMESPACE_URL, path)


def web_id(marker: str, path: str, *, is_brief: bool) -> str:
    """
    Type, version, marker, then the GUIDs of server and object in Microsoft's order; the full form has the path too.
    """
    server = "\\\\" + path.removeprefix("\\\\").split("\\")[0]
    octets = guid(server).bytes_le + guid(path).bytes_le
    if not is_brief:
        octets += path.removeprefix("\\\\").upper().encode()
    encoded = base64.urlsafe_b64encode(octets).decode().rstrip("=")
    return f"{'I' if is_brief else 'F'}1{marker}{encoded}"


@dataclass(frozen=True)
class Tag:
    """What an attribute refers to and the data server archives. `signal` is `POS`, `P` or `I`."""

    switch: GridElement
    signal: str

    @property
    def name(self) -> str:
        return f"{self.switch.id}.{self.signal}"

    @property
    def path(self) -> str:
        return f"{TAGS}\\{self.name}"

    @property
    def unit(self) -> str:
        return {"P": "kW", "I": "A"}.get(self.signal, "")

    @property
    def is_digital(self) -> bool:
        return self.signal == "POS"


@dataclass(frozen=True)
class Attribute:
    """`tag` is none where the value is typed in rather than measured."""

    path: str
    name: str
    tag: Tag | None
    fixed: float = 0.0
    fixed_unit: str = ""


@dataclass
class Element:
    path: str
    name: str
    description: str
    template: str
    attributes: list[Attribute] = field(default_factory=list)


@dataclass(frozen=True)
class Assets:
    """Read only once it is built, so all simulators in one process may share it."""

    elements: Mapping[str, Element]
    tags: Mapping[str, Tag]
    # By every WebId, brief and full.
    paths: Mapping[str, str]
    streams: Mapping[str, Attribute | Tag]


@lru_cache(maxsize=1)
def rural_assets() -> Assets:
    elements = {element.path: element for element in _elements()}
    tags = {tag.name: tag for switch in rural_grid().switches for tag in _tags(switch)}
    attributes = [attribute for element in elements.values() for attribute in element.attributes]
    named = [(SERVER, AF), (ASSET_DATABASE, DATABASE), (ARCHIVE, DATA_SERVER)]
    named += [(ELEMENT, path) for path in elements]
    named += [(ATTRIBUTE, attribute.path) for attribute in attributes]
    named += [(POINT, tag.path) for tag in tags.values()]
    paths = {web_id(marker, path, is_brief=brief): path for marker, path in named for brief in (True, False)}
    streams: dict[str, Attribute | Tag] = {attribute.path: attribute for attribute in attributes}
    return Assets(elements, tags, paths, streams | {tag.path: tag for tag in tags.values()})


def element_of(switch: GridElement) -> str:
    """The path of a switch's element."""
    zones = rural_zones()
    return f"{_zone_path(zones.by_subnet[switch.subnet])}\\{switch.id}"


def _elements() -> Iterator[Element]:
    for zone in rural_zones().by_id.values():
        if zone.level in TEMPLATES:
            yield Element(_zone_path(zone.id), zone.name, "", TEMPLATES[zone.level])
    for switch in rural_grid().switches:
        path = element_of(switch)
        element = Element(path, switch.id, switch.name, "Switch")
        element.attributes += [Attribute(f"{path}|{tag.signal}", tag.signal, tag) for tag in _tags(switch)]
        element.attributes.append(
            Attribute(f"{path}|Nominal voltage", "Nominal voltage", None, switch.nominal_kv, "kV")
        )
        yield element


def _tags(switch: GridElement) -> list[Tag]:
    return [Tag(switch, signal) for signal in (("I", "P", "POS") if switch.is_measured else ("POS",))]


def _zone_path(zone_id: str) -> str:
    zones = rural_zones().by_id
    parent = zones[zone_id].parent
    above = _zone_path(parent) if parent and zones[parent].level in TEMPLATES else DATABASE
    return f"{above}\\{zones[zone_id].name}"
