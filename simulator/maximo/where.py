"""`oslc.where`, `oslc.orderBy` and `oslc.select` as Maximo reads them."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from simulator.settings import UTILITY_ZONE

Row = Mapping[str, Any]
Test = Callable[[Row], bool]

TERM = re.compile(
    r"""\s*(?P<name>[A-Za-z_][A-Za-z0-9_.]*)\s*
    (?:(?P<sign>>=|<=|!=|=|>|<)\s*(?P<value>"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?|true|false)
    |\s(?P<in>in)\s*\[(?P<values>[^\]]*)\])""",
    re.VERBOSE,
)
AND = re.compile(r"\s+and\s+")
LITERAL = re.compile(r'\s*("(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?|true|false)\s*')
ORDERED: Mapping[str, Callable[[Any, Any], bool]] = {
    ">": lambda left, right: left > right,
    "<": lambda left, right: left < right,
    ">=": lambda left, right: left >= right,
    "<=": lambda left, right: left <= right,
}


class QueryError(Exception):
    """The query cannot be read. Says why."""


def parse_where(text: str, *, attributes: frozenset[str], dates: frozenset[str]) -> Test:
    """
    :raises QueryError: if it cannot be read, or names an attribute that the object has not.
    """
    tests: list[Test] = []
    at = 0
    while True:
        match = TERM.match(text, at)
        if match is None:
            raise QueryError(f"Cannot read the query from “{text[at : at + 30]}” on.")
        name = match["name"]
        if name not in attributes:
            raise QueryError(f"There is no persistent attribute {name}.")
        if match["in"]:
            wanted = [_typed(literal, name, dates) for literal in _literals(match["values"])]
            tests.append(_is_one_of(name, wanted))
        else:
            tests.append(_comparison(name, match["sign"], _typed(match["value"], name, dates)))
        at = match.end()
        if not text[at:].strip():
            return lambda row: all(test(row) for test in tests)
        joint = AND.match(text, at)
        if joint is None:
            raise QueryError(f"Expected “and” at “{text[at : at + 30]}”.")
        at = joint.end()


def parse_internal_where(text: str, *, internal_values: Mapping[str, str]) -> Test:
    """`status=APPR,INPRG`, by what a status means."""
    name, equals, values = text.partition("=")
    if name.strip() != "status" or not equals:
        raise QueryError("domaininternalwhere is status=VALUE,VALUE.")
    wanted = {value.strip() for value in values.split(",")}
    return lambda row: internal_values.get(row["status"], row["status"]) in wanted


def sort_rows(rows: Iterable[dict[str, Any]], order_by: str, *, attributes: frozenset[str]) -> list[dict[str, Any]]:
    """
    :raises QueryError: if a field lacks its sign. (A bare + in a URL arrives as a blank.)
    """
    ordered = list(rows)
    for field in reversed(order_by.split(",")):
        sign, name = field[:1], field[1:]
        if sign not in {"+", "-"}:
            raise QueryError(f"Each field of oslc.orderBy begins with + or -: “{field}”.")
        if name not in attributes:
            raise QueryError(f"There is no persistent attribute {name}.")
        filled = [row for row in ordered if row[name] is not None]
        empty = [row for row in ordered if row[name] is None]
        filled.sort(key=lambda row, name=name: row[name], reverse=sign == "-")  # type: ignore[misc]  # bound per field
        ordered = filled + empty
    return ordered


@dataclass(frozen=True)
class Selection:
    """What to show of a row: its attributes, and those of each child. None: all."""

    attributes: tuple[str, ...] | None
    children: Mapping[str, tuple[str, ...] | None]


def parse_select(text: str) -> Selection:
    """
    :raises QueryError: if braces do not match.
    """
    attributes: list[str] = []
    children: dict[str, tuple[str, ...] | None] = {}
    for part in re.findall(r"[^,{}]+(?:\{[^{}]*\})?|[{}]", text):
        name, brace, rest = part.strip().partition("{")
        if not name or name == "}":
            raise QueryError("The braces of oslc.select do not match.")
        if brace:
            inner = tuple(field.strip() for field in rest.rstrip("}").split(","))
            children[name] = None if inner == ("*",) else inner
        else:
            attributes.append(name)
    if "*" in attributes:
        return Selection(attributes=None, children=children)
    return Selection(attributes=tuple(attributes), children=children)


def _literals(text: str) -> list[str]:
    literals = LITERAL.findall(text)
    if LITERAL.sub("", text).replace(",", "").strip() or not literals:
        raise QueryError(f"Cannot read the list [{text}]; text stands in double quotes.")
    return [str(literal) for literal in literals]


def _typed(literal: str, name: str, dates: frozenset[str]) -> Any:
    if not literal.startswith('"'):
        return literal == "true" if literal in {"true", "false"} else float(literal)
    text = re.sub(r"\\(.)", r"\1", literal[1:-1])
    if name not in dates or text == "*":
        return text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise QueryError(f"{name} is a date in ISO 8601, not “{text}”.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTILITY_ZONE)


def _is_one_of(name: str, wanted: list[Any]) -> Test:
    return lambda row: row[name] in wanted


def _comparison(name: str, sign: str, wanted: Any) -> Test:
    if wanted == "*" and sign in {"=", "!="}:
        return lambda row: (row[name] is not None) is (sign == "=")
    if sign in {"=", "!="}:
        return lambda row: row[name] is not None and _is_alike(row[name], wanted) is (sign == "=")

    def test(row: Row) -> bool:
        if row[name] is None:
            return False
        try:
            return ORDERED[sign](row[name], wanted)
        except TypeError as error:
            raise QueryError(f"{name} cannot be compared with {wanted!r}.") from error

    return test


def _is_alike(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, str) and "%" in wanted and isinstance(value, str):
        pattern = ".*".join(re.escape(part) for part in wanted.split("%"))
        return re.fullmatch(pattern, value, re.DOTALL) is not None
    return bool(value == wanted)
