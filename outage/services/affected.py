"""
Which of the service points that outages were charged with are off now, by the network's word.

Sets of ids go back to the database as one value each: such a statement is fast whatever the planner knows of tables
that fill within a second, where a join may well walk one of them for each row of the other.
"""

from collections.abc import Collection
from datetime import datetime

from django.db.models import F

from customer.models import ServicePoint
from gis.lookups import Among
from gis.queries import unsupplied_nodes
from organisation.scope import current_scope
from organisation.tenancy import TenantQuerySet
from outage.models import AffectedServicePoint


def follow(outage_ids: Collection[int], *, now: datetime) -> tuple[set[int], set[int]]:
    """
    Bring the affected service points of these outages to what the network says.

    :return: the outages some of whose customers came back, and those some of whose customers were lost again
    """
    affected = _affected().filter(Among(F("outage_id"), outage_ids))
    off = _service_points_off()
    return _come_back(affected, off, now=now), _lose_again(affected, off) if off else set()


def _come_back(affected: TenantQuerySet[AffectedServicePoint], off: set[int], *, now: datetime) -> set[int]:
    stood = affected.filter(is_off=True).values_list("pk", "outage_id", "service_point_id")
    back = {pk: outage_id for pk, outage_id, point_id in stood if point_id not in off}
    if back:
        _affected().filter(Among(F("pk"), back)).update(is_off=False, restored_at=now)
    return set(back.values())


def _lose_again(affected: TenantQuerySet[AffectedServicePoint], off: set[int]) -> set[int]:
    """Not what another outage has taken off meanwhile; of several that had it once, the latest has it again."""
    was_back = affected.filter(is_off=False).order_by("outage_id")
    lost = {
        point_id: (pk, outage_id)
        for pk, outage_id, point_id in was_back.values_list("pk", "outage_id", "service_point_id")
        if point_id in off
    }
    if not lost:
        return set()
    for point_id in (
        _affected().filter(Among(F("service_point_id"), lost), is_off=True).values_list("service_point_id", flat=True)
    ):
        lost.pop(point_id, None)
    _affected().filter(Among(F("pk"), [pk for pk, _ in lost.values()])).update(is_off=True, restored_at=None)
    return {outage_id for _, outage_id in lost.values()}


def _affected() -> TenantQuerySet[AffectedServicePoint]:
    return AffectedServicePoint.objects.for_organisation(current_scope().organisation_id)


def _service_points_off() -> set[int]:
    """Whatever the CIS thinks of them meanwhile: one that it forgets during an outage is not supplied by that."""
    points = ServicePoint.objects.for_organisation(current_scope().organisation_id)
    return set(points.filter(Among(F("node"), unsupplied_nodes())).values_list("pk", flat=True))
