"""
Values of many streams in one round trip: a batch of stream sets.

One stream that cannot be read may cost its whole set the answer. Those of a refused set are asked one by one, so that
each tells for itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from connectors.protocols.errors import BadConfig, ContractBroken, SourceError, Throttled
from connectors.protocols.moments import parse_moment
from connectors.protocols.pi.web_api import Part, PartAnswer, PiWebApi, items_of
from connectors.protocols.wire import RequestRefused

STREAMS_IN_SET = 25
"""What a query string of 2,048 characters, the limit of servers as they come, has room for."""

NOT_FOUND = 404


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


Question = Present | Recorded


@dataclass(frozen=True, slots=True)
class StreamAnswer:
    """The values of one stream, each a `TimedValue` as it was written; or why it has none, in the server's words."""

    stream: Stream
    question: Question
    values: Sequence[Any] = ()
    refusal: str = ""

    @property
    def is_cut_short(self) -> bool:
        """Whether the server may have stopped because it was not asked for more."""
        return isinstance(self.question, Recorded) and len(self.values) >= self.question.count

    def rest(self) -> Recorded:
        """
        What goes on after an answer that was cut short: from its last value on, for others may share its instant. If
        all have the same, more must be asked for at once to get past it.

        :raises ContractBroken: if its last value has no time
        """
        question, last = self.question, self.values[-1]
        start = last.get("Timestamp") if isinstance(last, dict) else None
        if not isinstance(start, str) or not isinstance(question, Recorded):
            raise ContractBroken(f"The PI Web API sent a value of {self.stream.path} without a time: cannot read on.")
        is_stuck = parse_moment(start) == parse_moment(question.start)
        return Recorded(start, question.end, question.count * 4 if is_stuck else question.count)


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
    return items_of(body) if isinstance(question, Recorded) else [body]


def _refused_all(refusal: SourceError) -> SourceError:
    if isinstance(refusal, RequestRefused) and "maxCount" in str(refusal):
        return BadConfig(
            f"The PI Web API allows fewer values in a call than we ask for. Enter less. {refusal}",
            field="values_per_signal",
        )
    return refusal
