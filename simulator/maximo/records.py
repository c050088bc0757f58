"""Maximo's object structures over work management: rows with every attribute, None where there is none."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from simulator.gis.features import installed_on, last_changed
from simulator.grid import Element
from simulator.utility import Utility
from simulator.work import ASSIGNMENT_BY_STATUS, WORK_ORDER_STATUSES, CrewState, WorkOrder

SITE, ORGANISATION = "RURAL", "RGU"

Row = dict[str, Any]

STATUS_DESCRIPTIONS = {
    "WAPPR": "Waiting on approval",
    "APPR": "Approved",
    "DISPATCH": "Crew dispatched",
    "ENROUTE": "Crew en route",
    "ONSITE": "Crew on site",
    "WORKING": "Crew working",
    "COMP": "Completed",
    "CLOSE": "Closed",
    "CAN": "Canceled",
    "OPERATING": "Operating",
    "DECOMMISSIONED": "Decommissioned",
    "ACTIVE": "Active",
    "INACTIVE": "Inactive",
    "ASSIGNED": "Assigned",
    "STARTED": "Started",
    "COMPLETE": "Complete",
}


@dataclass(frozen=True)
class ObjectStructure:
    """
    :param key: the attribute that names a row, within its site or organisation.
    :param dates: attributes that hold an instant.
    :param internal_values: what each site status means; a status that is not in it means itself.
    """

    name: str
    key: str
    owner: str
    dates: frozenset[str]
    internal_values: Mapping[str, str]
    rows: Callable[[Utility], list[Row]]

    def rest_id(self, row: Row) -> str:
        text = f"{row[self.owner]}/{row[self.key]}".encode()
        return "_" + base64.urlsafe_b64encode(text).decode().replace("=", "-")


def asset_number(element: Element) -> str:
    return element.id.partition("-")[2].zfill(7) if element.is_switch else f"T{element.id.partition('-')[2].zfill(6)}"


def _assets(utility: Utility) -> list[Row]:
    elements = [
        element for element in utility.grid.elements.values() if element.is_switch or element.kind == "transformer"
    ]
    rows = [_asset(element) for element in elements]
    # Two that no register gets rid of: never surveyed, and gone from the GIS.
    rows.append({**rows[0], "assetnum": "0090001", "description": "Spare breaker in store", "gisid": None})
    rows[-1] |= {"location": "STORE", "status": "DECOMMISSIONED"}
    rows.append({**rows[0], "assetnum": "0090002", "description": "Breaker of a former station", "gisid": "SW-99999"})
    return rows


def _asset(element: Element) -> Row:
    return {
        "assetnum": asset_number(element),
        "siteid": SITE,
        "orgid": ORGANISATION,
        "description": f"{element.kind.replace('_', ' ').capitalize()} {element.name}",
        "assettype": element.kind.upper(),
        "location": element.subnet,
        "status": "OPERATING",
        "installdate": installed_on(element.id),
        "changedate": last_changed(element.id),
        "gisid": element.id,
    }


def _work_orders(utility: Utility) -> list[Row]:
    return [_work_order(order) for order in utility.work.orders.values()]


def _work_order(order: WorkOrder) -> Row:
    lead = order.crew_id.replace("CREW", "LEAD") if order.crew_id else None
    return {
        "wonum": order.wonum,
        "workorderid": order.number,
        "siteid": SITE,
        "orgid": ORGANISATION,
        "description": order.description,
        "worktype": order.work_type,
        "wopriority": order.priority,
        "status": order.status,
        "statusdate": order.status_at,
        "changedate": order.status_at,
        "reportdate": order.reported_at,
        "schedstart": order.starts_at,
        "schedfinish": order.ends_at,
        "actstart": order.started_at,
        "actfinish": order.finished_at,
        "assetnum": asset_number(order.switch),
        "location": order.switch.subnet,
        "amcrew": order.crew_id,
        "lead": lead,
        "historyflag": order.status in {"CLOSE", "CAN"},
        "assignment": [_assignment(order, lead)] if order.crew_id else None,
    }


def _assignment(order: WorkOrder, lead: str | None) -> Row:
    return {
        "assignmentid": order.assignment_number,
        "amcrew": order.crew_id,
        "laborcode": lead,
        "craft": "LINE",
        "status": ASSIGNMENT_BY_STATUS[order.status],
        "scheduledate": order.starts_at,
        "startdate": order.started_at,
        "finishdate": order.finished_at,
    }


def _crews(utility: Utility) -> list[Row]:
    return [_crew(state) for state in utility.work.crew_states(now=utility.now())]


def _crew(state: CrewState) -> Row:
    longitude, latitude = state.position
    return {
        "amcrew": state.crew.id,
        "description": state.crew.description,
        "amcrewtype": "LINE",
        "orgid": ORGANISATION,
        "status": "ACTIVE",
        "shift": state.crew.shift,
        "lead": state.crew.lead,
        "fieldstatus": state.field_status,
        "wonum": state.order.wonum if state.order else None,
        "latitudey": latitude,
        "longitudex": longitude,
        "positiondate": state.position_at,
        "changedate": state.changed_at,
    }


OBJECT_STRUCTURES = {
    structure.name: structure
    for structure in (
        ObjectStructure(
            name="mxapiasset",
            key="assetnum",
            owner="siteid",
            dates=frozenset({"installdate", "changedate"}),
            internal_values={},
            rows=_assets,
        ),
        ObjectStructure(
            name="mxapiwodetail",
            key="wonum",
            owner="siteid",
            dates=frozenset(
                {
                    "statusdate",
                    "changedate",
                    "reportdate",
                    "schedstart",
                    "schedfinish",
                    "actstart",
                    "actfinish",
                    "scheduledate",
                    "startdate",
                    "finishdate",
                }
            ),
            internal_values=WORK_ORDER_STATUSES,
            rows=_work_orders,
        ),
        ObjectStructure(
            name="mxapiamcrew",
            key="amcrew",
            owner="orgid",
            dates=frozenset({"positiondate", "changedate"}),
            internal_values={},
            rows=_crews,
        ),
    )
}


def whole_seconds(moment: datetime) -> datetime:
    """Rounded down: Maximo keeps no fractions."""
    return moment - timedelta(microseconds=moment.microsecond)
