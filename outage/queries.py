"""Open outages, worst first, and what belongs to each: its job and crew, its estimate, its telemetry."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from connectors.contracts.cap_alert import MessageType
from connectors.freshness import Freshness
from gis.models import ElementAlias
from organisation.scope import current_scope
from outage import facts
from outage.models import AlertSettings, IssuedAlert, IssuedAlertQuerySet, Outage, OutageQuerySet, RestorationEstimate
from telemetry.models import LatestReading
from telemetry.queries.signals import latest_of_elements
from work.models import OPEN_STATUSES
from work.queries import Work, work_for_elements

MOST_IN_FEED = 200
"""Consumers ask for an index below 100 kB."""


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


def positions_of_affected(outage: Outage, *, only_off: bool) -> list[tuple[float, float]]:
    """
    Where an outage's service points are: longitude and latitude in CRS84, each place once. One without a position of
    its own counts where its node is.
    """
    asked = {"organisation": outage.organisation_id, "outage": outage.pk, "only_off": only_off}
    with connection.cursor() as cursor:
        cursor.execute(POSITIONS, asked)
        found: list[tuple[float, float]] = cursor.fetchall()
    return found


def freshness_of_estimate(outage: Outage, *, now: datetime) -> Freshness:
    """Whether what the field said last of when power is back may still be relied on."""
    asked: dict[str, Any] = {"organisation": outage.organisation_id, "outage": outage.pk, "now": now}
    with connection.cursor() as cursor:
        cursor.execute(ESTIMATE_FRESHNESS, asked)
        found = cursor.fetchone()
    return Freshness.UNKNOWN if found is None else Freshness(found[0])


def alerts_about(outage: Outage) -> IssuedAlertQuerySet:
    return IssuedAlert.objects.for_organisation(outage.organisation_id).filter(outage=outage)


def alerts_in_force(outage: Outage, *, now: datetime) -> list[IssuedAlert]:
    """
    The public alerts about an outage that somebody may still go by, oldest first: those issued since the last Cancel
    that have not ended, an Update's predecessors among them, for not everybody has received the Update.
    """
    issued = list(alerts_about(outage).defer("content").order_by("sequence"))
    cancelled = [place for place, alert in enumerate(issued) if alert.message_type == MessageType.CANCEL]
    since = issued[cancelled[-1] + 1 :] if cancelled else issued
    return [alert for alert in since if alert.expires_at > now]


def alerts_in_feed(*, now: datetime) -> list[IssuedAlert]:
    """What stands in the feed, newest first: of each outage the latest message, until it ends. Without the contents."""
    alerts = IssuedAlert.objects.for_organisation(current_scope().organisation_id)
    return list(alerts.running(now).latest_of_each_outage().defer("content").order_by("-sent_at", "-pk")[:MOST_IN_FEED])


def newest_alert() -> IssuedAlert | None:
    """The last one about any outage, ended or not. Without its content."""
    alerts = IssuedAlert.objects.for_organisation(current_scope().organisation_id)
    return alerts.defer("content").order_by("-sent_at", "-pk").first()


def issued_alert(identifier: str) -> IssuedAlert | None:
    alerts = IssuedAlert.objects.for_organisation(current_scope().organisation_id)
    return alerts.filter(identifier=identifier).first()


def alert_settings() -> AlertSettings:
    """Those of the organisation in scope; the ones that every organisation begins with, if nobody has set any."""
    organisation_id = current_scope().organisation_id
    kept = AlertSettings.objects.for_organisation(organisation_id).first()
    return kept or AlertSettings(organisation_id=organisation_id)


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

POSITIONS = """
SELECT DISTINCT coalesce(sp.longitude, near.longitude) AS longitude, coalesce(sp.latitude, near.latitude) AS latitude
FROM outage_affectedservicepoint af
JOIN customer_servicepoint sp ON sp.organisation_id = af.organisation_id AND sp.id = af.service_point_id
LEFT JOIN LATERAL (
  SELECT e.latitude, e.longitude FROM gis_networkelement e
  WHERE sp.latitude IS NULL AND e.organisation_id = sp.organisation_id AND e.from_node = sp.node
    AND e.latitude IS NOT NULL
  ORDER BY e.to_node IS NOT NULL, e.id LIMIT 1
) near ON true
WHERE af.organisation_id = %(organisation)s AND af.outage_id = %(outage)s AND af.is_off >= %(only_off)s
  AND coalesce(sp.longitude, near.longitude) IS NOT NULL AND coalesce(sp.latitude, near.latitude) IS NOT NULL
ORDER BY longitude, latitude
"""

ESTIMATE_FRESHNESS = f"""
SELECT told.freshness FROM outage_outage o CROSS JOIN LATERAL ({facts.RESTORATION}) told
WHERE o.organisation_id = %(organisation)s AND o.id = %(outage)s
""".format(a="o")  # noqa: S608  # put together from constants; every value is a parameter
