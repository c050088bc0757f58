"""What a source sent, as a person reads it: indented, with the offending field marked."""

import json
import re
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

INDENT = 2
STAND_IN = "\ue000 the marked value \ue000"
"""Stands where the marked value belongs while the rest is written; of a private character, which no source sends."""

Path = tuple[str | int, ...]


def payload(raw: str, path: str) -> SafeString:
    """
    :param path: where the offending field is, in an adapter's words: `properties.kind`, `terminals[0]`, or a part of
        it. One that is missing marks what it is missing in.
    """
    try:
        decoded = json.loads(raw)
    except ValueError:
        return format_html('<pre class="payload">{}</pre>', raw)
    place = find(decoded, path)
    if place is None:
        return format_html('<pre class="payload">{}</pre>', _indented(decoded))
    before, _, after = _indented(_replaced(decoded, place)).partition(json.dumps(STAND_IN, ensure_ascii=False))
    lines, newline, name = before.rpartition("\n")
    margin = name[: len(name) - len(name.lstrip())]
    value = _indented(_value_at(decoded, place)).replace("\n", f"\n{margin}")
    return format_html(
        '<pre class="payload">{}{}{}<mark>{}{}</mark>{}</pre>', lines, newline, margin, name.lstrip(), value, after
    )


def find(decoded: Any, path: str) -> Path | None:
    """
    Where in a record the field is that an adapter names, from the record's root or from as near to it as there is one.
    If it is missing: where its parent is. `None`: nowhere.
    """
    if not path:
        return None
    steps = _steps(path)
    while steps:
        found = _nearest(decoded, steps)
        if found is not None:
            return found
        steps = steps[:-1]
    return None


def _steps(path: str) -> Path:
    parts = re.findall(r"\[(\d+)\]|([^./\[\]]+)", path)
    return tuple(int(index) if index else name for index, name in parts)


def _nearest(decoded: Any, steps: Path) -> Path | None:
    """Level by level, so that what stands nearer to the root is found first."""
    level: list[tuple[Path, Any]] = [((), decoded)]
    while level:
        for place, value in level:
            if _has(value, steps):
                return (*place, *steps)
        level = [((*place, step), member) for place, value in level for step, member in _members(value)]
    return None


def _has(value: Any, steps: Path) -> bool:
    for step in steps:
        members = dict(_members(value))
        if step not in members:
            return False
        value = members[step]
    return True


def _members(value: Any) -> list[tuple[str | int, Any]]:
    if isinstance(value, dict):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list) else []


def _value_at(value: Any, place: Path) -> Any:
    for step in place:
        value = value[step]
    return value


def _replaced(value: Any, place: Path) -> Any:
    if not place:
        return STAND_IN
    copy = value.copy()
    copy[place[0]] = _replaced(value[place[0]], place[1:])
    return copy


def _indented(value: Any) -> str:
    return json.dumps(value, indent=INDENT, ensure_ascii=False)
