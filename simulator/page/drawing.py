"""What the page shows: the grid once, and what has happened to it with each poll."""

from collections import defaultdict
from datetime import datetime
from functools import lru_cache
from typing import Any

from simulator.gis.zones import rural_zones
from simulator.grid import rural_grid
from simulator.utility import Utility
from simulator.work import WorkOrder

Json = dict[str, Any]

SHOWN_ORDERS = 20
SHOWN_DELIVERIES = 10


@lru_cache(maxsize=1)
def drawing() -> Json:
    """Lines by voltage, switches of 20 and 110 kV, the source. Coordinates are CRS84."""
    grid, zones = rural_grid(), rural_zones()
    areas: dict[str, list[Any]] = defaultdict(list)
    medium = []
    for element in grid.elements.values():
        if element.kind != "line":
            continue
        if element.nominal_kv < 1:
            areas[zones.by_subnet[element.subnet]].append(element.positions)
        else:
            medium.append({"id": element.id, "name": element.name, "path": element.positions})
    switches = [
        {
            "id": switch.id,
            "name": switch.name,
            "kind": switch.kind,
            "kv": switch.nominal_kv,
            "position": switch.positions[0],
            "zone": zones.by_id[zones.by_subnet[switch.subnet]].name,
        }
        for switch in grid.switches
        if switch.nominal_kv >= 20
    ]
    sources = [element.positions[0] for element in grid.elements.values() if element.kind == "source"]
    areas_list = [{"zone": zone, "lines": lines} for zone, lines in areas.items()]
    return {"areas": areas_list, "lines": medium, "switches": switches, "sources": sources}


@lru_cache(maxsize=1)
def _area_of_node() -> dict[str, str]:
    zones = rural_zones()
    return {
        element.from_node: zones.by_subnet[element.subnet]
        for element in rural_grid().elements.values()
        if element.to_node is None
    }


class Situation:
    """The present state as JSON. What hangs on the topology is kept until a switch moves."""

    def __init__(self, utility: Utility) -> None:
        self._utility = utility
        self._dead: tuple[int, Json] | None = None

    def as_json(self) -> Json:
        utility = self._utility
        utility.advance()
        with utility.lock:
            now = utility.now()
            return {
                "now": now.isoformat(),
                "product_url": utility.settings.product_url,
                "truth": utility.who_is_off(),
                "dead": self._dead_parts(),
                "open": self._open_switches(),
                "alarms": self._alarms(),
                "work_orders": self._work_orders(),
                "crews": self._crews(now),
                "tablet": self._tablet(),
                "faults": [fault.as_json(now=now) for fault in utility.faults.active()],
            }

    def _dead_parts(self) -> Json:
        truth, grid = self._utility.truth, self._utility.grid
        if self._dead is None or self._dead[0] != truth.version:
            energised = truth.energised_nodes()
            lines = [
                line.id
                for line in grid.elements.values()
                if line.kind == "line" and line.nominal_kv >= 1 and not {line.from_node, line.to_node} & energised
            ]
            area_of = _area_of_node()
            areas: dict[str, int] = defaultdict(int)
            for point_id in truth.off():
                areas[area_of[grid.service_points[point_id].node]] += 1
            self._dead = (truth.version, {"lines": lines, "areas": dict(areas)})
        return self._dead[1]

    def _open_switches(self) -> list[Json]:
        utility = self._utility
        opened = []
        for switch_id in sorted(utility.truth.open_elements):
            scenario = utility.scenarios.get(switch_id)
            opened.append(
                {
                    "id": switch_id,
                    "name": utility.grid.elements[switch_id].name,
                    "planned": utility.grid.elements[switch_id].is_normally_open,
                    "since": scenario.opened_at.isoformat() if scenario else None,
                    "service_points": scenario.lost.service_points if scenario else None,
                    "critical": scenario.lost.critical if scenario else None,
                    "held_back": sorted(scenario.held_back) if scenario else [],
                }
            )
        return opened

    def _alarms(self) -> list[Json]:
        conditions = self._utility.scada.conditions.values()
        retained = sorted((event for one in conditions for event in one.retained), key=lambda event: event.time)
        return [
            {
                "switch": event.switch.id,
                "name": event.switch.name,
                "time": event.time.isoformat(),
                "severity": event.severity,
                "active": event.is_active,
                "acknowledged": event.is_acknowledged,
                "comment": event.comment,
            }
            for event in reversed(retained)
        ]

    def _work_orders(self) -> list[Json]:
        orders = [order for order in self._utility.work.orders.values() if order.work_type == "EM"]
        return [_order(order) for order in orders[-SHOWN_ORDERS:][::-1]]

    def _crews(self, now: datetime) -> list[Json]:
        return [
            {
                "id": state.crew.id,
                "name": state.crew.description,
                "status": state.field_status,
                "order": state.order.wonum if state.order else None,
                "position": state.position,
            }
            for state in self._utility.work.crew_states(now=now)
        ]

    def _tablet(self) -> Json:
        state = self._utility.tablet.state()
        return {
            "problem": state.problem,
            "waiting": [
                {"record": entry.record, "attempts": entry.attempts, "problem": entry.problem}
                for entry in state.waiting[:SHOWN_DELIVERIES]
            ],
            "waiting_count": len(state.waiting),
            "delivered": [
                {
                    "record": delivery.record,
                    "at": delivery.delivered_at.isoformat(),
                    "result": delivery.result,
                }
                for delivery in state.delivered[-SHOWN_DELIVERIES:][::-1]
            ],
        }


def _order(order: WorkOrder) -> Json:
    return {
        "wonum": order.wonum,
        "description": order.description,
        "status": order.status,
        "status_at": order.status_at.isoformat(),
        "crew": order.crew_id,
    }
