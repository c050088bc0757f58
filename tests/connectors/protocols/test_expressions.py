"""Plain expressions, walked without JMESPath's interpreter, find what it finds."""

from typing import Any

import pytest

from connectors.protocols.expressions import compiled, finder

RECORDS: list[Any] = [
    {"location": {"lon": 1, "pos": {"lat": 2}}},
    {"location": {}},
    {"location": None},
    {"location": 5},
    {"location": []},
    {},
    None,
    "text",
]


@pytest.mark.parametrize(
    "expression",
    ["location", "location.pos.lat", "location.{x: lon}", "location.{x: lon , y:pos.lat}", "{x: location}"],
)
@pytest.mark.parametrize("record", RECORDS)
def test_plain_expressions_find_what_jmespath_finds(expression: str, record: Any) -> None:
    assert finder(expression)(record) == compiled(expression).search(record)
