"""Signals and their values: from attributes, tags and `TimedValue`s to the contracts."""

import re
from collections.abc import Mapping
from typing import Any

from connectors.contracts.reading import Quality, Reading, SwitchState
from connectors.contracts.signal import Signal, SignalKind
from connectors.protocols.convert import to_record
from connectors.protocols.errors import BadRecord
from connectors.protocols.moments import parse_moment
from connectors.protocols.pi.units import read_unit
from connectors.protocols.pi.values import PiValue, read_timed_value

WORDS = frozenset({"Digital", "String", "Timestamp", "EnumerationValue", "Boolean", "DateTime"})
"""Types of tags and attributes whose values are states rather than measurements."""


DELETED = "Deleted"
"""The reason of a reading whose value was taken back."""


def name_element(path: str, pattern: re.Pattern[str]) -> str | None:
    """The element that a path names, by the first group of a pattern."""
    found = pattern.search(path)
    return found[1] or None if found else None


def checked(raw: Any) -> Mapping[str, Any]:
    """
    :raises BadRecord: if it is no object
    """
    if not isinstance(raw, dict):
        raise BadRecord("It is no object")
    return raw


def read_signal(
    raw: Mapping[str, Any], *, element_pattern: re.Pattern[str], position_pattern: re.Pattern[str]
) -> Signal:
    """
    :param raw: an attribute, or a point
    :raises BadRecord: if it cannot be read
    """
    path = checked(raw).get("Path")
    if not isinstance(path, str) or not path:
        raise BadRecord.of(raw.get("WebId"), ValueError("it has no path"), path="Path")
    unit = raw.get("DefaultUnitsNameAbbreviation") or raw.get("DefaultUnitsName") or raw.get("EngineeringUnits")
    if position_pattern.search(path):
        kind = SignalKind.SWITCH_POSITION
    elif str(raw.get("Type") or raw.get("PointType")) in WORDS:
        kind = SignalKind.STATUS
    else:
        kind = SignalKind.MEASUREMENT
    fields = {
        "external_id": path,
        "name": _name(path, raw.get("Descriptor")),
        "kind": kind,
        "unit": read_unit(unit) if kind is SignalKind.MEASUREMENT else "",
        "element": name_element(path, element_pattern),
    }
    return to_record(Signal, fields)


def _name(path: str, descriptor: object) -> str:
    """`FDR03 Power MW` for `…\\FDR03|Power|MW`; a tag is told by its name and what is written beside it."""
    name = path.rpartition("\\")[2].replace("|", " ")
    return f"{name} {descriptor}" if isinstance(descriptor, str) and descriptor.strip() else name


def read_reading(
    raw: Mapping[str, Any], *, position_pattern: re.Pattern[str], states: Mapping[str, SwitchState]
) -> Reading:
    """
    A value of a signal, or the reason why there is none.

    :param raw: `Path`, and its `Value` (a `TimedValue`), or one that was `Deleted`, or the `Refusal` in words and when
        it was (`At`)
    :param states: switch positions by the name of a digital state, or by number, in lower case
    :raises BadRecord: if it cannot be read
    """
    path = checked(raw).get("Path")
    try:
        if "Refusal" in raw:
            value = _no_value(raw["At"], raw["Refusal"])
        elif "Deleted" in raw:
            value = _no_value(raw["Deleted"].get("Timestamp"), DELETED)
        else:
            value = read_timed_value(raw["Value"])
        if not isinstance(path, str) or not path:
            raise ValueError("it has no path")
        quality, reason = value.quality, value.reason
        number, word = (None, value.word) if value.word is not None else (value.number, None)
        if value.quality is not Quality.BAD and position_pattern.search(path):
            number, word, fault = None, *_position(value, states)
            if fault:
                quality, reason = Quality.BAD, fault
        return Reading(
            external_id=path,
            signal=path,
            source_time=value.at,
            value=number,
            state=word,
            quality=quality,
            reason=reason,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadRecord.of(path, error) from error


def _no_value(time: object, reason: str) -> PiValue:
    at = parse_moment(time)
    if at is None:
        raise ValueError("it has no time")
    return PiValue(at, None, None, Quality.BAD, reason)


def _position(value: PiValue, states: Mapping[str, SwitchState]) -> tuple[str | None, str]:
    """The state of a switch, and what is wrong with the indication if it shows none. A name counts before a number."""
    number = "" if value.number is None else f"{value.number:g}"
    named = (value.word or "").strip()
    state = states.get(named.casefold()) if named else None
    state = state or states.get(number)
    return (state.value, "") if state else (None, f"FaultyPosition {named or number}")
