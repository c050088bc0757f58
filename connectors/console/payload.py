"""What a source sent, as a person reads it: indented, with the offending field marked."""

import json
import re
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

MARGIN = "  "

Path = tuple[str | int, ...]


def payload(raw: str, path: str) -> SafeString:
    """
    :param path: where the offending field is, in an adapter's words: `properties.kind`, `terminals[0]`, or a part of
        it. One that is missing marks what it is missing in.
    """
    try:
        decoded = json.loads(raw)
        written = _written(decoded, "", find(decoded, path))
    except (ValueError, RecursionError):
        return format_html('<pre class="payload">{}</pre>', raw)
    return format_html('<pre class="payload">{}</pre>', written)


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


def _written(value: Any, margin: str, place: Path | None) -> SafeString:
    """Member by member; a list of plain values, such as a coordinate, in one line."""
    members = _members(value)
    is_plain_list = isinstance(value, list) and not any(isinstance(member, dict | list) for member in value)
    if is_plain_list or not members:
        return format_html("{}" if place is None else "<mark>{}</mark>", _said(value))
    inner = margin + MARGIN
    lines = ((inner, _line(value, step, member, inner, place)) for step, member in members)
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return format_html("{}\n{}\n{}{}", opening, format_html_join(",\n", "{}{}", lines), margin, closing)


def _line(parent: Any, step: str | int, member: Any, margin: str, place: Path | None) -> SafeString:
    name = f"{_said(step)}: " if isinstance(parent, dict) else ""
    rest = place[1:] if place and place[0] == step else None
    if rest == ():
        return format_html("<mark>{}{}</mark>", name, _written(member, margin, None))
    return format_html("{}{}", name, _written(member, margin, rest))


def _said(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
