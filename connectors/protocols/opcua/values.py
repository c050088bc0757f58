"""
Values as OPC UA's JSON encodings write them (OPC 10000-6 §5.4): Compact and Verbose of 1.05, Reversible of
1.04.

Which encoding it is shows in each value, so that a source may mix them: `UaType` is new, `Type` old, text is
a new NodeId, an object an old one.
"""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from connectors.protocols.opcua.node_ids import read_node_id
from connectors.protocols.opcua.status import GOOD, StatusCode, read_status

NEVER = datetime.max.replace(tzinfo=UTC)
"""What the largest DateTime of OPC UA stands for."""

_NULL_YEARS = (1, 1601)  # the smallest DateTime, and the epoch that it counts from
_INTEGERS = frozenset(range(2, 10))
_FLOATS = frozenset({10, 11})


class LocalizedText(NamedTuple):
    text: str
    locale: str = ""


class ExtensionObject(NamedTuple):
    """
    A structure: the NodeId of its type (or of the type's encoding), and its fields as they were written.
    """

    type_id: str | None
    body: Any


@dataclass(frozen=True, kw_only=True)
class DataValue:
    """A value with its status and the moments at which source and server had it."""

    value: Any = None
    status: StatusCode = GOOD
    source_timestamp: datetime | None = None
    server_timestamp: datetime | None = None


def read_date_time(raw: Any) -> datetime | None:
    """
    A DateTime in UTC: 0 to 7 digits of a second, the year 0001 is null, 9999 is `NEVER` (OPC 10000-6
    §5.4.2.6).

    :raises ValueError: if it is not ISO 8601
    """
    if raw is None or raw == "":
        return None
    if not isinstance(raw, str) or "T" not in raw:
        raise ValueError(f"{raw!r} is not a DateTime")
    if raw.startswith("9999-12-31"):
        return NEVER
    moment = datetime.fromisoformat(raw)
    if moment.year in _NULL_YEARS:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def write_date_time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def read_moment(raw: Any) -> datetime | None:
    """A DateTime that says when something was: null and never are both no moment."""
    moment = read_date_time(raw)
    return None if moment == NEVER else moment


def read_byte_string(raw: Any) -> bytes:
    """
    :raises ValueError: if it is not base64
    """
    if raw is None:
        return b""
    if not isinstance(raw, str):
        raise ValueError(f"{raw!r} is not a ByteString")
    try:
        return b64decode(raw, validate=True)
    except binascii.Error as error:
        raise ValueError(f"{raw!r} is not base64") from error


def write_byte_string(octets: bytes) -> str:
    return b64encode(octets).decode()


def read_qualified_name(raw: Any) -> str:
    """
    The name without its namespace: `nsu=urn:x;MW`, `2:MW` and `{"Name":"MW","Uri":2}` are all `MW`.

    :raises ValueError: if it is not a QualifiedName
    """
    match raw:
        case None:
            return ""
        case str() if raw.startswith("nsu="):
            return raw.partition(";")[2]
        case str():
            index, colon, name = raw.partition(":")
            return name if colon and index.isascii() and index.isdecimal() else raw
        case {"Name": str() as name}:
            return name
        case dict() if "Name" not in raw:
            return ""
    raise ValueError(f"{raw!r} is not a QualifiedName")


def read_localized_text(raw: Any) -> LocalizedText:
    """
    :raises ValueError: if it is not a LocalizedText
    """
    match raw:
        case None:
            return LocalizedText("")
        case str():
            return LocalizedText(raw)  # 1.04, non-reversible
        case dict():
            return LocalizedText(str(raw.get("Text") or ""), str(raw.get("Locale") or ""))
    raise ValueError(f"{raw!r} is not a LocalizedText")


def read_extension_object(raw: Any) -> ExtensionObject | None:
    """
    Fields beside the type (1.05), in a body (1.04), or in `UaBody` when the source kept another encoding.

    :raises ValueError: if it is not an ExtensionObject
    """
    match raw:
        case None:
            return None
        case dict() if not raw:
            return None
        case {"UaTypeId": type_id, "UaBody": body}:
            return ExtensionObject(read_node_id(type_id), body)
        case {"UaTypeId": type_id, **fields}:
            return ExtensionObject(read_node_id(type_id), fields)
        case {"TypeId": type_id, "Body": body}:
            return ExtensionObject(read_node_id(type_id), body)
        case dict():
            return ExtensionObject(None, raw)  # 1.04, non-reversible
    raise ValueError(f"{raw!r} is not an ExtensionObject")


def read_enumeration(raw: Any) -> int:
    """
    The number of an enumeration: `2`, or Verbose `Good_2`; absent is 0.

    :raises ValueError: if it has no number
    """
    match raw:
        case None:
            return 0
        case bool():
            pass
        case int():
            return raw
        case str():
            number = raw.rpartition("_")[2]
            if number.removeprefix("-").isdecimal():
                return int(number)
    raise ValueError(f"{raw!r} is not an enumeration")


def read_variant(raw: Any) -> Any:
    """
    A Variant as a Python value: number, bool, str, bytes, datetime, NodeId as text, `LocalizedText`,
    `ExtensionObject`, `StatusCode`, `DataValue`, or a list of them (the dimensions of a matrix are dropped).

    :raises ValueError: if the value is not of the type that it names
    """
    match raw:
        case {"UaType": type_number}:
            return _read_body(type_number, raw, "Value")
        case {"Type": type_number} if raw.keys() <= {"Type", "Body", "Dimensions"}:
            return _read_body(type_number, raw, "Body")
        case dict() if not raw:
            return None  # as Compact writes the null Variant
        case _:
            return raw  # without a type: 1.04, non-reversible


def read_data_value(raw: Any) -> DataValue:
    """
    A DataValue of any encoding. The status is called `Status` in Part 6 and `StatusCode` in the Foundation's
    OpenAPI; servers in the field write one or the other, so both are read and the worse of two counts.

    :raises ValueError: if it is not a DataValue
    """
    if raw is None:
        return DataValue()
    if not isinstance(raw, dict):
        return DataValue(value=raw)  # 1.04, non-reversible, with nothing but a value
    status = max(
        (read_status(raw.get(member)) for member in ("Status", "StatusCode")),
        key=lambda code: code >> 30,
    )
    return DataValue(
        value=_value_within(raw, status),
        status=status,
        source_timestamp=read_moment(raw.get("SourceTimestamp")),
        server_timestamp=read_moment(raw.get("ServerTimestamp")),
    )


def _value_within(raw: dict[str, Any], status: StatusCode) -> Any:
    if "UaType" in raw:
        if status.is_bad and "Value" not in raw:
            return None
        return _read_body(raw["UaType"], raw, "Value")
    return read_variant(raw.get("Value"))


def _read_body(type_number: Any, holder: dict[str, Any], member: str) -> Any:
    """
    A value of a named type; absent means the type's default, which Compact leaves out (OPC 10000-6 §5.4.1).
    """
    number = read_enumeration(type_number)
    if number == 0:
        return None
    reader = _READERS.get(number)
    if reader is None:
        raise ValueError(f"{number} is not a type of OPC UA")
    if member not in holder:
        return [] if "Dimensions" in holder or "UaDimensions" in holder else _DEFAULTS.get(number)
    value = holder[member]
    if isinstance(value, list):
        return [_read_scalar(reader, number, item) for item in value]
    return _read_scalar(reader, number, value)


def _read_scalar(reader: Callable[[Any], Any], number: int, value: Any) -> Any:
    return _DEFAULTS.get(number) if value is None else reader(value)


def _read_boolean(raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    raise ValueError(f"{raw!r} is not a Boolean")


def _read_integer(raw: Any) -> int:
    """An integer; those of 64 bits are text (OPC 10000-6 §5.4.2.3)."""
    if isinstance(raw, bool) or not isinstance(raw, int | str):
        raise ValueError(f"{raw!r} is not an integer")
    return int(raw)


def _read_float(raw: Any) -> float:
    """A float; `NaN` and the infinities are text (OPC 10000-6 §5.4.2.4)."""
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        raise ValueError(f"{raw!r} is not a number")
    try:
        return float(raw)
    except OverflowError as error:
        raise ValueError("the number is too large for a Double") from error


def _read_string(raw: Any) -> str:
    if isinstance(raw, str):
        return raw
    raise ValueError(f"{raw!r} is not a String")


_READERS: dict[int, Callable[[Any], Any]] = {
    1: _read_boolean,
    **dict.fromkeys(_INTEGERS, _read_integer),
    **dict.fromkeys(_FLOATS, _read_float),
    12: _read_string,
    13: read_date_time,
    14: _read_string,
    15: read_byte_string,
    16: _read_string,
    17: read_node_id,
    18: read_node_id,
    19: read_status,
    20: read_qualified_name,
    21: read_localized_text,
    22: read_extension_object,
    23: read_data_value,
    24: read_variant,
    25: lambda raw: raw,
}
"""By the number of the built-in type (OPC 10000-6 §5.1.2)."""

_DEFAULTS: dict[int, Any] = {
    1: False,
    **dict.fromkeys(_INTEGERS, 0),
    **dict.fromkeys(_FLOATS, 0.0),
    19: GOOD,
}
