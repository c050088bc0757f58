"""How a column of a page travels to the database: as one array, in the form of its type."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec
import numpy as np
import orjson
from django.db import connection, models

from connectors import binary_arrays as arrays
from connectors.binary_arrays import Array

Field: TypeAlias = "models.Field[Any, Any]"
Values: TypeAlias = Sequence[Any]


@dataclass(frozen=True, kw_only=True)
class ColumnForm:
    """
    :param array: the type of the array that is sent
    :param value: SQL of one value, from `{}`, an element of that array
    """

    array: str
    value: str
    encode: Callable[[Values], Array]


def form_of(field: Field) -> ColumnForm:
    kind = str(field.db_type(connection))
    if kind.endswith("[]"):
        return ColumnForm(
            array="text[]", value=f"ARRAY(SELECT jsonb_array_elements_text({{}}::jsonb))::{kind}", encode=_objects
        )
    match kind:
        case "bigint" | "integer" | "smallint":
            return ColumnForm(array="text[]", value=f"{{}}::{kind}", encode=_words)
        case "double precision":
            return ColumnForm(array="float8[]", value="{}", encode=_floats)
        case "boolean":
            return ColumnForm(array="bool[]", value="{}", encode=arrays.booleans)
        case "timestamp with time zone":
            return ColumnForm(array="timestamptz[]", value="{}", encode=_instants)
        case "jsonb":
            return ColumnForm(array="text[]", value="{}::jsonb", encode=_objects)
        case "text" if field.column == "external_id":
            return ColumnForm(array="text[]", value="{}", encode=_keys)
    return ColumnForm(array="text[]", value=f"{{}}::{kind}", encode=_words)


def _keys(values: Values) -> Array:
    return arrays.distinct_texts([value.encode() for value in values])


def _words(values: Values) -> Array:
    return arrays.texts([None if value is None else str(value) for value in values])


def _objects(values: Values) -> Array:
    """JSON, as objects or as it was written."""
    return arrays.distinct_texts([None if value is None else _json(value) for value in values])


def _json(value: Any) -> bytes:
    # Copied, because views are looked after by the garbage collector, which costs more than their bytes.
    return bytes(value) if isinstance(value, msgspec.Raw) else orjson.dumps(value)


def _floats(values: Values) -> Array:
    return arrays.floats(np.array(values, dtype=np.float64), _missing(values))


def _instants(values: Values) -> Array:
    moments = [arrays.EPOCH if value is None else value for value in values]
    return arrays.instants(arrays.micros(moments), _missing(values))


def _missing(values: Values) -> arrays.Flags | None:
    return np.array([value is None for value in values], dtype=np.bool_) if None in values else None
