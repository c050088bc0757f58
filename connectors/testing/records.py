"""Captured records, spoilt in every way that a source is known to spoil them."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

MOST_VARIANTS = 600
DEEPEST = 4
NO_RECORDS: tuple[Any, ...] = (None, True, 0, "", "nonsense", [], [[]], {})
IN_PLACE: tuple[Any, ...] = (None, "nonsense", "", -1, 1e300, True, [], [None], {}, {"Value": None})

Place = tuple[str | int, ...]


def spoilt(raw: Any) -> Iterator[Any]:
    """What is no record at all, and the record with one member after the other left out or turned into nonsense."""
    yield from NO_RECORDS
    number = 0
    for place in _places(raw):
        for nonsense in IN_PLACE:
            if number == MOST_VARIANTS:
                return
            number += 1
            yield _with(raw, place, nonsense)
        if isinstance(place[-1], str):
            yield _without(raw, place)


def _places(value: Any, above: Place = ()) -> Iterator[Place]:
    """Outer members first, so that what is left out of a large record are details."""
    if len(above) == DEEPEST:
        return
    members = list(value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ())
    for step, _ in members:
        yield (*above, step)
    for step, member in members:
        yield from _places(member, (*above, step))


def _with(raw: Any, place: Place, value: Any) -> Any:
    copied = deepcopy(raw)
    _holder(copied, place)[place[-1]] = value
    return copied


def _without(raw: Any, place: Place) -> Any:
    copied = deepcopy(raw)
    del _holder(copied, place)[place[-1]]
    return copied


def _holder(raw: Any, place: Place) -> Any:
    for step in place[:-1]:
        raw = raw[step]
    return raw
