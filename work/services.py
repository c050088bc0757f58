"""Landing of what asset and work management know: equipment records, work orders with their crews, crews."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import connection

from connectors.contracts.crew import Crew as CrewRecord
from connectors.contracts.equipment import Equipment as EquipmentRecord
from connectors.contracts.work_order import WorkOrder as WorkOrderRecord
from connectors.landing import Gone, Landed, Landing
from connectors.merge import Merged, merge, retire
from gis.services.aliases import aliases_for
from work.models import Crew, Equipment, WorkOrder


def land_equipment(records: Sequence[EquipmentRecord], landing: Landing) -> Landed:
    """Land asset records. Work orders that name one have its element from then on."""
    aliases = _aliases((record.element for record in records), landing)
    merged = merge(
        Equipment,
        [
            (
                record.external_id,
                record.source_time,
                record.name,
                record.status,
                record.location,
                aliases.get(record.element),
            )
            for record in records
        ],
        landing=landing,
        columns=("external_id", "source_time", "name", "status", "location", "alias_id"),
    )
    return _landed(merged)


def land_crews(records: Sequence[CrewRecord], landing: Landing) -> Landed:
    merged = merge(
        Crew,
        [
            (
                record.external_id,
                record.source_time,
                record.name,
                record.status.value,
                record.position and record.position.longitude,
                record.position and record.position.latitude,
            )
            for record in records
        ],
        landing=landing,
        columns=("external_id", "source_time", "name", "status", "longitude", "latitude"),
    )
    return _landed(merged)


def land_work_orders(records: Sequence[WorkOrderRecord], landing: Landing) -> Landed:
    """
    Land work orders, each with exactly the crews that it has now. One whose crews alone changed counts as updated.
    """
    aliases = _aliases((record.element for record in records), landing)
    merged = merge(
        WorkOrder,
        [
            (
                record.external_id,
                record.source_time,
                record.summary,
                record.status.value,
                record.status_label,
                record.work_type,
                record.priority,
                aliases.get(record.element),
                record.equipment,
                record.reported_at,
                record.scheduled_start,
                record.scheduled_finish,
                record.started_at,
                record.finished_at,
            )
            for record in records
        ],
        landing=landing,
        columns=(
            "external_id",
            "source_time",
            "summary",
            "status",
            "status_label",
            "work_type",
            "priority",
            "alias_id",
            "equipment_external_id",
            "reported_at",
            "scheduled_start",
            "scheduled_finish",
            "started_at",
            "finished_at",
        ),
    )
    # Of several records of one work order the last counts, here as in the merge.
    newest = {merged.ids_by_key[record.external_id]: record for record in records}
    by_crew_alone = _replace_assignments(newest, landing) - set(merged.ids_touched)
    if by_crew_alone:
        WorkOrder.objects.for_organisation(landing.organisation_id).filter(pk__in=by_crew_alone).update(
            landed_at=landing.now
        )
    return Landed(
        created=merged.created,
        updated=merged.updated + len(by_crew_alone),
        unchanged=merged.unchanged - len(by_crew_alone),
        touched=tuple(sorted({*merged.ids_touched, *by_crew_alone})),
    )


def retire_equipment(landing: Landing, gone: Gone) -> Sequence[int]:
    return retire(Equipment, landing, gone)


def retire_work_orders(landing: Landing, gone: Gone) -> Sequence[int]:
    """Retire what work management no longer has. Who was on it stays known."""
    return retire(WorkOrder, landing, gone)


def retire_crews(landing: Landing, gone: Gone) -> Sequence[int]:
    return retire(Crew, landing, gone)


def _aliases(names: Iterable[str | None], landing: Landing) -> Mapping[str | None, int]:
    """The alias of each name. A record without an element finds none."""
    wanted = {name for name in names if name is not None}
    aliases = aliases_for(names=wanted, landing=landing) if wanted else {}
    return {name: aliases[name] for name in wanted}


def _landed(merged: Merged) -> Landed:
    return Landed(
        created=merged.created,
        updated=merged.updated,
        unchanged=merged.unchanged,
        touched=merged.ids_touched,
    )


def _replace_assignments(orders: Mapping[int, WorkOrderRecord], landing: Landing) -> set[int]:
    """Give each work order the crews of its record, and no others. Returns those for which that changed something."""
    if not orders:
        return set()
    # A crew that a record names twice is on the job once, as it says last.
    given = {
        (order, assignment.crew): assignment for order, record in orders.items() for assignment in record.assignments
    }
    parameters: dict[str, Any] = {
        "organisation": landing.organisation_id,
        "page": list(orders),
        "orders": [order for order, _ in given],
        "crews": [crew for _, crew in given],
        "times": [assignment.assigned_at for assignment in given.values()],
        "statuses": [assignment.status for assignment in given.values()],
    }
    with connection.cursor() as cursor:
        cursor.execute(REPLACE_ASSIGNMENTS, parameters)
        return {row[0] for row in cursor.fetchall()}


REPLACE_ASSIGNMENTS = """
WITH given AS MATERIALIZED (
  SELECT * FROM unnest(%(orders)s::bigint[], %(crews)s::text[], %(times)s::timestamptz[], %(statuses)s::text[])
    AS given (work_order_id, crew_external_id, assigned_at, status)
), gone AS (
  DELETE FROM work_assignment AS known
  WHERE known.organisation_id = %(organisation)s AND known.work_order_id = ANY(%(page)s::bigint[])
    AND NOT EXISTS (
      SELECT 1 FROM given
      WHERE given.work_order_id = known.work_order_id AND given.crew_external_id = known.crew_external_id)
  RETURNING known.work_order_id
), put AS (
  INSERT INTO work_assignment AS known (organisation_id, work_order_id, crew_external_id, assigned_at, status)
  SELECT %(organisation)s, given.work_order_id, given.crew_external_id, given.assigned_at, given.status
  FROM given LEFT JOIN work_assignment AS same ON same.organisation_id = %(organisation)s
    AND same.work_order_id = given.work_order_id AND same.crew_external_id = given.crew_external_id
  WHERE same.id IS NULL OR (same.assigned_at, same.status) IS DISTINCT FROM (given.assigned_at, given.status)
  ORDER BY given.work_order_id, given.crew_external_id
  ON CONFLICT (organisation_id, work_order_id, crew_external_id)
    DO UPDATE SET assigned_at = excluded.assigned_at, status = excluded.status
  RETURNING known.work_order_id
)
SELECT work_order_id FROM gone UNION SELECT work_order_id FROM put
"""
