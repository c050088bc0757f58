"""How records of a source become records of a contract: field by field, as an administrator has it in a form."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from connectors.contracts.base import Record
from connectors.protocols.convert import fields_of, to_record, types_of
from connectors.protocols.errors import BadRecord
from connectors.protocols.expressions import Find, check_expression, finder

R = TypeVar("R", bound=Record)

VOLTS = {"V": 1.0, "kV": 1_000.0, "MV": 1_000_000.0}
UNITS_BY_ENDING: Mapping[str, Mapping[str, float]] = {"_v": VOLTS}
"""By the ending of a field's name, which says its unit: how much one of the source's is in ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """
    Where the value of one field comes from.

    :ivar path: a JMESPath expression on the source's record
    :ivar unit: the source's; empty: as the contract has it
    :ivar words: the source's word, true and null as in JSON, and ours for it
    :ivar default: stands where the source has nothing; as text
    """

    path: str = ""
    unit: str = ""
    words: Mapping[str, str] = field(default_factory=dict)
    default: str = ""

    def stored(self) -> dict[str, Any]:
        """As JSON keeps it, without what is not set."""
        told = {"path": self.path, "unit": self.unit, "words": dict(self.words), "default": self.default}
        return {name: value for name, value in told.items() if value}


Rows = Mapping[str, Row]
"""By the contract's field."""


def rows_of(stored: Mapping[str, Any]) -> Rows:
    """Rows as they are stored: an object each, or the path alone."""
    return {name: Row(path=row) if isinstance(row, str) else Row(**row) for name, row in stored.items()}


def units_of(contract: type[Record], name: str) -> Mapping[str, float]:
    """The units in which a source may have a field; none if the contract says no unit of it."""
    if inspect.FloatType not in types_of(contract, name):
        return {}
    return next((units for ending, units in UNITS_BY_ENDING.items() if name.endswith(ending)), {})


def faults_of(rows: Rows, contract: type[Record] | None) -> list[str]:
    """What is wrong with rows, each a sentence that says what to do. `None`: for no contract in particular."""
    faults = [fault for name, row in rows.items() for fault in _faults_of_row(name, row, contract)]
    if contract is None:
        return faults
    fields = fields_of(contract)
    if unknown := [name for name in rows if name not in fields]:
        faults.append(f"There is no field {', '.join(unknown)} here. There are: {', '.join(fields)}.")
    if "external_id" in rows and not rows["external_id"].path:
        faults.append("“external_id” needs a path: it is what tells one record from another.")
    if missing := [name for name, one in fields.items() if one.required and name not in rows]:
        faults.append(f"A row is missing for: {', '.join(missing)}.")
    return faults


def _faults_of_row(name: str, row: Row, contract: type[Record] | None) -> list[str]:
    faults = []
    try:
        if row.path:
            check_expression(row.path)
        elif not row.default:
            faults.append(f"“{name}” has neither a path nor a default. Give it one, or leave the row empty.")
    except ValueError as error:
        faults.append(f"“{name} = {row.path}”: {error}")
    if row.unit and contract is not None and name in fields_of(contract) and row.unit not in units_of(contract, name):
        known = ", ".join(units_of(contract, name))
        faults.append(
            f"“{name}” cannot be in {row.unit}. Use one of {known}."
            if known
            else f"“{name}” has no unit: leave it out."
        )
    return faults


def mapper(rows: Rows, contract: type[R], *, zone: tzinfo) -> Callable[[Any], R]:
    """
    A function from the source's record to the contract's. It raises `BadRecord`, with the path of the field that does
    not fit.

    :param zone: of times without an offset
    """
    columns = [(name, _reader(name, row, contract)) for name, row in rows.items()]

    def read(raw: Any) -> R:
        fields: dict[str, Any] = {}
        for name, find in columns:
            try:
                fields[name] = find(raw)
            except ValueError as error:
                raise BadRecord.of(fields.get("external_id"), error, path=name) from error
        return to_record(contract, fields, zone=zone)

    return read


def _reader(name: str, row: Row, contract: type[Record]) -> Find:
    find: Find = finder(row.path) if row.path else lambda raw: None
    factor = units_of(contract, name).get(row.unit, 1.0)
    words, default = row.words, row.default or None
    if factor == 1.0 and not words and default is None:
        return find

    def read(raw: Any) -> Any:
        value = find(raw)
        if words:
            value = words.get(word_of(value), value)
        if value is None or value == "":
            return default
        return value if factor == 1.0 else _number(value) * factor

    return read


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise ValueError("it is no number")
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise ValueError("it is no number") from error


def word_of(value: Any) -> str:
    """A value as it stands in a table of words; true and null as in JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
