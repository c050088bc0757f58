"""From fields as a source has them to a record of a contract, strictly checked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from functools import cache
from typing import Any, TypeVar

import msgspec
import orjson
from msgspec import inspect

from connectors.contracts.base import Record
from connectors.protocols.errors import BadRecord
from connectors.protocols.moments import parse_moment

R = TypeVar("R", bound=Record)


@cache
def fields_of(contract: type[Record]) -> Mapping[str, inspect.Field]:
    """The fields of a contract by name, with their types."""
    info = inspect.type_info(contract)
    return {field.name: field for field in info.fields} if isinstance(info, inspect.StructType) else {}


@cache
def types_of(contract: type[Record], name: str) -> tuple[type[inspect.Type], ...]:
    """The types that a field's value may have."""
    field = fields_of(contract)[name].type
    members = field.types if isinstance(field, inspect.UnionType) else (field,)
    return tuple(type(one.type if isinstance(one, inspect.Metadata) else one) for one in members)


def to_record(contract: type[R], fields: Mapping[str, Any], *, zone: tzinfo = UTC) -> R:
    """
    Numbers written as text are read, ids that are numbers become text, an empty or null optional field is
    left out, and a time without an offset is taken to be in `zone`. Everything else must fit the contract.

    :raises BadRecord: with the path of the field that does not
    """
    key = fields.get("external_id")
    given = {name: value for name, value in fields.items() if value is not None}
    raw = {name: _unparsed(key, name, given.pop(name)) for name in raw_fields_of(contract) if name in given}
    ways = _ways_into(contract)
    try:
        prepared = {
            # By far the most values, and so told apart first.
            name: value if value and type(value) is str and name not in ways.times else ways.prepared(name, value, zone)
            for name, value in given.items()
        }
        record = msgspec.convert({k: v for k, v in prepared.items() if v is not None}, contract, strict=False)
        return msgspec.structs.replace(record, **raw) if raw else record
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        if missing := re.search(r"missing required field `(\w+)`", message):
            path, message = f".{missing[1]}", f"{missing[1]} is missing"
        raise BadRecord.of(key, ValueError(message), path=path.strip("`.")) from error


def require_object(raw: Any, *, path: str = "") -> dict[str, Any]:
    """
    :raises BadRecord: if it is none: what a source sends among its records is not always one
    """
    if isinstance(raw, dict):
        return raw
    raise BadRecord("Where a JSON object belongs there is none", path=path)


@cache
def raw_fields_of(contract: type[Record]) -> tuple[str, ...]:
    """Those that hold a JSON object as it was written."""
    return tuple(name for name in fields_of(contract) if inspect.RawType in types_of(contract, name))


def _unparsed(key: Any, name: str, value: Any) -> msgspec.Raw:
    if isinstance(value, msgspec.Raw):
        return value
    if not isinstance(value, dict):
        raise BadRecord.of(key, ValueError("it is not an object"), path=name)
    return msgspec.Raw(orjson.dumps(value))


@dataclass(frozen=True, slots=True)
class _Ways:
    """
    How values get into the fields of a contract, by the fields' names.

    :ivar times: those that take a time
    :ivar optional: those that may be left out
    :ivar free: those that take an object of the source's own
    """

    names: frozenset[str]
    times: frozenset[str]
    texts: frozenset[str]
    optional: frozenset[str]
    free: frozenset[str]

    def prepared(self, name: str, value: Any, zone: tzinfo) -> Any:
        if name not in self.names:
            return value
        if name in self.times and isinstance(value, str):
            try:
                return parse_moment(value, zone)
            except ValueError:
                return value
        if name in self.texts and isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if value == "" and name in self.optional:
            return None
        # The members of free objects (properties, GeoJSON) are the source's own; in ours, null is absence.
        return value if name in self.free else _without_nulls(value)


@cache
def _ways_into(contract: type[Record]) -> _Ways:
    names = frozenset(fields_of(contract))

    def taking(kind: type[inspect.Type]) -> frozenset[str]:
        return frozenset(name for name in names if kind in types_of(contract, name))

    return _Ways(
        names=names,
        times=taking(inspect.DateTimeType),
        texts=taking(inspect.StrType),
        optional=taking(inspect.NoneType),
        free=taking(inspect.DictType),
    )


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: member for name, member in value.items() if member is not None} or None
    if isinstance(value, list):
        return [_without_nulls(member) if isinstance(member, dict) else member for member in value]
    return value
