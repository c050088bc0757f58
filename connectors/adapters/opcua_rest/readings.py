"""Signals and their values."""

import re
from collections.abc import Mapping
from typing import Any

from connectors.adapters.opcua_rest.alarms import name_element
from connectors.contracts.reading import Quality, Reading, SwitchState
from connectors.contracts.signal import Signal, SignalKind
from connectors.protocols.convert import require_object, to_record
from connectors.protocols.errors import BadRecord
from connectors.protocols.opcua import node_ids
from connectors.protocols.opcua.node_ids import read_node_id
from connectors.protocols.opcua.units import read_unit
from connectors.protocols.opcua.values import (
    DataValue,
    LocalizedText,
    read_data_value,
    read_localized_text,
    read_moment,
    read_qualified_name,
)

LONGEST_WORD = 400
"""What a reading may have for a state; anything longer is a document."""


def read_signal(raw: dict[str, Any], *, position_pattern: re.Pattern[str], element_pattern: re.Pattern[str]) -> Signal:
    """
    A variable as the signal that it is.

    :param raw: `Reference` is how its parent refers to it, `Parent` the parent's own name, and
        `EngineeringUnits` the DataValue of that property
    :raises BadRecord: if it cannot be read
    """
    reference = require_object(require_object(raw).get("Reference"), path="Reference")
    try:
        node = read_node_id(reference.get("NodeId"))
        if node is None:
            raise ValueError("the reference names no node")
        kind = _kind(node, reference, position_pattern)
        unit = ""
        if kind is SignalKind.MEASUREMENT:
            unit = read_unit(read_data_value(raw.get("EngineeringUnits")).value)
        label = read_localized_text(reference.get("DisplayName")).text
        label = label or read_qualified_name(reference.get("BrowseName")) or node
        parent = str(raw.get("Parent") or "")
        fields = {
            "external_id": node,
            "name": label if label.startswith(parent) else f"{parent} {label}",
            "kind": kind,
            "unit": unit,
            "element": name_element(node, element_pattern),
        }
    except (AttributeError, TypeError, ValueError) as error:
        raise BadRecord.of(reference.get("NodeId"), error) from error
    return to_record(Signal, fields)


def _kind(node: str, reference: dict[str, Any], position_pattern: re.Pattern[str]) -> SignalKind:
    if position_pattern.search(node):
        return SignalKind.SWITCH_POSITION
    if read_node_id(reference.get("TypeDefinition")) in node_ids.DISCRETE_ITEM_TYPES:
        return SignalKind.STATUS
    return SignalKind.MEASUREMENT


def read_reading(
    raw: dict[str, Any], *, position_pattern: re.Pattern[str], positions: Mapping[int, SwitchState]
) -> Reading:
    """
    A value of a variable, or the reason why there is none.

    :param raw: `NodeId`, its `DataValue`, and `At`, when the source answered
    :raises BadRecord: if it cannot be read
    """
    node = require_object(raw).get("NodeId")
    if not isinstance(node, str):
        raise BadRecord("It names no node", path="NodeId")
    try:
        data = read_data_value(raw["DataValue"])
        time = data.source_timestamp or data.server_timestamp or read_moment(raw.get("At"))
        if time is None:
            raise ValueError("neither the value nor the answer says when it was")
        quality = Quality(data.status.severity.value)
        reason = "" if data.status.is_good else data.status.symbol
        value: float | None = None
        state: str | None = None
        if not data.status.is_bad:
            if position_pattern.search(node):
                state, fault = _position(data, positions)
            else:
                value, state, fault = _value(data)
            if fault:
                quality, reason = Quality.BAD, fault
        return Reading(
            external_id=node,
            signal=node,
            source_time=time,
            value=value,
            state=state,
            quality=quality,
            reason=reason,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadRecord.of(node, error) from error


def _position(data: DataValue, positions: Mapping[int, SwitchState]) -> tuple[str | None, str]:
    """The state of a switch, and what is wrong with the indication if it shows none."""
    match data.value:
        case None:
            return None, "NoValue"
        case bool() if 2 in positions:
            raise ValueError("is a Boolean: set how positions are coded to a single point")
        case bool() | int() | float() as indication:
            state = positions.get(int(indication)) if int(indication) == indication else None
            return (state.value, "") if state else (None, f"FaultyPosition{indication:g}")
        case other:
            raise ValueError(f"{other!r} is not a switch position")


def _value(data: DataValue) -> tuple[float | None, str | None, str]:
    """A number or a word, and what is wrong if it is neither."""
    match data.value:
        case None:
            return None, None, "NoValue"
        case bool() | int() | float() as number:
            value = float(number)
            # JSON has no NaN, and no comparison with it is true.
            return (value, None, "") if abs(value) < float("inf") else (None, None, "NotANumber")
        case str() as word if len(word) <= LONGEST_WORD:
            return None, word, ""
        case LocalizedText(text, _) if len(text) <= LONGEST_WORD:
            return None, text, ""
        case other:
            raise ValueError(f"a value of type {type(other).__name__} is neither a number nor a word")
