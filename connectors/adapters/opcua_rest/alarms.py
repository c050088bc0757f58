"""Alarms and conditions: which fields of an event are asked for, and what they mean (OPC 10000-9)."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from connectors.contracts.alarm import Alarm, AlarmCategory, Shelving, alarm_key
from connectors.protocols.convert import to_record
from connectors.protocols.errors import BadRecord
from connectors.protocols.opcua import node_ids
from connectors.protocols.opcua.values import (
    NEVER,
    LocalizedText,
    read_byte_string,
    read_moment,
    read_variant,
    write_byte_string,
)
from connectors.protocols.opcua.web_api import NODE_ID_ATTRIBUTE, SelectClause


def _field(event_type: str, *path: str) -> SelectClause:
    return SelectClause(name="/".join(path), event_type=event_type, path=path)


CLAUSES = (
    _field(node_ids.BASE_EVENT_TYPE, "EventId"),
    _field(node_ids.BASE_EVENT_TYPE, "EventType"),
    _field(node_ids.BASE_EVENT_TYPE, "SourceNode"),
    _field(node_ids.BASE_EVENT_TYPE, "SourceName"),
    _field(node_ids.BASE_EVENT_TYPE, "Time"),
    _field(node_ids.BASE_EVENT_TYPE, "Message"),
    _field(node_ids.BASE_EVENT_TYPE, "Severity"),
    # The ConditionId is no property: it is asked for by an empty path and the NodeId attribute (OPC 10000-9
    # §5.5.2).
    SelectClause(name="ConditionId", event_type=node_ids.CONDITION_TYPE, path=(), attribute=NODE_ID_ATTRIBUTE),
    _field(node_ids.CONDITION_TYPE, "ConditionName"),
    _field(node_ids.CONDITION_TYPE, "BranchId"),
    _field(node_ids.CONDITION_TYPE, "Retain"),
    _field(node_ids.ACKNOWLEDGEABLE_CONDITION_TYPE, "AckedState", "Id"),
    _field(node_ids.ALARM_CONDITION_TYPE, "ActiveState", "Id"),
    _field(node_ids.ALARM_CONDITION_TYPE, "ActiveState", "TransitionTime"),
    _field(node_ids.ALARM_CONDITION_TYPE, "InputNode"),
    _field(node_ids.ACKNOWLEDGEABLE_CONDITION_TYPE, "ConfirmedState", "Id"),
    _field(node_ids.ALARM_CONDITION_TYPE, "ShelvingState", "CurrentState", "Id"),
    _field(node_ids.ALARM_CONDITION_TYPE, "ShelvingState", "UnshelveTime"),
    _field(node_ids.CONDITION_TYPE, "Comment"),
    _field(node_ids.CONDITION_TYPE, "ClientUserId"),
)
SHELVINGS = {node_ids.ONE_SHOT_SHELVED: Shelving.ONE_SHOT, node_ids.TIMED_SHELVED: Shelving.TIMED}
_NAMES = tuple(clause.name for clause in CLAUSES)
_EVENT_ID, _EVENT_TYPE, _TIME = map(_NAMES.index, ("EventId", "EventType", "Time"))

_LONGEST_LEFT_MS = 366 * 24 * 3_600_000  # above it, a server means that nothing ends it

CATEGORIES: dict[str, AlarmCategory] = {
    "i=10751": AlarmCategory.TRIP,
    "i=10637": AlarmCategory.OFF_NORMAL,
    "i=10523": AlarmCategory.OFF_NORMAL,
    "i=17080": AlarmCategory.OFF_NORMAL,
    **dict.fromkeys(
        (
            "i=2955",
            "i=9341",
            "i=9482",
            "i=9623",
            "i=9764",
            "i=9906",
            "i=10060",
            "i=10214",
            "i=10368",
        ),
        AlarmCategory.LIMIT,
    ),
    **dict.fromkeys(("i=11753", "i=13225", "i=18347", "i=18496", "i=19297"), AlarmCategory.SYSTEM),
}
"""
By the standard's alarm types: trip, off-normal, discrete, discrepancy, the limit types, the system types.
"""


def event_time(raw: Any) -> datetime | None:
    """When an event says it was; `None` if it does not, or cannot be read."""
    try:
        return _moment(read_variant(raw["EventFields"][_TIME]))
    except (KeyError, IndexError, TypeError, ValueError):
        return None


def event_type(raw: Any) -> str | None:
    """The NodeId of what kind of event it is; `None` if it does not say."""
    try:
        kind = read_variant(raw["EventFields"][_EVENT_TYPE])
    except (KeyError, IndexError, TypeError, ValueError):
        return None
    return kind if isinstance(kind, str) else None


def event_id(raw: Any) -> bytes:
    """What tells an event from others; nothing if it does not say."""
    try:
        written = read_variant(raw["EventFields"][_EVENT_ID])
        return written if isinstance(written, bytes) else read_byte_string(written)
    except (KeyError, IndexError, TypeError, ValueError):
        return b""


def read_alarm(raw: Any, *, element_pattern: re.Pattern[str], types: Mapping[str, AlarmCategory]) -> Alarm | None:
    """
    One event as the alarm that it tells of; `None` if it tells of no condition.

    :raises BadRecord: if it is not what was asked for
    """
    fields = _fields(raw)
    condition = fields["ConditionId"]
    if condition is None:
        return None
    branch = fields["BranchId"] or ""
    octets = fields["EventId"]
    active = fields["ActiveState/Id"] is True
    source = fields["SourceNode"] or ""
    try:
        severity = int(fields["Severity"] or 0)
        written = {
            "external_id": alarm_key(condition, branch),
            "source_time": _moment(fields["Time"]),
            "condition": condition,
            "branch": branch,
            "event_id": write_byte_string(octets) if isinstance(octets, bytes) else octets,
            "category": types.get(fields["EventType"], AlarmCategory.OTHER),
            "name": _text(fields["ConditionName"]) or _text(fields["SourceName"]),
            "message": _text(fields["Message"]),
            # Part 5 says 1 to 1000; a trip that claims 0 is still a trip.
            "severity": min(max(severity, 1), 1_000),
            "active": active,
            # A condition that cannot be acknowledged has nothing left to acknowledge.
            "acknowledged": fields["AckedState/Id"] is not False,
            "retained": fields["Retain"] is not False,
            "active_since": _moment(fields["ActiveState/TransitionTime"]) if active else None,
            "element": name_element(source, element_pattern) or name_element(condition, element_pattern),
            "signal": fields["InputNode"],
            "confirmed": fields["ConfirmedState/Id"],
            "shelving": SHELVINGS.get(fields["ShelvingState/CurrentState/Id"]),
            "shelved_until": _shelved_until(fields),
            "comment": _text(fields["Comment"]),
            "commented_by": fields["ClientUserId"] or "",
        }
    except (TypeError, ValueError) as error:
        raise BadRecord.of(condition, error) from error
    return to_record(Alarm, written)


def name_element(node_id: str, pattern: re.Pattern[str]) -> str | None:
    """The element that a NodeId names, by the first group of a pattern."""
    found = pattern.search(node_id)
    return found[1] or None if found else None


def _fields(raw: Any) -> dict[str, Any]:
    """The fields of an event by name; what an event has not is null."""
    if not isinstance(raw, dict) or not isinstance(raw.get("EventFields"), list):
        raise BadRecord("An event holds no fields", path="EventFields")
    written = raw["EventFields"]
    if len(written) != len(CLAUSES):
        raise BadRecord(f"{len(written)} fields came where {len(CLAUSES)} were asked for", path="EventFields")
    fields: dict[str, Any] = {}
    for name, value in zip(_NAMES, written, strict=True):
        try:
            fields[name] = read_variant(value)
        except ValueError as error:
            key = fields.get("ConditionId")
            raise BadRecord.of(key, error, path=f"EventFields/{name}") from error
    return fields


def _shelved_until(fields: dict[str, Any]) -> datetime | None:
    """Counted from the event, which tells how many milliseconds are left (OPC 10000-9 §5.8.17)."""
    time, left = _moment(fields["Time"]), fields["ShelvingState/UnshelveTime"]
    is_timed = SHELVINGS.get(fields["ShelvingState/CurrentState/Id"]) is Shelving.TIMED
    if not is_timed or time is None or not isinstance(left, int | float) or not 0 < left < _LONGEST_LEFT_MS:
        return None
    return time + timedelta(milliseconds=left)


def _text(value: Any) -> str:
    match value:
        case LocalizedText(text, _):
            return text
        case str():
            return value
    return ""


def _moment(value: Any) -> datetime | None:
    """A moment; one that the largest DateTime stands for is none. Non-reversible JSON leaves it as text."""
    if isinstance(value, datetime):
        return None if value == NEVER else value
    return read_moment(value)
