"""JSON of OPC 10000-6 §5.4 and annex H in its two 1.05 forms, Compact and Verbose."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from simulator.opcua.codes import GOOD, SYMBOLS

NAMESPACE = "urn:rural-grid:scada"

Json = dict[str, Any]

NODE_ID = re.compile(r"(?:nsu=(?P<uri>[^;]+);|ns=(?P<index>\d+);)?(?P<id>i=\d+|[sgb]=.+)", re.DOTALL)
FRACTION = re.compile(r"\.(\d{6})\d+")


class Undecodable(Exception):
    """The request is not one: HTTP 400 with an empty body."""


@dataclass(frozen=True)
class Variant:
    """A value as it stands in JSON, with its built-in type."""

    type: int
    value: Any


@dataclass(frozen=True)
class DataValue:
    variant: Variant | None
    status: int = GOOD
    source_time: datetime | None = None


def own(identifier: str) -> str:
    """A node of our namespace, by its string identifier."""
    return f"nsu={NAMESPACE};s={identifier}"


def localized(text: str, locale: str = "de") -> Json:
    return {"Text": text, "Locale": locale}


def date_time(moment: datetime) -> str:
    """UTC with as many digits as it takes: 0 to 7 are legal."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def parse_date_time(value: Any) -> datetime | None:
    """
    None for the null of the standard, which is its first instant.

    :raises Undecodable: if it is no DateTime.
    """
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(FRACTION.sub(r".\1", value))
    except (TypeError, ValueError) as error:
        raise Undecodable from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None if moment.year == 1 else moment


def canonical_node_id(text: Any, *, own_index: int = 1) -> str | None:
    """
    One spelling per node; None if it cannot be a NodeId.

    :param own_index: which place our namespace has in the gateway's table just now
    :raises Undecodable: if it is not even text (the objects of 1.04).
    """
    if not isinstance(text, str):
        raise Undecodable
    match = NODE_ID.fullmatch(text)
    if match is None:
        return None
    if match["index"] == "0" or (match["index"] is None and match["uri"] is None):
        return match["id"]
    uri = NAMESPACE if match["index"] == str(own_index) else match["uri"]
    return f"nsu={uri};{match['id']}" if uri else f"ns={match['index']};{match['id']}"


def enumeration(value: Any) -> int:
    """
    A number, or `Name_1`.

    :raises Undecodable: if it is neither.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.rpartition("_")[2].isdecimal():
        return int(value.rpartition("_")[2])
    raise Undecodable


def objects(body: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """
    :raises Undecodable: if it is not a list of objects.
    """
    value = body.get(name) or []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise Undecodable
    return value


def whole_number(body: Mapping[str, Any], name: str) -> int:
    """
    0 where it is left out.

    :raises Undecodable: if it is no unsigned number.
    """
    value = body.get(name, 0)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Undecodable
    return value


class Encoder:
    """Writes one answer in one of the two forms."""

    def __init__(self, *, is_verbose: bool) -> None:
        self.is_verbose = is_verbose

    def structure(self, fields: Mapping[str, Any]) -> Json:
        """Compact leaves out what has its default."""
        if self.is_verbose:
            return dict(fields)
        return {name: value for name, value in fields.items() if not _is_default(value)}

    def status(self, code: int) -> Json | None:
        if code == GOOD:
            return {} if self.is_verbose else None
        return {"Code": code, "Symbol": SYMBOLS[code]} if self.is_verbose else {"Code": code}

    def enum(self, number: int, names: Mapping[int, str]) -> int | str:
        return f"{names[number]}_{number}" if self.is_verbose else number

    def variant(self, variant: Variant | None) -> Json:
        if variant is None:
            return {}
        if self.is_verbose or not _is_default(variant.value):
            return {"UaType": variant.type, "Value": variant.value}
        return {"UaType": variant.type}

    def data_value(self, value: DataValue, *, now: datetime, timestamps: int) -> Json:
        """
        The variant's fields inlined.

        :param timestamps: 0 source, 1 server, 2 both, 3 neither.
        """
        encoded = self.variant(value.variant)
        # Two spellings in the field: Part 6 says Status, the Foundation's OpenAPI says StatusCode.
        if self.is_verbose:
            encoded["StatusCode"] = self.status(value.status)
        elif value.status != GOOD:
            encoded["Status"] = self.status(value.status)
        if timestamps in {0, 2} and value.source_time is not None:
            encoded["SourceTimestamp"] = date_time(value.source_time)
        if timestamps in {1, 2}:
            encoded["ServerTimestamp"] = date_time(now)
        return encoded


def _is_default(value: Any) -> bool:
    if value is None or value is False:
        return True
    if isinstance(value, Sequence):
        return len(value) == 0
    return isinstance(value, int | float) and value == 0
