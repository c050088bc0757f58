"""
The part of CQL2 text that the GIS declares (basic-cql2): comparisons, AND, OR, NOT, IS NULL; and IN besides.

A filter becomes a test of a feature's properties. As in SQL, a comparison with null is neither true nor
false, and what is not true is left out.
"""

import operator
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

Test = Callable[[Mapping[str, Any]], bool | None]
Value = Callable[[Mapping[str, Any]], Any]

TOKEN = re.compile(
    r"""\s*(?:
    (?P<instant>(?:TIMESTAMP|DATE)\(\s*'[^']*'\s*\))
  | (?P<number>[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)
  | (?P<text>'(?:[^']|'')*')
  | (?P<sign><>|<=|>=|=|<|>|\(|\)|,)
  | (?P<word>[A-Za-z_][A-Za-z0-9_.]*|"[^"]+")
    )""",
    re.VERBOSE | re.IGNORECASE,
)
COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
KEYWORDS = frozenset({"AND", "OR", "NOT", "IS", "NULL", "IN", "TRUE", "FALSE"})


class FilterError(Exception):
    """The filter cannot be read. Says where."""


def parse_instant(text: str) -> datetime:
    """
    An RFC 3339 instant, or a date as its first instant in UTC.

    :raises ValueError: if it is neither, or has no zone.
    """
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return moment


def parse_filter(text: str, *, instants: frozenset[str], properties: frozenset[str]) -> Test:
    """
    :param instants: the properties that hold times.
    :param properties: all that may be named.
    :raises FilterError: if it cannot be read.
    """
    return _Parser(text, instants=instants, properties=properties).parse()


class _Parser:
    def __init__(self, text: str, *, instants: frozenset[str], properties: frozenset[str]) -> None:
        self._instants = instants
        self._properties = properties
        self._tokens = list(_tokens(text))
        self._at = 0

    def parse(self) -> Test:
        test = self._either()
        if self._at < len(self._tokens):
            raise FilterError(f"Unexpected {self._tokens[self._at][1]}.")
        return test

    def _either(self) -> Test:
        tests = [self._both()]
        while self._accept("OR"):
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else lambda row: _or([test(row) for test in tests])

    def _both(self) -> Test:
        tests = [self._not()]
        while self._accept("AND"):
            tests.append(self._not())
        return tests[0] if len(tests) == 1 else lambda row: _and([test(row) for test in tests])

    def _not(self) -> Test:
        if not self._accept("NOT"):
            return self._predicate()
        test = self._not()

        def negated(row: Mapping[str, Any]) -> bool | None:
            outcome = test(row)
            return None if outcome is None else not outcome

        return negated

    def _predicate(self) -> Test:
        if self._accept("("):
            test = self._either()
            self._expect(")")
            return test
        left = self._operand()
        if self._accept("IS"):
            is_negated = self._accept("NOT")
            self._expect("NULL")
            return lambda row: (left(row) is None) is not is_negated
        is_negated = self._accept("NOT")
        if self._accept("IN"):
            return self._in(left, is_negated=is_negated)
        sign = self._next()
        if is_negated or sign not in COMPARE:
            raise FilterError(f"Expected a comparison, not {sign}.")
        right = self._operand()
        return lambda row: _compare(sign, left(row), right(row))

    def _in(self, left: Value, *, is_negated: bool) -> Test:
        self._expect("(")
        values = [self._operand()]
        while self._accept(","):
            values.append(self._operand())
        self._expect(")")

        def test(row: Mapping[str, Any]) -> bool | None:
            outcome = _or([_compare("=", left(row), value(row)) for value in values])
            return None if outcome is None else outcome is not is_negated

        return test

    def _operand(self) -> Value:
        if self._at >= len(self._tokens):
            raise FilterError("The filter ends too early.")
        kind, token = self._tokens[self._at]
        self._at += 1
        if kind == "word" and token.upper() in {"TRUE", "FALSE"}:
            return _constant(token.upper() == "TRUE")
        if kind == "word":
            return self._property(token.strip('"'))
        if kind == "number":
            return _constant(float(token))
        if kind == "text":
            return _constant(token[1:-1].replace("''", "'"))
        if kind == "instant":
            try:
                return _constant(parse_instant(token.split("'")[1]))
            except ValueError as error:
                raise FilterError(f"{token}: {error}.") from error
        raise FilterError(f"Unexpected {token}.")

    def _property(self, name: str) -> Value:
        if name.upper() in KEYWORDS or name not in self._properties:
            raise FilterError(f"There is no queryable {name}.")
        if name not in self._instants:
            return lambda row: row[name]
        return lambda row: None if row[name] is None else datetime.fromisoformat(row[name])

    def _next(self) -> str:
        if self._at >= len(self._tokens):
            raise FilterError("The filter ends too early.")
        token = self._tokens[self._at][1]
        self._at += 1
        return token

    def _accept(self, expected: str) -> bool:
        if self._at < len(self._tokens):
            kind, token = self._tokens[self._at]
            if kind in {"word", "sign"} and token.upper() == expected:
                self._at += 1
                return True
        return False

    def _expect(self, expected: str) -> None:
        if not self._accept(expected):
            raise FilterError(f"Expected {expected}.")


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens = []
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise FilterError(f"Cannot read the filter from “{text[at : at + 20]}” on.")
        tokens.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    if not tokens:
        raise FilterError("The filter is empty.")
    return tokens


def _constant(value: Any) -> Value:
    return lambda row: value


def _compare(sign: str, left: Any, right: Any) -> bool | None:
    if left is None or right is None:
        return None
    try:
        return COMPARE[sign](left, right)
    except TypeError as error:
        raise FilterError(f"{left!r} and {right!r} cannot be compared.") from error


def _and(outcomes: list[bool | None]) -> bool | None:
    if False in outcomes:
        return False
    return None if None in outcomes else True


def _or(outcomes: list[bool | None]) -> bool | None:
    if True in outcomes:
        return True
    return None if None in outcomes else False
