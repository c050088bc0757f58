"""
Whom an outage is charged with: the service points that its device fed in the last state in which it was closed. They
are kept as a set, which may grow while sources are still landing, and never shrinks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from connectors.contracts.base import contract_id
from connectors.contracts.network_element import NetworkElement as NetworkElementRecord
from connectors.contracts.service_point import ServicePoint as ServicePointRecord
from connectors.contracts.service_point import ServicePriority
from connectors.models import StreamState
from customer.models import ServicePoint
from customer.queries import service_points_fed_by, service_points_off
from gis.models import Network
from organisation.scope import current_scope
from outage.models import AffectedServicePoint, Outage
from outage.services import affected


@dataclass(frozen=True, kw_only=True)
class Charged:
    """
    :ivar has_grown: the outage is charged with more than before
    :ivar taken_from: outages whose customers had come back and were taken off again by this one
    """

    has_grown: bool = False
    taken_from: frozenset[int] = frozenset()


def charge(outage: Outage, *, is_again: bool = False) -> Charged:
    """
    Charge a locked outage with what its device feeds, or fed before it opened, and count. Not with what another open
    outage has taken off already. The outage is not saved.

    Until the network has been read whole, nobody is charged: half a network has the wrong ways round. Until the
    service points have been, those that are known are charged and `is_charged` stays false.

    :param is_again: another outage has let go of customers; those who are off by this one's opening are its own now
    """
    if not outage.is_charged:
        if not _network_is_known():
            return Charged()
        outage.is_charged = _is_proved(ServicePointRecord)
    fed = set(_fed(outage, is_again=is_again).values_list("pk", flat=True))
    claims = affected.claims(fed, besides=outage)
    # The network says of its openings which of them took a node off last.
    taken = [claim for claim in claims if claim.is_seen_open and outage.opening_id is not None]
    affected.give_up(taken)
    fed -= {claim.service_point_id for claim in claims} - {claim.service_point_id for claim in taken}
    has_grown = affected.add(fed, to=outage)
    if has_grown:
        recount([outage])
    return Charged(has_grown=has_grown, taken_from=frozenset(claim.outage_id for claim in taken))


def recount(outages: Sequence[Outage]) -> None:
    """Count the affected service points of locked outages, and those still off. The outages are not saved."""
    critical = Q(service_point__priority=ServicePriority.CRITICAL.value)
    counted = {
        row["outage_id"]: row
        for row in AffectedServicePoint.objects.for_organisation(current_scope().organisation_id)
        .filter(outage__in=[outage.pk for outage in outages])
        .values("outage_id")
        .annotate(
            total=Count("pk"),
            critical=Count("pk", filter=critical),
            off=Count("pk", filter=Q(is_off=True)),
            critical_off=Count("pk", filter=Q(is_off=True) & critical),
        )
    }
    for outage in outages:
        if row := counted.get(outage.pk):
            outage.customers_affected = max(outage.customers_affected, row["total"])
            outage.critical_customers_affected = max(outage.critical_customers_affected, row["critical"])
            outage.customers_off = row["off"]
            outage.critical_customers_off = row["critical_off"]


def _fed(outage: Outage, *, is_again: bool) -> QuerySet[ServicePoint]:
    fed = service_points_fed_by(outage.element_id)
    earlier = Outage.objects.filter(opening=outage.opening_id).exclude(pk=outage.pk)
    if is_again or (outage.opening_id is not None and earlier.exists()):
        # If an earlier outage was charged with this opening, what came back by another way was not lost again.
        return fed.filter(pk__in=service_points_off().values("pk"))
    return fed


def _network_is_known() -> bool:
    networks = Network.objects.for_organisation(current_scope().organisation_id)
    return networks.filter(version__gt=0, is_due=False).exists() and _is_proved(NetworkElementRecord)


def _is_proved(contract: type[NetworkElementRecord] | type[ServicePointRecord]) -> bool:
    """Whether a source has proved what it holds of this contract: by a complete read, or by pushing it."""
    states = StreamState.objects.for_organisation(current_scope().organisation_id)
    return states.filter(stream__contract=contract_id(contract)).exclude(proved_at=None).exists()
