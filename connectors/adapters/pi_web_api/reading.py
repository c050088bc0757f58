"""
Reading the values of many signals by time, so that what a server cuts short is read on, and none is lost.

A cursor says: everything up to `since` is read, but for signals that could not be (`behind`: from when). While a read
is under way it says up to when it goes (`until`), which signal was the last (`after`, by path), and of which signals
more is to come (`open`: from when, how many).
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from connectors.protocols.adapter import Cursor, Page
from connectors.protocols.http import ResponseTooLarge
from connectors.protocols.moments import parse_moment, utc_text
from connectors.protocols.pi.streams import (
    EPOCH,
    Interpolated,
    Present,
    Question,
    Recorded,
    Stream,
    StreamAnswer,
    ahead_of,
    ask_streams,
)
from connectors.protocols.pi.web_api import PiWebApi


@dataclass(frozen=True, kw_only=True)
class Window:
    """
    How far a read has come.

    :param start: values are asked for from here; `None`: only the present ones
    :param until: up to when by the server's clock, and recorded values a little beyond
    :param interval: seconds between values, if not those that were recorded are wanted
    :param present: whether to ask for the present values too
    :param open: which signals are to be read on, from when, and how many values at a time
    :param behind: which signals could not be read, from when: the next read begins with them
    """

    start: str | None
    until: str
    present: bool
    interval: int | None = None
    after: str = ""
    open: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    behind: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def first(cls, now: datetime, *, history: timedelta, interval: int | None) -> "Window":
        """The present values of all, and the values of the time before."""
        start = utc_text(now - history) if history else None
        return cls(start=start, until=utc_text(now), present=True, interval=interval)

    @classmethod
    def next(cls, cursor: Cursor, now: datetime, *, overlap: timedelta, count: int, interval: int | None) -> "Window":
        """What goes on where the read of a cursor broke off, or begins where it ended."""
        if "until" in cursor:
            going_on = {path: (start, most) for path, (start, most) in cursor["open"].items()}
            return cls(**{**cursor, "open": going_on, "interval": interval})
        since = parse_moment(cursor["since"]) or now
        return cls(
            start=utc_text(min(since, now) - overlap),
            until=utc_text(max(since, now)),
            present=False,
            interval=interval,
            open={path: (start, count) for path, start in cursor["behind"].items()},
        )

    def cursor(self, *, is_last: bool) -> Cursor:
        behind = dict(self.behind)
        if is_last:
            return {"since": self.until, "behind": behind}
        return {
            "start": self.start,
            "until": self.until,
            "present": self.present,
            "after": self.after,
            "open": {path: list(more) for path, more in self.open.items()},
            "behind": behind,
        }

    def questions(self, count: int) -> list[Question]:
        """What to ask of a signal that was not asked yet."""
        asked: list[Question] = [Present()] if self.present else []
        return asked if self.start is None else [*asked, *self.question(self.start, count)]

    def question(self, start: str, count: int) -> list[Question]:
        """What to ask of a signal from some time on; nothing, if there can be no value yet."""
        if self.interval is None:
            return [Recorded(start, ahead_of(parse_moment(self.until) or EPOCH), count)]
        at_intervals = Interpolated(start, self.until, count, self.interval)
        return [] if at_intervals.is_empty else [at_intervals]

    def told(self, answers: Sequence[StreamAnswer], *, asked: Container[str]) -> "Window":
        """After these answers: some of the signals that were asked go on, some are done, some could not be read."""
        still = {path: more for path, more in self.open.items() if path not in asked}
        rest = {one.stream.path: more for one in answers if (more := one.rest()) is not None}
        refused = {one.stream.path: one.question.start for one in answers if one.refusal and one.question.start}
        return replace(
            self,
            open=still | {path: (more.start, more.count) for path, more in rest.items()},
            behind={**self.behind, **{path: self.behind.get(path, start) for path, start in refused.items()}},
        )

    def only(self, paths: Container[str]) -> "Window":
        """Without signals that have gone since: they have nothing more to tell."""
        return replace(
            self,
            open={path: more for path, more in self.open.items() if path in paths},
            behind={path: start for path, start in self.behind.items() if path in paths},
        )


def read_values(
    api: PiWebApi, streams: Sequence[Stream], window: Window, *, batch: int, count: int, incomplete: str
) -> Iterator[Page]:
    """
    :param streams: in the order of their paths
    :param batch: how many signals to ask about in one request; fewer where that makes too large an answer
    :param count: how many values of one signal to ask for at a time
    :param incomplete: why these may not be all signals, as a sentence
    """
    by_path = {stream.path: stream for stream in streams}
    window = window.only(by_path)
    # Those that were behind are asked first and up to the same moment, so they need not be asked again.
    done = window.open.keys() | window.behind.keys()
    waiting = [stream for stream in streams if stream.path > window.after and stream.path not in done]
    is_last = False
    while not is_last:
        questions: list[tuple[Question, Sequence[Stream]]]
        going_on = dict(list(window.open.items())[:batch])
        taken = [] if going_on else waiting[:batch]
        if going_on:
            questions = [
                (question, [by_path[path]])
                for path, (start, most) in going_on.items()
                for question in window.question(start, most)
            ]
        else:
            questions = [(question, taken) for question in window.questions(count) if taken]
        try:
            answers = ask_streams(api, questions)
        except ResponseTooLarge:
            if batch == 1:
                raise
            batch = (min(batch, len(taken) or batch) + 1) // 2
            continue
        del waiting[: len(taken)]
        after = taken[-1].path if taken else window.after
        window = replace(window.told(answers, asked=going_on), after=after)
        is_last = not waiting and not window.open
        yield Page(
            records=[
                raw for one in answers for raw in raw_readings(one.stream, one.values, one.refusal, at=window.until)
            ],
            cursor=window.cursor(is_last=is_last),
            complete=is_last and not incomplete,
            incomplete_reason=incomplete if is_last else "",
        )


def raw_readings(stream: Stream, values: Sequence[Any], refusal: str, *, at: str) -> Iterator[dict[str, Any]]:
    """
    The values of a signal as `read_reading` takes them, and why there are none.

    :param refusal: in the server's words, if it refused at that time
    """
    if refusal:
        yield {"Path": stream.path, "Refusal": refusal, "At": at}
    for value in values:
        yield {"Path": stream.path, "Value": value}
