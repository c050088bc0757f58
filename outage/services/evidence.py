"""What alarms and switch positions say about outages: the questions that an assessment asks."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta

from django.db.models import Exists, F, Max, OuterRef, Q, Subquery

from connectors.contracts.alarm import AlarmCategory
from connectors.contracts.reading import Quality, SwitchState
from connectors.contracts.signal import SignalKind
from gis.models import SwitchOpening, SwitchPosition
from organisation.scope import current_scope
from organisation.tenancy import TenantQuerySet
from outage.confidence import ReadPosition, confidence
from outage.models import OPEN_STATUSES, Evidence, Outage, OutageQuerySet, Status
from telemetry.models import LatestReading

REOPENS_AFTER = timedelta(seconds=10)
"""
How long a device stands open again, under an alarm that has said nothing new, before its restored outage does. A
closing onto the fault mostly makes a new activation, and that is an outage of its own.
"""

OPENING_CATEGORIES = (AlarmCategory.TRIP.value, AlarmCategory.OFF_NORMAL.value)
"""The categories of which an alarm of a device can open an outage; of OFF_NORMAL only with the position read open."""

_STILL_ACTIVE = Q(alarm__is_active=True, alarm__retired_at=None, alarm__activation=F("activation"))


def changeable_outages(*, now: datetime) -> list[Outage]:
    """
    The open outages, and the restored ones that may have lost supply again, locked, with their openings. Each carries
    `tripped_at`, when its device last tripped, and `is_tripped`, whether that alarm is still active.
    """
    outages = Outage.objects.for_organisation(current_scope().organisation_id)
    own = _own_evidence().filter(outage=OuterRef("pk"))
    return list(
        outages.filter(Q(status__in=OPEN_STATUSES) | Q(status=Status.RESTORED) & _may_reopen(outages, now=now))
        .annotate(
            tripped_at=Subquery(own.order_by("-at").values("at")[:1]),
            is_tripped=Exists(own.filter(_STILL_ACTIVE)),
        )
        .select_related("opening")
        .defer("opening__nodes")
        .select_for_update(of=("self",))
        .order_by("pk")
    )


def newest_openings(element_ids: Collection[int | None]) -> dict[int | None, SwitchOpening]:
    """The newest opening of each device that ever opened."""
    openings = SwitchOpening.objects.for_organisation(current_scope().organisation_id)
    return {
        opening.element_id: opening
        for opening in openings.filter(element__in=element_ids)
        .order_by("element_id", "-opened_at", "-pk")
        .distinct("element_id")
        .defer("nodes")
    }


def is_of_this_trip(outage: Outage, opening: SwitchOpening) -> bool:
    """Whether an opening that is over belongs to an outage that never saw one: its alarm came late."""
    return (
        outage.opening_id is None
        and outage.status != Status.RESTORED
        and outage.tripped_at is not None
        and opening.closed_at is not None
        and opening.closed_at > outage.tripped_at
    )


def has_tripped_since(outage: Outage, opening: SwitchOpening) -> bool:
    """Whether the device of an open outage has been closed, and has tripped again and not been seen open since."""
    return (
        outage.status != Status.RESTORED
        and outage.is_tripped
        and opening.closed_at is not None
        and outage.tripped_at > opening.closed_at
    )


def ended_alarms(outages: Collection[Outage]) -> dict[int, datetime]:
    """When the last alarm of the outage's own device ended, for outages of which all did. Not while it moves."""
    moving = SwitchPosition.objects.for_organisation(current_scope().organisation_id).filter(
        element=OuterRef("outage__element"), state=SwitchState.INTERMEDIATE.value
    )
    return dict(
        _own_evidence()
        .filter(outage__in=[one.pk for one in outages if not one.is_tripped])
        .filter(~Exists(moving))
        .values("outage_id")
        .annotate(ended_at=Max("alarm__source_time"))
        .values_list("outage_id", "ended_at")
    )


def weigh(outages: Collection[Outage]) -> Iterator[tuple[Outage, float]]:
    """How sure we are of each outage by what its device was last read to be."""
    if not outages:
        return
    positions = read_positions([one.element_id for one in outages])
    trips = dict(
        _own_evidence()
        .filter(outage__in=[one.pk for one in outages], alarm__category=AlarmCategory.TRIP.value)
        .values("outage_id")
        .annotate(newest=Max("at"))
        .values_list("outage_id", "newest")
    )
    for outage in outages:
        category = AlarmCategory.TRIP if outage.pk in trips else AlarmCategory.OFF_NORMAL
        alarm_at = trips.get(outage.pk, outage.detected_at)
        yield outage, confidence(category=category, alarm_at=alarm_at, position=positions.get(outage.element_id))


def read_positions(element_ids: Iterable[int | None]) -> dict[int | None, ReadPosition]:
    """
    What switches were last read to be. A newer reading that says neither open nor closed puts the last one in doubt.
    """
    wanted = [one for one in element_ids if one is not None]
    organisation_id = current_scope().organisation_id
    readings = (
        LatestReading.objects.for_organisation(organisation_id)
        .filter(signal__kind=SignalKind.SWITCH_POSITION.value, signal__alias__element__in=wanted)
        .order_by("source_time")
    )
    qualities = dict(readings.values_list("signal__alias__element_id", "quality"))
    return {
        position.element_id: ReadPosition(
            state=position.state,
            quality=qualities.get(position.element_id, Quality.GOOD.value),
            source_time=position.source_time,
        )
        for position in SwitchPosition.objects.for_organisation(organisation_id).filter(element__in=wanted)
    }


def _own_evidence() -> TenantQuerySet[Evidence]:
    """Evidence by alarms of an outage's own device, not by those that its loss of supply explains."""
    return Evidence.objects.for_organisation(current_scope().organisation_id).filter(
        alarm__alias__element=F("outage__element"), alarm__category__in=OPENING_CATEGORIES
    )


def _may_reopen(outages: OutageQuerySet, *, now: datetime) -> Q:
    """Restored outages whose device is still open, or open again under the same alarm; unless a newer one has it."""
    openings = SwitchOpening.objects.filter(
        organisation=OuterRef("organisation"), element=OuterRef("element"), closed_at=None
    )
    alarms = (
        _own_evidence()
        .filter(outage=OuterRef("pk"))
        .filter(_STILL_ACTIVE, Q(alarm__source_time__gt=F("outage__restored_at")) | _stands_open(now=now))
    )
    newer = outages.filter(element=OuterRef("element"), status__in=OPEN_STATUSES)
    return ~Exists(newer) & (
        Q(opening__isnull=False, opening__closed_at=None)
        | Exists(openings.filter(opened_at__gt=OuterRef("restored_at"))) & Exists(alarms)
    )


def _stands_open(*, now: datetime) -> Exists:
    return Exists(
        SwitchOpening.objects.filter(
            organisation=OuterRef("organisation"),
            element=OuterRef("outage__element"),
            closed_at=None,
            opened_at__lte=now - REOPENS_AFTER,
        )
    )
