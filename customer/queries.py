"""Who loses supply, who lost it, and who is off."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from customer.models import ServicePoint
from gis.lookups import Among
from gis.models import NetworkElement
from gis.queries import nodes_fed_by, unsupplied_among, unsupplied_nodes
from organisation.scope import current_scope


@dataclass(frozen=True)
class Impact:
    """How many service points lose supply, and how many of them are critical."""

    total: int
    critical: int


class NotCounted(Exception):
    """The service points are not counted for the numbering in force: a follower did not run."""


def impact(element_ids: Sequence[int]) -> dict[int, Impact]:
    """
    What loses supply if each element opened or failed now. An element that is open already, unsupplied, retired or
    not numbered yet takes nobody off.

    :raises NotCounted: if the counts of the numbering in force are missing
    """
    impacts = dict.fromkeys(element_ids, Impact(0, 0))
    with connection.cursor() as cursor:
        cursor.execute(IMPACT, {"organisation": current_scope().organisation_id, "elements": list(element_ids)})
        for element_id, total, critical, uncounted in cursor.fetchall():
            if uncounted:
                raise NotCounted("The service points are not counted yet for the network as it is now.")
            impacts[element_id] = Impact(total, critical)
    return impacts


def service_points() -> QuerySet[ServicePoint]:
    """Those that the CIS still has."""
    return ServicePoint.objects.filter(organisation_id=current_scope().organisation_id, retired_at=None)


def service_points_fed_by(element_id: int) -> QuerySet[ServicePoint]:
    """
    The service points that an element alone feeds now; of a device that is open, those that it fed in the last
    state in which it was closed.
    """
    return service_points().filter(Among(F("node"), nodes_fed_by(element_id)))


def service_points_off() -> QuerySet[ServicePoint]:
    """
    Those whose node no source reaches. One whose node the network does not know is neither on nor off:
    `service_points_unplaced`.
    """
    return service_points().filter(Among(F("node"), unsupplied_nodes()))


def off_among(service_point_ids: Iterable[int]) -> set[int]:
    """Which of these service points are off."""
    hanging = service_points().filter(pk__in=service_point_ids).exclude(node=None)
    nodes = dict(hanging.values_list("pk", "node"))
    off = unsupplied_among(node for node in nodes.values() if node is not None)
    return {point for point, node in nodes.items() if node in off}


def service_points_unplaced() -> QuerySet[ServicePoint]:
    """A finding about data quality: those that hang on no node that a present element of the network touches."""
    present = NetworkElement.objects.filter(organisation_id=current_scope().organisation_id, retired_at=None)
    return service_points().filter(
        Q(node=None)
        | ~Q(Exists(present.filter(from_node=OuterRef("node")))) & ~Q(Exists(present.filter(to_node=OuterRef("node"))))
    )


# A range of ranks is the difference of two counts, less the outermost dead ranges as far as they overlap it; dead
# ranges lie in one another or apart, for they are subtrees. `LIMIT 1` has each page looked up by its key: of rows
# that a numbering has just written the planner knows nothing, and would read them all.
IMPACT = """
WITH asked AS (
  SELECT element.id, network.organisation_id, network.version, numbers.enter, numbers.leave
  FROM gis_networkelement AS element
  JOIN gis_network AS network ON network.organisation_id = element.organisation_id
  CROSS JOIN LATERAL (
    SELECT page.enters[(element.id & 1023)::int + 1] AS enter, page.leaves[(element.id & 1023)::int + 1] AS leave
    FROM gis_elementnumbers AS page
    WHERE page.organisation_id = network.organisation_id AND page.version = network.version
      AND page.page = element.id >> 10
    LIMIT 1
  ) AS numbers
  LEFT JOIN gis_switchposition AS position
    ON position.organisation_id = element.organisation_id AND position.element_id = element.id
  WHERE element.organisation_id = %(organisation)s AND element.id = ANY(%(elements)s::bigint[])
    AND element.retired_at IS NULL AND NOT coalesce(position.is_open, element.normally_open)
), dead AS (
  SELECT outermost.enter, outermost.leave
  FROM gis_network AS network JOIN gis_deadrange AS outermost
    ON outermost.organisation_id = network.organisation_id AND outermost.version = network.version
  WHERE network.organisation_id = %(organisation)s AND NOT EXISTS (
    SELECT 1 FROM gis_deadrange AS wider
    WHERE wider.organisation_id = outermost.organisation_id AND wider.version = outermost.version
      AND wider.enter <= outermost.enter AND wider.leave >= outermost.leave AND wider.id <> outermost.id)
), ends AS (
  SELECT id, organisation_id, version, leave AS upto, 1 AS sign FROM asked WHERE leave > enter
  UNION ALL
  SELECT id, organisation_id, version, enter, -1 FROM asked WHERE leave > enter
  UNION ALL
  SELECT id, organisation_id, version, least(asked.leave, dead.leave), -1
  FROM asked JOIN dead ON dead.enter < asked.leave AND dead.leave > asked.enter
  UNION ALL
  SELECT id, organisation_id, version, greatest(asked.enter, dead.enter), 1
  FROM asked JOIN dead ON dead.enter < asked.leave AND dead.leave > asked.enter
)
SELECT ends.id, sum(ends.sign * counts.total)::int, sum(ends.sign * counts.critical)::int,
  bool_or(counts.total IS NULL)
FROM ends LEFT JOIN LATERAL (
  SELECT page.totals[(ends.upto & 1023) + 1] AS total, page.criticals[(ends.upto & 1023) + 1] AS critical
  FROM customer_cumulativecounts AS page
  WHERE page.organisation_id = ends.organisation_id AND page.version = ends.version AND page.page = ends.upto >> 10
  LIMIT 1
) AS counts ON true
GROUP BY ends.id
"""
