"""
Stream Updates: what has changed of many streams since one last asked, corrections and deletions too.

A server keeps the changes in its own memory, from when it is told of a stream, under a marker. A server that was
started anew, or another one behind the same address, does not know the marker. Then the stream is told of again, and
what was recorded since one last heard is read.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from connectors.protocols.errors import ContractBroken, Throttled, Unauthorized, Unreachable
from connectors.protocols.moments import parse_moment, utc_text
from connectors.protocols.pi.streams import (
    STREAMS_IN_SET,
    Present,
    Question,
    Recorded,
    Stream,
    StreamAnswer,
    ask_streams,
)
from connectors.protocols.pi.values import errors_in
from connectors.protocols.pi.web_api import Part, PartAnswer, PiWebApi, items_of
from connectors.protocols.wire import RequestRefused

DELETE = "Delete"


@dataclass(frozen=True, slots=True)
class StreamUpdate:
    """
    What became of one stream.

    :param values: added or corrected, each a `TimedValue` as it was written
    :param deleted: what is no longer so
    :param refusal: why the stream cannot be followed, in the server's words
    """

    stream: Stream
    values: Sequence[Any] = ()
    deleted: Sequence[Any] = ()
    refusal: str = ""


@dataclass
class StreamUpdates:
    """
    Follows streams. `state` is what JSON may keep of it, so that another process goes on where this one ended.

    :param count: how many recorded values to ask for at a time where there is a gap
    :param overlap: how far before the last poll a gap is read from, for values that came late
    :ivar heard_at: up to when everything was heard, by the server's clock; empty: nothing yet
    :ivar behind: from when nothing was heard of those streams that could not be followed since
    :ivar refused: streams that the server does not follow, which is told once and then not asked again
    """

    api: PiWebApi
    streams: Sequence[Stream]
    count: int
    overlap: timedelta
    markers: dict[str, str] = field(default_factory=dict)
    heard_at: str = ""
    behind: dict[str, str] = field(default_factory=dict)
    refused: set[Stream] = field(default_factory=set)

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on where `state` was taken."""
        self.markers, self.behind = dict(state["markers"]), dict(state["behind"])
        self.heard_at = state["heard_at"]

    def state(self) -> dict[str, Any]:
        return {"markers": dict(self.markers), "heard_at": self.heard_at, "behind": dict(self.behind)}

    def poll(self) -> Iterator[list[StreamUpdate]]:
        """
        What has changed since the last poll; the first brings the present values. `state` moves on when the last of
        it was taken, so that what was not taken comes again.

        :raises SourceError: if the server refused all of it
        """
        if not self.streams:
            return
        missing = [one for one in self.streams if one.path not in self.markers and one not in self.refused]
        fresh, refusals = self._register(missing)
        updates, markers, lost = self._retrieve()
        until = self._now()
        again, more = self._register(lost)
        yield updates + refusals + more
        joined = fresh | again
        since = {stream: self.behind.get(stream.path, self.heard_at) for stream in (*missing, *lost)}
        for answers in self._fill({stream: since[stream] for stream in joined}):
            yield [StreamUpdate(one.stream, one.values, refusal=one.refusal) for one in answers]
            for one in answers:
                if one.refusal:
                    joined.pop(one.stream, None)
        self.markers = markers | {stream.path: marker for stream, marker in joined.items()}
        refused = {stream.path for stream in self.refused}
        self.behind = {path: start for path, start in self.behind.items() if path in refused}
        self.behind |= {stream.path: start for stream, start in since.items() if stream not in joined}
        self.heard_at = until

    def _register(self, streams: Sequence[Stream]) -> tuple[dict[Stream, str], list[StreamUpdate]]:
        """Markers of those that the server follows from now on, and why it does not follow the others."""
        markers: dict[Stream, str] = {}
        refusals: list[StreamUpdate] = []
        sets = _in_sets(streams)
        while sets:
            answers = self._ask(sets, method="POST", parameter="webId", values=lambda stream: stream.web_id)
            if not markers and not refusals:
                _require_some(answers)
            halves: list[Sequence[Stream]] = []
            for together, answer in zip(sets, answers, strict=True):
                if answer.refusal is None:
                    told = self._by_stream(together, answer.body)
                    markers |= {stream: one["LatestMarker"] for stream, one in told.items() if not _trouble(one)}
                    rest = [stream for stream in together if stream not in markers]
                    refusals += [StreamUpdate(one, refusal=_trouble(told.get(one, {}))) for one in rest]
                elif len(together) == 1:
                    refusals.append(StreamUpdate(together[0], refusal=answer.said or str(answer.refusal)))
                    if isinstance(answer.refusal, RequestRefused):
                        self.refused.add(together[0])
                else:
                    # One that cannot be followed costs the whole set its answer: find it by halves.
                    middle = len(together) // 2
                    halves += [together[:middle], together[middle:]]
            sets = halves
        return markers, refusals

    def _retrieve(self) -> tuple[list[StreamUpdate], dict[str, str], list[Stream]]:
        """What has changed, the markers to ask by the next time, and the streams that the server has forgotten."""
        followed = [stream for stream in self.streams if stream.path in self.markers]
        sets = _in_sets(followed)
        updates: list[StreamUpdate] = []
        latest: dict[str, str] = {}
        answers = self._ask(sets, method="GET", parameter="marker", values=lambda stream: self.markers[stream.path])
        _require_some(answers)
        for together, answer in zip(sets, answers, strict=True):
            told = self._by_stream(together, answer.body) if answer.refusal is None else {}
            for stream, one in told.items():
                if not _trouble(one):
                    latest[stream.path] = one["LatestMarker"]
                    updates += _changes(stream, one)
        return updates, latest, [stream for stream in followed if stream.path not in latest]

    def _ask(
        self, sets: Sequence[Sequence[Stream]], *, method: str, parameter: str, values: Any
    ) -> Sequence[PartAnswer]:
        parts = {}
        for number, together in enumerate(sets):
            asked = {parameter: [values(stream) for stream in together], "webIdType": "IDOnly"}
            parts[str(number)] = Part(resource=self.api.url("streamsets/updates", **asked), method=method)
        return list(self.api.batch(parts).values()) if parts else []

    def _by_stream(self, streams: Sequence[Stream], body: dict[str, Any]) -> dict[Stream, dict[str, Any]]:
        named = {stream.web_id: stream for stream in streams} | {stream.path: stream for stream in streams}
        found = {}
        for item in items_of(body):
            stream = named.get(str(item.get("Source"))) or named.get(str(item.get("SourcePath")))
            if stream is not None:
                found[stream] = item
        return found

    def _fill(self, since: Mapping[Stream, str]) -> Iterator[list[StreamAnswer]]:
        """
        What was recorded of streams until now from before each was last heard of; of those that never were, the
        present value.
        """
        asked: list[tuple[Question, Sequence[Stream]]] = []
        for moment in sorted(set(since.values())):
            start = parse_moment(moment)
            question: Question = Present()
            if start is not None:
                question = Recorded(utc_text(start - self.overlap), self._now(), self.count)
            asked.append((question, [stream for stream, one in since.items() if one == moment]))
        while asked:
            answers = ask_streams(self.api, asked)
            yield answers
            asked = [(rest, [one.stream]) for one in answers if (rest := one.rest()) is not None]

    def _now(self) -> str:
        """
        :raises ContractBroken: if the server does not say what time it is
        """
        if self.api.answered_at is None:
            raise ContractBroken("The PI Web API does not say what time it is: its answers have no Date.")
        return utc_text(self.api.answered_at)


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


def _trouble(item: Mapping[str, Any]) -> str:
    """Why a stream is not followed, or no longer; empty if it is."""
    said = errors_in(item.get("Exception"))
    if said or item.get("Exception") or item.get("Status") == "Failed":
        return said or "Failed"
    marker = item.get("LatestMarker")
    return "" if isinstance(marker, str) and marker else "NoMarker"


def _changes(stream: Stream, item: Mapping[str, Any]) -> list[StreamUpdate]:
    """What the events come to: of several of one instant, the last counts."""
    events = [one for one in item.get("Events") or [] if isinstance(one, dict)]
    last = list({one.get("Timestamp"): one for one in events}.values())
    deleted = [one for one in last if one.get("Action") == DELETE]
    values = [one for one in last if one.get("Action") != DELETE]
    return [StreamUpdate(stream, values, deleted)] if last else []
