"""That what the chaos suite looks for would be found: each kind of damage, done by hand, is named."""

import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.truth import Truth
from tests.chaos.witness import Edits, differences, gaps, misheard

ADMINISTRATOR = 7


@pytest.fixture
def truth(tmp_path: Path) -> Truth:
    """A source of two lines, and one that is gone."""
    truth = Truth(tmp_path / "features.json")
    truth.begin(random.Random(1), sizes={"lines": 3})
    key = min(truth.collections["lines"])
    truth.remove("lines", key)
    return truth


def rows_of(truth: Truth) -> list[list[Any]]:
    """As they stand after a read in which nothing went wrong, the retired one last."""
    present = [
        [
            feature["id"],
            datetime.fromisoformat(feature["properties"]["modified"]),
            feature["properties"]["name"],
            "",
            feature["geometry"]["coordinates"],
            False,
        ]
        for feature in truth.collections["lines"].values()
    ]
    return [*present, *([key, *present[0][1:5], True] for key in truth.gone["lines"])]


def findings(rows: list[list[Any]], truth: Truth) -> list[str]:
    return list(differences("lines", [tuple(row) for row in rows], truth))


def test_rows_as_they_must_be_are_found_in_order(truth: Truth) -> None:
    assert findings(rows_of(truth), truth) == []


def test_a_record_that_was_not_landed_is_missed(truth: Truth) -> None:
    lost, *rest = rows_of(truth)

    assert findings(rest, truth) == [f"lines: not landed: 1, such as {lost[0]}"]


def test_a_record_that_stands_there_twice_is_seen(truth: Truth) -> None:
    rows = rows_of(truth)

    assert findings([*rows, rows[0]], truth) == ["lines: 4 rows of 3 records"]


def test_an_old_state_of_a_record_is_seen(truth: Truth) -> None:
    rows = rows_of(truth)
    rows[0][2] = "an older name"

    assert findings(rows, truth) == [f"lines: not as the source has it: 1, such as {rows[0][0]}"]


def test_a_record_that_is_gone_and_was_not_retired_is_seen(truth: Truth) -> None:
    rows = rows_of(truth)
    rows[-1][-1] = False

    assert findings(rows, truth) == [f"lines: not retired: 1, such as {rows[-1][0]}"]


def test_a_record_that_was_retired_for_nothing_is_seen(truth: Truth) -> None:
    rows = rows_of(truth)
    rows[0][-1] = True

    assert findings(rows, truth) == [
        f"lines: not landed: 1, such as {rows[0][0]}",
        f"lines: retired though the source has it: 1, such as {rows[0][0]}",
        f"lines: retired and never landed: 1, such as {rows[0][0]}",
    ]


EDITS = Edits(actor=ADMINISTRATOR, asked=("first", "second", "third"), acknowledged=frozenset({"first", "third"}))
WHOLE = [
    (10, "first", "+", ADMINISTRATOR, "+"),
    (11, "second", "~", ADMINISTRATOR, "~"),
    (12, "third", "~", ADMINISTRATOR, "~"),
]


def test_an_edit_that_nobody_acknowledged_may_be_told_of_or_not() -> None:
    assert list(gaps(WHOLE, EDITS)) == []
    assert list(gaps([WHOLE[0], WHOLE[2]], EDITS)) == []


def test_an_acknowledged_edit_of_which_history_does_not_tell_is_a_gap() -> None:
    assert list(gaps(WHOLE[:2], EDITS)) == [
        "history: it tells of ['first', 'second'] at last, not of ['first', 'second', 'third']"
    ]


def test_an_edit_that_history_tells_of_twice_is_seen() -> None:
    assert list(gaps([*WHOLE, WHOLE[2]], EDITS)) == [
        "history: it tells of ['first', 'second', 'third', 'third'] at last, not of ['first', 'second', 'third']"
    ]


def test_a_row_of_history_without_its_line_in_the_trail_is_seen() -> None:
    assert list(gaps([*WHOLE[:2], (12, "third", "~", None, None)], EDITS)) == ["history: 1 without their trail"]


AT = datetime(2026, 11, 24, 1, 15, tzinfo=UTC)
MOVES = {("SW-1.POS", AT, "OPEN"), ("SW-2.POS", AT, "CLOSED")}


def test_moves_that_were_heard_once_each_are_found_in_order() -> None:
    assert list(misheard([*MOVES], 2, MOVES)) == []


def test_a_move_that_was_not_heard_is_missed() -> None:
    assert list(misheard([("SW-1.POS", AT, "OPEN")], 1, MOVES)) == [
        "values: not heard: 1, such as SW-2.POS CLOSED at 2026-11-24 01:15:00+00:00"
    ]


def test_a_move_that_never_was_is_seen() -> None:
    assert list(misheard([*MOVES, ("SW-3.POS", AT, "OPEN")], 3, MOVES)) == [
        "values: never told: 1, such as SW-3.POS OPEN at 2026-11-24 01:15:00+00:00"
    ]


def test_a_move_that_was_counted_twice_is_seen() -> None:
    assert list(misheard([*MOVES], 3, MOVES)) == ["values: the runs created 3 of 2 rows"]
