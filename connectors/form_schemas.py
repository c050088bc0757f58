"""The JSON Schema of a Django form: what a program may fill it in with. Secrets are write-only and have no value."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from django import forms
from django.utils.choices import flatten_choices

from connectors.protocols.forms import SecretField
from connectors.protocols.mapping_form import MappingField
from connectors.protocols.tables import TableField

TEXT_OR_TABLE: dict[str, Any] = {
    "anyOf": [{"type": "object", "additionalProperties": {"type": "string"}}, {"type": "string"}]
}
"""A table is taken as an object, or as text with one `left = right` a line."""

ROW = {
    "type": "object",
    "properties": {
        "path": {"type": "string", "description": "A JMESPath expression on the source's record."},
        "unit": {"type": "string"},
        "words": {"type": "object", "additionalProperties": {"type": "string"}},
        "default": {"type": "string"},
    },
    "additionalProperties": False,
}
TEXT_OR_ROWS: dict[str, Any] = {
    "anyOf": [{"type": "object", "additionalProperties": {"anyOf": [ROW, {"type": "string"}]}}, {"type": "string"}]
}
"""A mapping is taken as an object of rows or paths, or as the text of its form."""

TYPES: tuple[tuple[type[forms.Field], Mapping[str, Any]], ...] = (
    (forms.BooleanField, {"type": "boolean"}),
    (forms.FloatField, {"type": "number"}),
    (forms.DecimalField, {"type": "number"}),
    (forms.IntegerField, {"type": "integer"}),
    (forms.URLField, {"type": "string", "format": "uri"}),
    (TableField, TEXT_OR_TABLE),
    (MappingField, TEXT_OR_ROWS),
    (forms.JSONField, {}),
)
"""The first that fits counts: to Django, FloatField and DecimalField are integer fields. All others hold text."""


def schema_of_form(form: type[forms.Form]) -> dict[str, Any]:
    """
    JSON Schema 2020-12 of an object with the form's fields. `title` is a field's label, `description` its help text,
    `default` what it comes to when it is left out.
    """
    fields = form.base_fields
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {name: _schema_of(field) for name, field in fields.items()},
        "required": [name for name, field in fields.items() if field.required and field.initial is None],
        "additionalProperties": False,
    }


def _schema_of(field: forms.Field) -> dict[str, Any]:
    schema: dict[str, Any] = {"title": str(field.label or ""), "description": str(field.help_text or "")}
    schema |= _type_of(field) | _limits_of(field)
    if isinstance(field, SecretField):
        return schema | {"writeOnly": True, "format": "password"}
    if field.initial is not None and not callable(field.initial):
        schema["default"] = field.initial
    return schema


def _type_of(field: forms.Field) -> dict[str, Any]:
    match field:
        case forms.MultipleChoiceField():
            return {"type": "array", "items": {"enum": _choices(field)}, "uniqueItems": True}
        case forms.ChoiceField():
            return {"enum": _choices(field) if field.required else ["", *_choices(field)]}
    return dict(next((schema for kind, schema in TYPES if isinstance(field, kind)), {"type": "string"}))


def _limits_of(field: forms.Field) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    if isinstance(field, forms.IntegerField):
        limits |= {"minimum": field.min_value, "maximum": field.max_value}
    if isinstance(field, forms.CharField):
        limits |= {"minLength": field.min_length, "maxLength": field.max_length}
    if isinstance(field, forms.RegexField):
        limits["pattern"] = field.regex.pattern
    if isinstance(field, forms.RegexField) and not field.required:
        limits["pattern"] = f"^$|{field.regex.pattern}"
    return {name: limit for name, limit in limits.items() if limit is not None}


def _choices(field: forms.ChoiceField) -> list[str]:
    choices: Iterable[tuple[Any, Any]] = flatten_choices(cast("Iterable[Any]", field.choices))
    return [str(value) for value, _ in choices if value != ""]
