"""Open outages, worst first, and what belongs to each: its job and crew, its estimate, its telemetry."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from connectors.contracts.work_order import WorkStatus
from organisation.scope import current_scope
from outage.models import Outage, OutageQuerySet, RestorationEstimate
from telemetry.models import LatestReading
from telemetry.queries.signals import latest_of_elements
from work.models import Assignment, Crew, Equipment, WorkOrder

ENDED_WORK = frozenset({WorkStatus.COMPLETED.value, WorkStatus.CLOSED.value, WorkStatus.CANCELLED.value})


def open_outages() -> OutageQuerySet:
    """Worst first: critical customers off, customers off, then age."""
    return (
        Outage.objects.for_organisation(current_scope().organisation_id)
        .open()
        .order_by("-critical_customers_off", "-customers_off", "detected_at", "pk")
    )


@dataclass(frozen=True, kw_only=True)
class Job:
    """
    The work order of an outage and the crew on it.

    :ivar crew: the crew's own record; `None` while it has not landed, or nobody is assigned
    """

    work_order: WorkOrder
    assignment: Assignment | None
    crew: Crew | None


def jobs_of(outages: Collection[Outage]) -> dict[int, Job]:
    """
    The newest work order on each outage's element, one that is still open before one that is done, with the newest
    assignment on it. What was reported before the outage's context began is about something else.
    """
    by_element: dict[int | None, list[WorkOrder]] = defaultdict(list)
    for work_order in _work_orders(outages):
        by_element[work_order.element_id].append(work_order)  # type: ignore[attr-defined]  # annotated there
    chosen = {
        outage.pk: max(mine, key=_is_newest_open)
        for outage in outages
        if (mine := [one for one in by_element[outage.element_id] if _reported_at(one) >= outage.context_since])
    }
    assignments = _newest_assignments(chosen.values())
    crews = _crews(chosen.values(), assignments.values())
    jobs = {}
    for outage_id, work_order in chosen.items():
        assignment = assignments.get(work_order.pk)
        crew = None if assignment is None else crews.get((work_order.connector_id, assignment.crew_external_id))
        jobs[outage_id] = Job(work_order=work_order, assignment=assignment, crew=crew)
    return jobs


def estimates_of(outages: Collection[Outage]) -> dict[int, list[RestorationEstimate]]:
    """What the field told of each outage, oldest first: estimates that name its element or one of its work orders."""
    elements = {outage.element_id for outage in outages}
    elements_of_orders: dict[str, set[int]] = defaultdict(set)
    for work_order in _work_orders(outages):
        elements_of_orders[work_order.external_id].add(work_order.element_id)  # type: ignore[attr-defined]  # annotated there
    since = min((outage.context_since for outage in outages), default=None)
    if since is None:
        return {}
    estimates = (
        RestorationEstimate.objects.filter(organisation_id=current_scope().organisation_id, retired_at=None)
        .filter(Q(alias__element__in=elements) | Q(work_order_external_id__in=elements_of_orders))
        .filter(source_time__gte=since)
        .select_related("alias", "connector")
        .order_by("source_time", "pk")
    )
    found: dict[int, list[RestorationEstimate]] = {outage.pk: [] for outage in outages}
    for estimate in estimates:
        named = elements_of_orders.get(estimate.work_order_external_id or "", set())
        if estimate.alias is not None and estimate.alias.element_id is not None:
            named = named | {estimate.alias.element_id}
        for outage in outages:
            if outage.element_id in named and _told_at(estimate) >= outage.context_since:
                found[outage.pk].append(estimate)
    return found


def current_estimate_of(outage: Outage) -> RestorationEstimate | None:
    """The newest estimate by its source's clock."""
    told = estimates_of([outage])[outage.pk]
    return told[-1] if told else None


def telemetry_of(outages: Collection[Outage]) -> dict[int, Sequence[LatestReading]]:
    """The newest reading of each signal of each outage's element, by the signal's name."""
    latest = latest_of_elements({outage.element_id for outage in outages if outage.element_id is not None})
    return {outage.pk: latest.get(outage.element_id or 0, ()) for outage in outages}


def _work_orders(outages: Collection[Outage]) -> list[WorkOrder]:
    """Present work orders on the outages' elements, named by themselves or through their equipment."""
    through_equipment = Equipment.objects.filter(
        organisation=OuterRef("organisation"),
        connector=OuterRef("connector"),
        external_id=OuterRef("equipment_external_id"),
    )
    return list(
        WorkOrder.objects.filter(organisation_id=current_scope().organisation_id, retired_at=None)
        .annotate(
            element_id=Coalesce(F("alias__element_id"), Subquery(through_equipment.values("alias__element_id")[:1]))
        )
        .filter(element_id__in={outage.element_id for outage in outages})
        .select_related("connector")
    )


def _newest_assignments(work_orders: Iterable[WorkOrder]) -> dict[int, Assignment]:
    return {
        assignment.work_order_id: assignment
        for assignment in Assignment.objects.for_organisation(current_scope().organisation_id)
        .filter(work_order__in=[one.pk for one in work_orders])
        .order_by("work_order_id", F("assigned_at").desc(nulls_last=True), "-pk")
        .distinct("work_order_id")
    }


def _crews(work_orders: Iterable[WorkOrder], assignments: Iterable[Assignment]) -> dict[tuple[int, str], Crew]:
    crews = Crew.objects.filter(
        organisation_id=current_scope().organisation_id,
        retired_at=None,
        connector__in={one.connector_id for one in work_orders},
        external_id__in={one.crew_external_id for one in assignments},
    )
    return {(crew.connector_id, crew.external_id): crew for crew in crews}


def _is_newest_open(work_order: WorkOrder) -> tuple[bool, datetime, int]:
    return work_order.status not in ENDED_WORK, _reported_at(work_order), work_order.pk


def _reported_at(work_order: WorkOrder) -> datetime:
    return work_order.reported_at or work_order.source_time or work_order.landed_at


def _told_at(estimate: RestorationEstimate) -> datetime:
    return estimate.source_time or estimate.landed_at
