"""Zones from the grid's subnets: company, substation, feeders, low-voltage areas, hulled from elements."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from simulator.grid import Grid, LonLat, rural_grid

COMPANY_ID = "ZONE-COMPANY"
# A zone of one point, or of points in a line, still is an area: some fifty metres around.
MARGIN_DEGREES = 0.0005

# Subnets of the stations tell which feeder serves which low-voltage area: MV1.101_LV2.107_Feeder2.
STATION = re.compile(r"^(MV\d+\.\d+)_(LV\d+\.\d+)_(Feeder\d+)$")
FEEDER = re.compile(r"^(MV\d+\.\d+)_(Feeder\d+)$")
LOW_VOLTAGE = re.compile(r"^LV\d+\.\d+$")
MEDIUM_VOLTAGE = re.compile(r"(MV\d+\.\d+)")


@dataclass(frozen=True)
class Zone:
    id: str
    name: str
    level: str
    parent: str | None
    # A closed ring, counter-clockwise.
    ring: tuple[LonLat, ...]


@dataclass(frozen=True)
class Zones:
    by_id: dict[str, Zone]
    # Subnet -> the lowest zone it belongs to.
    by_subnet: dict[str, str]


@lru_cache(maxsize=1)
def rural_zones() -> Zones:
    return _zones(rural_grid())


def _zones(grid: Grid) -> Zones:
    subnets = sorted({element.subnet for element in grid.elements.values()})
    by_subnet = {subnet: _zone_id(subnet) for subnet in subnets}
    names: dict[str, tuple[str, str, str | None]] = {COMPANY_ID: ("Rural Grid Utility", "company", None)}
    for subnet in subnets:
        if station := STATION.match(subnet):
            busbar, low_voltage, feeder = station.groups()
            parent = f"ZONE-{busbar}_{feeder}"
            names[f"ZONE-{low_voltage}"] = (f"Low-voltage area {low_voltage}", "low_voltage_area", parent)
        elif feeder_match := FEEDER.match(subnet):
            busbar, feeder = feeder_match.groups()
            name = f"{busbar} feeder {feeder.removeprefix('Feeder')}"
            names[f"ZONE-{busbar}_{feeder}"] = (name, "feeder_area", f"ZONE-{busbar}")
        elif not LOW_VOLTAGE.match(subnet):
            busbar = by_subnet[subnet].removeprefix("ZONE-")
            names[f"ZONE-{busbar}"] = (f"Substation {busbar}", "substation", COMPANY_ID)

    points: dict[str, set[LonLat]] = defaultdict(set)
    for element in grid.elements.values():
        zone_id: str | None = by_subnet[element.subnet]
        while zone_id is not None:
            points[zone_id].update(element.positions)
            zone_id = names[zone_id][2]
    return Zones(
        by_id={
            zone_id: Zone(zone_id, name, level, parent, hull(points[zone_id]))
            for zone_id, (name, level, parent) in names.items()
        },
        by_subnet=by_subnet,
    )


def _zone_id(subnet: str) -> str:
    if LOW_VOLTAGE.match(subnet):
        return f"ZONE-{subnet}"
    if station := STATION.match(subnet):
        return f"ZONE-{station[1]}_{station[3]}"
    if FEEDER.match(subnet):
        return f"ZONE-{subnet}"
    # The substation itself, and the lines that tie two feeders together.
    busbar = MEDIUM_VOLTAGE.search(subnet)
    if busbar is None:
        raise ValueError(f"No zone for subnet {subnet}.")
    return f"ZONE-{busbar[1]}"


def hull(points: Iterable[LonLat]) -> tuple[LonLat, ...]:
    """The convex hull as a closed ring, counter-clockwise; widened when it would have no area."""
    ordered = sorted(set(points))
    ring = [*_chain(ordered), *_chain(ordered[::-1])]
    if len(ring) < 3:
        ring = _box_around(ordered)
    return (*ring, ring[0])


def _chain(points: list[LonLat]) -> list[LonLat]:
    chain: list[LonLat] = []
    for point in points:
        while len(chain) > 1 and _turn(chain[-2], chain[-1], point) <= 0:
            chain.pop()
        chain.append(point)
    return chain[:-1]


def _turn(start: LonLat, middle: LonLat, end: LonLat) -> float:
    # Rounded, so that points in a line do not make a sliver out of float noise.
    cross = (middle[0] - start[0]) * (end[1] - start[1]) - (middle[1] - start[1]) * (end[0] - start[0])
    return round(cross, 14)


def _box_around(points: list[LonLat]) -> list[LonLat]:
    west = round(min(longitude for longitude, _ in points) - MARGIN_DEGREES, 7)
    east = round(max(longitude for longitude, _ in points) + MARGIN_DEGREES, 7)
    south = round(min(latitude for _, latitude in points) - MARGIN_DEGREES, 7)
    north = round(max(latitude for _, latitude in points) + MARGIN_DEGREES, 7)
    return [(west, south), (east, south), (east, north), (west, north)]
