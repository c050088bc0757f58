"""Call (OPC 10000-4 §5.12.2): the methods of conditions and alarms (OPC 10000-9 §5.5, §5.7, §5.8.17)."""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from simulator.opcua import codes
from simulator.opcua.encoding import Json, canonical_node_id, objects, own
from simulator.opcua.services import Call, check_number, failed
from simulator.scada import (
    AlreadyAcknowledged,
    AlreadyConfirmed,
    AlreadyShelved,
    EventIdUnknown,
    NotShelved,
    NotYetAcknowledged,
    ShelvingTooLong,
)

CONDITION_TYPE, CONDITION_REFRESH = "i=2782", "i=3875"
ACKNOWLEDGE, CONFIRM, ADD_COMMENT = "i=9111", "i=9113", "i=9029"
# Those of the alarm's shelving state, and of the state machine's type: both are called in the field.
ONE_SHOT_SHELVE = frozenset({"i=9212", "i=2948"})
TIMED_SHELVE = frozenset({"i=9213", "i=2949"})
UNSHELVE = frozenset({"i=9211", "i=2947"})

REFUSALS: Mapping[type[Exception], int] = {
    EventIdUnknown: codes.BAD_EVENT_ID_UNKNOWN,
    AlreadyAcknowledged: codes.BAD_CONDITION_BRANCH_ALREADY_ACKED,
    AlreadyConfirmed: codes.BAD_CONDITION_BRANCH_ALREADY_CONFIRMED,
    NotYetAcknowledged: codes.BAD_INVALID_STATE,
    AlreadyShelved: codes.BAD_CONDITION_ALREADY_SHELVED,
    NotShelved: codes.BAD_CONDITION_NOT_SHELVED,
    ShelvingTooLong: codes.BAD_SHELVING_TIME_OUT_OF_RANGE,
}


@dataclass(frozen=True)
class _Method:
    """`readers` read its arguments, in their order; None from one of them: it is no such argument."""

    readers: tuple[Callable[[Mapping[str, Any]], Any], ...]
    run: Callable[..., Any]


def call_methods(call: Call, body: Mapping[str, Any]) -> Json:
    wanted = objects(body, "MethodsToCall")
    check_number(wanted, 100)
    return {"Results": [_call_one(call, item) for item in wanted]}


def _call_one(call: Call, item: Mapping[str, Any]) -> Json:
    if (item.get("ObjectId"), item.get("MethodId")) == (CONDITION_TYPE, CONDITION_REFRESH):
        return _refresh_conditions(call, item)
    node, code = call.node(item.get("ObjectId"))
    if node is None:
        return failed(call, code)
    method = _method(call, canonical_node_id(item.get("MethodId")) or "")
    if method is None or node.switch is None or node.id != own(f"{node.switch.id}.Trip"):
        return failed(call, codes.BAD_METHOD_INVALID)
    arguments = objects(item, "InputArguments")
    if len(arguments) < len(method.readers):
        return failed(call, codes.BAD_ARGUMENTS_MISSING)
    if len(arguments) > len(method.readers):
        return failed(call, codes.BAD_TOO_MANY_ARGUMENTS)
    values = [read(argument) for read, argument in zip(method.readers, arguments, strict=True)]
    if any(value is None for value in values):
        argument_codes = [codes.BAD_INVALID_ARGUMENT if value is None else codes.GOOD for value in values]
        results = [call.encoder.status(argument_code) or {} for argument_code in argument_codes]
        return {**failed(call, codes.BAD_INVALID_ARGUMENT), "InputArgumentResults": results}
    try:
        method.run(node.switch.id, *values)
    except tuple(REFUSALS) as refusal:
        return failed(call, REFUSALS[type(refusal)])
    return call.encoder.structure({"StatusCode": call.encoder.status(codes.GOOD)})


def _method(call: Call, method: str) -> _Method | None:
    """None if conditions have no such method."""
    scada = call.utility.scada
    who: dict[str, Any] = {"user": call.user, "now": call.now}

    def on_event(do: Callable[..., Any]) -> _Method:
        def run(switch: str, event_id: bytes, comment: str) -> None:
            do(switch, event_id=event_id, comment=comment or None, **who)

        return _Method((_event_id, _comment), run)

    match method:
        case one if one == ACKNOWLEDGE:
            return on_event(scada.acknowledge)
        case one if one == CONFIRM and call.utility.settings.has_full_conditions:
            return on_event(scada.confirm)
        case one if one == ADD_COMMENT:
            return on_event(scada.add_comment)
        case one if one in ONE_SHOT_SHELVE:
            return _Method((), lambda switch: scada.shelve(switch, lasts=None, **who))
        case one if one in TIMED_SHELVE:
            return _Method((_duration,), lambda switch, lasts: scada.shelve(switch, lasts=lasts, **who))
        case one if one in UNSHELVE:
            return _Method((), lambda switch: scada.unshelve(switch, **who))
    return None


def _refresh_conditions(call: Call, item: Mapping[str, Any]) -> Json:
    arguments = objects(item, "InputArguments")
    number = arguments[0].get("Value", 0) if arguments else 0
    subscription = (call.sessions.of(call.token) or {}).get(number)
    if subscription is None:
        return failed(call, codes.BAD_SUBSCRIPTION_ID_INVALID)
    subscription.wants_refresh = True
    return call.encoder.structure({"StatusCode": call.encoder.status(codes.GOOD)})


def _event_id(argument: Mapping[str, Any]) -> bytes | None:
    value = argument.get("Value")
    if argument.get("UaType") != codes.BYTE_STRING or not isinstance(value, str):
        return None
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        return None


def _comment(argument: Mapping[str, Any]) -> str | None:
    """The text; empty where there is none; None if it is no LocalizedText."""
    value = argument.get("Value") or {}
    if argument.get("UaType") != codes.LOCALIZED_TEXT or not isinstance(value, dict):
        return None
    text = value.get("Text") or ""
    return text if isinstance(text, str) else None


def _duration(argument: Mapping[str, Any]) -> timedelta | None:
    """Milliseconds as a Double."""
    value = argument.get("Value", 0)
    if argument.get("UaType") != codes.DOUBLE or isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return timedelta(milliseconds=value)
