"""The pretend utility as a whole: its grid, its systems, and what happens to them."""

import threading
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from simulator.cis.accounts import CustomerRecords
from simulator.errors import Refused
from simulator.faults import Faults
from simulator.flows import Flows
from simulator.gis.features import FeatureRecords
from simulator.grid import Element, rural_grid
from simulator.scada import Position, Scada
from simulator.settings import Clock, Settings
from simulator.tablet import Garbled, Send, Tablet, send
from simulator.truth import Count, Truth
from simulator.work import WorkManagement, WorkOrder

POSITION, ALARM, WORK_ORDER, ESTIMATE = "position", "alarm", "work-order", "estimate"
# In the order in which they happen: an estimate names the work order that came before it.
PARTS = (POSITION, ALARM, WORK_ORDER, ESTIMATE)

CAUSES = (
    "Cable fault at a joint",
    "Tree on the line",
    "Damaged by digging",
    "Failed insulator",
    "Water in a cable box",
)


def condition_id(switch_id: str) -> str:
    return f"nsu=urn:rural-grid:scada;s={switch_id}.Trip"


@dataclass
class Scenario:
    """One switch that a scenario has opened."""

    switch: Element
    opened_at: datetime
    lost: Count
    held_back: set[str]
    order: WorkOrder | None = None
    estimates: int = 0
    passed: set[str] = field(default_factory=set)


class Utility:
    """
    Everything that one simulator knows. Its methods lock it, so they may be called from any thread; who reads
    its parts directly does so within `with utility.lock`.
    """

    def __init__(self, *, settings: Settings, clock: Clock, sender: Send = send) -> None:
        self.settings = settings
        self._clock = clock
        self.lock = threading.RLock()
        self.grid = rural_grid()
        self.truth = Truth(self.grid)
        self.flows = Flows(grid=self.grid, truth=self.truth)
        self.started_at = self.now()
        self.switched_at = self.started_at
        self.scada = Scada(grid=self.grid, started_at=self.started_at, has_full_conditions=settings.has_full_conditions)
        self.work = WorkManagement(
            switches=self.grid.switches, timeline=settings.crew_timeline, started_at=self.started_at
        )
        self.features = FeatureRecords()
        self.customers = CustomerRecords()
        self.faults = Faults(clock=self.now)
        self.tablet = Tablet(push_config=settings.push_config, clock=self.now, garble=self._garble_push, sender=sender)
        self.scenarios: dict[str, Scenario] = {}
        self.gateway_restarts = 0

    def now(self) -> datetime:
        return self._clock().astimezone(UTC)

    @property
    def gateway_index(self) -> int:
        """Of our namespace in the gateway's table."""
        return 1 + self.gateway_restarts

    def restart_gateway(self) -> dict[str, Any]:
        """The SCADA gateway forgets its sessions and subscriptions, and numbers its namespaces anew."""
        with self.lock:
            self.gateway_restarts += 1
            return {"restarts": self.gateway_restarts, "namespace_index": self.gateway_index}

    def advance(self) -> None:
        """Bring crews to where the clock says they are; a crew that has arrived sends a better estimate."""
        with self.lock:
            self.scada.advance(now=self.now())
            arrived = self.work.advance(now=self.now())
            for scenario in self.scenarios.values():
                if scenario.order in arrived and ESTIMATE in scenario.passed:
                    self._push_estimate(scenario, is_on_site=True)

    def hv_fault(self, element_id: str | None = None, *, parts: Collection[str] = PARTS) -> dict[str, Any]:
        """
        Open a switch by a fault, with what follows from it.

        :param parts: what shows at once; the rest is held back until `release`.
        :return: element, alarm (its ConditionId), how many service points this put off, how many critical.
        :raises Refused: 404 unknown, 409 open already, 400 not a switch.
        """
        self._check_parts(parts)
        with self.lock:
            switch = self._switch(element_id) if element_id is not None else self._any_feeder_breaker()
            if self.truth.is_open(switch.id):
                raise Refused(f"{switch.id} is open already.", status=409)
            off_before = self.truth.off()
            self.truth.open(switch)
            self.switched_at = self.now()
            lost = self.truth.count(self.truth.off() - off_before)
            scenario = Scenario(switch=switch, opened_at=self.switched_at, lost=lost, held_back=set(PARTS))
            self.scenarios[switch.id] = scenario
            self._pass_on(scenario, parts, at=self.switched_at)
        return {
            "element": switch.id,
            "alarm": condition_id(switch.id),
            "service_points": lost.service_points,
            "critical": lost.critical,
        }

    def release(self, element_id: str, *, parts: Collection[str] = PARTS, is_late: bool = False) -> dict[str, Any]:
        """
        Let held-back parts of a fault show.

        :param is_late: alarm and position keep the time of the fault rather than that of the release.
        :raises Refused: 409 if none of these parts is held back.
        """
        self._check_parts(parts)
        with self.lock:
            scenario = self.scenarios.get(element_id)
            released = [part for part in PARTS if scenario and part in parts and part in scenario.held_back]
            if scenario is None or not released:
                raise Refused(f"Nothing of that is held back for {element_id}.", status=409)
            self._pass_on(scenario, released, at=scenario.opened_at if is_late else self.now())
        return {"element": element_id, "released": released, "held_back": sorted(scenario.held_back)}

    def notify(self, element_id: str, *, is_active: bool, at: datetime | None = None) -> dict[str, Any]:
        """A bare notification of the trip alarm, whatever the switch does."""
        with self.lock:
            switch = self._switch(element_id)
            now = self.now()
            tell = self.scada.raise_trip if is_active else self.scada.clear_trip
            tell(switch, at=at or now, now=now)
        return {"element": switch.id, "alarm": condition_id(switch.id), "active": is_active}

    def restore(self, element_id: str | None = None) -> dict[str, Any]:
        """
        Undo one scenario, or all.

        :return: what was closed, and how many service points are on again.
        :raises Refused: 404 if no scenario has opened this element.
        """
        with self.lock:
            if element_id is not None and element_id not in self.scenarios:
                raise Refused(f"No scenario has opened {element_id}.", status=404)
            chosen = [element_id] if element_id is not None else list(self.scenarios)
            off_before = self.truth.off()
            now = self.now()
            for chosen_id in chosen:
                self._restore(self.scenarios.pop(chosen_id), now=now)
            if chosen:
                self.switched_at = now
            back = self.truth.count(off_before - self.truth.off())
        return {"restored": chosen, "service_points": back.service_points, "critical": back.critical}

    def impact(self, element_id: str) -> dict[str, Any]:
        """
        :raises Refused: 404 unknown, 400 no branch.
        """
        with self.lock:
            count = self.truth.impact(self._element(element_id))
        return {"element": element_id, "service_points": count.service_points, "critical": count.critical}

    def who_is_off(self, *, with_ids: bool = False) -> dict[str, Any]:
        with self.lock:
            off = self.truth.off()
            count = self.truth.count(off)
            everyone = self.truth.count(self.grid.service_points)
            answer: dict[str, Any] = {
                "off": count.service_points,
                "critical": count.critical,
                "service_points": everyone.service_points,
                "critical_service_points": everyone.critical,
                "open": sorted(self.truth.open_elements),
            }
        if with_ids:
            answer["off_ids"] = sorted(off)
        return answer

    def _pass_on(self, scenario: Scenario, parts: Collection[str], *, at: datetime) -> None:
        now = self.now()
        for part in PARTS:
            if part not in parts:
                continue
            scenario.held_back.discard(part)
            scenario.passed.add(part)
            if part == POSITION:
                self.scada.report_position(scenario.switch, Position.OPEN, at=at)
            elif part == ALARM:
                self.scada.raise_trip(scenario.switch, at=at, now=now)
            elif part == WORK_ORDER:
                scenario.order = self.work.open_emergency(scenario.switch, now=now)
            else:
                self._push_estimate(scenario, is_on_site=False)

    def _restore(self, scenario: Scenario, *, now: datetime) -> None:
        self.truth.close(scenario.switch)
        self.scada.report_position(scenario.switch, Position.CLOSED, at=now)
        newest = self.scada.conditions[scenario.switch.id].newest
        if newest is not None and newest.is_active:
            self.scada.clear_trip(scenario.switch, at=now, now=now)
        if scenario.order is not None:
            self.work.complete(scenario.order, now=now)

    def _push_estimate(self, scenario: Scenario, *, is_on_site: bool) -> None:
        now = self.now()
        scenario.estimates += 1
        opened = f"{scenario.opened_at:%Y%m%dT%H%M%S%f}"
        minutes = 60 + min(120, scenario.lost.service_points // 10)
        record: dict[str, Any] = {
            "external_id": f"EST-{scenario.switch.id}-{opened}-{scenario.estimates}",
            "source_time": now.isoformat(),
            "element": scenario.switch.id,
            "estimated_at": (scenario.opened_at + timedelta(minutes=minutes)).isoformat(timespec="seconds"),
            "confidence": "MEDIUM" if is_on_site else "LOW",
        }
        if scenario.order is not None:
            record["work_order"] = scenario.order.wonum
        if is_on_site:
            record["cause"] = CAUSES[len(scenario.switch.id + scenario.switch.name) % len(CAUSES)]
            record["note"] = "Crew on site, fault found."
        else:
            record["note"] = "First estimate, crew not on site yet."
        self.tablet.enqueue(record)

    def _any_feeder_breaker(self) -> Element:
        """The first closed 20 kV breaker that feeds customers: those that lead a feeder come first."""
        candidates = [
            switch
            for switch in self.grid.switches
            if switch.kind == "breaker" and switch.nominal_kv == 20 and not self.truth.is_open(switch.id)
        ]
        for switch in sorted(candidates, key=lambda switch: switch.substation is None):
            if self.truth.impact(switch).service_points > 0:
                return switch
        raise Refused("No closed 20 kV breaker feeds customers now. Restore first.", status=409)

    def _element(self, element_id: str) -> Element:
        try:
            return self.grid.elements[element_id]
        except KeyError:
            raise Refused(f"There is no element {element_id}.", status=404) from None

    def _switch(self, element_id: str) -> Element:
        element = self._element(element_id)
        if not element.is_switch:
            raise Refused(f"{element_id} is a {element.kind}, not a switch.")
        return element

    def _check_parts(self, parts: Collection[str]) -> None:
        if not parts or not set(parts) <= set(PARTS):
            raise Refused(f"parts is a list of one or more of {', '.join(PARTS)}.")

    def _garble_push(self) -> Garbled:
        kind = self.faults.take("tablet")
        return Garbled(
            wrong_token=kind == "401",
            broken_lines=kind in {"garbage", "cut"},
            gateway_down=kind in {"500", "429"},
            wait=self.settings.slow_seconds if kind == "slow" else 0.0,
        )
