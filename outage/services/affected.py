"""
The service points that outages are charged with, and which of them are off.

Sets of ids go back to the database as one value each: such a statement is fast whatever the planner knows of tables
that fill within a second, where a join may well walk one of them for each row of the other.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import F

from customer.models import ServicePoint
from gis.lookups import Among
from gis.queries import unsupplied_nodes
from organisation.scope import current_scope
from organisation.tenancy import TenantQuerySet
from outage.models import OPEN_STATUSES, AffectedServicePoint, Outage


@dataclass(frozen=True, kw_only=True)
class Claim:
    """
    An open outage has a service point off.

    :ivar pk: of the affected service point
    :ivar is_seen_open: the outage's device was read open
    """

    pk: int
    service_point_id: int
    outage_id: int
    is_seen_open: bool


def claims(service_point_ids: Collection[int], *, besides: Outage) -> list[Claim]:
    """What other open outages have off of these service points."""
    others = Outage.objects.for_organisation(besides.organisation_id).filter(status__in=OPEN_STATUSES)
    openings = dict(others.exclude(pk=besides.pk).values_list("pk", "opening_id"))
    if not openings or not service_point_ids:
        return []
    claimed = _affected().filter(Among(F("outage_id"), openings), is_off=True)
    return [
        Claim(pk=pk, service_point_id=point_id, outage_id=outage_id, is_seen_open=openings[outage_id] is not None)
        for pk, point_id, outage_id in claimed.values_list("pk", "service_point_id", "outage_id")
        if point_id in service_point_ids
    ]


def give_up(claims: Collection[Claim]) -> None:
    """Another outage has these off now."""
    if claims:
        _affected().filter(Among(F("pk"), [claim.pk for claim in claims])).update(is_off=False)


def add(service_point_ids: Collection[int], *, to: Outage) -> bool:
    """Charge an outage with these too. Returns whether there was one that it did not have yet."""
    if not service_point_ids:
        return False
    with connection.cursor() as cursor:
        cursor.execute(ADD, [to.organisation_id, to.pk, sorted(service_point_ids)])
        return bool(cursor.rowcount)


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


ADD = """
INSERT INTO outage_affectedservicepoint (organisation_id, outage_id, service_point_id, is_off)
SELECT %s, %s, unnest(%s::bigint[]), true
ON CONFLICT (organisation_id, outage_id, service_point_id) DO NOTHING
"""
