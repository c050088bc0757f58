"""
Values of many streams in one round trip: a batch of stream sets.

One stream that cannot be read may cost its whole set the answer. Those of a refused set are asked one by one, so that
each tells for itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil, floor
from typing import Any, ClassVar

from connectors.protocols.errors import BadConfig, ContractBroken, SourceError, Throttled
from connectors.protocols.moments import parse_moment, utc_text
from connectors.protocols.pi.web_api import Part, PartAnswer, PiWebApi, items_of
from connectors.protocols.wire import RequestRefused

STREAMS_IN_SET = 25
"""What a query string of 2,048 characters, the limit of servers as they come, has room for."""

NOT_FOUND = 404

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

AHEAD = timedelta(seconds=5)
"""How far past a server's clock is asked: the `Date` of an answer has whole seconds, and devices may run fast."""


def ahead_of(now: datetime) -> str:
    """The end of a question for what was recorded until now, by the server's clock."""
    return utc_text(now + AHEAD)


@dataclass(frozen=True, slots=True)
class Stream:
    """An attribute or a tag, by the names that answers know it by."""

    web_id: str
    path: str


@dataclass(frozen=True, slots=True)
class Present:
    """Asks for the value of now."""

    resource: ClassVar[str] = "value"
    start: ClassVar[None] = None

    @property
    def parameters(self) -> Mapping[str, Any]:
        return {}

    def rest(self, values: Sequence[Any]) -> None:
        """There is no more than one."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """
    Asks for what was recorded from `start` to `end`, both included, oldest first.

    :param start: an ISO 8601 time with its offset, as is `end`: one without is taken to be in the server's zone
    :param count: after so many a server stops, and does not say so
    """

    start: str
    end: str
    count: int
    resource: ClassVar[str] = "recorded"

    @property
    def parameters(self) -> Mapping[str, Any]:
        return {"startTime": self.start, "endTime": self.end, "maxCount": self.count, "boundaryType": "Inside"}

    def rest(self, values: Sequence[Any]) -> "Recorded | None":
        """
        What goes on after as many values as were asked for: from the last one on, for others may share its instant. If
        all have the same, more must be asked for at once to get past it. `None`: these are all.

        :raises ContractBroken: if the last value has no time
        """
        if len(values) < self.count:
            return None
        last = values[-1].get("Timestamp") if isinstance(values[-1], dict) else None
        if not isinstance(last, str):
            raise ContractBroken("The PI Web API sent a value without a time, from which it cannot be read on.")
        is_stuck = parse_moment(last) == parse_moment(self.start)
        return Recorded(last, self.end, self.count * 4 if is_stuck else self.count)


@dataclass(frozen=True, slots=True)
class Interpolated:
    """
    Asks for values at each whole interval from `start` to `end`, worked out from what was recorded around them.

    :param interval: in seconds, counted from 1970 on, so that another read asks for the same moments
    :param count: how many to ask for at a time; there is no limit that the server would cut at, but one that it refuses
    """

    start: str
    end: str
    count: int
    interval: int
    resource: ClassVar[str] = "interpolated"

    @property
    def parameters(self) -> Mapping[str, Any]:
        first, last = self._span
        until = min(last, first + (self.count - 1) * self.interval)
        return {"startTime": _text(first), "endTime": _text(until), "interval": f"{self.interval}s"}

    @property
    def is_empty(self) -> bool:
        """Whether no whole interval lies between start and end."""
        first, last = self._span
        return first > last

    def rest(self, values: Sequence[Any]) -> "Interpolated | None":
        """What goes on after those that were asked for at a time. `None`: these were all."""
        first, last = self._span
        following = first + self.count * self.interval
        return None if following > last else Interpolated(_text(following), self.end, self.count, self.interval)

    @property
    def _span(self) -> tuple[int, int]:
        """The first and the last whole interval, in seconds since 1970."""
        start, end = (parse_moment(text) or EPOCH for text in (self.start, self.end))
        first, last = ceil(start.timestamp() / self.interval), floor(end.timestamp() / self.interval)
        return first * self.interval, last * self.interval


Question = Present | Recorded | Interpolated


def _text(seconds: int) -> str:
    return utc_text(datetime.fromtimestamp(seconds, UTC))


@dataclass(frozen=True, slots=True)
class StreamAnswer:
    """The values of one stream, each a `TimedValue` as it was written; or why it has none, in the server's words."""

    stream: Stream
    question: Question
    values: Sequence[Any] = ()
    refusal: str = ""

    def rest(self) -> Recorded | Interpolated | None:
        """What must be asked to have the whole; `None`: this is it."""
        return None if self.refusal else self.question.rest(self.values)


def ask_streams(api: PiWebApi, questions: Iterable[tuple[Question, Sequence[Stream]]]) -> list[StreamAnswer]:
    """
    The answers of every stream to its question.

    :raises SourceError: if the server refused all of them, for a reason that is not that they are gone
    """
    asked = [(question, streams[at : at + STREAMS_IN_SET]) for question, streams in questions for at in _steps(streams)]
    sets = [(question, streams) for question, streams in asked if len(streams) > 1]
    alone = [(question, streams[0]) for question, streams in asked if len(streams) == 1]
    answers: list[StreamAnswer] = []
    parts = {str(n): Part(resource=_set_url(api, *one)) for n, one in enumerate(sets)}
    for (question, streams), part in zip(sets, _asked(api, parts), strict=True):
        found = _by_stream(api, streams, part)
        answers += [StreamAnswer(stream, question, values) for stream, values in found.items()]
        alone += [(question, stream) for stream in streams if stream not in found]
    refusals: list[SourceError] = []
    parts = {str(n): Part(resource=_stream_url(api, *one)) for n, one in enumerate(alone)}
    for (question, stream), part in zip(alone, _asked(api, parts), strict=True):
        if part.refusal is None:
            answers.append(StreamAnswer(stream, question, _values(question, part.body)))
            continue
        if not isinstance(part.refusal, RequestRefused) or part.refusal.status != NOT_FOUND:
            refusals.append(part.refusal)
        answers.append(StreamAnswer(stream, question, refusal=part.said or str(part.refusal)))
    if refusals and len(refusals) == len(answers):
        raise _refused_all(refusals[0])
    return answers


def _steps(streams: Sequence[Stream]) -> range:
    return range(0, len(streams), STREAMS_IN_SET)


def _asked(api: PiWebApi, parts: Mapping[str, Part]) -> Iterable[PartAnswer]:
    """
    :raises Throttled: if the server wants us to wait before it answers all of them
    """
    answers = api.batch(parts).values() if parts else ()
    for answer in answers:
        if isinstance(answer.refusal, Throttled):
            raise answer.refusal
    return answers


def _set_url(api: PiWebApi, question: Question, streams: Sequence[Stream]) -> str:
    web_ids = [stream.web_id for stream in streams]
    return api.url(f"streamsets/{question.resource}", webId=web_ids, **question.parameters, webIdType="IDOnly")


def _stream_url(api: PiWebApi, question: Question, stream: Stream) -> str:
    return api.url(f"streams/{stream.web_id}/{question.resource}", **question.parameters)


def _by_stream(api: PiWebApi, streams: Sequence[Stream], part: PartAnswer) -> dict[Stream, Sequence[Any]]:
    """What a set was answered, without those streams that it tells nothing or no good of."""
    if part.refusal is not None:
        return {}
    by_name = {stream.web_id: stream for stream in streams} | {stream.path: stream for stream in streams}
    found: dict[Stream, Sequence[Any]] = {}
    for item in items_of(part.body):
        # A server older than short WebIds answers with its own, but with the same path.
        stream = by_name.get(str(item.get("WebId"))) or by_name.get(str(item.get("Path")))
        if stream is None:
            raise ContractBroken(f"The PI Web API sent values of {item.get('Path')}, which were not asked for.")
        if api.broken(item) is not None:
            continue
        if isinstance(values := item.get("Items"), list):
            found[stream] = values
        elif isinstance(value := item.get("Value"), dict):
            found[stream] = [value]
    return found


def _values(question: Question, body: dict[str, Any]) -> Sequence[Any]:
    return [body] if isinstance(question, Present) else items_of(body)


def _refused_all(refusal: SourceError) -> SourceError:
    if isinstance(refusal, RequestRefused) and "maxCount" in str(refusal):
        return BadConfig(
            f"The PI Web API allows fewer values in a call than we ask for. Enter less. {refusal}",
            field="values_per_signal",
        )
    return refusal
