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
def fetched_ahead(items: Iterator[T], *, depth: int, waiting: Callable[[], None]) -> Iterator[Iterator[T]]:
    """
    The same items, fetched in a thread of their own from the second one on: what has one page needs no thread. What
    goes wrong there is raised here, in its turn.

    :param depth: how many may wait; 0: nothing is fetched ahead
    :param waiting: called each second while the next one is not there; what it raises ends the wait
    """
    if not depth:
        yield items
        return
    fetcher: _Fetcher[T] | None = None

    def merged() -> Iterator[T]:
        nonlocal fetcher
        for first in items:
            fetcher = _Fetcher(items, depth)
            yield first
            yield from fetcher.items(waiting)
            return

    try:
        yield merged()
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

    def items(self, waiting: Callable[[], None]) -> Iterator[T]:
        while True:
            try:
                item = self._queue.get(timeout=PATIENCE_S)
            except Empty:
                waiting()
                continue
            if isinstance(item, _End):
                return
            if isinstance(item, BaseException):
                raise item
            yield item

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
