"""From alarms to outages."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from connectors.contracts.alarm import AlarmCategory
from connectors.contracts.network_element import ElementKind
from connectors.contracts.reading import SwitchState
from connectors.landing import Change
from connectors.models import Trigger
from connectors.services.requests import queue_incremental
from customer.queries import service_points_fed_by
from gis.models import SwitchOpening, SwitchPosition
from gis.queries import nodes_fed_by
from organisation.scope import current_scope
from outage.confidence import confidence
from outage.models import Evidence, Outage, Status, TimelineKind
from outage.services.assessment import Assessment
from outage.services.charging import charge
from outage.services.estimates import note_estimates
from outage.services.evidence import CLOCKS_DIFFER_BY, OPENING_CATEGORIES, newest_openings, read_positions
from outage.services.locking import hold_outages
from outage.services.numbers import next_number
from outage.services.timeline import Note, customers, write, write_all
from outage.services.work import note_work
from telemetry.models import Alarm

CONTEXT_CONTRACTS = ("work-order/1", "crew/1", "restoration-estimate/1", "reading/1")
"""
What an outage's context draws on and changes with it: a new outage asks their sources at once. Not whom its device
feeds and where it stands: who reads a million customers at each trip, because of the few that moved in today, gets the
crew late.
"""

SWITCHES = frozenset({ElementKind.BREAKER, ElementKind.LOAD_BREAK_SWITCH, ElementKind.DISCONNECTOR, ElementKind.FUSE})

EARLIEST_CONTEXT = timedelta(hours=1)
"""A job or an estimate may be older than the alarm by this much, and still be about this outage."""


@transaction.atomic
def follow_alarms(change: Change) -> None:
    """
    Alarms were touched: open outages, join what belongs to one that is open, and see whether supply is back.

    An active TRIP opens an outage, unless one is open at its device, which it joins. An active OFF_NORMAL alarm does
    so only of a switch that is read open and by that took customers off; else a tie that is switched would be an
    outage. No other category opens one. An alarm that is not the trip of a switch, and whose element has lost supply
    by an open outage, joins that one.

    An activation that was over before we learnt of it opens nothing, unless its switch opened with it and is still
    open: many a trip signal lasts for a tenth of a second.
    """
    hold_outages()
    disturbed = take_up_alarms(change, alarm_ids=change.ids)
    _note_ended_alarms(change)
    Assessment(change, disturbed=disturbed).run()


def take_up_alarms(change: Change, *, alarm_ids: Collection[int] | None) -> frozenset[int]:
    """
    Open or join an outage for each active alarm that belongs to none yet; each activation once.

    :param alarm_ids: `None`: those that have waited, for their element to be known or their switch to be read open
    :return: other outages, some of whose customers are off by the new ones now
    """
    waiting = _waiting_alarms(alarm_ids)
    if not waiting:
        return frozenset()
    detection = _Detection(change, waiting)
    for alarm in waiting:
        detection.take_up(alarm)
    detection.finish()
    return frozenset(detection.disturbed)


class _Detection:
    """One batch of alarms that belong to no outage yet, oldest first."""

    def __init__(self, change: Change, alarms: Sequence[Alarm]) -> None:
        self._now = change.now
        self.disturbed: set[int] = set()
        self._nodes: dict[int, frozenset[str]] = {}
        self._opened: list[Outage] = []
        elements = [alarm.alias.element_id for alarm in alarms if alarm.alias is not None]
        self._open_outages = list(
            Outage.objects.for_organisation(current_scope().organisation_id)
            .open()
            .select_related("opening")
            .defer("opening__nodes")
            .select_for_update(of=("self",))
            .order_by("pk")
        )
        self._at_element = {one.element_id: one for one in self._open_outages}
        self._openings = newest_openings(elements)
        self._positions = read_positions(elements)

    def take_up(self, alarm: Alarm) -> None:
        element = alarm.alias.element
        known = self._at_element.get(element.pk)
        is_trip = alarm.category == AlarmCategory.TRIP
        if known is None and not (is_trip and element.kind in SWITCHES):
            known = self._explaining(alarm)
        if known is not None:
            self._join(alarm, known)
        elif is_trip or self._is_open_and_missed(alarm):
            self._open(alarm)

    def finish(self) -> None:
        if not self._opened:
            return
        for alarm in _waiting_alarms(None, explained_by=self._opened):
            if (outage := self._explaining(alarm)) is not None:
                self._join(alarm, outage)
        note_work(self._opened, now=self._now)
        note_estimates(self._opened, now=self._now)
        queue_incremental(contracts=CONTEXT_CONTRACTS, trigger=Trigger.OUTAGE, now=self._now)

    def _open(self, alarm: Alarm) -> None:
        element, at = alarm.alias.element, alarm_at(alarm)
        opening = self._openings.get(element.pk)
        outage = Outage.objects.create(
            number=next_number(at=at),
            confidence=confidence(category=alarm.category, alarm_at=at, position=self._positions.get(element.pk)),
            alias=alarm.alias,
            element=element,
            detected_at=at,
            recorded_at=self._now,
            context_since=_context_since(element.pk, at=at),
            opening=opening if opening is not None and opening.closed_at is None else None,
            updated_at=self._now,
        )
        Evidence.objects.create(outage=outage, alarm=alarm, activation=alarm.activation, at=at)
        self.disturbed |= charge(outage).taken_from
        outage.save()
        off = customers(outage.customers_off, outage.critical_customers_off)
        note = Note(
            kind=TimelineKind.DETECTED,
            key="detected",
            at=at,
            summary=f"{_told(alarm)}: {off} off" if outage.is_charged else _told(alarm),
            to_status=Status.DETECTED,
            source=alarm.connector.name,
        )
        write(outage, note, now=self._now)
        self._opened.append(outage)
        self._open_outages.append(outage)
        self._at_element[element.pk] = outage

    def _join(self, alarm: Alarm, outage: Outage) -> None:
        Evidence.objects.create(outage=outage, alarm=alarm, activation=alarm.activation, at=alarm_at(alarm))
        note = Note(
            kind=TimelineKind.ALARM,
            key=f"alarm:{alarm.pk}:{alarm.activation}",
            at=alarm_at(alarm),
            summary=_told(alarm),
            source=alarm.connector.name,
        )
        write(outage, note, now=self._now)

    def _explaining(self, alarm: Alarm) -> Outage | None:
        """The open outage by which the alarm's element lost supply, if it is not younger than the alarm."""
        element = alarm.alias.element
        nodes = {node for node in (element.from_node, element.to_node) if node is not None}
        for outage in self._open_outages:
            if outage.detected_at <= alarm_at(alarm) + CLOCKS_DIFFER_BY and nodes <= self._nodes_off(outage):
                return outage
        return None

    def _nodes_off(self, outage: Outage) -> frozenset[str]:
        if outage.pk not in self._nodes:
            opening = outage.opening
            nodes = nodes_fed_by(outage.element_id) if opening is None else opening.nodes
            self._nodes[outage.pk] = frozenset(nodes)
        return self._nodes[outage.pk]

    def _is_open_and_missed(self, alarm: Alarm) -> bool:
        """Whether an off-normal switch is read open, and somebody is off for it."""
        element_id = alarm.alias.element_id
        opening = self._openings.get(element_id)
        return (
            alarm.category == AlarmCategory.OFF_NORMAL
            and opening is not None
            and opening.closed_at is None
            and service_points_fed_by(element_id).exists()
        )


def alarm_at(alarm: Alarm) -> datetime:
    """When an alarm became active, as far as its source says."""
    return alarm.active_since or alarm.source_time


def _waiting_alarms(alarm_ids: Collection[int] | None, *, explained_by: Sequence[Outage] | None = None) -> list[Alarm]:
    """
    Alarms whose element is known and whose activation belongs to no outage, oldest first: active ones, and trips that
    are over whose switch was read open at the same time and still is.
    """
    still_open = SwitchOpening.objects.filter(
        organisation=OuterRef("organisation"), element=OuterRef("alias__element"), closed_at=None
    )
    span = (OuterRef("active_since") - CLOCKS_DIFFER_BY, OuterRef("source_time") + CLOCKS_DIFFER_BY)
    opened_with_it = still_open.filter(opened_at__range=span)
    read_open_with_it = SwitchPosition.objects.filter(
        organisation=OuterRef("organisation"),
        element=OuterRef("alias__element"),
        state=SwitchState.OPEN.value,
        source_time__range=span,
    )
    is_trip, is_off_normal = (Q(category=one.value) for one in (AlarmCategory.TRIP, AlarmCategory.OFF_NORMAL))
    alarms = Alarm.objects.for_organisation(current_scope().organisation_id).filter(
        ~Exists(Evidence.objects.filter(alarm=OuterRef("pk"), activation=OuterRef("activation"))),
        Q(is_active=True) | is_trip & (Exists(opened_with_it) | Exists(read_open_with_it)),
        retired_at=None,
        alias__element__isnull=False,
    )
    if alarm_ids is not None:
        alarms = alarms.filter(pk__in=alarm_ids)
    elif explained_by is not None:
        alarms = alarms.exclude(category__in=OPENING_CATEGORIES)
    else:
        alarms = alarms.filter(is_trip | is_off_normal & Exists(still_open))
    return sorted(alarms.select_related("alias__element", "connector"), key=lambda one: (alarm_at(one), one.pk))


def _note_ended_alarms(change: Change) -> None:
    """Say on the timelines that an alarm of an open outage is over."""
    ended = (
        Evidence.objects.for_organisation(current_scope().organisation_id)
        .filter(alarm__in=change.ids, alarm__is_active=False, outage__in=Outage.objects.open())
        .select_related("outage", "alarm__connector")
        .order_by("pk")
    )
    write_all(
        (
            (
                one.outage,
                Note(
                    kind=TimelineKind.ALARM,
                    key=f"alarm:{one.alarm_id}:{one.activation}:over",
                    at=one.alarm.source_time,
                    summary=f"{_told(one.alarm)}, the alarm is over",
                    source=one.alarm.connector.name,
                ),
            )
            for one in ended
        ),
        now=change.now,
    )


def _context_since(element_id: int, *, at: datetime) -> datetime:
    """What came before this belongs to an earlier outage of the device, or to no outage."""
    earlier = Outage.objects.filter(element=element_id).order_by("-detected_at", "-pk").first()
    ended_at = None if earlier is None else earlier.restored_at or earlier.closed_at
    earliest = at - EARLIEST_CONTEXT
    # Work management keeps whole seconds: what it stamps may look a second older than it is.
    return earliest if ended_at is None else max(earliest, ended_at.replace(microsecond=0))


def _told(alarm: Alarm) -> str:
    return alarm.message or alarm.name or f"Alarm of {alarm.alias or alarm.condition}"
