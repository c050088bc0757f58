"""Where an outage is, for a public alert: the zones of its customers, else the hull around them, never nowhere."""

from collections.abc import Sequence
from dataclasses import dataclass

import shapely

from connectors.cap.message import Ring
from gis.models import Zone
from gis.queries import zones_around, zones_overlapping
from outage.alerts.area import Position, hull, rings, smallest_around, zone_shapes
from outage.models import Outage
from outage.queries import positions_of_affected

MOST_NAMES = 5
"""With more zones than these, the area is called after the zone that holds the failed element."""


@dataclass(frozen=True)
class Place:
    """
    :ivar name: what people call it; empty if no zone has a name for it
    """

    name: str
    polygons: tuple[Ring, ...]


def place_of(outage: Outage, *, only_off: bool) -> Place | None:
    """
    The smallest zone around each affected service point, and the hull of those that lie in no zone. Without their
    positions: the zone of the failed element, else what is around it. `None` if nothing is known to be anywhere.

    :param only_off: of the affected service points those that are still off, if there are any
    """
    around = zones_around(outage.element)
    positions = positions_of_affected(outage, only_off=only_off)
    if positions:
        return _of_positions(positions, around)
    shapes = zone_shapes(zone.geometry for zone in around)
    for zone, one in zip(around, shapes, strict=True):
        if not one.is_empty:
            return Place(name=zone.name, polygons=rings(one))
    element = outage.element
    if element.longitude is None or element.latitude is None:
        return None
    return Place(name=_name((), around), polygons=rings(hull([(element.longitude, element.latitude)])))


def _of_positions(positions: Sequence[Position], around: Sequence[Zone]) -> Place:
    west, south, east, north = shapely.MultiPoint(positions).bounds
    zones = zones_overlapping(west=west, south=south, east=east, north=north)
    shapes = zone_shapes(zone.geometry for zone in zones)
    chosen = [smallest_around(position, shapes) for position in positions]
    within = sorted({index for index in chosen if index is not None})
    outside = [position for position, index in zip(positions, chosen, strict=True) if index is None]
    whole = shapely.union_all([*(shapes[index] for index in within), hull(outside)])
    names = () if outside else tuple(zones[index].name for index in within)
    return Place(name=_name(names, around), polygons=rings(whole))


def _name(names: Sequence[str], around: Sequence[Zone]) -> str:
    if 0 < len(names) <= MOST_NAMES:
        return ", ".join(sorted(set(names)))
    return around[0].name if around else ""
