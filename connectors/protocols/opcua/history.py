"""Values of the past: raw history of variables, with every continuation point followed (OPC 10000-11 §6.5.3)."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from connectors.protocols.errors import BadConfig, ContractBroken, SourceError, Throttled, Unreachable
from connectors.protocols.opcua import node_ids
from connectors.protocols.opcua.status import StatusCode, error_for, require_good
from connectors.protocols.opcua.values import read_data_value, read_extension_object, write_date_time
from connectors.protocols.opcua.web_api import MOST_BARREN_PAGES, WebApi, record_of, results_of, status_of

DOING = "reading the history of values"
_SOURCE_AND_SERVER = 2
_NO_HISTORY = ("BadHistoryOperationUnsupported", "BadServiceUnsupported", "BadNotSupported", "BadNotImplemented")
_NOTHING_RECORDED = ("BadNoData", "BadDataLost", "BadBoundNotFound", "BadBoundNotSupported")
_POINTS_SHORT = ("BadNoContinuationPoints", "BadContinuationPointInvalid")


class NoHistory(BadConfig):
    """The server reads no history of values, of whatever variable."""


@dataclass(kw_only=True)
class PastValues:
    """
    What one answer told of some variables.

    :ivar values: DataValues as they were written, by node, the oldest first
    :ivar refused: why of a node no history is read
    :ivar points: where the history of a node goes on
    :ivar cut: the values of a node of which there were as many as one answer may hold, without a word of more
    :ivar starved: nodes for which the server had no continuation point left
    :ivar incomplete: why there may be more than is told; empty if nothing says so
    """

    values: dict[str, list[Any]] = field(default_factory=dict)
    refused: dict[str, StatusCode] = field(default_factory=dict)
    points: dict[str, str] = field(default_factory=dict)
    cut: dict[str, list[Any]] = field(default_factory=dict)
    starved: list[str] = field(default_factory=list)
    incomplete: str = ""


class ValueHistory:
    """
    The raw values of variables with a time from `start` up to, and without, `end`.

    :param size: how many values of a node one answer may hold
    """

    def __init__(self, api: WebApi, *, start: datetime, end: datetime, size: int) -> None:
        self._api, self._start, self._end, self._size = api, start, end, size
        self._details = {
            "UaTypeId": node_ids.READ_RAW_MODIFIED_DETAILS,
            "IsReadModified": False,
            "StartTime": write_date_time(start),
            "EndTime": write_date_time(end),
            "NumValuesPerNode": size,
            "ReturnBounds": False,
        }

    def first(self, nodes: Sequence[str]) -> PastValues:
        """
        The first answer about these nodes.

        :raises NoHistory: if the server offers no history of values at all
        :raises TooManyOperations: if these are too many nodes for one request
        """
        return self._ask(dict.fromkeys(nodes, ""))

    def whole(self, first: PastValues) -> Generator[PastValues]:
        """
        That answer and all that follow it. Continuation points that are left off are released. Where an answer is full
        and has no point, there may be more all the same (asyncua): it is asked for from the last value's time on.
        """
        answer, points = first, first.points
        starved, cut = list(first.starved), dict(first.cut)
        barren = 0
        try:
            yield answer
            while points:
                before, answer = answer, self._ask(points)
                points = answer.points
                starved += answer.starved
                cut |= answer.cut
                barren = 0 if any(answer.values.values()) else barren + 1
                if (not barren and answer.values == before.values) or barren > MOST_BARREN_PAGES:
                    yield PastValues(incomplete="The server repeats the same page of values, so others may be missing.")
                    return
                yield answer
        finally:
            if points:  # servers keep few of them
                with suppress(SourceError):
                    self._release(points)
        for node in starved:  # alone, each may have the continuation points that the others held
            yield from self.whole(self.first([node]))
        for node, told in cut.items():
            yield from self._after(node, told)

    def _after(self, node: str, told: Sequence[Any]) -> Generator[PastValues]:
        """What there is of a node from the time of the last of these values on, but for them."""
        last = _time_of(told[-1])
        if last is None or last <= self._start:
            yield PastValues(
                incomplete=f"The server sent {self._size} values of {node} and not how to go on: there may be more."
            )
            return
        rest = ValueHistory(self._api, start=last, end=self._end, size=self._size)
        for answer in rest.whole(rest.first([node])):
            new = {name: [value for value in values if value not in told] for name, values in answer.values.items()}
            yield replace(answer, values=new)

    def _ask(self, points: Mapping[str, str]) -> PastValues:
        """:param points: the nodes, each with its continuation point or, to begin with, an empty text"""
        is_first = not any(points.values())
        try:
            # A continuation point is good once, so its page cannot be asked for again.
            reply = self._api.ask("historyread", self._request(points), doing=DOING, repeatable=is_first)
        except BadConfig as error:
            # Where other services are answered, an unknown one is the sign of a gateway without history.
            raise NoHistory("The OPC UA gateway offers no history of values.") from error
        if reply.result.means(*_NO_HISTORY):
            raise NoHistory(f"The OPC UA server answered {reply.result.symbol} while {DOING}.")
        require_good(reply.result, doing=DOING)
        results = results_of(reply, expected=len(points), doing=DOING)
        answer = PastValues()
        for node, result in zip(points, results, strict=True):
            self._take(answer, node, record_of(result, DOING), is_first=is_first, is_alone=len(points) == 1)
        return answer

    def _take(self, answer: PastValues, node: str, result: dict[str, Any], *, is_first: bool, is_alone: bool) -> None:
        """Add one node's result to the answer."""
        status = status_of(result, DOING)
        if status.means(*_POINTS_SHORT) and not (is_first and is_alone):
            answer.starved.append(node)
            return
        if status.is_bad and not status.means(*_NOTHING_RECORDED):
            error = error_for(status, doing=DOING)
            if isinstance(error, Unreachable | Throttled):
                raise error
            answer.refused[node] = status
            return
        values = answer.values[node] = _values_of(result)
        if point := result.get("ContinuationPoint"):  # an empty one is none
            answer.points[node] = point
        elif is_first and values and len(values) >= self._size:
            answer.cut[node] = values
        elif status.means("GoodMoreData"):
            answer.incomplete = f"The server says that there are more values of {node} but not how to go on."

    def _release(self, points: Mapping[str, str]) -> None:
        self._api.ask("historyread", self._request(points) | {"ReleaseContinuationPoints": True}, doing=DOING)

    def _request(self, points: Mapping[str, str]) -> dict[str, Any]:
        return {
            "HistoryReadDetails": self._details,
            "TimestampsToReturn": _SOURCE_AND_SERVER,
            "ReleaseContinuationPoints": False,
            "NodesToRead": [
                {"NodeId": node, **({"ContinuationPoint": point} if point else {})} for node, point in points.items()
            ],
        }


def _time_of(value: Any) -> datetime | None:
    """When a value was; none if it cannot be read, which is for whoever reads the value to say."""
    try:
        return read_data_value(value).source_timestamp
    except ValueError:
        return None


def _values_of(result: dict[str, Any]) -> list[Any]:
    written = read_extension_object(result.get("HistoryData"))
    if written is None:
        return []  # with GoodNoData
    values = written.body.get("DataValues") if isinstance(written.body, dict) else None
    if written.type_id in (None, *node_ids.HISTORY_DATA) and isinstance(values, list | None):
        return values or []
    raise ContractBroken(f"The server sent {written.type_id} where values were promised while {DOING}.")
