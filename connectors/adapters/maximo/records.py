"""From a member of an object structure to a record. An absent attribute is null: Maximo leaves nulls out."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connectors.adapters.maximo.settings import STATUSES
from connectors.contracts.crew import Crew, CrewStatus
from connectors.contracts.equipment import Equipment
from connectors.contracts.work_order import WorkOrder, WorkStatus
from connectors.protocols.convert import require_object, to_record
from connectors.protocols.errors import BadRecord


def read_equipment(raw: Mapping[str, Any], *, element_attribute: str) -> Equipment:
    return to_record(
        Equipment,
        {
            "external_id": raw.get("assetnum"),
            "source_time": moment(raw, "changedate", key="assetnum"),
            "name": raw.get("description"),
            "status": raw.get("status_description") or raw.get("status"),
            "location": raw.get("location"),
            "element": raw.get(element_attribute) if element_attribute else None,
        },
    )


def read_work_order(
    raw: Mapping[str, Any],
    *,
    statuses: Mapping[str, WorkStatus],
    element_attribute: str,
    assignment_child: str,
) -> WorkOrder:
    """
    :param statuses: a site's own words, in capitals, for what says more than Maximo's internal value
    """

    def at(name: str) -> datetime | None:
        return moment(raw, name, key="wonum")

    return to_record(
        WorkOrder,
        {
            "external_id": raw.get("wonum"),
            "source_time": at("changedate"),
            "summary": raw.get("description"),
            "status": _work_status(raw, statuses),
            "status_label": raw.get("status_description") or raw.get("status"),
            "work_type": raw.get("worktype"),
            "priority": raw.get("wopriority"),
            "element": raw.get(element_attribute) if element_attribute else None,
            "equipment": raw.get("assetnum"),
            "reported_at": at("reportdate"),
            "scheduled_start": at("schedstart"),
            "scheduled_finish": at("schedfinish"),
            "started_at": at("actstart"),
            "finished_at": at("actfinish"),
            "assignments": _assignments(raw, assignment_child),
        },
    )


def read_crew(
    raw: Mapping[str, Any],
    *,
    statuses: Mapping[str, CrewStatus],
    status_attribute: str,
    stamp_attribute: str,
    latitude_attribute: str,
    longitude_attribute: str,
) -> Crew:
    """
    :param statuses: a site's words, in capitals
    """
    key = raw.get("amcrew")
    word = (raw.get(status_attribute) if status_attribute else None) or raw.get("status")
    status = statuses.get(str(word).upper(), None) if word else CrewStatus.AVAILABLE
    if status is None:
        raise BadRecord(
            f"The crew's state {word} is not known. Add it to the crew states in the settings.",
            external_id=str(key or ""),
            path=status_attribute or "status",
        )
    latitude, longitude = raw.get(latitude_attribute), raw.get(longitude_attribute)
    has_position = latitude is not None and longitude is not None
    return to_record(
        Crew,
        {
            "external_id": key,
            "source_time": moment(raw, stamp_attribute, key="amcrew"),
            "name": raw.get("description") or key,
            "status": status,
            "position": {"latitude": latitude, "longitude": longitude} if has_position else None,
        },
    )


def moment(raw: Mapping[str, Any], name: str, *, key: str) -> datetime | None:
    """
    A time with its offset.

    :raises BadRecord: if it has none: whose night would it be?
    """
    value = raw.get(name)
    if value is None or value == "":
        return None
    try:
        read = datetime.fromisoformat(value)
        if read.tzinfo is None:
            raise ValueError(f"{value} has no offset from UTC")
    except (TypeError, ValueError) as error:
        raise BadRecord.of(raw.get(key), error, path=name) from error
    return read


def _work_status(raw: Mapping[str, Any], statuses: Mapping[str, WorkStatus]) -> WorkStatus:
    """By the site's own word if it is listed, else by the internal value that stands behind it."""
    word = str(raw.get("status") or "").upper()
    internal = str(raw.get("status_maxvalue") or word).upper()
    status = statuses.get(word) or STATUSES.get(internal)
    if status is None:
        raise BadRecord(
            f"The status {raw.get('status')} is not known. Add it to the work order statuses of this site.",
            external_id=str(raw.get("wonum") or ""),
            path="status",
        )
    return status


def _assignments(raw: Mapping[str, Any], child: str) -> list[dict[str, Any]]:
    """The crews that are assigned; without any, the crew of the order itself."""
    children = raw.get(child) if child else None
    found: dict[str, dict[str, Any]] = {}
    for assignment in children if isinstance(children, list) else ():
        crew = require_object(assignment, path=child).get("amcrew")
        if isinstance(crew, str) and crew:  # a single person's assignment names none
            found[crew] = {
                "crew": crew,
                "assigned_at": moment({**raw, **assignment}, "scheduledate", key="wonum"),
                "status": assignment.get("status") or "",
            }
    if not found and raw.get("amcrew"):
        return [{"crew": raw["amcrew"]}]
    return list(found.values())
