"""HistoryRead (OPC 10000-11): events of the conditions, and the raw positions of a switch."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from simulator.opcua import codes
from simulator.opcua.address_space import TRIP_ALARM_TYPE, Node
from simulator.opcua.encoding import (
    DataValue,
    Json,
    Undecodable,
    Variant,
    canonical_node_id,
    date_time,
    enumeration,
    localized,
    objects,
    own,
    parse_date_time,
    whole_number,
)
from simulator.opcua.services import Call, ServiceFault
from simulator.scada import Event, Shelving

# The data type, or its JSON encoding: both are found in the field.
EVENT_DETAILS = frozenset({"i=644", "i=15262"})
RAW_DETAILS = frozenset({"i=647", "i=15263"})
MAX_VALUES = 1000
PROCESS_CONDITION_CLASS = "i=11164"


@dataclass(frozen=True)
class _Window:
    start: datetime | None
    end: datetime | None
    size: int

    @property
    def is_backward(self) -> bool:
        """Newest first: the end lies before the start, or only an end was given."""
        if self.start is None:
            return True
        return self.end is not None and self.end < self.start

    def holds(self, moment: datetime) -> bool:
        first, last = (self.end, self.start) if self.is_backward and self.start else (self.start, self.end)
        return (first is None or moment >= first) and (last is None or moment <= last)


@dataclass(frozen=True)
class _RestOfHistory:
    node_id: str
    details: str
    entries: list[Json]
    at: int
    size: int


def history_read(call: Call, body: Mapping[str, Any]) -> Json:
    details = body.get("HistoryReadDetails")
    wanted = objects(body, "NodesToRead")
    if not isinstance(details, dict):
        raise Undecodable
    if not wanted:
        raise ServiceFault(codes.BAD_NOTHING_TO_DO)
    if body.get("ReleaseContinuationPoints"):
        for item in wanted:
            call.points.take(item.get("ContinuationPoint"))
        return {"Results": [call.encoder.structure({"StatusCode": call.encoder.status(codes.GOOD)}) for _ in wanted]}
    kind = canonical_node_id(details.get("UaTypeId"))
    missing = {"unrecorded": RAW_DETAILS, "eventless": EVENT_DETAILS}.get(call.fault or "", frozenset())
    if kind not in (EVENT_DETAILS | RAW_DETAILS) - missing:
        raise ServiceFault(codes.BAD_HISTORY_OPERATION_UNSUPPORTED)
    timestamps = enumeration(body.get("TimestampsToReturn", 0))
    is_events = kind in EVENT_DETAILS
    return {"Results": [_read_one(call, item, details, is_events, timestamps) for item in wanted]}


def _read_one(
    call: Call, item: Mapping[str, Any], details: Mapping[str, Any], is_events: bool, timestamps: int
) -> Json:
    node, code = call.node(item.get("NodeId"))
    if node is None:
        return {"StatusCode": call.encoder.status(code)}
    fingerprint = json.dumps(details, sort_keys=True)
    if item.get("ContinuationPoint"):
        rest = call.points.take(item["ContinuationPoint"])
        if not isinstance(rest, _RestOfHistory):
            return {"StatusCode": call.encoder.status(codes.BAD_CONTINUATION_POINT_INVALID)}
        if (rest.node_id, rest.details) != (node.id, fingerprint):
            return {"StatusCode": call.encoder.status(codes.BAD_HISTORY_OPERATION_INVALID)}
        return _page(call, rest, is_events)
    window = _window(details)
    if window is None:
        return {"StatusCode": call.encoder.status(codes.BAD_HISTORY_OPERATION_INVALID)}
    if is_events:
        if not has_events(node):
            return {"StatusCode": call.encoder.status(codes.BAD_HISTORY_OPERATION_UNSUPPORTED)}
        clauses = _select_clauses(details)
        if clauses is None:
            return {"StatusCode": call.encoder.status(codes.BAD_EVENT_FILTER_INVALID)}
        entries = _events(call, node, window, clauses)
    else:
        if not node.is_historic:
            return {"StatusCode": call.encoder.status(codes.BAD_HISTORY_OPERATION_UNSUPPORTED)}
        entries = _positions(call, node, window, timestamps)
    return _page(call, _RestOfHistory(node.id, fingerprint, entries, 0, window.size), is_events)


def _page(call: Call, rest: _RestOfHistory, is_events: bool) -> Json:
    end = rest.at + rest.size
    page = rest.entries[rest.at : end]
    code = codes.GOOD if page else codes.GOOD_NO_DATA
    point = None
    if call.fault == "truncated":
        page = page[: len(page) // 2]
    elif end < len(rest.entries):
        code = codes.GOOD_MORE_DATA
        following = rest.at if call.fault == "repeated" else end
        point = call.points.keep(_RestOfHistory(rest.node_id, rest.details, rest.entries, following, rest.size))
    encoder = call.encoder
    data = {"UaTypeId": "i=659", "Events": page} if is_events else {"UaTypeId": "i=656", "DataValues": page}
    return {
        **encoder.structure({"StatusCode": encoder.status(code), "ContinuationPoint": point}),
        "HistoryData": data,
    }


def _window(details: Mapping[str, Any]) -> _Window | None:
    """None if fewer than two of start, end and number are given."""
    start, end = parse_date_time(details.get("StartTime")), parse_date_time(details.get("EndTime"))
    size = whole_number(details, "NumValuesPerNode")
    if (start is not None) + (end is not None) + (size > 0) < 2:
        return None
    return _Window(start, end, min(size or MAX_VALUES, MAX_VALUES))


def has_events(node: Node) -> bool:
    return node.id == "i=2253" or (node.switch is not None and node.id == own(node.switch.id))


def _select_clauses(details: Mapping[str, Any]) -> list[Mapping[str, Any]] | None:
    """None if the filter selects nothing, or filters by what this server cannot."""
    chosen = details.get("Filter")
    if not isinstance(chosen, dict):
        return None
    where = chosen.get("WhereClause") or {}
    if not isinstance(where, dict):
        raise Undecodable
    return None if where.get("Elements") else objects(chosen, "SelectClauses") or None


def _events(call: Call, node: Node, window: _Window, clauses: Sequence[Mapping[str, Any]]) -> list[Json]:
    fields = [event_field(clause) for clause in clauses]
    events = [
        event
        for event in call.utility.scada.events
        if window.holds(event.time) and (node.switch is None or event.switch.id == node.switch.id)
    ]
    events.sort(key=lambda event: event.time, reverse=window.is_backward)
    return [{"EventFields": [call.encoder.variant(field(event)) for field in fields]} for event in events]


def _positions(call: Call, node: Node, window: _Window, timestamps: int) -> list[Json]:
    history = call.utility.scada.position_history(node.switch.id) if node.switch else []
    values = [
        DataValue(Variant(codes.INT32, int(position)), source_time=at) for at, position in history if window.holds(at)
    ]
    if window.is_backward:
        values.reverse()
    return [call.encoder.data_value(value, now=call.now, timestamps=timestamps) for value in values]


Field = Callable[[Event], Variant | None]


def event_field(clause: Mapping[str, Any]) -> Field:
    """What a select clause chooses of an event."""
    path = clause.get("BrowsePath") or []
    if not isinstance(path, list) or not all(isinstance(name, str) for name in path):
        raise Undecodable
    attribute = whole_number(clause, "AttributeId") or 13
    if not path and attribute == 1:
        # The ConditionId, which is no property of the event: OPC 10000-9 §5.5.2.
        return lambda event: Variant(codes.NODE_ID, own(f"{event.switch.id}.Trip"))
    field = FIELDS.get("/".join(path)) if attribute == 13 else None
    return field or (lambda event: None)


def _text(text: str) -> Variant:
    return Variant(codes.LOCALIZED_TEXT, localized(text))


def _comment(event: Event) -> Variant | None:
    """What a person wrote has no translation, and so no locale."""
    return Variant(codes.LOCALIZED_TEXT, {"Text": event.comment}) if event.comment else None


def _of_confirmation(event: Event, variant: Variant) -> Variant | None:
    return None if event.is_confirmed is None else variant


def _time_left(event: Event) -> Variant | None:
    """Milliseconds from this event until it is unshelved (OPC 10000-9 §5.8.17)."""
    if event.unshelve_at is None:
        return None
    return Variant(codes.DOUBLE, (event.unshelve_at - event.time) / timedelta(milliseconds=1))


SHELVING_STATES = {
    Shelving.UNSHELVED: ("i=2930", "Nicht zurückgestellt"),
    Shelving.TIMED: ("i=2932", "Auf Zeit zurückgestellt"),
    Shelving.ONE_SHOT: ("i=2933", "Einmal zurückgestellt"),
}

FIELDS: Mapping[str, Field] = {
    "EventId": lambda event: Variant(codes.BYTE_STRING, base64.b64encode(event.event_id).decode()),
    "EventType": lambda event: Variant(codes.NODE_ID, TRIP_ALARM_TYPE),
    "SourceNode": lambda event: Variant(codes.NODE_ID, own(event.switch.id)),
    "SourceName": lambda event: Variant(codes.STRING, event.switch.name),
    "Time": lambda event: Variant(codes.DATE_TIME, date_time(event.time)),
    "ReceiveTime": lambda event: Variant(codes.DATE_TIME, date_time(event.receive_time)),
    "Message": lambda event: _text(event.message),
    "Severity": lambda event: Variant(codes.UINT16, event.severity),
    "ConditionClassId": lambda event: Variant(codes.NODE_ID, PROCESS_CONDITION_CLASS),
    "ConditionClassName": lambda event: _text("Prozess"),
    "ConditionName": lambda event: Variant(codes.STRING, "Trip"),
    "BranchId": lambda event: Variant(codes.NODE_ID, own(event.branch) if event.branch else "i=0"),
    "Retain": lambda event: Variant(codes.BOOLEAN, event.retain),
    "EnabledState": lambda event: _text("Freigegeben"),
    "EnabledState/Id": lambda event: Variant(codes.BOOLEAN, True),
    "ActiveState": lambda event: _text("Aktiv" if event.is_active else "Inaktiv"),
    "ActiveState/Id": lambda event: Variant(codes.BOOLEAN, event.is_active),
    "AckedState": lambda event: _text("Quittiert" if event.is_acknowledged else "Unquittiert"),
    "AckedState/Id": lambda event: Variant(codes.BOOLEAN, event.is_acknowledged),
    "ConfirmedState": lambda event: _of_confirmation(
        event, _text("Bestätigt" if event.is_confirmed else "Unbestätigt")
    ),
    "ConfirmedState/Id": lambda event: _of_confirmation(event, Variant(codes.BOOLEAN, event.is_confirmed)),
    "Quality": lambda event: Variant(codes.STATUS_CODE, {}),
    "LastSeverity": lambda event: Variant(codes.UINT16, event.severity),
    "Comment": _comment,
    "ClientUserId": lambda event: Variant(codes.STRING, event.user) if event.user else None,
    "InputNode": lambda event: Variant(codes.NODE_ID, own(f"{event.switch.id}.POS")),
    "SuppressedOrShelved": lambda event: Variant(codes.BOOLEAN, event.shelving is not Shelving.UNSHELVED),
    "ShelvingState/CurrentState": lambda event: _text(SHELVING_STATES[event.shelving][1]),
    "ShelvingState/CurrentState/Id": lambda event: Variant(codes.NODE_ID, SHELVING_STATES[event.shelving][0]),
    "ShelvingState/UnshelveTime": _time_left,
}
