"""Pages are fetched while others land: no more of them than was said, in order, and errors in their turn."""

import threading
from collections.abc import Iterator
from itertools import chain

import pytest

from connectors.services.ahead import fetched_ahead


def nobody_waits() -> None:
    """Nothing is to be done meanwhile."""


def test_everything_comes_in_order() -> None:
    with fetched_ahead(iter(range(50)), depth=2, waiting=nobody_waits) as items:
        assert list(chain.from_iterable(items)) == list(range(50))


def test_no_more_wait_than_was_said() -> None:
    fetched: list[int] = []
    full = threading.Event()

    def source() -> Iterator[int]:
        for number in range(20):
            fetched.append(number)
            if number == 3:
                full.set()
            yield number

    with fetched_ahead(source(), depth=2, waiting=nobody_waits) as items:
        assert next(items) == [0]
        assert full.wait(5)
        # One is in use, two wait, and one is in the fetcher's hands.
        assert fetched == [0, 1, 2, 3]
        assert next(items)[:2] == [1, 2]


def test_what_goes_wrong_is_raised_after_what_came_before_it() -> None:
    def source() -> Iterator[int]:
        yield from (1, 2, 3)
        raise ValueError("broken")

    seen: list[int] = []

    def read(items: Iterator[list[int]]) -> None:
        for ready in items:
            seen.extend(ready)

    with fetched_ahead(source(), depth=2, waiting=nobody_waits) as items, pytest.raises(ValueError, match="broken"):
        read(items)
    assert seen == [1, 2, 3]


def test_a_single_page_needs_no_thread() -> None:
    threads = []

    def source() -> Iterator[int]:
        threads.append(threading.current_thread())
        yield 1

    with fetched_ahead(source(), depth=2, waiting=nobody_waits) as items:
        assert list(items) == [[1]]

    assert threads == [threading.main_thread()]


def test_who_waits_long_is_asked_and_may_leave() -> None:
    released = threading.Event()

    def source() -> Iterator[int]:
        yield 1
        released.wait(30)
        yield 2

    def leave() -> None:
        raise TimeoutError

    with fetched_ahead(source(), depth=2, waiting=leave) as items:
        assert next(items) == [1]
        with pytest.raises(TimeoutError):
            next(items)
    released.set()
