"""
What a PI Web API tells: changes of values, which it keeps for us under markers (Stream Updates), and event frames,
which are looked through every few seconds, for it tells of none by itself.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.adapters.pi_web_api.alarms import FrameRead, read_frames
from connectors.adapters.pi_web_api.listing import Root, find_root
from connectors.adapters.pi_web_api.reading import raw_readings
from connectors.protocols.adapter import Cursor, Page
from connectors.protocols.errors import CannotListen, Interrupted
from connectors.protocols.http import ResponseTooLarge
from connectors.protocols.moments import utc_text
from connectors.protocols.pi.updates import NOT_OFFERED, StreamUpdates, attempt, is_offered
from connectors.protocols.pi.web_api import PiWebApi

PROMISED: tuple[Any, ...] = ()

LONGEST_SILENCE_S = 2.0
"""So often who listens may stop."""


@dataclass(frozen=True, kw_only=True)
class Rhythm:
    """How often to ask, and how to wait until then."""

    seconds: float
    sleep: Callable[[float], None]

    def rest(self) -> Generator[None]:
        """Wait until it is time to ask again."""
        left = self.seconds
        while left > 0:
            self.sleep(min(left, LONGEST_SILENCE_S))
            left -= LONGEST_SILENCE_S
            yield None


def require_updates(api: PiWebApi) -> None:
    """
    :raises CannotListen: if the server does not tell of changes
    """
    if not is_offered(api.batch({"updates": attempt(api)})["updates"]):
        raise CannotListen(NOT_OFFERED)


def values_told(
    updates: StreamUpdates, *, rhythm: Rhythm, is_due: Callable[[datetime], bool]
) -> Generator[Page | None]:
    """
    Changes of values, until the list of signals is to be made anew. Every poll ends with a page without records, whose
    cursor a read for changes goes on from.

    :param is_due: whether the list is to be made anew at a moment of the server's clock
    :raises CannotListen: if the server follows fewer than half of the signals: then all are better read by schedule
    """
    updates.promise()
    _require_most(updates)
    yield Page(records=PROMISED)
    while not is_due(updates.heard_at):
        try:
            for told in updates.poll():
                at = utc_text(updates.heard_at)
                records = [raw for one in told for raw in raw_readings(one.stream, one.values, one.refusal, at=at)]
                records += [{"Path": one.stream.path, "Deleted": value} for one in told for value in one.deleted]
                if records:
                    yield Page(records=records)
        except ResponseTooLarge as error:
            raise Interrupted(f"More was recorded than is taken in one answer. {error}") from error
        _require_most(updates)
        yield Page(records=(), cursor={"since": utc_text(updates.heard_at), "behind": dict(updates.behind)})
        yield from rhythm.rest()


def _require_most(updates: StreamUpdates) -> None:
    if 2 * updates.followed < updates.count_of_streams:
        raise CannotListen(
            f"The PI Web API tells of {updates.followed} of {updates.count_of_streams} signals: most are no tags, nor "
            "attributes that stand for one."
        )


def frames_told(
    api: PiWebApi,
    path: str,
    options: Mapping[str, Any],
    *,
    cursor: Cursor | None,
    begin: Callable[[Cursor | None, Root], FrameRead],
    rhythm: Rhythm,
) -> Generator[Page | None]:
    """
    Event frames of the database at `path` that are new or have changed since they were last looked through: those under
    way, those that ended no longer ago than the overlap, and those that wait to be acknowledged.

    :param cursor: where a read for changes would begin
    :param begin: such a read, from a cursor on
    """
    known: dict[str, Any] = {}
    yield Page(records=PROMISED)
    while True:
        root = find_root(api, path)
        seen: dict[str, Any] = {}
        for page in read_frames(api, root, options, begin(cursor, root)):
            seen |= {frame["WebId"]: frame for frame in page.records}
            news = [frame for frame in page.records if known.get(frame["WebId"]) != frame]
            # A list that moved while it was read is read again from where it began.
            cursor = page.cursor if page.complete else cursor
            yield Page(records=news, cursor=page.cursor if page.complete else None)
        known = seen
        yield from rhythm.rest()
