"""Whom a public alert reaches, and what its area looks like on a map."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import shapely
from django.db import connection
from shapely.geometry.base import BaseGeometry

from connectors.cap.message import Ring
from gis.queries import zones_overlapping
from outage.alerts.area import rings, zone_shapes
from outage.models import Outage

MOST_ZONES = 50
ROUNDED = 1e-4
"""Degrees: by less than this, some ten metres, an alert's polygons are off the zones that they are made of."""


@dataclass(frozen=True, kw_only=True)
class Audience:
    """
    :ivar within: service points in the area of an alert
    :ivar off: those of them that the outage has off
    """

    within: int
    off: int

    @property
    def on(self) -> int:
        """Those that read the alert and have power, as far as this outage goes."""
        return self.within - self.off


def audience_of(outage: Outage, polygons: Sequence[Ring]) -> Audience:
    """
    How many service points lie in an area or on its border.

    :param polygons: in latitude, longitude order, as an alert has them. One without a position of its own counts
        where an element touches its node
    """
    area = _area(polygons)
    west, south, east, north = area.bounds
    values = {
        "organisation": outage.organisation_id,
        "outage": outage.pk,
        "west": west,
        "south": south,
        "east": east,
        "north": north,
    }
    with connection.cursor() as cursor:
        cursor.execute(AROUND, values)
        around: list[tuple[float, float, bool]] = cursor.fetchall()
    if not around:
        return Audience(within=0, off=0)
    longitudes, latitudes, off = zip(*around, strict=True)
    shapely.prepare(area)
    within = shapely.intersects_xy(area, longitudes, latitudes)
    return Audience(within=int(within.sum()), off=int((within & off).sum()))


def drawing_of(polygons: Sequence[Ring]) -> dict[str, Any]:
    """
    An area and the zones that lie in it, as the map draws them: `area` is a list of rings, `zones` of a name and its
    rings; each ring is a list of [latitude, longitude] in CRS84 degrees.
    """
    area = _area(polygons)
    west, south, east, north = area.bounds
    zones = zones_overlapping(west=west, south=south, east=east, north=north)
    shapes = zone_shapes(zone.geometry for zone in zones)
    wide = area.buffer(ROUNDED)
    within = [
        (zone, one) for zone, one in zip(zones, shapes, strict=True) if not one.is_empty and shapely.covers(wide, one)
    ]
    return {"area": polygons, "zones": [[zone.name, rings(one)] for zone, one in within[:MOST_ZONES]]}


def _area(polygons: Sequence[Ring]) -> BaseGeometry:
    return shapely.union_all(
        [shapely.Polygon([(longitude, latitude) for latitude, longitude in ring]) for ring in polygons]
    )


AROUND = """
WITH mine AS (
  SELECT service_point_id FROM outage_affectedservicepoint
  WHERE organisation_id = %(organisation)s AND outage_id = %(outage)s AND is_off
), placed AS (
  SELECT sp.id, sp.longitude, sp.latitude FROM customer_servicepoint sp
  WHERE sp.organisation_id = %(organisation)s AND sp.retired_at IS NULL
    AND sp.latitude BETWEEN %(south)s AND %(north)s AND sp.longitude BETWEEN %(west)s AND %(east)s
), at_nodes AS (
  SELECT DISTINCT ON (sp.id) sp.id, e.longitude, e.latitude FROM gis_networkelement e
  JOIN customer_servicepoint sp ON sp.organisation_id = e.organisation_id AND sp.node = e.from_node
  WHERE e.organisation_id = %(organisation)s AND e.retired_at IS NULL AND sp.retired_at IS NULL AND sp.latitude IS NULL
    AND e.extent && box(point(%(east)s, %(north)s), point(%(west)s, %(south)s))
    AND e.latitude BETWEEN %(south)s AND %(north)s AND e.longitude BETWEEN %(west)s AND %(east)s
  ORDER BY sp.id, e.to_node IS NOT NULL, e.id
)
SELECT longitude, latitude, id IN (SELECT service_point_id FROM mine)
FROM (SELECT * FROM placed UNION ALL SELECT * FROM at_nodes) around
"""
