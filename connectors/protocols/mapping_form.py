"""The one form for a mapping: a row for each field of the contract, or the same as lines of text in files."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from msgspec import inspect

from connectors.contracts.base import Record
from connectors.contracts.catalogue import INBOUND
from connectors.protocols.convert import fields_of
from connectors.protocols.mapping import Row, faults_of, units_of
from connectors.protocols.tables import lines, read_lines

PARTS = ("path", "unit", "words", "default")

TYPES: Mapping[type[inspect.Type], str] = {
    inspect.StrType: "text",
    inspect.IntType: "whole number",
    inspect.FloatType: "number",
    inspect.BoolType: "true or false",
    inspect.DateTimeType: "time",
    inspect.StructType: "object",
    inspect.DictType: "object",
    inspect.RawType: "object",
    inspect.ListType: "list",
    inspect.VarTupleType: "list",
}


class MappingTable(forms.Widget):
    """A table of the contract's fields; as long as the contract is not known, lines of text."""

    template_name = "connectors/mapping.html"
    contract: type[Record] | None = None

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> Any:
        try:
            rows = _loose_rows(value)
        except ValueError:
            return forms.Textarea(attrs={"rows": 8, "spellcheck": "false"}).render(name, value, attrs, renderer)
        context = self.get_context(name, value, attrs)
        if self.contract is None:
            context["text"] = text_of(rows)
        else:
            context["fields"] = [_shown(name, field, self.contract, rows) for field in fields_of(self.contract)]
        return render_to_string(self.template_name, context)

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        prefix = f"{name}-"
        rows: dict[str, dict[str, str]] = {}
        for key in data:
            field, dash, part = key.removeprefix(prefix).rpartition("-")
            if key.startswith(prefix) and dash and part in PARTS and str(data[key]).strip():
                rows.setdefault(field, {})[part] = data[key]
        return rows or data.get(name)

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return self.value_from_datadict(data, files, name) is None


class MappingField(forms.Field):
    """
    A mapping, cleaned to what `mapping.rows_of` reads. Takes the table of the form; a mapping as a file has it, whose
    rows are objects or paths; or lines of text::

        external_id = id
        nominal_voltage_v = kv
        nominal_voltage_v.unit = kV
        priority = class
        priority: VIP = CRITICAL
        priority.default = NORMAL
    """

    widget = MappingTable

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._contract: type[Record] | None = None

    def is_for(self, contract: str | None) -> None:
        """:param contract: the contract id whose fields the rows are; `None` or unknown: any"""
        self._contract = self.widget.contract = INBOUND.get(contract or "")

    def prepare_value(self, value: Any) -> Any:
        return _loose_rows(value) if isinstance(value, Mapping) else value

    def to_python(self, value: Any) -> dict[str, dict[str, Any]]:
        try:
            raw = _loose_rows(value)
            rows = {name: _row(name, row) for name, row in raw.items()}
        except ValueError as error:
            raise ValidationError(str(error)) from error
        if rows and (faults := faults_of(rows, self._contract)):
            raise ValidationError(faults)
        return {name: row.stored() for name, row in rows.items()}


def tell_contract(form: forms.BaseForm, contract: str | None) -> None:
    """Tell the mappings of a form which contract they are for."""
    for field in form.fields.values():
        if isinstance(field, MappingField):
            field.is_for(contract)


def everything_from(contract: str) -> dict[str, Any]:
    """A mapping that any record of a source passes, for looking at what the source sends before there is another."""
    return {name: {"path": "@"} for name, field in fields_of(INBOUND[contract]).items() if field.required}


def text_of(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Rows as lines of text."""
    told: dict[str, str] = {}
    for name, row in rows.items():
        told[name] = row.get("path", "")
        told |= {f"{name}.{part}": str(row.get(part, "")) for part in ("unit", "default")}
        told |= {f"{name}: {word}": ours for word, ours in _words(row.get("words")).items()}
    return lines({left: right for left, right in told.items() if right})


def _loose_rows(value: Any) -> dict[str, dict[str, Any]]:
    """
    Rows as they were written, by field, unchecked; `words` may still be lines of text.

    :raises ValueError: if lines of text are none
    """
    if isinstance(value, Mapping):
        return {str(name): {"path": row} if isinstance(row, str) else dict(row) for name, row in value.items()}
    rows: dict[str, dict[str, Any]] = {}
    for left, right in read_lines(str(value or "")).items():
        name, colon, word = map(str.strip, left.partition(":"))
        if colon:
            rows.setdefault(name, {}).setdefault("words", {})[word] = right
            continue
        name, dot, part = map(str.strip, left.partition("."))
        if dot and part not in ("unit", "default"):
            raise ValueError(f"“{left}” is not a row. After the field's name may stand .unit or .default.")
        rows.setdefault(name, {})[part or "path"] = right
    return rows


def _row(name: str, loose: Mapping[str, Any]) -> Row:
    if unknown := [part for part in loose if part not in PARTS]:
        raise ValueError(f"“{name}” has a part {unknown[0]}. A row has {', '.join(PARTS)}.")
    texts = {part: str(loose.get(part) or "").strip() for part in PARTS if part != "words"}
    return Row(**texts, words=_words(loose.get("words")))


def _words(value: Any) -> dict[str, str]:
    if isinstance(value, Mapping):
        return {str(word).strip(): str(ours).strip() for word, ours in value.items()}
    return read_lines(str(value or ""))


def _shown(name: str, field: str, contract: type[Record], rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    row = rows.get(field, {})
    words = row.get("words") or ""
    known = fields_of(contract)[field]
    return {
        "name": field,
        "input": f"{name}-{field}",
        "is_required": known.required,
        "type": type_of(known.type),
        "units": tuple(units_of(contract, field)),
        "path": row.get("path", ""),
        "unit": row.get("unit", ""),
        "words": words if isinstance(words, str) else lines(words),
        "default": row.get("default", ""),
    }


def type_of(field: inspect.Type) -> str:
    """What a field may hold, for a person: `text`, `time`, or the words of an enumeration."""
    members = field.types if isinstance(field, inspect.UnionType) else (field,)
    told = []
    for one in members:
        bare = one.type if isinstance(one, inspect.Metadata) else one
        if isinstance(bare, inspect.EnumType):
            told.append(", ".join(str(word.value) for word in bare.cls))
        elif not isinstance(bare, inspect.NoneType):
            told.append(TYPES.get(type(bare), "object"))
    return " or ".join(told)
