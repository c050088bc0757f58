"""What is being done about an element, and by whom."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models.functions import Coalesce

from connectors.contracts.base import contract_id
from connectors.contracts.crew import Crew as CrewRecord
from connectors.contracts.equipment import Equipment as EquipmentRecord
from connectors.contracts.work_order import WorkOrder as WorkOrderRecord
from connectors.landing import Change
from organisation.scope import current_scope
from work.models import Assignment, Crew, WorkOrder


@dataclass(frozen=True, kw_only=True)
class AssignedCrew:
    """
    A crew on a work order.

    :ivar crew: its own record, present or not; `None` if none has landed
    """

    assignment: Assignment
    crew: Crew | None

    @property
    def name(self) -> str:
        return (self.crew and self.crew.name) or self.assignment.crew_external_id

    @property
    def status(self) -> str:
        """What the crew itself says that it does; else what the work order says of it, in its source's words."""
        return self.assignment.status if self.crew is None or self.crew.retired_at else self.crew.status

    @property
    def source_time(self) -> datetime | None:
        """When the status was true, by its source."""
        own = self.crew is not None and self.crew.retired_at is None
        return self.crew.source_time if self.crew is not None and own else self.assignment.assigned_at


@dataclass(frozen=True, kw_only=True)
class Work:
    """An open work order and its crews, the one assigned last first."""

    order: WorkOrder
    crews: Sequence[AssignedCrew]


def work_for_elements(element_ids: Iterable[int]) -> Mapping[int, Sequence[Work]]:
    """
    The open work orders of each element, the one reported last first; elements without one are left out.

    A work order is of the element that it names; if it names none that is known, of its equipment's.
    """
    with connection.cursor() as cursor:
        cursor.execute(OF_ELEMENTS, {"organisation": current_scope().organisation_id, "elements": list(element_ids)})
        element_of = dict(cursor.fetchall())
    orders = list(
        WorkOrder.objects.for_organisation(current_scope().organisation_id)
        .open()
        .filter(pk__in=element_of)
        .select_related("connector", "stream")
        .prefetch_related("assignments")
        .order_by(Coalesce("reported_at", "source_time", "landed_at").desc(), "-pk")
    )
    crews = _crews(orders)
    work: dict[int, list[Work]] = defaultdict(list)
    for order in orders:
        assignments = sorted(order.assignments.all(), key=_recency, reverse=True)
        assigned = [
            AssignedCrew(assignment=one, crew=crews.get((order.connector_id, one.crew_external_id)))
            for one in assignments
        ]
        work[element_of[order.pk]].append(Work(order=order, crews=assigned))
    return dict(work)


def elements_of_work_orders(external_ids: Iterable[str]) -> Mapping[str, Sequence[int]]:
    """
    The elements of work orders by their numbers, in whatever state; several where two systems use the same number.
    A number that leads to no known element is left out.
    """
    elements: dict[str, list[int]] = defaultdict(list)
    for number, element_id in _resolve("w.external_id = ANY(%(given)s::text[])", list(external_ids)):
        elements[number].append(element_id)
    return dict(elements)


def elements_concerned(change: Change) -> set[int]:
    """The elements whose work a change of equipment, work orders or crews is about."""
    condition = CONCERNED[change.contract]
    return {element_id for _, element_id in _resolve(condition, list(change.ids))}


def _recency(assignment: Assignment) -> tuple[bool, datetime | None, int]:
    # What has no time is oldest; the second place is compared only between two that have one, or two None.
    return assignment.assigned_at is not None, assignment.assigned_at, assignment.pk


def _crews(orders: Sequence[WorkOrder]) -> dict[tuple[int, str], Crew]:
    """The crews on these orders, by the system that both come from and their name there."""
    names = {one.crew_external_id for order in orders for one in order.assignments.all()}
    if not names:
        return {}
    return {
        (crew.connector_id, crew.external_id): crew
        for crew in Crew.objects.for_organisation(current_scope().organisation_id)
        .filter(connector_id__in={order.connector_id for order in orders}, external_id__in=names)
        .select_related("connector", "stream")
    }


def _resolve(condition: str, given: list[Any]) -> list[tuple[str, int]]:
    """Number and element of the work orders that fulfil a condition and lead to an element."""
    with connection.cursor() as cursor:
        cursor.execute(
            RESOLVE.format(condition=condition), {"organisation": current_scope().organisation_id, "given": given}
        )
        rows: list[tuple[str, int]] = cursor.fetchall()
    return rows


OF_ELEMENTS = """
WITH named AS (
  SELECT id, element_id FROM gis_elementalias
  WHERE organisation_id = %(organisation)s AND element_id = ANY(%(elements)s::bigint[])
)
SELECT w.id, named.element_id
FROM named JOIN work_workorder AS w ON w.organisation_id = %(organisation)s AND w.alias_id = named.id
UNION
SELECT w.id, named.element_id
FROM named
  JOIN work_equipment AS q ON q.organisation_id = %(organisation)s AND q.alias_id = named.id
  JOIN work_workorder AS w ON w.organisation_id = %(organisation)s AND w.connector_id = q.connector_id
    AND w.equipment_external_id = q.external_id
  LEFT JOIN gis_elementalias AS own ON own.organisation_id = %(organisation)s AND own.id = w.alias_id
WHERE own.element_id IS NULL
"""

RESOLVE = """
SELECT w.external_id, coalesce(own.element_id, through.element_id)
FROM work_workorder AS w
  LEFT JOIN gis_elementalias AS own ON own.organisation_id = w.organisation_id AND own.id = w.alias_id
  LEFT JOIN work_equipment AS q ON q.organisation_id = w.organisation_id AND q.connector_id = w.connector_id
    AND q.external_id = w.equipment_external_id
  LEFT JOIN gis_elementalias AS through ON through.organisation_id = q.organisation_id AND through.id = q.alias_id
WHERE w.organisation_id = %(organisation)s AND {condition}
  AND coalesce(own.element_id, through.element_id) IS NOT NULL
ORDER BY w.id
"""

CONCERNED = {
    contract_id(EquipmentRecord): "q.id = ANY(%(given)s::bigint[])",
    contract_id(WorkOrderRecord): "w.id = ANY(%(given)s::bigint[])",
    contract_id(CrewRecord): """EXISTS (
  SELECT 1 FROM work_assignment AS a JOIN work_crew AS k ON k.organisation_id = a.organisation_id
    AND k.external_id = a.crew_external_id
  WHERE a.organisation_id = w.organisation_id AND a.work_order_id = w.id AND k.connector_id = w.connector_id
    AND k.id = ANY(%(given)s::bigint[]))""",
}
