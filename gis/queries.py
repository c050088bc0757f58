"""What the network says: ranges of its numbering, what a device feeds or fed, and what is without supply."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection
from django.db.models import F

from gis.lookups import Among
from gis.models import NetworkElement, UnsuppliedNode, Zone
from organisation.scope import current_scope
from organisation.tenancy import TenantQuerySet

MOST_LEVELS = 6
"""Zones within zones; whoever lands them does not look for circles."""


@dataclass(frozen=True)
class Range:
    """The supplied nodes ranked in [enter, leave), in the numbering in force."""

    enter: int
    leave: int

    @property
    def is_empty(self) -> bool:
        return self.enter == self.leave


def range_of(element_id: int) -> Range | None:
    """
    What an element took supply from by failing, when the network was numbered. Empty: nothing, it is meshed.
    `None`: no source reached it, it was open, or it is not in the network.
    """
    with connection.cursor() as cursor:
        cursor.execute(RANGE, {"organisation": current_scope().organisation_id, "element": element_id})
        found = cursor.fetchone()
    return Range(*found) if found is not None and found[0] is not None and found[0] >= 0 else None


def nodes_fed_by(element_id: int) -> list[str]:
    """
    The connectivity nodes that an element alone feeds: those that lose supply when it opens. Of a device that is
    open: those that it fed in the last state in which it was closed.
    """
    with connection.cursor() as cursor:
        cursor.execute(FED, [current_scope().organisation_id, element_id])
        return [row[0] for row in cursor.fetchall()]


def unsupplied_nodes() -> list[str]:
    """The known connectivity nodes that no source reaches now."""
    return list(_unsupplied().values_list("node", flat=True))


def unsupplied_among(nodes: Iterable[str]) -> set[str]:
    """Which of these nodes are known, and reached by no source."""
    return set(_unsupplied().filter(Among(F("node"), sorted(set(nodes)))).values_list("node", flat=True))


def _unsupplied() -> TenantQuerySet[UnsuppliedNode]:
    return UnsuppliedNode.objects.for_organisation(current_scope().organisation_id)


def zones_overlapping(*, west: float, south: float, east: float, north: float) -> list[Zone]:
    """The present zones with a geometry whose extents touch a box, in CRS84 degrees."""
    organisation_id = current_scope().organisation_id
    return list(Zone.objects.raw(ZONES_OVERLAPPING, [organisation_id, west, south, east, north]))


def zones_around(element: NetworkElement) -> list[Zone]:
    """The zone of an element and those around it, the nearest first."""
    zones = Zone.objects.for_organisation(element.organisation_id).filter(retired_at=None)
    found: list[Zone] = []
    wanted = element.zone_id
    while wanted is not None and len(found) < MOST_LEVELS:
        zone = zones.filter(pk=wanted).first()
        if zone is None:
            break
        found.append(zone)
        wanted = zone.parent_id
    return found


def elements_named(external_ids: Iterable[str]) -> dict[str, list[int]]:
    """The present elements of each external id; more than one where two systems use the same."""
    found: dict[str, list[int]] = defaultdict(list)
    for external_id, element_id in (
        NetworkElement.objects.filter(organisation_id=current_scope().organisation_id, retired_at=None)
        .filter(external_id__in=set(external_ids))
        .order_by("pk")
        .values_list("external_id", "pk")
    ):
        found[external_id].append(element_id)
    return dict(found)


RANGE = """
SELECT numbers.enters[(%(element)s::bigint & 1023)::int + 1], numbers.leaves[(%(element)s::bigint & 1023)::int + 1]
FROM gis_network AS network JOIN gis_elementnumbers AS numbers
  ON numbers.organisation_id = network.organisation_id AND numbers.version = network.version
  AND numbers.page = %(element)s::bigint >> 10
WHERE network.organisation_id = %(organisation)s
"""

FED = """
WITH device AS (
  SELECT element.id, network.organisation_id, network.version,
    coalesce(position.is_open, element.normally_open) AS is_open,
    numbers.enters[(element.id & 1023)::int + 1] AS enter, numbers.leaves[(element.id & 1023)::int + 1] AS leave
  FROM gis_networkelement AS element
  JOIN gis_network AS network ON network.organisation_id = element.organisation_id
  LEFT JOIN gis_elementnumbers AS numbers ON numbers.organisation_id = network.organisation_id
    AND numbers.version = network.version AND numbers.page = element.id >> 10
  LEFT JOIN gis_switchposition AS position
    ON position.organisation_id = element.organisation_id AND position.element_id = element.id
  WHERE element.organisation_id = %s AND element.id = %s
), ranked AS (
  SELECT one.node, (ranking.page << 10) + one.place - 1 AS rank, device.*
  FROM device JOIN gis_noderanking AS ranking
    ON ranking.organisation_id = device.organisation_id AND ranking.version = device.version
    AND ranking.page BETWEEN device.enter >> 10 AND (device.leave - 1) >> 10
  CROSS JOIN LATERAL unnest(ranking.nodes) WITH ORDINALITY AS one (node, place)
  WHERE NOT device.is_open
)
SELECT ranked.node FROM ranked
WHERE ranked.rank >= ranked.enter AND ranked.rank < ranked.leave AND NOT EXISTS (
  SELECT 1 FROM gis_deadrange AS dead
  WHERE dead.organisation_id = ranked.organisation_id AND dead.version = ranked.version
    AND dead.enter <= ranked.rank AND dead.leave > ranked.rank)
UNION ALL
SELECT unnest(opening.nodes)
FROM device CROSS JOIN LATERAL (
  SELECT newest.nodes FROM gis_switchopening AS newest
  WHERE newest.organisation_id = device.organisation_id AND newest.element_id = device.id
  ORDER BY newest.opened_at DESC, newest.id DESC LIMIT 1
) AS opening
WHERE device.is_open
"""

ZONES_OVERLAPPING = """
SELECT id, organisation_id, name, geometry FROM gis_zone
WHERE organisation_id = %s AND retired_at IS NULL AND geometry IS NOT NULL
  AND extent && box(point(%s, %s), point(%s, %s))
ORDER BY id
"""
