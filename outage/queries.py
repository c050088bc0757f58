"""Open outages, worst first, and what belongs to each: its job and crew, its estimate, its telemetry."""

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db.models import Q

from organisation.scope import current_scope
from outage.models import Outage, OutageQuerySet, RestorationEstimate
from telemetry.models import LatestReading
from telemetry.queries.signals import latest_of_elements
from work.models import WorkOrder
from work.queries import Work, elements_of_work_orders, work_for_elements


def open_outages() -> OutageQuerySet:
    """Worst first: critical customers off, customers off, then age."""
    return (
        Outage.objects.for_organisation(current_scope().organisation_id)
        .open()
        .order_by("-critical_customers_off", "-customers_off", "detected_at", "pk")
    )


def jobs_of(outages: Collection[Outage]) -> dict[int, Work]:
    """
    The open work order on each outage's element that was reported last, with its crews, the one assigned last first.
    What was reported before the outage's context began is about something else.
    """
    by_element = work_for_elements({outage.element_id for outage in outages})
    jobs = {}
    for outage in outages:
        work = by_element.get(outage.element_id, ())
        mine = [one for one in work if _reported_at(one.order) >= outage.context_since]
        if mine:
            jobs[outage.pk] = mine[0]
    return jobs


def estimates_of(outages: Collection[Outage]) -> dict[int, list[RestorationEstimate]]:
    """What the field told of each outage, oldest first: estimates that name its element or a work order on that."""
    if not outages:
        return {}
    elements = {outage.element_id for outage in outages}
    estimates = list(
        RestorationEstimate.objects.filter(organisation_id=current_scope().organisation_id, retired_at=None)
        .filter(source_time__gte=min(outage.context_since for outage in outages))
        .filter(Q(alias__element__in=elements) | Q(work_order_external_id__isnull=False))
        .select_related("alias", "connector")
        .order_by("source_time", "pk")
    )
    orders = elements_of_work_orders({one.work_order_external_id for one in estimates if one.work_order_external_id})
    found: dict[int, list[RestorationEstimate]] = {outage.pk: [] for outage in outages}
    for estimate in estimates:
        named = set(orders.get(estimate.work_order_external_id or "", ()))
        if estimate.alias is not None and estimate.alias.element_id is not None:
            named.add(estimate.alias.element_id)
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
    latest = latest_of_elements({outage.element_id for outage in outages})
    return {outage.pk: latest.get(outage.element_id, ()) for outage in outages}


def _reported_at(work_order: WorkOrder) -> datetime:
    return work_order.reported_at or work_order.source_time or work_order.landed_at


def _told_at(estimate: RestorationEstimate) -> datetime:
    return estimate.source_time or estimate.landed_at
