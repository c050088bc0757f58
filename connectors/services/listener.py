"""
The listener: a process that takes streams to listen to, each in a thread of its own. Any number of them share the work,
because a stream's lease lets one have it; what a dead one had is taken over once its leases run out.
"""

import random
import time
from collections.abc import Callable
from datetime import datetime
from threading import Event, Thread

import structlog
from django.db import Error, connection
from django.utils import timezone

from connectors.queries import ToListenTo, streams_to_listen_to
from connectors.services.listening import listen_to_stream
from connectors.services.outbox import system_scope
from connectors.services.runs import Counts
from organisation.scope import carrying

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 1.0

MOST_AT_ONCE = 4
"""How many streams are taken at one look, so that other listeners get theirs."""

REST_S = 5.0
"""How long a stream is left alone after listening to it ended, so that what fails at once is not tried all the time."""

PATIENCE_S = 7.0
"""How long streams may take to stop. What has not by then ends with the process, and is taken over."""


class Listener:
    """
    :param most: how many streams it listens to at a time
    :param committed: called in the stream's thread after each page that landed, when its transaction is over
    """

    def __init__(
        self,
        *,
        most: int,
        committed: Callable[[], None] = lambda: None,
        clock: Callable[[], datetime] = timezone.now,
    ) -> None:
        self._most, self._committed, self._clock = most, committed, clock
        self._stopping = Event()
        self._threads: dict[int, Thread] = {}
        self._resting: dict[int, float] = {}
        self._is_blind = False

    def run(self) -> None:
        """Listen to what is to be listened to until `stop` is called, from a signal or another thread."""
        while not self._stopping.is_set():
            self._look()
            self._stopping.wait(LOOK_EVERY_S)
        deadline = time.monotonic() + PATIENCE_S
        for thread in self._threads.values():
            thread.join(max(0.0, deadline - time.monotonic()))

    def stop(self) -> None:
        self._stopping.set()

    def _look(self) -> None:
        """Take some of the streams that nobody has. While the database is away there are none, which is said once."""
        now = time.monotonic()
        self._threads = {stream: thread for stream, thread in self._threads.items() if thread.is_alive()}
        self._resting = {stream: until for stream, until in self._resting.items() if until > now}
        room = min(MOST_AT_ONCE, self._most - len(self._threads))
        if room <= 0:
            return
        try:
            free = streams_to_listen_to(self._clock())
        except Error as error:
            if not self._is_blind:
                log.warning("listener.no_database", reason=str(error))
            self._is_blind = True
            return
        finally:
            connection.close()
        if self._is_blind:
            log.info("listener.database_is_back")
            self._is_blind = False
        ours = [one for one in free if one.stream_id not in self._threads and one.stream_id not in self._resting]
        for one in random.sample(ours, min(room, len(ours))):
            thread = Thread(target=self._listen, args=(one,), name=f"listening to stream {one.stream_id}", daemon=True)
            self._threads[one.stream_id] = thread
            thread.start()

    def _listen(self, one: ToListenTo) -> None:
        def committed(counts: Counts) -> None:
            self._committed()
            connection.close()  # to the pool: the next page may be long in coming

        try:
            with carrying(system_scope(one.organisation_id)):
                ended = listen_to_stream(
                    stream_id=one.stream_id, is_stopping=self._stopping.is_set, clock=self._clock, committed=committed
                )
            log.info("listener.ended", stream=one.stream_id, ended=ended.ended.value, reason=ended.detail)
        except Exception:
            # What is our mistake stands in the stream's state; what is the database's goes by itself.
            log.exception("listener.failed", stream=one.stream_id)
        finally:
            self._resting[one.stream_id] = time.monotonic() + REST_S
            connection.close()
