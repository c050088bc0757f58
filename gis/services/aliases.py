"""The crosswalk: what other systems call a network element."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import connection, transaction

from connectors.contracts.base import contract_id
from connectors.contracts.network_element import NetworkElement as NetworkElementRecord
from connectors.landing import Landing
from connectors.models import OutboxItem, OutboxKind
from gis.models import ElementAlias, NetworkElement


def aliases_for(*, names: Iterable[str], landing: Landing) -> dict[str, int]:
    """
    The alias of each name that a connector's records use for an element, made where there is none yet.

    A new alias is resolved at once if exactly one present element has that external id; else it waits for the
    element to land, or for a person.
    """
    wanted = set(names)
    known = _known(wanted, landing)
    if missing := sorted(wanted - known.keys()):
        with connection.cursor() as cursor:
            cursor.execute(
                MAKE,
                {
                    "organisation": landing.organisation_id,
                    "connector": landing.connector_id,
                    "names": missing,
                    "now": landing.now,
                },
            )
        known |= _known(set(missing), landing)
    return known


def resolve_aliases(*, element_ids: Sequence[int], now: datetime) -> list[int]:
    """
    Resolve the aliases of these elements' names that stand for none, or for one which is gone, if exactly one element
    of that name is present now. Returns the aliases' ids.
    """
    with connection.cursor() as cursor:
        cursor.execute(RESOLVE, {"elements": list(element_ids), "now": now})
        return [row[0] for row in cursor.fetchall()]


class UnableToMap(Exception):
    """The name already stands for an element, or the element is gone."""


@transaction.atomic
def map_alias(*, alias: ElementAlias, element: NetworkElement, now: datetime) -> ElementAlias:
    """
    Say which element a name that waits for one means. Whoever follows the element takes up what waited with it: alarms,
    switch positions, work and estimates.

    :raises UnableToMap: if the name stands for an element already, or the element is no longer in the network
    """
    mapped = ElementAlias.objects.select_for_update(of=("self",)).select_related("element").get(pk=alias.pk)
    if mapped.element is not None:
        raise UnableToMap(f"{mapped} stands for {mapped.element.external_id} already.")
    if element.retired_at is not None:
        raise UnableToMap(f"{element.external_id} is no longer in the network: choose a present element.")
    mapped.element, mapped.resolved_at = element, now
    mapped.save(update_fields=["element", "resolved_at"])
    OutboxItem.objects.create(
        kind=OutboxKind.FOLLOW,
        contract=contract_id(NetworkElementRecord),
        connector_id=element.connector_id,
        stream_id=element.stream_id,
        payload={"ids": [element.pk]},
        created_at=now,
        due_at=now,
    )
    return mapped


def _known(names: set[str], landing: Landing) -> dict[str, int]:
    if not names:
        return {}
    return dict(
        ElementAlias.objects.for_organisation(landing.organisation_id)
        .filter(connector_id=landing.connector_id, external_id__in=names)
        .values_list("external_id", "pk")
    )


MAKE = """
INSERT INTO gis_elementalias (organisation_id, connector_id, external_id, element_id, created_at, resolved_at)
SELECT %(organisation)s, %(connector)s, given.name, found.id, %(now)s, CASE WHEN found.id IS NOT NULL THEN %(now)s END
FROM unnest(%(names)s::text[]) AS given (name)
LEFT JOIN LATERAL (
  SELECT min(element.id) AS id FROM gis_networkelement AS element
  WHERE element.organisation_id = %(organisation)s AND element.external_id = given.name
    AND element.retired_at IS NULL
  HAVING count(*) = 1
) AS found ON true
ORDER BY given.name
ON CONFLICT (organisation_id, connector_id, external_id) DO NOTHING
"""

# Step by step along indexes, each row looked up by itself: for tables that have grown since their statistics were made,
# the planner would compare every name with every element. No organisation is named, for the row policy does: named
# twice it counts twice in the estimate, and any index that begins with it is taken for as good as the right one.
RESOLVE = """
WITH named AS MATERIALIZED (
  SELECT DISTINCT external_id FROM gis_networkelement WHERE id = ANY(%(elements)s)
), present AS MATERIALIZED (
  SELECT named.external_id, found.id
  FROM named CROSS JOIN LATERAL (
    SELECT min(element.id) AS id FROM gis_networkelement AS element
    WHERE element.external_id = named.external_id AND element.retired_at IS NULL
    HAVING count(*) = 1
  ) AS found
), due AS MATERIALIZED (
  SELECT alias.id, present.id AS element_id
  FROM present CROSS JOIN LATERAL (
    SELECT waiting.id FROM gis_elementalias AS waiting
    WHERE waiting.external_id = present.external_id AND waiting.element_id IS NULL
    UNION ALL
    SELECT stale.id
    FROM gis_networkelement AS former CROSS JOIN LATERAL (
      SELECT id FROM gis_elementalias WHERE element_id = former.id AND external_id = former.external_id OFFSET 0
    ) AS stale
    WHERE former.external_id = present.external_id AND former.retired_at IS NOT NULL
  ) AS alias
)
UPDATE gis_elementalias AS alias SET element_id = due.element_id, resolved_at = %(now)s
FROM due WHERE alias.id = due.id
RETURNING alias.id
"""
"""A name that stood for an element which is gone goes over to another of that name: the same in a newer system."""
