"""
Columns to PostgreSQL and back as arrays in its binary form, so that thousands of values cost no object each.

A one-dimensional array is a header of five numbers (dimensions, whether it has nulls, type, length, first
index), then each element with its length before it; all of it big-endian.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import psycopg
from django.db import connection
from psycopg.abc import Buffer
from psycopg.adapt import Dumper, Loader
from psycopg.pq import Format

Integers: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Flags: TypeAlias = npt.NDArray[np.bool_]

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""Instants are microseconds since then, here as there."""

NEVER: int = np.iinfo(np.int64).min
"""The instant `-infinity`."""

HEADER_BYTES = 20
NULL = b"\xff\xff\xff\xff"
"""The length of an element that is not there."""

_TYPES = psycopg.postgres.types
_INT8, _FLOAT8, _TEXT, _TIMESTAMPTZ, _BOOL = (
    _TYPES[name].oid for name in ("int8", "float8", "text", "timestamptz", "bool")
)


class Array(bytes):
    """An array as it travels. The statement names its type: `%(ids)s::int8[]`."""


def micros(moments: Sequence[datetime]) -> Integers:
    """:param moments: with a zone"""
    since = [moment - EPOCH for moment in moments]
    return np.array([(one.days * 86_400 + one.seconds) * 1_000_000 + one.microseconds for one in since], dtype=np.int64)


def integers(values: Integers) -> Array:
    return _numbers(values, _INT8, ">i8", None)


def instants(values: Integers, nulls: Flags | None = None) -> Array:
    """:param values: microseconds since `EPOCH`"""
    return _numbers(values, _TIMESTAMPTZ, ">i8", nulls)


def floats(values: Floats, nulls: Flags | None = None) -> Array:
    return _numbers(values, _FLOAT8, ">f8", nulls)


def texts(values: Sequence[str | None]) -> Array:
    elements: dict[str | None, bytes] = dict.fromkeys(values, NULL)
    for value in elements:
        if value is not None:
            encoded = value.encode()
            elements[value] = len(encoded).to_bytes(4, "big") + encoded
    header = _header(len(values), _TEXT, has_nulls=None in elements)
    return Array(b"".join([header, *[elements[value] for value in values]]))


def distinct_texts(values: Sequence[bytes | None]) -> Array:
    """As `texts`, of values in UTF-8 that do not repeat."""
    parts = [_header(len(values), _TEXT, has_nulls=None in values)]
    for value in values:
        if value is None:
            parts.append(NULL)
        else:
            parts += (len(value).to_bytes(4, "big"), value)
    return Array(b"".join(parts))


def booleans(values: Sequence[bool | None]) -> Array:
    elements = {None: NULL, False: b"\0\0\0\1\0", True: b"\0\0\0\1\1"}
    header = _header(len(values), _BOOL, has_nulls=None in values)
    return Array(b"".join([header, *[elements[value] for value in values]]))


@contextmanager
def binary_cursor() -> Iterator[Any]:
    """
    A cursor within the transaction that is open: it binds on the server, and takes and gives what is binary.

    Arrays of integers and instants come back as `Integers`.
    """
    cursor: Any = psycopg.Cursor(connection.connection)
    cursor.format = Format.BINARY
    cursor.adapters.register_dumper(Array, _ArrayDumper)
    for name in ("int8", "timestamptz"):
        cursor.adapters.register_loader(_TYPES[name].array_oid, _IntegersLoader)
    wrap = connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
    with wrap(cursor) as wrapped:
        yield wrapped


class _ArrayDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Array) -> Buffer:
        return obj


class _IntegersLoader(Loader):
    """Of arrays without nulls."""

    format = Format.BINARY

    def load(self, data: Buffer) -> Integers:
        elements = np.frombuffer(bytes(data)[HEADER_BYTES:], dtype=[("length", ">i4"), ("value", ">i8")])
        return elements["value"].astype(np.int64)


def _numbers(values: npt.NDArray[Any], oid: int, kind: str, nulls: Flags | None) -> Array:
    elements = np.empty(len(values), dtype=[("length", ">i4"), ("value", kind)])
    elements["length"], elements["value"] = 8, values
    if nulls is None or not nulls.any():
        return Array(_header(len(values), oid, has_nulls=False) + elements.tobytes())
    # A null has a length alone.
    elements["length"][nulls] = -1
    raw = elements.view(np.uint8).reshape(len(values), elements.itemsize)
    sent = np.ones(raw.shape, dtype=np.bool_)
    sent[nulls, 4:] = False
    return Array(_header(len(values), oid, has_nulls=True) + raw[sent].tobytes())


def _header(length: int, oid: int, *, has_nulls: bool) -> bytes:
    return np.array([1, has_nulls, oid, length, 1], dtype=">i4").tobytes()
