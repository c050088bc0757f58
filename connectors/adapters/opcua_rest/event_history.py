"""Alarms out of the event history of a notifier (OPC 10000-11 §6.5.2), or as they stand where there is none."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.adapters.opcua_rest.alarms import CLAUSES, event_id, event_time
from connectors.adapters.opcua_rest.refreshing import retained_events
from connectors.protocols.adapter import Cursor, Mode, Page
from connectors.protocols.opcua.events import EventPage
from connectors.protocols.opcua.server import clock_of
from connectors.protocols.opcua.status import NotOffered
from connectors.protocols.opcua.values import read_moment, write_date_time
from connectors.protocols.opcua.web_api import WebApi

AHEAD = timedelta(days=1)
"""How far past the source's own clock alarms are asked for: devices below it may run fast."""

REMEMBERED = timedelta(hours=1)
"""How long a server surely keeps an event in its history."""

CUT_SHORT = "The newest alarm was not among those that the server sent, so others may be missing too."
NO_HISTORY = (
    "The server keeps no history of events: the alarms that stand were read. What comes and goes between two reads is "
    "told only while it is listened to, and that one is over by a full read."
)
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class EventHistory:
    def __init__(self, api: WebApi, config: Mapping[str, Any]) -> None:
        self._api, self._config = api, config

    def pages(self, cursor: Cursor | None, mode: Mode) -> Iterator[Page]:
        """
        Every notification since the cursor or, of a server without history of events, every alarm that stands. Its
        `since` is the newest `Time` seen, so it both resumes a read that broke off and begins the next one; the overlap
        takes care of what arrives late.
        """
        now = clock_of(self._api)
        if cursor:
            newest = read_moment(cursor["since"]) or BEGINNING
            start = newest - timedelta(seconds=self._config["alarm_overlap_seconds"])
        else:
            newest = start = self._look_back_from(now)
        seen = bool(cursor and cursor.get("seen"))
        doubt = self._unproven() if mode is Mode.FULL else ""
        try:
            expected = self._newest_events(start, now + AHEAD)
        except NotOffered:
            yield self._standing(now)
            return
        if not expected and seen and now - newest < REMEMBERED:
            doubt = "The server no longer tells of the newest alarm that it told of before."
        for page in self._events(start, now + AHEAD):
            expected -= set(map(event_id, page.events))
            # A stamp from the future must not carry the cursor past the alarms between now and then.
            times = [time for time in map(event_time, page.events) if time is not None and time <= now]
            newest, seen = max([newest, *times]), seen or bool(times)
            reason = ""
            if page.is_last:
                reason = page.incomplete or (CUT_SHORT if expected else doubt)
            yield Page(
                records=page.events,
                cursor={"since": write_date_time(newest), "seen": seen},
                complete=page.is_last and not reason,
                incomplete_reason=reason,
            )

    def _standing(self, now: datetime) -> Page:
        """The server has told of all, so that a full read proves which are over."""
        return Page(
            records=retained_events(self._api, notifier=self._config["notifier_node"]),
            cursor={"since": write_date_time(now), "seen": False},
            complete=True,
            remark=NO_HISTORY,
        )

    def newest_first(self) -> Generator[Sequence[Any]]:
        """
        Pages of raw events, from now backwards.

        :raises NotOffered: if the server keeps no history of events
        """
        now = clock_of(self._api)
        with closing(self._events(now + AHEAD, self._look_back_from(now))) as pages:
            for page in pages:
                yield page.events

    def try_out(self) -> str:
        """
        Ask for events that have not been yet; what is to be said of that.

        :raises SourceError: if alarms cannot be read
        """
        now = clock_of(self._api)
        try:
            self._newest_events(now, now + AHEAD)
        except NotOffered:
            self._standing(now)
            return NO_HISTORY
        return ""

    def _newest_events(self, start: datetime, end: datetime) -> set[bytes]:
        """
        The ids of the last events of a window, asked for by themselves before the window is read. A page that
        was cut short looks like a last page; without these events it is none.
        """
        # Of two, a page cut in half still holds one.
        with closing(self._events(end, start, size=2)) as pages:
            return set(map(event_id, next(pages).events))

    def _events(self, start: datetime, end: datetime, *, size: int | None = None) -> Generator[EventPage]:
        return self._api.events(
            self._config["notifier_node"],
            CLAUSES,
            start=start,
            end=end,
            size=size or self._config["event_page_size"],
            doing="reading the alarms",
        )

    def _unproven(self) -> str:
        days = self._config["alarm_look_back_days"]
        if not days:
            return ""
        return f"The last {days} days of alarms were read; what older ones became is not told by them."

    def _look_back_from(self, now: datetime) -> datetime:
        days = self._config["alarm_look_back_days"]
        return now - timedelta(days=days) if days else BEGINNING
