"""What alarms and switch positions say about outages: the questions that an assessment asks."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Exists, F, Max, OuterRef, Q, QuerySet

from connectors.contracts.alarm import AlarmCategory
from connectors.contracts.reading import Quality, SwitchState
from connectors.contracts.signal import SignalKind
from gis.models import SwitchOpening, SwitchPosition
from organisation.scope import current_scope
from organisation.tenancy import TenantQuerySet
from outage.confidence import ReadPosition, confidence
from outage.models import OPEN_STATUSES, Evidence, Outage, OutageQuerySet, Status, TimelineEntry
from telemetry.models import LatestReading

REOPENS_AFTER = timedelta(seconds=10)
"""
How long a device stands open again, under an alarm that has said nothing new, before its restored outage does. A
closing onto the fault mostly makes a new activation, and that is an outage of its own.
"""

CLOCKS_DIFFER_BY = timedelta(minutes=1)
"""By how much the clocks of two systems that tell of one event may differ."""

OPENING_CATEGORIES = (AlarmCategory.TRIP.value, AlarmCategory.OFF_NORMAL.value)
"""The categories of which an alarm of a device can open an outage; of OFF_NORMAL only with the position read open."""

_STILL_ACTIVE = Q(alarm__is_active=True, alarm__retired_at=None, alarm__activation=F("activation"))


@dataclass(frozen=True, kw_only=True)
class Trip:
    """
    What the alarms of an outage's own device say.

    :ivar at: when it last tripped
    :ivar ended_at: when the last of its alarms ended; `None` while one is active
    """

    at: datetime
    ended_at: datetime | None


def changeable_outages(*, now: datetime) -> list[Outage]:
    """The open outages, and the restored ones that may have lost supply again; locked, with their openings."""
    outages = Outage.objects.for_organisation(current_scope().organisation_id)
    return list(
        outages.filter(Q(status__in=OPEN_STATUSES) | Q(status=Status.RESTORED) & _may_reopen(outages, now=now))
        .select_related("opening")
        .defer("opening__nodes")
        .select_for_update(of=("self",))
        .order_by("pk")
    )


def trips_of(outages: Collection[Outage]) -> dict[int, Trip]:
    """What alarms of their own say of each outage that rests on such."""
    told = (
        _own_evidence()
        .filter(outage__in=[one.pk for one in outages])
        .values("outage_id")
        .annotate(tripped_at=Max("at"), active=Count("pk", filter=_STILL_ACTIVE), told_at=Max("alarm__source_time"))
        .values_list("outage_id", "tripped_at", "active", "told_at")
    )
    return {
        outage_id: Trip(at=tripped_at, ended_at=None if active else told_at)
        for outage_id, tripped_at, active, told_at in told
    }


def newest_openings(element_ids: Collection[int]) -> dict[int, SwitchOpening]:
    """The newest opening of each device that ever opened."""
    openings = SwitchOpening.objects.for_organisation(current_scope().organisation_id)
    return {
        opening.element_id: opening
        for opening in openings.filter(element__in=element_ids)
        .order_by("element_id", "-opened_at", "-pk")
        .distinct("element_id")
        .defer("nodes")
    }


def moving_elements(element_ids: Collection[int]) -> set[int]:
    """Devices that were last read between open and closed."""
    return set(
        SwitchPosition.objects.for_organisation(current_scope().organisation_id)
        .filter(element__in=element_ids, state=SwitchState.INTERMEDIATE.value)
        .values_list("element_id", flat=True)
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


def read_positions(element_ids: Collection[int]) -> dict[int, ReadPosition]:
    """
    What switches were last read to be. A newer reading that says neither open nor closed puts the last one in doubt.
    """
    organisation_id = current_scope().organisation_id
    readings = (
        LatestReading.objects.for_organisation(organisation_id)
        .filter(signal__kind=SignalKind.SWITCH_POSITION.value, signal__alias__element__in=element_ids)
        .order_by("source_time")
    )
    qualities = dict(readings.values_list("signal__alias__element_id", "quality"))
    return {
        position.element_id: ReadPosition(
            state=position.state,
            quality=qualities.get(position.element_id, Quality.GOOD.value),
            source_time=position.source_time,
        )
        for position in SwitchPosition.objects.for_organisation(organisation_id).filter(element__in=element_ids)
    }


def _own_evidence() -> TenantQuerySet[Evidence]:
    """Evidence by alarms of an outage's own device, not by those that its loss of supply explains."""
    return Evidence.objects.for_organisation(current_scope().organisation_id).filter(
        alarm__alias__element=F("outage__element"), alarm__category__in=OPENING_CATEGORIES
    )


def _may_reopen(outages: OutageQuerySet, *, now: datetime) -> Q:
    """
    Restored outages that may not be over, unless a newer one is open at the device. It is still open, and another way
    supplies the customers; or it was never seen open, and its opening is read only now; or it is open again under an
    alarm that still stands, or that was over only when it opened: a source that does not say since when may show the
    trip signal of a tenth of a second as the end of the activation before. Against a person's word that supply is
    back, only what is open again counts.
    """
    openings = SwitchOpening.objects.filter(
        organisation=OuterRef("organisation"), element=OuterRef("element"), closed_at=None
    )
    late = openings.filter(
        opened_at__gte=OuterRef("detected_at") - CLOCKS_DIFFER_BY,
        opened_at__lte=OuterRef("restored_at") + CLOCKS_DIFFER_BY,
    )
    told_again = Q(alarm__source_time__gt=F("outage__restored_at"))
    alarms = (
        _own_evidence()
        .filter(outage=OuterRef("pk"), alarm__activation=F("activation"), alarm__retired_at=None)
        .filter(
            Q(alarm__is_active=True) & (told_again | _stands_open(now=now))
            | Q(alarm__is_active=False, alarm__category=AlarmCategory.TRIP.value)
            & told_again
            & _opened_with_alarm(now=now)
        )
    )
    newer = outages.filter(element=OuterRef("element"), status__in=OPEN_STATUSES)
    said_by_a_person = TimelineEntry.objects.filter(
        organisation=OuterRef("organisation"),
        outage=OuterRef("pk"),
        to_status=Status.RESTORED,
        at__gte=OuterRef("restored_at"),
        actor__isnull=False,
    )
    return ~Exists(newer) & (
        Q(opening__isnull=False, opening__closed_at=None)
        | Q(opening=None) & Exists(late) & ~Exists(said_by_a_person)
        | Exists(openings.filter(opened_at__gt=OuterRef("restored_at"))) & Exists(alarms)
    )


def _stands_open(*, now: datetime) -> Exists:
    return Exists(_standing_openings().filter(opened_at__lte=now - REOPENS_AFTER))


def _opened_with_alarm(*, now: datetime) -> Exists:
    """
    Whether the device that is open opened before its alarm was over. As far as two clocks can tell: where it seems to
    have opened just after that, a new activation may be on its way, and is an outage of its own.
    """
    over_at = OuterRef("alarm__source_time")
    opened_before = Q(opened_at__range=(over_at - CLOCKS_DIFFER_BY, over_at))
    opened_after = Q(opened_at__gt=over_at, opened_at__lte=over_at + CLOCKS_DIFFER_BY)
    stands = Q(opened_at__lte=now - REOPENS_AFTER)
    return Exists(_standing_openings().filter(opened_before | opened_after & stands))


def _standing_openings() -> QuerySet[SwitchOpening]:
    """Of the device of evidence that is asked for."""
    return SwitchOpening.objects.filter(
        organisation=OuterRef("organisation"), element=OuterRef("outage__element"), closed_at=None
    )
