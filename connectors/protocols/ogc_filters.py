"""Filters that a person writes in CQL2 (OGC 21-065r2), as text or as JSON: read, checked, and held against features."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import cql2
import orjson

Language = Literal["cql2-text", "cql2-json"]

LONGEST = 2_000
DEEPEST = 12
"""Brackets within brackets: the parser takes twice as long for each, if one is left open."""

NOT_A_TEST = frozenset({"+", "-", "*", "/", "^", "%", "div", "casei", "accenti"})
"""Operators that give a number or a text, and not true or false."""

QUOTED = re.compile(r"""'(?:[^']|'')*'|"[^"]*\"""")
PLACE = re.compile(r"--> (\d+):(\d+)")
EXAMPLE = "Write it in CQL2, such as kind = 'line' AND nominal_kv >= 20."


@dataclass(frozen=True)
class Filter:
    """
    A filter as it was written.

    :param written: CQL2 text, or CQL2 JSON if it begins with a brace
    :raises ValueError: if it cannot be read; a sentence that says where, and how to write one
    """

    written: str

    def __post_init__(self) -> None:
        if len(self.written) > LONGEST:
            raise ValueError(f"The filter has {len(self.written)} characters. Make do with {LONGEST}.")
        if self.language == "cql2-text" and _depth(self.written) > DEEPEST:
            raise ValueError(f"The filter has more than {DEEPEST} brackets within each other. Write it flatter.")
        if not _is_test(self._tree):
            raise ValueError(f"The filter is nothing that is true or false of a feature. {EXAMPLE}")

    @property
    def language(self) -> Language:
        return "cql2-json" if self.written.startswith("{") else "cql2-text"

    @property
    def names(self) -> frozenset[str]:
        """The properties that it names."""
        return frozenset(part["property"] for part in _parts(self._tree) if "property" in part)

    def asked(self, *, also: str = "") -> dict[str, str]:
        """
        The parameters of a request that ask for what it is true of (Part 3 §8).

        :param also: CQL2 text that is to be true as well
        """
        return {"filter": self._and(also) if also else self.written, "filter-lang": self.language}

    def asked_in_vain(self) -> dict[str, str]:
        """As `asked`, for what it is true and false of: nothing."""
        if self.language == "cql2-text":
            return self.asked(also=f"NOT ({self.written})")
        both = {"op": "and", "args": [self._json, {"op": "not", "args": [self._json]}]}
        return {"filter": orjson.dumps(both).decode(), "filter-lang": self.language}

    def is_false_of(self, properties: Any, feature_id: Any = None) -> bool:
        """
        Whether it is surely false of a feature, by its properties. Where a value is missing or is of another type than
        what it is compared with, nothing is sure; nor is it of places, which servers round, and of dates, which they
        take for an instant or for a day.
        """
        if self._is_about_days or not isinstance(properties, Mapping):
            return False
        feature: dict[str, Any] = {"properties": properties}
        if "id" not in properties:
            feature["id"] = feature_id
        try:
            return self._expression.matches(feature) is False
        except Exception:  # noqa: BLE001  # the library has no class of its own for what it cannot decide
            return False

    @cached_property
    def _expression(self) -> cql2.Expr:
        try:
            if self.language == "cql2-json":
                return cql2.parse_json(self.written)
            return cql2.parse_text(self.written)
        except cql2.ParseError as error:
            raise ValueError(f"{_where(self.written, str(error))} {EXAMPLE}") from None

    @cached_property
    def _tree(self) -> Any:
        return self._expression.to_json()

    @cached_property
    def _is_about_days(self) -> bool:
        return any("date" in part for part in _parts(self._tree))

    @cached_property
    def _json(self) -> Any:
        return orjson.loads(self.written)

    def _and(self, also: str) -> str:
        if self.language == "cql2-text":
            return f"({self.written}) AND {also}"
        return orjson.dumps({"op": "and", "args": [self._json, cql2.parse_text(also).to_json()]}).decode()


def _depth(text: str) -> int:
    depth = deepest = 0
    for character in QUOTED.sub("", text):
        depth += (character == "(") - (character == ")")
        deepest = max(deepest, depth)
    return deepest


def _is_test(tree: Any) -> bool:
    if not isinstance(tree, Mapping) or "op" not in tree:
        return isinstance(tree, bool)
    if tree["op"] in ("and", "or", "not"):
        return bool(tree["args"]) and all(_is_test(part) or _is_property(part) for part in tree["args"])
    return tree["op"] not in NOT_A_TEST


def _is_property(tree: Any) -> bool:
    return isinstance(tree, Mapping) and "property" in tree


def _parts(tree: Any) -> Iterator[Mapping[str, Any]]:
    """Every object in a tree of JSON."""
    if isinstance(tree, Mapping):
        yield tree
        tree = list(tree.values())
    if isinstance(tree, list):
        for part in tree:
            yield from _parts(part)


def _where(text: str, said: str) -> str:
    """A sentence about where the parser stopped."""
    found = PLACE.search(said)
    if found is None:
        return "The filter cannot be read as CQL2 JSON."
    line, column = int(found[1]), int(found[2])
    rest = (text.splitlines() or [""])[line - 1][column - 1 :]
    return f"The filter cannot be read from “{rest[:20]}” on." if rest.strip() else "The filter ends too early."
