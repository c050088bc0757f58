"""JMESPath expressions (https://jmespath.org), and a short way for those that are plain paths."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.parser import ParsedResult

NAME = r"[A-Za-z_][A-Za-z0-9_]*"
PATH = rf"{NAME}(?:\.{NAME})*"
MEMBER = rf"\s*({NAME})\s*:\s*({PATH})\s*"
PLAIN_PATH = re.compile(PATH)
PLAIN_OBJECT = re.compile(rf"({PATH})\.\{{(?:{MEMBER},)*{MEMBER}\}}")
"""Such as `location.{longitude: lon, latitude: lat}`."""

Find = Callable[[Any], Any]
"""What an expression finds in a source's record; `None` where there is nothing."""


@lru_cache(maxsize=512)
def compiled(expression: str) -> ParsedResult:
    """
    :raises JMESPathError: if it is no JMESPath expression
    """
    return jmespath.compile(expression)


def check_expression(expression: str) -> None:
    """
    :raises ValueError: with a sentence that points at the fault
    """
    try:
        compiled(expression)
    except JMESPathError as error:
        # Its text draws the expression and an arrow on lines of their own.
        raise ValueError(f"not a JMESPath expression: {str(error).splitlines()[0].rstrip(':')}") from error


def finder(expression: str) -> Find:
    """
    The expression as a function. A plain path, such as `account.number`, and an object of such paths are walked
    without the interpreter.

    The function raises `ValueError` if the expression does not suit a record.

    :raises JMESPathError: if it is no JMESPath expression
    """
    if PLAIN_PATH.fullmatch(expression):
        return _walk(tuple(expression.split(".")))
    if found := PLAIN_OBJECT.fullmatch(expression):
        members = re.findall(MEMBER, expression[found.end(1) + 1 :])
        return _gather(finder(found[1]), {name: finder(path) for name, path in members})
    search = compiled(expression).search

    def find(raw: Any) -> Any:
        try:
            return search(raw)
        except JMESPathError as error:
            raise ValueError(f"the expression “{expression}” does not suit it") from error

    return find


def _gather(find: Find, members: Mapping[str, Find]) -> Find:
    """An object of what is found within what was found, if that is something."""

    def gather(raw: Any) -> Any:
        found = find(raw)
        return None if found is None else {name: member(found) for name, member in members.items()}

    return gather


def _walk(steps: tuple[str, ...]) -> Find:
    if len(steps) == 1:
        (step,) = steps
        return lambda raw: raw.get(step) if isinstance(raw, dict) else None

    def find(raw: Any) -> Any:
        for step in steps:
            if not isinstance(raw, dict):
                return None
            raw = raw.get(step)
        return raw

    return find
