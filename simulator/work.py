"""Work management's knowledge: crews, work orders, and how they move on with the clock."""

import itertools
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from simulator.grid import Element, LonLat
from simulator.settings import CrewTimeline

# What the site calls a status -> what Maximo means by it (a synonym domain).
WORK_ORDER_STATUSES = {
    "WAPPR": "WAPPR",
    "APPR": "APPR",
    "DISPATCH": "APPR",
    "ENROUTE": "INPRG",
    "ONSITE": "INPRG",
    "WORKING": "INPRG",
    "COMP": "COMP",
    "CLOSE": "CLOSE",
    "CAN": "CAN",
}
ASSIGNMENT_BY_STATUS = {
    "DISPATCH": "ASSIGNED",
    "ENROUTE": "ENROUTE",
    "ONSITE": "ONSITE",
    "WORKING": "STARTED",
    "COMP": "COMPLETE",
}
FIELD_STATUS_BY_STATUS = {
    "DISPATCH": "DISPATCHED",
    "ENROUTE": "ENROUTE",
    "ONSITE": "ONSITE",
    "WORKING": "WORKING",
}

FINISHED = frozenset({"COMP", "CLOSE", "CAN"})
POSITION_INTERVAL_SECONDS = 5
ROUTINE = (
    ("PM", "Thermography of the switchgear", "APPR", 3),
    ("PM", "Yearly inspection", "WAPPR", 4),
    ("CM", "Replace the arrester", "WORKING", 3),
    ("PM", "Oil sample", "COMP", 4),
    ("CM", "Repair the door of the station", "APPR", 4),
    ("PM", "Cut back the hedge", "CAN", 5),
    ("CM", "Renew the cable label", "CLOSE", 5),
    ("PM", "Test the protection relay", "APPR", 2),
)


@dataclass
class WorkOrder:
    number: int
    description: str
    work_type: str
    priority: int
    switch: Element
    status: str
    status_at: datetime
    reported_at: datetime
    starts_at: datetime
    ends_at: datetime
    crew_id: str | None = None
    assignment_number: int | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    # What is still to come: when, and to which status.
    plan: list[tuple[datetime, str]] = field(default_factory=list)
    # When it took up which status.
    passed: dict[str, datetime] = field(default_factory=dict)

    @property
    def wonum(self) -> str:
        return f"WO{self.number}"

    @property
    def is_open(self) -> bool:
        return self.status not in FINISHED

    def move(self, status: str, *, at: datetime) -> None:
        self.status = status
        self.status_at = at
        self.passed[status] = at
        if status == "ONSITE":
            self.started_at = at
        if status in FINISHED:
            self.finished_at = at
            self.plan.clear()


@dataclass(frozen=True)
class Crew:
    id: str
    description: str
    depot: LonLat
    shift: str

    @property
    def lead(self) -> str:
        return self.id.replace("CREW", "LEAD")


@dataclass(frozen=True)
class CrewState:
    crew: Crew
    field_status: str
    order: WorkOrder | None
    position: LonLat
    position_at: datetime
    changed_at: datetime


CREWS = tuple(
    Crew(id=f"CREW-{number}", description=f"Line crew {name}", depot=depot, shift=shift)
    for number, name, depot, shift in (
        (1, "North", (11.4102, 53.6551), "NIGHT"),
        (2, "South", (11.4051, 53.6270), "NIGHT"),
        (3, "East", (11.4302, 53.6402), "NIGHT"),
        (4, "West", (11.3853, 53.6391), "NIGHT"),
        (5, "Substation", (11.4096, 53.6414), "DAY"),
        (6, "Reserve", (11.4199, 53.6333), "DAY"),
    )
)


class WorkManagement:
    """Not locked: the utility that holds it is."""

    def __init__(self, *, switches: Iterable[Element], timeline: CrewTimeline, started_at: datetime) -> None:
        self._timeline = timeline
        self._started_at = started_at.replace(microsecond=0)
        self._order_numbers = itertools.count(20001)
        self._assignment_numbers = itertools.count(30001)
        self.orders: dict[int, WorkOrder] = {}
        self._plan_routine_work([switch for switch in switches if switch.nominal_kv >= 20])

    def open_emergency(self, switch: Element, *, now: datetime) -> WorkOrder:
        """An emergency order whose crew is on its way soon."""
        # Work management keeps whole seconds, cut and not rounded: no stamp lies in the future.
        at = now.replace(microsecond=0)
        number = next(self._order_numbers)
        order = WorkOrder(
            number=number,
            description=f"{switch.kind.replace('_', ' ').capitalize()} {switch.name} tripped",
            work_type="EM",
            priority=1,
            switch=switch,
            status="DISPATCH",
            status_at=at,
            reported_at=at,
            starts_at=at,
            ends_at=at + timedelta(hours=2),
            crew_id=self._least_busy_crew().id,
            assignment_number=next(self._assignment_numbers),
            plan=[
                (at + self._timeline.en_route, "ENROUTE"),
                (at + self._timeline.on_site, "ONSITE"),
                (at + self._timeline.working, "WORKING"),
            ],
            passed={"DISPATCH": at},
        )
        self.orders[number] = order
        return order

    def complete(self, order: WorkOrder, *, now: datetime) -> None:
        if order.is_open:
            order.move("COMP", at=now.replace(microsecond=0))

    def advance(self, *, now: datetime) -> list[WorkOrder]:
        """Move every order to where the clock says it is; gives those whose crew has arrived since."""
        arrived = []
        for order in self.orders.values():
            while order.plan and order.plan[0][0] <= now:
                at, status = order.plan.pop(0)
                order.move(status, at=at)
                if status == "ONSITE":
                    arrived.append(order)
        return arrived

    def crew_states(self, *, now: datetime) -> list[CrewState]:
        return [self._crew_state(crew, now=now) for crew in CREWS]

    def _crew_state(self, crew: Crew, *, now: datetime) -> CrewState:
        orders = [order for order in self._emergencies_of(crew) if order.is_open]
        if not orders:
            finished = [order.status_at for order in self._emergencies_of(crew)]
            since = max(finished, default=self._started_at)
            return CrewState(crew, "AVAILABLE", None, crew.depot, since, since)
        order = orders[-1]
        position, position_at = self._whereabouts(crew, order, now=now)
        changed_at = max(order.status_at, position_at)
        return CrewState(crew, FIELD_STATUS_BY_STATUS[order.status], order, position, position_at, changed_at)

    def _whereabouts(self, crew: Crew, order: WorkOrder, *, now: datetime) -> tuple[LonLat, datetime]:
        """On a straight line from the depot to the switch, reported every few seconds."""
        if order.status == "DISPATCH":
            return crew.depot, order.status_at
        target = order.switch.positions[0]
        if order.status != "ENROUTE":
            return target, order.passed["ONSITE"]
        left_at = order.passed["ENROUTE"]
        reports = int((now - left_at).total_seconds()) // POSITION_INTERVAL_SECONDS
        gone = timedelta(seconds=reports * POSITION_INTERVAL_SECONDS)
        share = min(1.0, gone / (self._timeline.on_site - self._timeline.en_route))
        longitude, latitude = (
            round(start + (end - start) * share, 6) for start, end in zip(crew.depot, target, strict=True)
        )
        return (longitude, latitude), left_at + gone

    def _emergencies_of(self, crew: Crew) -> list[WorkOrder]:
        orders = self.orders.values()
        return [order for order in orders if order.crew_id == crew.id and order.work_type == "EM"]

    def _least_busy_crew(self) -> Crew:
        on_shift = [crew for crew in CREWS if crew.shift == "NIGHT"]
        return min(on_shift, key=lambda crew: sum(order.is_open for order in self._emergencies_of(crew)))

    def _plan_routine_work(self, switches: list[Element]) -> None:
        numbers = itertools.count(10001)
        for index, switch in enumerate(switches[::12]):
            work_type, task, status, priority = ROUTINE[index % len(ROUTINE)]
            age = timedelta(hours=6 + zlib.crc32(switch.id.encode()) % 2000)
            reported_at = (self._started_at - age).astimezone(UTC)
            number = next(numbers)
            self.orders[number] = WorkOrder(
                number=number,
                description=f"{task}, {switch.name}",
                work_type=work_type,
                priority=priority,
                switch=switch,
                status=status,
                status_at=reported_at + timedelta(hours=2),
                reported_at=reported_at,
                starts_at=reported_at + timedelta(days=7),
                ends_at=reported_at + timedelta(days=7, hours=3),
                started_at=reported_at + timedelta(hours=1) if status in {"WORKING", "COMP", "CLOSE"} else None,
                finished_at=reported_at + timedelta(hours=2) if status in FINISHED else None,
            )
