"""A pretend utility whose systems tell the product things, in whatever order a test wants."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from connectors.contracts.alarm import Alarm, AlarmCategory
from connectors.contracts.base import Record, contract_id
from connectors.contracts.crew import Crew
from connectors.contracts.equipment import Equipment
from connectors.contracts.network_element import NetworkElement
from connectors.contracts.reading import Reading, SwitchState
from connectors.contracts.restoration_estimate import RestorationEstimate
from connectors.contracts.service_point import ServicePoint
from connectors.contracts.signal import Signal
from connectors.contracts.work_order import WorkOrder
from connectors.landing import Change, Land, Landing
from connectors.models import Stream, StreamState
from customer.services.counting import follow_service_points, recount
from customer.services.landing import land_service_points
from gis.models import NetworkElement as ElementRow
from gis.positions import PositionReport
from gis.services.landing import land_network_elements
from gis.services.network import follow_network
from gis.services.positions import apply_switch_positions
from outage.models import AffectedServicePoint, Outage
from outage.services.detection import follow_alarms
from outage.services.estimates import follow_estimates, land_restoration_estimates
from outage.services.supply import follow_supply
from outage.services.work import follow_work
from telemetry.queries.signals import switch_positions
from telemetry.services.alarms import land_alarms
from telemetry.services.readings import land_readings
from telemetry.services.signals import land_signals
from tests.gis.networks import customers, line, make_landing, source, switch
from work.services import land_crews, land_equipment, land_work_orders

SYSTEMS = {
    NetworkElement: "GIS",
    ServicePoint: "CIS",
    Alarm: "SCADA",
    Reading: "SCADA",
    Signal: "SCADA",
    WorkOrder: "Work management",
    Equipment: "Work management",
    Crew: "Work management",
    RestorationEstimate: "Field tablets",
}


def ring() -> list[NetworkElement]:
    """
    Two feeders of one station that meet at an open tie; the first one can be cut in two::

        source ─ FEEDER ─ near ─ SECTION ─ far ─ TIE (open) ─ other ─ OTHER ─ source
    """
    return [
        source("SOURCE", "station"),
        switch("FEEDER", "station", "near-head"),
        line("LINE-1", "near-head", "near"),
        switch("SECTION", "near", "far-head"),
        line("LINE-2", "far-head", "far"),
        switch("TIE", "far", "other", is_open=True),
        line("LINE-3", "other", "other-head"),
        switch("OTHER", "station", "other-head"),
    ]


def ring_customers() -> list[ServicePoint]:
    """Near 3, one of them critical; far 2; on the other feeder 4, two of them critical."""
    return [
        *customers("near", normal=2, critical=1),
        *customers("far", normal=2),
        *customers("other", normal=2, critical=2),
    ]


class PretendUtility:
    """
    Each telling lands and is followed as the engine would have it, a second after the one before.

    :ivar clock: when the next thing lands; also its time at the source, unless a test says otherwise
    """

    def __init__(self, now: datetime) -> None:
        self.clock = now

    def wait(self, seconds: float = 1) -> datetime:
        self.clock += timedelta(seconds=seconds)
        return self.clock

    def network(self, elements: Sequence[NetworkElement]) -> None:
        landing = self._landing(NetworkElement)
        landed = land_network_elements(elements, landing)
        self._prove(NetworkElement)
        change = _change(landing, NetworkElement, landed.touched)
        follow_network(change)
        recount(now=landing.now)
        follow_supply(change)

    def customers(self, points: Sequence[ServicePoint], *, is_all: bool = True) -> None:
        landing = self._landing(ServicePoint)
        landed = land_service_points(points, landing)
        if is_all:
            self._prove(ServicePoint)
        change = _change(landing, ServicePoint, landed.touched)
        follow_service_points(change)
        follow_supply(change)

    def position(self, switch: str, state: SwitchState, *, at: datetime | None = None) -> None:
        self.positions({switch: state}, at=at)

    def positions(self, states: dict[str, SwitchState], *, at: datetime | None = None) -> None:
        landing = self._landing(Reading)
        reports = [
            PositionReport(element_id=element(name).pk, state=state, source_time=at or landing.now)
            for name, state in states.items()
        ]
        apply_switch_positions(positions=reports, now=landing.now)
        recount(now=landing.now)
        follow_supply(_change(landing, Reading, ()))

    def opens(self, switch: str, *, at: datetime | None = None) -> None:
        self.position(switch, SwitchState.OPEN, at=at)

    def closes(self, switch: str, *, at: datetime | None = None) -> None:
        self.position(switch, SwitchState.CLOSED, at=at)

    def trips(self, switch: str, *, at: datetime | None = None) -> Alarm:
        return self.alarm(switch, active=True, at=at)

    def clears(self, switch: str, *, at: datetime | None = None) -> Alarm:
        return self.alarm(switch, active=False, at=at)

    def alarm(
        self,
        element: str,
        *,
        active: bool,
        at: datetime | None = None,
        category: AlarmCategory = AlarmCategory.TRIP,
        acknowledged: bool = False,
    ) -> Alarm:
        notification = self.notification(element, active=active, at=at, category=category, acknowledged=acknowledged)
        self.notify(notification)
        return notification

    def notification(
        self,
        element: str,
        *,
        active: bool,
        at: datetime | None = None,
        category: AlarmCategory = AlarmCategory.TRIP,
        acknowledged: bool = False,
    ) -> Alarm:
        """One that has not landed yet."""
        moment = at or self.clock
        return Alarm(
            external_id=f"{element}.{category}",
            condition=f"{element}.{category}",
            event_id=f"{element}.{category}@{moment.isoformat()}/{active}/{acknowledged}",
            source_time=moment,
            category=category,
            message=f"{element} {category.lower()}",
            severity=800,
            active=active,
            acknowledged=acknowledged,
            element=element,
        )

    def notify(self, *notifications: Alarm) -> None:
        landing = self._landing(Alarm)
        landed = land_alarms(notifications, landing)
        if landed.touched:
            follow_alarms(_change(landing, Alarm, landed.touched))

    def estimates(self, *estimates: RestorationEstimate) -> None:
        landing = self._landing(RestorationEstimate)
        landed = land_restoration_estimates(estimates, landing)
        if landed.touched:
            follow_estimates(_change(landing, RestorationEstimate, landed.touched))

    def work_orders(self, *orders: WorkOrder) -> None:
        self._work(WorkOrder, land_work_orders, orders)

    def crews(self, *crews: Crew) -> None:
        self._work(Crew, land_crews, crews)

    def equipment(self, *records: Equipment) -> None:
        self._work(Equipment, land_equipment, records)

    def signal(self, signal: Signal) -> None:
        land_signals([signal], self._landing(Signal))

    def reading(self, reading: Reading) -> None:
        landing = self._landing(Reading)
        change = _change(landing, Reading, land_readings([reading], landing).touched)
        apply_switch_positions(positions=switch_positions(change.ids), now=landing.now)
        recount(now=landing.now)
        follow_supply(change)

    def _work(self, contract: type[Record], land: Land, records: Sequence[Record]) -> None:
        landing = self._landing(contract)
        landed = land(records, landing)
        if landed.touched:
            follow_work(_change(landing, contract, landed.touched))

    def _landing(self, contract: type[Record]) -> Landing:
        landing = make_landing(contract=contract_id(contract), now=self.clock, connector=SYSTEMS[contract])
        self.wait()
        return landing

    def _prove(self, contract: type[Record]) -> None:
        stream = Stream.objects.get(contract=contract_id(contract))
        StreamState.objects.update_or_create(stream=stream, defaults={"proved_at": self.clock})


def element(name: str) -> ElementRow:
    return ElementRow.objects.get(external_id=name)


def the_outage() -> Outage:
    """The only one there is."""
    return Outage.objects.get()


def off() -> set[str]:
    """The external ids of the service points that the open outages say are off; each by one outage."""
    names = list(
        AffectedServicePoint.objects.filter(is_off=True, outage__in=Outage.objects.open()).values_list(
            "service_point__external_id", flat=True
        )
    )
    assert len(names) == len(set(names))
    return set(names)


def story(outage: Outage) -> list[tuple[str, str, int]]:
    """The timeline: kind, what happened, and how many were off."""
    return [(entry.kind, entry.summary, entry.customers_affected) for entry in outage.timeline.order_by("pk")]


def _change(landing: Landing, contract: type[Record], ids: Sequence[int]) -> Change:
    return Change(
        contract=contract_id(contract),
        connector_id=landing.connector_id,
        stream_id=landing.stream_id,
        ids=tuple(ids),
        now=landing.now,
    )
