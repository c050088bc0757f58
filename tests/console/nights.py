"""A night's rows, as landing and detection would have left them."""

from datetime import datetime, timedelta

from connectors.models import Outcome, State
from customer.models import ServicePoint
from gis.models import Network, UnsuppliedNode, Zone
from organisation.models import Organisation
from organisation.scope import Scope, acting_for
from outage.models import (
    AffectedServicePoint,
    Evidence,
    Outage,
    RestorationEstimate,
    Status,
    TimelineEntry,
    TimelineKind,
)
from telemetry.models import Alarm, LatestReading, Signal
from tests import rows
from work.models import Assignment, Crew, WorkOrder


class Night:
    def __init__(self, organisation: Organisation, *, now: datetime) -> None:
        self.organisation, self.now = organisation, now
        with acting_for(Scope(organisation_id=organisation.pk)):
            self._sources()
            self._network()
            self.critical = self._outage("2026-0117", "SW-1", minutes=26, customers=3, critical=1)
            self.large = self._outage("2026-0118", "SW-2", minutes=7, customers=5)
            self.harmless = self._outage("2026-0119", "SW-3", minutes=50)
            self.restored = self._outage("2026-0109", "SW-4", minutes=135, status=Status.RESTORED)
            self._context()

    def scope(self) -> Scope:
        return Scope(organisation_id=self.organisation.pk)

    def _sources(self) -> None:
        now = self.now
        self.scada = rows.connector("SCADA gateway", kind="opcua-rest")
        self.gis = rows.connector("Network GIS", kind="ogc-api-features")
        self.cis = rows.connector("Customer info")
        self.maximo = rows.connector("Work orders", kind="maximo", state=State.DEGRADED)
        self.tablets = rows.connector("Field tablets", kind="push")
        self.readings = rows.stream(self.scada, "reading/1", proved_at=now, read_at=now, freshness_s=10)
        self.alarms = rows.stream(self.scada, "alarm/1", proved_at=now, read_at=now, freshness_s=10)
        self.elements = rows.stream(
            self.gis, "network-element/1", proved_at=now - timedelta(hours=3), read_at=now, freshness_s=86_400
        )
        self.service_points = rows.stream(
            self.cis, "service-point/1", proved_at=now - timedelta(minutes=41), read_at=now, freshness_s=86_400
        )
        self.orders = rows.stream(
            self.maximo,
            "work-order/1",
            proved_at=now - timedelta(minutes=3),
            read_at=now,
            freshness_s=600,
            outcome=Outcome.UNREACHABLE,
        )
        self.estimates = rows.stream(
            self.tablets, "restoration-estimate/1", proved_at=now - timedelta(minutes=18), freshness_s=300
        )

    def _network(self) -> None:
        at = self.now - timedelta(hours=3)
        Network.objects.create(version=7, topology_at=at, numbered_at=at)
        substation = Zone.objects.create(name="East", level="SUBSTATION", **rows.landed(self.elements, "Z-EAST", at=at))
        feeder = Zone.objects.create(
            name="Feeder 8", level="FEEDER_AREA", parent=substation, **rows.landed(self.elements, "Z-8", at=at)
        )
        self.switches = {}
        for place, name in enumerate(("SW-1", "SW-2", "SW-3", "SW-4")):
            made = rows.element(self.elements, name, at=at, zone=feeder)
            made.longitude, made.latitude = 11.41 + place * 0.001, 53.64
            made.from_node, made.to_node = f"N-{place}", f"N-{place}-fed"
            made.geometry = {
                "type": "LineString",
                "coordinates": [[made.longitude, made.latitude], [made.longitude + 0.001, made.latitude + 0.001]],
            }
            made.extent = f"({made.longitude + 0.001},{made.latitude + 0.001}),({made.longitude},{made.latitude})"
            made.save()
            self.switches[name] = made
        UnsuppliedNode.objects.create(node="N-0-fed")

    def _outage(
        self,
        number: str,
        switch: str,
        *,
        minutes: int,
        customers: int = 0,
        critical: int = 0,
        status: Status = Status.DETECTED,
    ) -> Outage:
        began = self.now - timedelta(minutes=minutes)
        is_back = status == Status.RESTORED
        made = rows.outage(
            number,
            self.switches[switch],
            now=began,
            status=status,
            is_charged=True,
            customers_affected=max(customers, 2 if is_back else 0),
            critical_customers_affected=critical,
            customers_off=customers,
            critical_customers_off=critical,
            restored_at=self.now if is_back else None,
        )
        for place in range(customers):
            is_critical = place < critical
            point = ServicePoint.objects.create(
                name=f"Care home {number}" if is_critical else f"House {place}",
                node=f"N-0-{place}",
                priority="CRITICAL" if is_critical else "NORMAL",
                priority_reason="Care home" if is_critical else "",
                longitude=11.411 + place / 10_000,
                latitude=53.641,
                **rows.landed(self.service_points, f"SP-{number}-{place}", at=began),
            )
            AffectedServicePoint.objects.create(outage=made, service_point=point)
        TimelineEntry.objects.create(
            outage=made,
            at=began,
            recorded_at=began,
            kind=TimelineKind.DETECTED,
            to_status=Status.DETECTED,
            source="SCADA gateway",
            summary=f"{switch} tripped",
            customers_affected=customers,
            critical_customers_affected=critical,
            key="detected",
        )
        return made

    def _context(self) -> None:
        now, switch = self.now, self.switches["SW-1"]
        named = rows.alias(self.scada, switch, at=now)
        also_named = rows.alias(self.maximo, switch, at=now)
        crew = Crew.objects.create(
            name="N-12", status="ENROUTE", **rows.landed(self.orders, "CREW-12", at=now - timedelta(minutes=3))
        )
        order = WorkOrder.objects.create(
            summary="Breaker tripped",
            status="DISPATCHED",
            alias=also_named,
            reported_at=now - timedelta(minutes=5),
            **rows.landed(self.orders, "WO-448213", at=now - timedelta(minutes=3)),
        )
        Assignment.objects.create(work_order=order, crew_external_id=crew.external_id, assigned_at=now)
        RestorationEstimate.objects.create(
            alias=named,
            estimated_at=now + timedelta(hours=2),
            confidence="MEDIUM",
            note="Pole is down",
            **rows.landed(self.estimates, "EST-1", at=now - timedelta(minutes=18)),
        )
        signal = Signal.objects.create(
            name="Feeder 8 current",
            kind="MEASUREMENT",
            unit="A",
            alias=named,
            **rows.landed(self.readings, "I-8", at=now),
        )
        LatestReading.objects.create(signal=signal, source_time=now, landed_at=now, value=0.0, quality="GOOD")
        self.alarm = Alarm.objects.create(
            condition="ns=2;s=SW-1.Trip",
            event_id="E-1",
            category="TRIP",
            name="Breaker trip",
            message="Overcurrent",
            severity=800,
            is_active=True,
            is_acknowledged=False,
            is_retained=True,
            active_since=now - timedelta(minutes=26),
            activation=1,
            alias=named,
            **rows.landed(self.alarms, "SW-1.Trip", at=now - timedelta(minutes=26)),
        )
        Evidence.objects.create(outage=self.critical, alarm=self.alarm, activation=1, at=now - timedelta(minutes=26))
