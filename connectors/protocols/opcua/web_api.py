"""
The OPC UA Web API: sessionless services as JSON over HTTP (OPC 10000-6 annex G.3).

An answer can refuse on three levels, and each is looked at: the HTTP status (in the session), the
`ServiceResult` of the header, and a status for each item.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypeVar

from connectors.protocols.errors import ContractBroken, SourceError
from connectors.protocols.http import Auth, HttpSession
from connectors.protocols.opcua import node_ids
from connectors.protocols.opcua.events import EventPage, events_of
from connectors.protocols.opcua.namespaces import (
    NAMESPACE_ARRAY,
    has_indices,
    named_by_index,
    named_by_uri,
    read_namespaces,
)
from connectors.protocols.opcua.status import GOOD, NotOffered, StatusCode, TooManyOperations, read_status, require_good
from connectors.protocols.opcua.values import read_moment, write_date_time

VALUE_ATTRIBUTE = 13
NODE_ID_ATTRIBUTE = 1
OBJECT, VARIABLE = 1, 2

MOST_BARREN_PAGES = 100
"""After so many pages in a row with a continuation point and nothing else, a server leads us in a circle."""

_SOURCE_AND_SERVER = 2  # TimestampsToReturn (OPC 10000-4 §7.40)
_EVERYTHING = 63  # ResultMask
_TIMEOUT_HINT_MS = 20_000
_GRACE_S = 10  # so that the server gives up first

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """
    The body of a response, its results, and when the source gave it by its own clock.
    """

    body: dict[str, Any]
    results: list[Any]
    at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Reply:
    """The body of a response, its `ServiceResult`, and when the source gave it by its own clock."""

    body: dict[str, Any]
    result: StatusCode
    at: datetime | None


@dataclass(frozen=True, kw_only=True)
class SelectClause:
    """One field of an event (OPC 10000-4 §7.7.4.5). An empty path with attribute 1 is the ConditionId."""

    name: str
    event_type: str
    path: tuple[str, ...]
    attribute: int = VALUE_ATTRIBUTE

    def write(self) -> dict[str, Any]:
        return {
            "TypeDefinitionId": self.event_type,
            "BrowsePath": list(self.path),
            "AttributeId": self.attribute,
        }


@dataclass(kw_only=True)
class Browsed:
    """
    The references of one node. `incomplete` says why they may not be all, `status` whether the server
    refused; `left_off` is a continuation point that was not followed.
    """

    references: list[dict[str, Any]] = field(default_factory=list)
    incomplete: str = ""
    status: StatusCode = GOOD
    last_page: list[dict[str, Any]] = field(default_factory=list)
    barren_pages: int = 0
    left_off: str = ""


class WebApi:
    """
    :param base_url: the address that the services' names are appended to, with its path
    :param verbose: whether to ask for answers in Verbose rather than Compact JSON
    :param by_index: whether requests are to name nodes by index, for a server that knows no other names
    :param session: what each request's header says of the session that it is part of
    """

    def __init__(
        self,
        http: HttpSession,
        *,
        base_url: str,
        auth: Auth | None,
        verbose: bool,
        by_index: bool = False,
        session: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self._http = http
        self.base_url = base_url.rstrip("/")
        self._auth = auth
        self._verbose = verbose
        self._headers = {"Accept": "application/json; encoding=verbose" if verbose else "application/json"}
        self._session = session
        self._by_index = by_index
        self._uris: Sequence[str] | None = None

    def in_session(self, token: Any) -> "WebApi":
        """
        The same services, asked within a session (OPC 10000-4 §5.7).

        :param token: the session's `AuthenticationToken` as it was written
        """
        session = {"AuthenticationToken": token}
        return WebApi(
            self._http,
            base_url=self.base_url,
            auth=self._auth,
            verbose=self._verbose,
            by_index=self._by_index,
            session=session,
        )

    def read(self, nodes: Sequence[str], *, doing: str) -> Answer:
        """The Value of each node, a DataValue each, in the order of `nodes` (OPC 10000-4 §5.11.2)."""
        request = {
            "MaxAge": 0,
            "TimestampsToReturn": _SOURCE_AND_SERVER,
            "NodesToRead": [{"NodeId": node, "AttributeId": VALUE_ATTRIBUTE} for node in nodes],
        }
        return self._ask("read", request, expected=len(nodes), doing=doing)

    def browse(self, nodes: Sequence[str], *, per_node: int, doing: str) -> dict[str, Browsed]:
        """
        The objects and variables below each node, with all the pages of each (OPC 10000-4 §5.9.2, §5.9.3).
        """
        found = {node: Browsed() for node in nodes}
        request = {
            "RequestedMaxReferencesPerNode": per_node,
            "NodesToBrowse": [
                {
                    "NodeId": node,
                    "BrowseDirection": 0,
                    "ReferenceTypeId": node_ids.HIERARCHICAL_REFERENCES,
                    "IncludeSubtypes": True,
                    "NodeClassMask": OBJECT | VARIABLE,
                    "ResultMask": _EVERYTHING,
                }
                for node in nodes
            ],
        }
        answer = self._ask("browse", request, expected=len(nodes), doing=doing)
        points = self._take_references(nodes, answer, found, doing)
        while points:
            request = {"ReleaseContinuationPoints": False, "ContinuationPoints": list(points.values())}
            answer = self._ask("browsenext", request, expected=len(points), doing=doing, repeatable=False)
            points = self._take_references(list(points), answer, found, doing)
        if left_off := [browsed.left_off for browsed in found.values() if browsed.left_off]:
            with suppress(SourceError):  # servers keep few of them
                request = {"ReleaseContinuationPoints": True, "ContinuationPoints": left_off}
                self.ask("browsenext", request, doing=doing)
        starved = [node for node, browsed in found.items() if browsed.status.means("BadNoContinuationPoints")]
        if len(nodes) > 1:
            for node in starved:  # alone, each may have the continuation points that the others held
                found |= self.browse([node], per_node=per_node, doing=doing)
        return found

    def events(
        self,
        notifier: str,
        clauses: Sequence[SelectClause],
        *,
        start: datetime,
        end: datetime,
        size: int,
        doing: str,
    ) -> Generator[EventPage]:
        """
        The events of a notifier with `Time` from `start` to `end`; newest first if `end` lies before `start`
        (OPC 10000-11 §6.5.2).
        """
        request: dict[str, Any] = {
            "HistoryReadDetails": {
                "UaTypeId": node_ids.READ_EVENT_DETAILS,
                "NumValuesPerNode": size,
                "StartTime": write_date_time(start),
                "EndTime": write_date_time(end),
                "Filter": {"SelectClauses": [clause.write() for clause in clauses]},
            },
            "TimestampsToReturn": 0,
            "ReleaseContinuationPoints": False,
        }
        point: str | None = None
        previous: list[Any] = []
        barren = 0
        try:
            while True:
                node = {"NodeId": notifier} | ({"ContinuationPoint": point} if point else {})
                # A point is good once, so its page cannot be asked for again.
                result, status = self._read_history(request, node, doing=doing, repeatable=point is None)
                require_good(status, doing=doing, field="notifier_node")
                events = events_of(result, doing)
                point = result.get("ContinuationPoint") or None  # an empty one is none
                barren = 0 if events else barren + 1
                reason = ""
                if (events and events == previous) or barren > MOST_BARREN_PAGES:
                    reason = "The server repeats the same page of events, so others may be missing."
                    yield EventPage(events=[], is_last=True, incomplete=reason)
                    return
                if point is None and status.means("GoodMoreData"):
                    reason = "The server says that there are more events but not how to go on."
                yield EventPage(events=events, is_last=point is None, incomplete=reason)
                if point is None:
                    return
                previous = events
        finally:
            if point is not None:  # servers keep few of them
                with suppress(SourceError):
                    request["ReleaseContinuationPoints"] = True
                    node = {"NodeId": notifier, "ContinuationPoint": point}
                    self._read_history(request, node, doing=doing, repeatable=False)

    def _read_history(
        self, request: dict[str, Any], node: dict[str, Any], *, doing: str, repeatable: bool
    ) -> tuple[dict[str, Any], StatusCode]:
        asked = request | {"NodesToRead": [node]}
        answer = self._ask("historyread", asked, expected=1, doing=doing, repeatable=repeatable)
        result = record_of(answer.results[0], doing)
        return result, status_of(result, doing)

    def call(self, object_id: str, method_id: str, arguments: list[dict[str, Any]], *, doing: str) -> StatusCode:
        """Call one method; its status (OPC 10000-4 §5.12.2)."""
        request = {"MethodsToCall": [{"ObjectId": object_id, "MethodId": method_id, "InputArguments": arguments}]}
        answer = self._ask("call", request, expected=1, doing=doing, repeatable=False)
        return status_of(record_of(answer.results[0], doing), doing)

    def _ask(
        self, service: str, request: dict[str, Any], *, expected: int, doing: str, repeatable: bool = True
    ) -> Answer:
        reply = self.ask(service, request, doing=doing, repeatable=repeatable)
        require_good(reply.result, doing=doing)
        return Answer(body=reply.body, results=results_of(reply, expected=expected, doing=doing), at=reply.at)

    def ask(
        self,
        service: str,
        request: dict[str, Any],
        *,
        doing: str,
        repeatable: bool = False,
        timeout_ms: int = _TIMEOUT_HINT_MS,
    ) -> Reply:
        """
        One service, whatever its `ServiceResult`.

        :param timeout_ms: after how long the server is to give up; we do so a while later
        """
        header = {"TimeoutHint": timeout_ms, **self._session}
        if self._by_index:
            request = named_by_index(request, self._namespaces())
        response = self._http.post(
            f"{self.base_url}/{service}",
            json={"RequestHeader": header, **request},
            headers=self._headers,
            auth=self._auth,
            timeout=timeout_ms / 1_000 + _GRACE_S,
            idempotent=repeatable,
            accept_status=(400, 404),
        )
        if response.status == 404:
            raise NotOffered(
                f"There is no OPC UA Web API at this address: it knows no service named {service}. "
                "Give the address with its path, up to and without the name of a service.",
                field="base_url",
            )
        if response.status == 400:
            # The Web API has no other way to say it: 400 and an empty body (OPC 10000-6 §G.3).
            raise ContractBroken(f"The server could not decode our request while {doing}.")
        body = _without_envelope(self._http.json(response))
        if has_indices(response.content):
            body = named_by_uri(body, self._namespaces())
        header = body.get("ResponseHeader") or {}
        try:
            result = read_status(header.get("ServiceResult"))
            at = read_moment(header.get("Timestamp")) or response.date
        except (AttributeError, ValueError) as error:
            raise ContractBroken(f"The server sent a header that cannot be read while {doing}: {error}.") from error
        return Reply(body=body, result=result, at=at)

    def _namespaces(self) -> Sequence[str]:
        """The server's table of namespaces as it stands since it started (OPC 10000-5 §6.3.1)."""
        if self._uris is None:
            self._uris = ()  # while they are asked for
            self._uris = read_namespaces(self.read([NAMESPACE_ARRAY], doing="reading the namespaces").results[0])
        return self._uris

    def _take_references(
        self, nodes: Sequence[str], answer: Answer, found: dict[str, Browsed], doing: str
    ) -> dict[str, str]:
        """Add an answer's references to what was found; the continuation points of those that have more."""
        points = {}
        for node, raw in zip(nodes, answer.results, strict=True):
            result = record_of(raw, doing)
            status = status_of(result, doing)
            if status.is_bad:
                found[node].incomplete = f"the server answered {status.symbol} for {node}"
                found[node].status = status
                continue
            page = [record_of(reference, doing) for reference in result.get("References") or []]
            browsed = found[node]
            browsed.barren_pages = 0 if page else browsed.barren_pages + 1
            if (page and page == browsed.last_page) or browsed.barren_pages > MOST_BARREN_PAGES:
                browsed.incomplete = f"the server repeats the same page below {node}"
                browsed.left_off = result.get("ContinuationPoint") or ""
                continue
            browsed.references += page
            browsed.last_page = page
            if point := result.get("ContinuationPoint"):  # an empty one is none
                points[node] = point
        return points


def results_of(reply: Reply, *, expected: int, doing: str) -> list[Any]:
    """
    A result for each question, in their order.

    :raises ContractBroken: if there are fewer or more
    """
    results = reply.body.get("Results")
    if not isinstance(results, list):
        raise ContractBroken(
            f"The answer while {doing} holds no results. Check that an OPC UA Web API is at this address."
        )
    if len(results) != expected:
        raise ContractBroken(
            f"The server sent {len(results)} results for {expected} questions while {doing}: "
            "which is whose cannot be told."
        )
    return results


def in_batches(items: Sequence[T], size: int, ask: Callable[[Sequence[T]], R]) -> Iterator[tuple[Sequence[T], R, int]]:
    """
    Ask about items in batches, halved for as long as the server says that they are too many: batch, answer,
    and the size that the server took.
    """
    start = 0
    while start < len(items):
        batch = items[start : start + size]
        try:
            answer = ask(batch)
        except TooManyOperations:
            if len(batch) == 1:
                raise
            size = (len(batch) + 1) // 2
            continue
        yield batch, answer, size
        start += len(batch)


def _without_envelope(body: Any) -> dict[str, Any]:
    """The message itself, where a server of 1.04 habits wraps it in its type (OPC 10000-6 §5.4.9)."""
    match body:
        case {"UaBody": dict() as inner} | {"TypeId": _, "Body": dict() as inner}:
            return inner
        case dict():
            return body
    raise ContractBroken("The answer is JSON but no OPC UA message. Check the address.")


def record_of(raw: Any, doing: str) -> dict[str, Any]:
    if isinstance(raw, dict):
        return raw
    raise ContractBroken(f"The server sent {type(raw).__name__} where an object was promised while {doing}.")


def status_of(result: dict[str, Any], doing: str) -> StatusCode:
    try:
        return read_status(result.get("StatusCode", result.get("Status")))
    except ValueError as error:
        raise ContractBroken(f"The server sent a status that cannot be read while {doing}: {error}.") from error
