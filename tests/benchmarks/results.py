"""What a benchmark found: printed as a table, and kept as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Result:
    """
    One figure of one run.

    :param value: `None` if it could not be measured
    :param target: what it is held against, such as `< 5`, in the same unit
    :param detail: what a reader needs to judge it: spread, size, machine
    """

    name: str
    value: float | None
    unit: str
    target: str
    met: bool
    detail: str


def table(results: Sequence[Result]) -> str:
    rows = [("", "name", "value", "target", "detail")]
    rows += [("met" if one.met else "MISSED", one.name, _value(one), one.target, one.detail) for one in results]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join(
            (*(text.ljust(width) for text, width in zip(row[:4], widths, strict=True)), row[4]),
        ).rstrip()
        for row in rows
    )


def _value(one: Result) -> str:
    return "—" if one.value is None else f"{one.value:g} {one.unit}"


def write(results: Sequence[Result], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(one) for one in results], indent=2) + "\n", encoding="utf-8")


def read(text: str) -> list[Result]:
    return [Result(**one) for one in json.loads(text)]
