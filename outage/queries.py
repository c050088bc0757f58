"""Open outages, worst first, and what belongs to each: its job and crew, its estimate, its telemetry."""

from collections.abc import Collection, Sequence
from typing import Any

from django.db import connection

from gis.models import ElementAlias
from organisation.scope import current_scope
from outage import facts
from outage.models import Outage, OutageQuerySet, RestorationEstimate
from telemetry.models import LatestReading
from telemetry.queries.signals import latest_of_elements
from work.models import OPEN_STATUSES
from work.queries import Work, work_for_elements


def open_outages() -> OutageQuerySet:
    """Worst first: critical customers off, customers off, then age."""
    return (
        Outage.objects.for_organisation(current_scope().organisation_id)
        .open()
        .order_by("-critical_customers_off", "-customers_off", "detected_at", "pk")
    )


def jobs_of(outages: Collection[Outage]) -> dict[int, Work]:
    """
    The open work order of each outage that was reported last, with its crews, the one assigned last first; outages
    without one are left out.
    """
    orders = dict(_asked(JOBS, outages, open=[status.value for status in OPEN_STATUSES]))
    if not orders:
        return {}
    by_element = work_for_elements(_elements_of(outages))
    work = {one.order.pk: one for several in by_element.values() for one in several}
    return {outage_id: work[order_id] for outage_id, order_id in orders.items() if order_id in work}


def estimates_of(outages: Collection[Outage]) -> dict[int, list[RestorationEstimate]]:
    """What the field told of each outage, oldest first: estimates that name its element or one of its work orders."""
    found: dict[int, list[RestorationEstimate]] = {outage.pk: [] for outage in outages}
    told = _asked(ESTIMATES, outages)
    estimates = RestorationEstimate.objects.select_related("connector").in_bulk(
        {estimate_id for _, estimate_id in told}
    )
    for outage_id, estimate_id in told:
        found[outage_id].append(estimates[estimate_id])
    return found


def current_estimate_of(outage: Outage) -> RestorationEstimate | None:
    """The newest estimate by its source's clock."""
    told = estimates_of([outage])[outage.pk]
    return told[-1] if told else None


def telemetry_of(outages: Collection[Outage]) -> dict[int, Sequence[LatestReading]]:
    """The newest reading of each signal of each outage's element, by the signal's name."""
    latest = latest_of_elements({outage.element_id for outage in outages})
    return {outage.pk: latest.get(outage.element_id, ()) for outage in outages}


def _elements_of(outages: Collection[Outage]) -> set[int]:
    """Their elements; and those that the names by which their alarms called them have gone over to."""
    names = ElementAlias.objects.for_organisation(current_scope().organisation_id).exclude(element=None)
    gone_over = names.filter(pk__in=[outage.alias_id for outage in outages]).values_list("element_id", flat=True)
    return {outage.element_id for outage in outages} | set(gone_over)


def _asked(question: str, outages: Collection[Outage], **values: Any) -> list[tuple[int, int]]:
    """Pairs of an outage and what is asked for, from the same texts that the board and the page are made of."""
    if not outages:
        return []
    values |= {"organisation": current_scope().organisation_id, "outages": [outage.pk for outage in outages]}
    with connection.cursor() as cursor:
        cursor.execute(question, values)
        pairs: list[tuple[int, int]] = cursor.fetchall()
    return pairs


_EACH = "WHERE o.organisation_id = %(organisation)s AND o.id = ANY(%(outages)s::bigint[])"

JOBS = f"""
SELECT o.id, job.id
FROM outage_outage o CROSS JOIN LATERAL (
  SELECT w.id {facts.WORK_ORDERS} AND w.status = ANY(%(open)s) {facts.JOB_FIRST} LIMIT 1
) job
{_EACH}
""".format(a="o")  # noqa: S608  # put together from constants; every value is a parameter

ESTIMATES = f"""
SELECT o.id, told.id
FROM outage_outage o CROSS JOIN LATERAL (SELECT r.id, r.source_time {facts.ESTIMATES}) told
{_EACH}
ORDER BY told.source_time, told.id
""".format(a="o")  # noqa: S608  # as above
