from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from connectors import binary_arrays as arrays

pytestmark = pytest.mark.django_db


def sent(array: arrays.Array, kind: str) -> list[object]:
    """What the server makes of an array, element by element."""
    with arrays.binary_cursor() as cursor:
        cursor.execute(f"SELECT unnest(%(array)s::{kind}[])", {"array": array})
        return [value for (value,) in cursor.fetchall()]


def test_integers_arrive() -> None:
    values = [0, -1, 2**62, -(2**62)]

    assert sent(arrays.integers(np.array(values)), "int8") == values


def test_floats_arrive_and_nulls_among_them() -> None:
    values, nulls = np.array([1.5, 0.0, -1e300, 7.0]), np.array([False, True, False, True])

    assert sent(arrays.floats(values, nulls), "float8") == [1.5, None, -1e300, None]


def test_instants_arrive_to_the_microsecond() -> None:
    moments = [
        datetime(1899, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2026, 11, 24, 2, 15, 0, 1, tzinfo=UTC),
        datetime(2399, 2, 28, 1, tzinfo=timezone(timedelta(hours=-3, minutes=-30))),
    ]

    assert sent(arrays.instants(arrays.micros(moments)), "timestamptz") == moments


def test_texts_arrive_and_nulls_among_them() -> None:
    values = ["", "OPEN", None, "Überlast ⚡", "NULL", '{"a"}', "OPEN"]

    assert sent(arrays.texts(values), "text") == values


def test_bytes_arrive_as_the_texts_that_they_are() -> None:
    values = [b"poles/1", None, "Überlast".encode(), b""]

    assert sent(arrays.distinct_texts(values), "text") == ["poles/1", None, "Überlast", ""]


def test_booleans_arrive_and_nulls_among_them() -> None:
    assert sent(arrays.booleans([True, None, False]), "bool") == [True, None, False]


def test_what_is_empty_arrives_empty() -> None:
    nothing = np.array([], dtype=np.int64)

    assert sent(arrays.integers(nothing), "int8") == []
    assert sent(arrays.texts([]), "text") == []


def test_integers_and_instants_come_back_as_arrays() -> None:
    with arrays.binary_cursor() as cursor:
        cursor.execute(
            "SELECT '{3,-4}'::bigint[], ARRAY['2000-01-01 00:00:01Z', '-infinity']::timestamptz[], '{}'::bigint[]"
        )
        integers, instants, nothing = cursor.fetchone()

    assert integers.tolist() == [3, -4]
    assert instants.tolist() == [1_000_000, arrays.NEVER]
    assert nothing.tolist() == []
