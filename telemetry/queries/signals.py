"""What signals say: where switches stand, what was measured on an element, and which of its names nobody knows."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from django.db.models import Q

from connectors.contracts.reading import SwitchState
from connectors.contracts.signal import SignalKind
from gis.models import ElementAlias
from gis.positions import PositionReport
from organisation.scope import current_scope
from telemetry.models import Alarm, LatestReading, Signal


def switch_positions(signal_ids: Iterable[int]) -> list[PositionReport]:
    """
    Where the switches of these signals stand, by the newest reading that is not of bad quality.

    Left out are signals of something else, of an element that is not known yet, and those that show no position. Of
    several signals of one switch the newest counts.
    """
    return _positions(Q(signal__in=list(signal_ids)))


def switch_positions_of_aliases(alias_ids: Iterable[int]) -> list[PositionReport]:
    """The same for names that have just been resolved: their positions were read before."""
    return _positions(Q(signal__alias__in=list(alias_ids)))


def switch_positions_of_elements(element_ids: Iterable[int]) -> list[PositionReport]:
    """The same for network elements, such as those that have just landed or come back."""
    return _positions(Q(signal__alias__element__in=list(element_ids)))


def latest_of_elements(element_ids: Iterable[int]) -> Mapping[int, Sequence[LatestReading]]:
    """
    The newest reading of each present signal of each element, by name; elements without one are left out.

    Each has its `signal`, with the connector that it came from.
    """
    found: dict[int, list[LatestReading]] = defaultdict(list)
    for reading in (
        LatestReading.objects.for_organisation(current_scope().organisation_id)
        .filter(signal__alias__element__in=list(element_ids), signal__retired_at=None)
        .select_related("signal__alias", "signal__connector", "signal__stream")
        .order_by("signal__name", "signal_id")
    ):
        found[reading.signal.alias.element_id].append(reading)
    return dict(found)


def unresolved_aliases() -> list[ElementAlias]:
    """The names of present signals and retained alarms that no network element answers to, by connector and name."""
    organisation_id = current_scope().organisation_id
    signals = Signal.objects.for_organisation(organisation_id).present()
    alarms = Alarm.objects.for_organisation(organisation_id).retained()
    return list(
        ElementAlias.objects.for_organisation(organisation_id)
        .filter(element=None)
        .filter(Q(pk__in=signals.values("alias")) | Q(pk__in=alarms.values("alias")))
        .select_related("connector")
        .order_by("connector__name", "external_id")
    )


def _positions(which: Q) -> list[PositionReport]:
    # Oldest first, so that of several signals of one switch the newest stands last.
    rows = (
        LatestReading.objects.for_organisation(current_scope().organisation_id)
        .filter(
            which,
            signal__kind=SignalKind.SWITCH_POSITION,
            signal__retired_at=None,
            signal__alias__element__isnull=False,
            usable_state__in=[state.value for state in SwitchState],
        )
        .order_by("usable_time", "signal_id")
        .values_list("signal__alias__element_id", "usable_state", "usable_time")
    )
    newest = {
        element_id: PositionReport(element_id=element_id, state=SwitchState(state), source_time=time)
        for element_id, state, time in rows
        if state is not None and time is not None
    }
    return list(newest.values())
