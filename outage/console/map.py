"""The network around an outage as the map draws it: bounded, and kept for as long as nothing in it changes."""

from typing import Any

import msgspec
from django.core.cache import cache
from django.db import connection

from organisation.scope import current_scope
from outage.console.reading import MAP_VERSION

MOST_ELEMENTS = 6_000
MOST_POINTS = 6_000
KEPT_S = 3600


def map_version(outage_id: int) -> str | None:
    """What the map's cache and the page compare; `None` if this organisation has no such outage."""
    with connection.cursor() as cursor:
        cursor.execute(VERSION, {"organisation": current_scope().organisation_id, "outage": outage_id})
        found = cursor.fetchone()
    return found[0] if found else None


def map_json(outage_id: int, *, version: str, attribution: str) -> bytes:
    """
    JSON of the neighbourhood. Coordinates are latitude then longitude, as the map's library has them.

    `lines`: [is off, [[lat, lon], …], is of 1 kV or more]; `devices`: [is off, lat, lon, kind, id, is open]; `points`
    (the affected service points): [is off, lat, lon]; `critical`: [is off, lat, lon, number on the list].
    """
    organisation = current_scope().organisation_id
    key = f"outage-map-2:{organisation}:{outage_id}:{version}"
    kept: bytes | None = cache.get(key)
    if kept is None:
        kept = msgspec.json.encode({"version": version, "attribution": attribution, **_read(organisation, outage_id)})
        cache.set(key, kept, KEPT_S)
    return kept


def _read(organisation: int, outage_id: int) -> dict[str, Any]:
    values = {
        "organisation": organisation,
        "outage": outage_id,
        "most_elements": MOST_ELEMENTS,
        "most_points": MOST_POINTS,
    }
    with connection.cursor() as cursor:
        cursor.execute(FAILED, values)
        found = cursor.fetchone()
        cursor.execute(POINTS, values)
        points = cursor.fetchall()
        cursor.execute(ELEMENTS, values)
        elements = cursor.fetchall()
    failed = None if found is None else dict(zip(("id", "kind", "lat", "lon"), found, strict=True))
    lines: list[list[Any]] = []
    devices: list[list[Any]] = []
    for external_id, kind, is_main, is_off, is_open, latitude, longitude, geometry in elements:
        line = None if geometry is None else _lines(msgspec.json.decode(geometry))
        if line:
            lines.extend([is_off, part, is_main] for part in line)
        elif latitude is not None:
            devices.append([is_off, round(latitude, 6), round(longitude, 6), kind, external_id, is_open])
    return {
        "failed": failed,
        "lines": lines,
        "devices": devices,
        "points": [[off, round(lat, 6), round(lon, 6)] for off, lat, lon, number in points if number is None],
        "critical": [
            [off, round(lat, 6), round(lon, 6), number] for off, lat, lon, number in points if number is not None
        ],
        "is_cut": len(elements) == MOST_ELEMENTS or len(points) == MOST_POINTS,
    }


def _lines(geometry: dict[str, Any]) -> list[list[list[float]]]:
    """The lines of a GeoJSON geometry; none if it is not made of lines."""
    match geometry.get("type"):
        case "LineString":
            parts = [geometry["coordinates"]]
        case "MultiLineString":
            parts = geometry["coordinates"]
        case _:
            return []
    return [[[round(point[1], 6), round(point[0], 6)] for point in part] for part in parts if len(part) > 1]


VERSION = f"""
SELECT coalesce({MAP_VERSION}, '0') FROM outage_outage o
WHERE o.organisation_id = %(organisation)s AND o.id = %(outage)s
"""

FAILED = """
SELECT e.external_id, e.kind, e.latitude, e.longitude FROM outage_outage o
JOIN gis_networkelement e ON e.organisation_id = o.organisation_id AND e.id = o.element_id
WHERE o.organisation_id = %(organisation)s AND o.id = %(outage)s AND e.latitude IS NOT NULL
"""

# A service point without a place of its own stands where an element touches its node. Critical ones carry the number
# that they have in the list beside the map: still off first, then by name.
_AFFECTED = """
SELECT af.is_off, coalesce(sp.latitude, near.latitude) AS latitude, coalesce(sp.longitude, near.longitude) AS longitude,
  CASE WHEN sp.priority = 'CRITICAL' THEN row_number() OVER (
    PARTITION BY sp.priority ORDER BY af.is_off DESC, sp.name, sp.external_id) END AS number
FROM outage_affectedservicepoint af
JOIN customer_servicepoint sp ON sp.organisation_id = af.organisation_id AND sp.id = af.service_point_id
LEFT JOIN LATERAL (
  SELECT e.latitude, e.longitude FROM gis_networkelement e
  WHERE sp.latitude IS NULL AND e.organisation_id = sp.organisation_id AND e.from_node = sp.node
    AND e.latitude IS NOT NULL
  ORDER BY e.to_node IS NOT NULL, e.id LIMIT 1
) near ON true
WHERE af.organisation_id = %(organisation)s AND af.outage_id = %(outage)s
"""

POINTS = f"""
SELECT p.is_off, p.latitude, p.longitude, p.number FROM ({_AFFECTED}) p
WHERE p.latitude IS NOT NULL ORDER BY p.number NULLS LAST LIMIT %(most_points)s
"""

# The box around what is affected, half as large again, and never smaller than some 500 m. Box, dead nodes and positions
# are each worked out once and looked up in a hash, whatever the planner knows of tables that were only just filled.
ELEMENTS = f"""
WITH affected AS ({_AFFECTED}), marks AS (
  SELECT p.latitude, p.longitude FROM affected p WHERE p.latitude IS NOT NULL
  UNION ALL
  SELECT e.latitude, e.longitude FROM outage_outage o
  JOIN gis_networkelement e ON e.organisation_id = o.organisation_id AND e.id = o.element_id
  WHERE o.organisation_id = %(organisation)s AND o.id = %(outage)s AND e.latitude IS NOT NULL
), extent AS (
  SELECT min(longitude) AS west, max(longitude) AS east, min(latitude) AS south, max(latitude) AS north FROM marks
), around AS (
  SELECT box(
    point(east + greatest((east - west) / 4, 0.004), north + greatest((north - south) / 4, 0.0025)),
    point(west - greatest((east - west) / 4, 0.004), south - greatest((north - south) / 4, 0.0025))) AS frame
  FROM extent WHERE west IS NOT NULL
), dead AS (
  SELECT node FROM gis_unsuppliednode WHERE organisation_id = %(organisation)s
), position AS (
  SELECT element_id, is_open FROM gis_switchposition WHERE organisation_id = %(organisation)s
), seen AS (
  SELECT e.*, CASE WHEN e.to_node IS NULL THEN e.from_node ELSE e.to_node END IN (SELECT node FROM dead) AS is_off
  FROM gis_networkelement e
  WHERE e.organisation_id = %(organisation)s AND e.extent && (SELECT frame FROM around)
    AND e.retired_at IS NULL AND e.kind <> 'NODE'
)
SELECT e.external_id, e.kind, coalesce(e.nominal_voltage_v, 1000) >= 1000 AS is_main, e.is_off,
  CASE WHEN e.id IN (SELECT element_id FROM position WHERE is_open) THEN true
    WHEN e.id IN (SELECT element_id FROM position WHERE NOT is_open) THEN false
    ELSE e.normally_open END AS is_open,
  e.latitude, e.longitude, e.geometry::text
FROM seen e
ORDER BY e.is_off DESC, e.nominal_voltage_v DESC NULLS LAST, e.id LIMIT %(most_elements)s
"""
