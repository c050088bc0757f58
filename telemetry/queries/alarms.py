"""Which alarms stand, and on what."""

from collections.abc import Iterable

from django.db.models import Exists, OuterRef

from organisation.scope import current_scope
from telemetry.models import Alarm, AlarmQuerySet, Signal


def retained_alarms() -> AlarmQuerySet:
    """What belongs on an operator's list, worst first: severity, then the newest; with element and connector."""
    return (
        Alarm.objects.for_organisation(current_scope().organisation_id)
        .retained()
        .worst_first()
        .select_related("alias__element", "connector", "stream")
    )


def alarms_of_signals(signal_ids: Iterable[int]) -> AlarmQuerySet:
    """
    The present alarms that name one of these signals as what they watch, and stand on its element: landing a
    signal may have put them there.
    """
    organisation_id = current_scope().organisation_id
    signals = Signal.objects.for_organisation(organisation_id).filter(
        pk__in=list(signal_ids),
        connector_id=OuterRef("connector_id"),
        external_id=OuterRef("signal_external_id"),
        alias_id=OuterRef("alias_id"),
    )
    return Alarm.objects.for_organisation(organisation_id).present().filter(Exists(signals))
