"""Cumulative counts over the network's numbering, so that any impact is the difference of two."""

from datetime import datetime

from django.db import connection, transaction

from connectors.landing import Change
from customer.models import CumulativeCounts
from gis.models import Network
from gis.services.network import lock_network


@transaction.atomic
def recount(*, now: datetime) -> bool:
    """
    Count for the numbering in force, in the transaction that numbered. Returns whether there was anything to do: a
    device that opened or closed without a new numbering leaves the counts true.
    """
    network = lock_network()
    if CumulativeCounts.objects.for_organisation(network.organisation_id).filter(version=network.version).exists():
        return False
    _count(network)
    return True


@transaction.atomic
def follow_service_points(change: Change) -> None:
    """Service points came, changed or went: count again."""
    _count(lock_network())


def _count(network: Network) -> None:
    parameters = {"organisation": network.organisation_id, "version": network.version}
    CumulativeCounts.objects.for_organisation(network.organisation_id).delete()
    with connection.cursor() as cursor:
        # The planner knows no number of nodes in an array: it would count all points anew for each page or each node,
        # or sort both by text.
        cursor.execute("SET LOCAL enable_nestloop = off; SET LOCAL enable_mergejoin = off")
        cursor.execute(COUNT, parameters)
        cursor.execute("SET LOCAL enable_nestloop TO DEFAULT; SET LOCAL enable_mergejoin TO DEFAULT")


COUNT = """
WITH ranked AS MATERIALIZED (
  SELECT one.node, (ranking.page << 10) + one.place::int AS upto
  FROM gis_noderanking AS ranking CROSS JOIN LATERAL unnest(ranking.nodes) WITH ORDINALITY AS one (node, place)
  WHERE ranking.organisation_id = %(organisation)s AND ranking.version = %(version)s
), per_node AS MATERIALIZED (
  SELECT point.node, count(*) AS total, count(*) FILTER (WHERE point.priority = 'CRITICAL') AS critical
  FROM customer_servicepoint AS point
  WHERE point.organisation_id = %(organisation)s AND point.retired_at IS NULL AND point.node IS NOT NULL
  GROUP BY point.node
), summed AS (
  SELECT ranked.upto,
    sum(per_node.total) OVER in_order AS total, sum(per_node.critical) OVER in_order AS critical
  FROM ranked LEFT JOIN per_node ON per_node.node = ranked.node
  WINDOW in_order AS (ORDER BY ranked.upto)
  UNION ALL SELECT 0, 0, 0
)
INSERT INTO customer_cumulativecounts (organisation_id, version, page, totals, criticals)
SELECT %(organisation)s, %(version)s, upto >> 10,
  array_agg(coalesce(total, 0)::int ORDER BY upto), array_agg(coalesce(critical, 0)::int ORDER BY upto)
FROM summed GROUP BY upto >> 10
"""
