"""Fetching the next pages while one lands, with no more of them in memory than was said."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Generic, TypeVar

T = TypeVar("T")

PATIENCE_S = 1.0


@contextmanager
def fetched_ahead(items: Iterator[T], *, depth: int, waiting: Callable[[], None]) -> Iterator[Iterator[list[T]]]:
    """
    The same items, fetched in a thread of their own from the second one on: what has one page needs no thread. Those
    that are there when one is asked for come together. What goes wrong there is raised here, in its turn.

    :param depth: how many may wait; 0: nothing is fetched ahead
    :param waiting: called each second while the next one is not there; what it raises ends the wait
    """
    if not depth:
        yield ([item] for item in items)
        return
    fetcher: _Fetcher[T] | None = None

    def in_turn() -> Iterator[list[T]]:
        nonlocal fetcher
        for first in items:
            fetcher = _Fetcher(items, depth)
            yield [first]
            yield from fetcher.items(waiting)
            return

    try:
        yield in_turn()
    finally:
        if fetcher is not None:
            fetcher.stop()


class _End:
    pass


class _Fetcher(Generic[T]):
    def __init__(self, items: Iterator[T], depth: int) -> None:
        self._items = items
        self._queue: Queue[T | _End | BaseException] = Queue(maxsize=depth)
        self._stopped = Event()
        # Whoever it is done for, and what the log says of it, is the same there.
        run = copy_context().run
        self._thread = Thread(target=run, args=(self._fetch,), name="pages ahead", daemon=True)
        self._thread.start()

    def items(self, waiting: Callable[[], None]) -> Iterator[list[T]]:
        while True:
            ready: list[T] = []
            last = self._next(waiting)
            while not isinstance(last, _End | BaseException | None):
                ready.append(last)
                last = self._next()
            if ready:
                yield ready
            if isinstance(last, _End):
                return
            if isinstance(last, BaseException):
                raise last

    def _next(self, waiting: Callable[[], None] | None = None) -> "T | _End | BaseException | None":
        """`None`: nothing is there, and nobody waits."""
        while True:
            try:
                return self._queue.get(timeout=PATIENCE_S) if waiting else self._queue.get_nowait()
            except Empty:
                if waiting is None:
                    return None
                waiting()

    def stop(self) -> None:
        """The fetch that is under way ends by itself, and what it brings is dropped."""
        self._stopped.set()

    def _fetch(self) -> None:
        try:
            for item in self._items:
                if not self._hand_over(item):
                    return
            self._hand_over(_End())
        except BaseException as error:  # noqa: BLE001  # raised where the items are used
            self._hand_over(error)

    def _hand_over(self, item: "T | _End | BaseException") -> bool:
        while not self._stopped.is_set():
            try:
                self._queue.put(item, timeout=PATIENCE_S)
            except Full:
                continue
            return True
        return False
