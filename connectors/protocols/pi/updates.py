"""
Stream Updates: what has changed of many streams since one last asked, corrections and deletions too.

A server keeps the changes in its own memory, from when it is told of a stream, under a marker. A server that was
started anew, or another one behind the same address, does not know the marker; and it lets go of a stream that had
an error, or whose attribute was configured otherwise. Then the stream is told of again, and what was recorded since
one last heard is read.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from connectors.protocols.errors import ContractBroken, Throttled, Unauthorized, Unreachable
from connectors.protocols.http import ResponseTooLarge
from connectors.protocols.moments import utc_text
from connectors.protocols.pi.streams import (
    STREAMS_IN_SET,
    Question,
    Recorded,
    Stream,
    StreamAnswer,
    ahead_of,
    ask_streams,
)
from connectors.protocols.pi.web_api import Part, PartAnswer, PiWebApi, items_of
from connectors.protocols.wire import RequestRefused

RESOURCE = "streamsets/updates"
DELETE = "Delete"
NOT_OFFERED = (
    "The PI Web API does not tell of changes (Stream Updates): it is older than 2019, or has them switched off."
)
NO_MARKER = "00000000000000000000000000000000_0"

SLOWLY = timedelta(minutes=1)
"""How often what is not followed is read."""

MOST_AT_ONCE = 1_000
"""The changes of so many streams are handed out together."""


@dataclass(frozen=True, slots=True)
class StreamUpdate:
    """
    What became of one stream.

    :param values: added or corrected, each a `TimedValue` as it was written
    :param deleted: what is no longer so
    :param refusal: why the stream cannot be read, in the server's words
    """

    stream: Stream
    values: Sequence[Any] = ()
    deleted: Sequence[Any] = ()
    refusal: str = ""


@dataclass
class Kept:
    """
    What outlives a connection: the marker of each followed stream by its path, and what was told before these markers
    and not taken yet. Who loses it registers anew.
    """

    markers: dict[str, str] = field(default_factory=dict)
    told: list[StreamUpdate] = field(default_factory=list)


def attempt(api: PiWebApi) -> Part:
    """A request for the changes after a marker that no server has given, by which one sees whether it tells of any."""
    return Part(resource=api.url(RESOURCE, marker=NO_MARKER))


def is_offered(answer: PartAnswer) -> bool:
    """
    Whether the answer to `attempt` is that of a server which tells of changes. Such a one does not know the marker, as
    its `Errors` say; another has no such resource, as its `Message` says.

    :raises SourceError: if it is not there, or wants us to wait
    """
    if isinstance(answer.refusal, Unreachable | Throttled):
        raise answer.refusal
    return answer.refusal is None or (isinstance(answer.refusal, RequestRefused) and "Errors" in answer.body)


class StreamUpdates:
    """
    Follows streams. Those that the server does not follow are read once a minute.

    :param api: one that has been asked before, so that the server's clock is known
    :param batch: how many streams to ask about in one request
    :param count: how many recorded values to ask for at a time where there is a gap
    :param overlap: how far before the last poll a gap is read from, for values that came late
    :ivar heard_at: up to when everything was heard, by the server's clock
    :ivar behind: from when the other streams are to be read, by their paths
    """

    def __init__(
        self, api: PiWebApi, streams: Sequence[Stream], kept: Kept, *, batch: int, count: int, overlap: timedelta
    ) -> None:
        self._api, self._kept = api, kept
        self.heard_at = self._now()
        self.behind: dict[str, str] = {}
        self._streams = {stream.path: stream for stream in streams}
        self._batch, self._count, self._overlap = batch, count, overlap
        self._refused: set[str] = set()
        self._read_at = self.heard_at
        kept.markers = {path: marker for path, marker in kept.markers.items() if path in self._streams}

    @property
    def count_of_streams(self) -> int:
        return len(self._streams)

    @property
    def followed(self) -> int:
        """How many streams the server follows."""
        return len(self._kept.markers)

    def promise(self) -> None:
        """
        Have the server keep from now on what becomes of the streams. What was before is not told, but for what it kept
        under markers that it still knows.

        :raises SourceError: if it refused all of it
        """
        self._retrieve()
        self.heard_at = self._read_at = self._now()
        self._register(self._unfollowed())
        self.behind = {stream.path: self._start() for stream in self._unfollowed()}

    def poll(self) -> Iterator[list[StreamUpdate]]:
        """
        What has changed since the last poll. `heard_at` moves on when the last of it was taken, and what was not taken
        comes again.

        :raises SourceError: if the server refused all of it
        """
        since = self._now()
        self._retrieve()
        is_due = self._now() - self._read_at >= SLOWLY
        tried = [one for one in self._unfollowed() if is_due or one.path not in self.behind]
        for stream in tried:
            self.behind.setdefault(stream.path, self._start())
        joined = self._register([stream for stream in tried if stream.path not in self._refused])
        while told := self._kept.told[:MOST_AT_ONCE]:
            yield told
            del self._kept.told[: len(told)]
        yield from self._fill([self._streams[path] for path in self.behind] if is_due else joined)
        self._read_at = self._now() if is_due else self._read_at
        self.heard_at = since

    def _unfollowed(self) -> list[Stream]:
        return [stream for path, stream in self._streams.items() if path not in self._kept.markers]

    def _start(self) -> str:
        """From when a stream is read of which nothing is heard any more."""
        return utc_text(self.heard_at - self._overlap)

    def _retrieve(self) -> None:
        """Take what has changed. Streams that the server has let go of are without a marker afterwards."""
        for streams in self._batches([self._streams[path] for path in self._kept.markers]):
            sets = _in_sets(streams)
            markers = self._kept.markers
            try:
                answers = self._ask(sets, method="GET", parameter="marker", values=self._marker_of)
            except ResponseTooLarge:
                # What was recorded can be asked for in pieces.
                for stream in streams:
                    del markers[stream.path]
                continue
            _require_some(answers)
            for together, answer in zip(sets, answers, strict=True):
                told = _by_stream(together, answer.body) if answer.refusal is None else {}
                for stream in together:
                    item = told.get(stream, {})
                    if _trouble(item):
                        del markers[stream.path]
                    else:
                        markers[stream.path] = item["LatestMarker"]
                        self._kept.told += _changes(stream, item)

    def _marker_of(self, stream: Stream) -> str:
        return self._kept.markers[stream.path]

    def _register(self, streams: Sequence[Stream]) -> list[Stream]:
        """Those that the server follows from now on."""
        return [stream for batch in self._batches(streams) for stream in self._register_batch(batch)]

    def _register_batch(self, streams: Sequence[Stream]) -> list[Stream]:
        joined: list[Stream] = []
        sets = _in_sets(streams)
        while sets:
            answers = self._ask(sets, method="POST", parameter="webId", values=lambda stream: stream.web_id)
            if not joined:
                _require_some(answers)
            halves: list[Sequence[Stream]] = []
            for together, answer in zip(sets, answers, strict=True):
                if answer.refusal is None:
                    for stream, item in _by_stream(together, answer.body).items():
                        if not _trouble(item):
                            self._kept.markers[stream.path] = item["LatestMarker"]
                            joined.append(stream)
                elif len(together) > 1:
                    # One that cannot be followed costs the whole set its answer: find it by halves.
                    middle = len(together) // 2
                    halves += [together[:middle], together[middle:]]
                elif isinstance(answer.refusal, RequestRefused):
                    self._refused.add(together[0].path)
            sets = halves
        return joined

    def _batches(self, streams: Sequence[Stream]) -> Iterator[Sequence[Stream]]:
        return (streams[at : at + self._batch] for at in range(0, len(streams), self._batch))

    def _ask(
        self, sets: Sequence[Sequence[Stream]], *, method: str, parameter: str, values: Callable[[Stream], str]
    ) -> Sequence[PartAnswer]:
        parts = {}
        for number, together in enumerate(sets):
            asked = {parameter: [values(stream) for stream in together], "webIdType": "IDOnly"}
            parts[str(number)] = Part(resource=self._api.url(RESOURCE, **asked), method=method)
        return list(self._api.batch(parts).values())

    def _fill(self, streams: Sequence[Stream]) -> Iterator[list[StreamUpdate]]:
        """What was recorded of streams since they were last heard of, or read."""
        for batch in self._batches(streams):
            now = self._now()
            since = {stream: self.behind[stream.path] for stream in batch}
            asked: list[tuple[Question, Sequence[Stream]]] = [
                (Recorded(start, ahead_of(now), self._count), [one for one in batch if since[one] == start])
                for start in sorted(set(since.values()))
            ]
            while asked:
                answers = self._recorded(asked)
                yield [StreamUpdate(one.stream, one.values, refusal=one.refusal) for one in answers]
                asked = [(more, [one.stream]) for one in answers if (more := one.rest()) is not None]
                going_on = {stream for _, alone in asked for stream in alone}
                for one in answers:
                    if not one.refusal and one.stream not in going_on:
                        self._is_read(one.stream, now)

    def _recorded(self, asked: Sequence[tuple[Question, Sequence[Stream]]]) -> Sequence[StreamAnswer]:
        try:
            return ask_streams(self._api, asked)
        except RequestRefused as error:
            return [StreamAnswer(one, question, refusal=str(error)) for question, streams in asked for one in streams]

    def _is_read(self, stream: Stream, now: datetime) -> None:
        if stream.path in self._kept.markers:
            del self.behind[stream.path]
        else:
            self.behind[stream.path] = utc_text(now - self._overlap)

    def _now(self) -> datetime:
        """
        :raises ContractBroken: if the server does not say what time it is
        """
        if self._api.answered_at is None:
            raise ContractBroken("The PI Web API does not say what time it is: its answers have no Date.")
        return self._api.answered_at


def _by_stream(streams: Sequence[Stream], body: dict[str, Any]) -> dict[Stream, dict[str, Any]]:
    named = {stream.web_id: stream for stream in streams} | {stream.path: stream for stream in streams}
    found = {}
    for item in items_of(body):
        stream = named.get(str(item.get("Source"))) or named.get(str(item.get("SourcePath")))
        if stream is not None:
            found[stream] = item
    return found


def _require_some(answers: Sequence[PartAnswer]) -> None:
    """
    :raises SourceError: if the server wants us to wait, or refused all for a reason that is not in what was asked
    """
    refusals = [answer.refusal for answer in answers if answer.refusal is not None]
    general = [one for one in refusals if isinstance(one, Unreachable | Unauthorized)]
    for refusal in (one for one in refusals if isinstance(one, Throttled)):
        raise refusal
    if general and len(general) == len(answers):
        raise general[0]


def _in_sets(streams: Sequence[Stream]) -> list[Sequence[Stream]]:
    return [streams[at : at + STREAMS_IN_SET] for at in range(0, len(streams), STREAMS_IN_SET)]


def _trouble(item: Mapping[str, Any]) -> bool:
    """Whether a stream is not followed, or no longer."""
    marker = item.get("LatestMarker")
    return bool(item.get("Exception") or item.get("Status") == "Failed" or not (isinstance(marker, str) and marker))


def _changes(stream: Stream, item: Mapping[str, Any]) -> list[StreamUpdate]:
    """What the events come to: of several of one instant, the last counts."""
    events = [one for one in item.get("Events") or [] if isinstance(one, dict)]
    last = list({one.get("Timestamp"): one for one in events}.values())
    deleted = [one for one in last if one.get("Action") == DELETE]
    values = [one for one in last if one.get("Action") != DELETE]
    return [StreamUpdate(stream, values, deleted)] if last else []
