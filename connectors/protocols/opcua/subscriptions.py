"""
Being told by an OPC UA server: a session, one subscription in it, and a long poll for what it has to tell (OPC 10000-4
§5.7, §5.13, §5.14).
"""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors.protocols.errors import BadConfig, CannotListen, ContractBroken, Interrupted, SourceError, Unreachable
from connectors.protocols.opcua import node_ids
from connectors.protocols.opcua.status import StatusCode, error_for, read_status, require_good
from connectors.protocols.opcua.values import read_extension_object, read_moment
from connectors.protocols.opcua.web_api import (
    VALUE_ATTRIBUTE,
    Reply,
    SelectClause,
    WebApi,
    in_batches,
    record_of,
    results_of,
    status_of,
)

EVENT_NOTIFIER_ATTRIBUTE = 12

_PUBLISHING_MS = 500
_KEEP_ALIVE_COUNT = 6  # a sign of life every three seconds
_LIFETIME_COUNT = 1_200  # ten minutes without a long poll, as while the listener catches up
_SESSION_MS = 600_000
_LONG_POLL_MS = 5_000
_MOST_AT_ONCE = 1_000
_VALUES_QUEUED = 10
_EVENTS_QUEUED = 10_000
_SILENT_KEEP_ALIVES = 3
"""After so many signs of life that did not come, a subscription counts as lost."""

_MOST_MISSED = 1_000
_LARGEST_NUMBER = 0xFFFFFFFF  # after which sequence numbers begin at 1 again (OPC 10000-4 §7.7)
_REPORTING, _BOTH_TIMESTAMPS, _CLIENT, _UINT32 = 2, 2, 1, 7

_NOT_OFFERED = (
    "BadServiceUnsupported",
    "BadNotSupported",
    "BadNotImplemented",
    "BadTooManySubscriptions",
    "BadTooManyMonitoredItems",
)
_LOST = (
    "BadSubscriptionIdInvalid",
    "BadNoSubscription",
    "BadSessionIdInvalid",
    "BadSessionClosed",
    "BadSessionNotActivated",
    "BadSecureChannelIdInvalid",
    "BadSecureChannelClosed",
)
_NOTHING_YET = ("BadTimeout", "BadRequestTimeout")


@dataclass(frozen=True, kw_only=True)
class Told:
    """
    What one message told; nothing is a sign of life. `at`: when it was published, by the server's clock.

    :param values: each as the handle of its item, and the DataValue as it was written
    :param events: each as it was written: `{"EventFields": […]}`
    """

    values: list[tuple[int, Any]] = field(default_factory=list)
    events: list[Any] = field(default_factory=list)
    at: datetime | None = None


class Subscription:
    """Made by `subscribed`. Handles of items are their places among those that were asked for, from 1."""

    def __init__(self, api: WebApi, *, number: int, keep_alive_ms: float, doing: str) -> None:
        self._api, self._number, self._doing = api, number, doing
        self._keep_alive_ms = keep_alive_ms
        self._heard: list[int] = []

    def monitor_values(self, nodes: Sequence[str], *, batch: int) -> list[StatusCode]:
        """Be told each change of these values, and what they are now (OPC 10000-4 §5.13.2); a status for each."""
        items = [
            _item(node, VALUE_ATTRIBUTE, handle, {"SamplingInterval": _PUBLISHING_MS, "QueueSize": _VALUES_QUEUED})
            for handle, node in enumerate(nodes, start=1)
        ]
        return [status for _, statuses, _ in in_batches(items, batch, self._monitor) for status in statuses]

    def monitor_events(self, notifier: str, clauses: Sequence[SelectClause]) -> StatusCode:
        """Be told each event of a notifier, in the fields that are selected."""
        chosen = {"UaTypeId": node_ids.EVENT_FILTER, "SelectClauses": [clause.write() for clause in clauses]}
        parameters = {"SamplingInterval": 0, "QueueSize": _EVENTS_QUEUED, "Filter": chosen}
        [status] = self._monitor([_item(notifier, EVENT_NOTIFIER_ATTRIBUTE, 1, parameters)])
        return status

    def refresh_conditions(self) -> StatusCode:
        """Be told of every condition that is retained, as events (OPC 10000-9 §5.5.7). Not every server can."""
        argument = {"UaType": _UINT32, "Value": self._number}
        return self._api.call(node_ids.CONDITION_TYPE, node_ids.CONDITION_REFRESH, [argument], doing=self._doing)

    def told(self) -> Iterator[Told | None]:
        """
        Everything, in its order and without a gap; each is acknowledged once the next one is asked for. `None`:
        the server has answered that it has nothing to say yet, which it does every few seconds.

        :raises Interrupted: if the server has forgotten the subscription, or a message is lost
        """
        expected, silent_ms = 1, 0.0
        while True:
            reply = self._publish()
            if reply.result.means(*_NOTHING_YET):
                silent_ms += _LONG_POLL_MS
                if silent_ms > max(_SILENT_KEEP_ALIVES * self._keep_alive_ms, _LONG_POLL_MS):
                    raise Interrupted("The OPC UA server no longer says that the subscription is alive.")
                yield None
                continue
            silent_ms = 0.0
            message = record_of(reply.body.get("NotificationMessage"), self._doing)
            number = _sequence_number(message)
            data = message.get("NotificationData") or []
            # A sign of life carries the number of the message that comes next, and some servers none.
            for missed in _between(expected, number or expected):
                yield self._read(self._published_before(missed))
                self._heard.append(missed)
            yield self._read(message, answered_at=reply.at)
            expected = number or expected
            if data:
                self._heard.append(number)
                expected = _following(number)

    def _monitor(self, items: Sequence[dict[str, Any]]) -> list[StatusCode]:
        request = {
            "SubscriptionId": self._number,
            "TimestampsToReturn": _BOTH_TIMESTAMPS,
            "ItemsToCreate": list(items),
        }
        reply = _granted(self._api.ask("createmonitoreditems", request, doing=self._doing), doing=self._doing)
        results = results_of(reply, expected=len(items), doing=self._doing)
        return [status_of(record_of(result, self._doing), self._doing) for result in results]

    def _publish(self) -> Reply:
        acknowledged = [{"SubscriptionId": self._number, "SequenceNumber": number} for number in self._heard]
        request = {"SubscriptionAcknowledgements": acknowledged}
        reply = self._api.ask("publish", request, doing=self._doing, timeout_ms=_LONG_POLL_MS)
        if reply.result.means(*_NOTHING_YET):
            return reply
        self._heard.clear()
        return _still_there(reply, doing=self._doing)

    def _published_before(self, number: int) -> dict[str, Any]:
        request = {"SubscriptionId": self._number, "RetransmitSequenceNumber": number}
        reply = self._api.ask("republish", request, doing=self._doing)
        if reply.result.means("BadMessageNotAvailable"):
            raise Interrupted(f"The OPC UA server no longer has message {number}, which did not reach us.")
        return record_of(_still_there(reply, doing=self._doing).body.get("NotificationMessage"), self._doing)

    def _read(self, message: dict[str, Any], *, answered_at: datetime | None = None) -> Told:
        """A message. Some servers (node-opcua) leave its `PublishTime` null: then it was when they answered."""
        try:
            told = Told(at=read_moment(message.get("PublishTime")) or answered_at)
            for raw in message.get("NotificationData") or []:
                self._take(raw, told)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ContractBroken(
                f"The server sent a message that cannot be read while {self._doing}: {error}"
            ) from error
        return told

    def _take(self, raw: Any, told: Told) -> None:
        notification = read_extension_object(raw)
        if notification is None:
            return
        kind, body = notification
        if kind in node_ids.STATUS_CHANGE or "Status" in body:
            said = read_status(body.get("Status")).symbol
            raise Interrupted(f"The OPC UA server says that the subscription has ended: {said}.")
        told.values.extend((one["ClientHandle"], one.get("Value")) for one in body.get("MonitoredItems") or [])
        told.events.extend(body.get("Events") or [])


@contextmanager
def subscribed(api: WebApi, *, doing: str) -> Generator[Subscription]:
    """
    A subscription in a session of its own. At the end the session is closed and its subscription with it, so that the
    server need not wait until they have outlived themselves.

    :raises CannotListen: if the server grants none
    """
    inside = _in_session(api, doing=doing)
    is_there = True
    try:
        # No identity: the server knows us by the HTTP request (OPC 10000-4 §5.7.3 takes a null token as anonymous).
        require_good(inside.ask("activatesession", {}, doing=doing).result, doing=doing)
        yield _subscribe(inside, doing=doing)
    except Unreachable as error:
        is_there = isinstance(error, Interrupted)
        raise
    finally:
        if is_there:
            with suppress(SourceError):
                inside.ask("closesession", {"DeleteSubscriptions": True}, doing=doing)


def _in_session(api: WebApi, *, doing: str) -> WebApi:
    asked = {
        "ClientDescription": {
            "ApplicationUri": "urn:utility-enterprise-connectors",
            "ApplicationName": {"Text": "Utility Enterprise Connectors"},
            "ApplicationType": _CLIENT,
        },
        "EndpointUrl": api.base_url,
        "SessionName": "Utility Enterprise Connectors",
        "RequestedSessionTimeout": _SESSION_MS,
    }
    try:
        reply = _granted(api.ask("createsession", asked, doing=doing), doing=doing)
    except BadConfig as error:
        # Where reads are answered, an unknown service is the sign of a gateway without sessions.
        raise CannotListen("The OPC UA gateway offers no sessions, and so no subscriptions.") from error
    token = reply.body.get("AuthenticationToken")
    if not token:
        raise ContractBroken(f"The server sent no authentication token for its session while {doing}.")
    return api.in_session(token)


def _subscribe(api: WebApi, *, doing: str) -> Subscription:
    wanted = {
        "RequestedPublishingInterval": _PUBLISHING_MS,
        "RequestedLifetimeCount": _LIFETIME_COUNT,
        "RequestedMaxKeepAliveCount": _KEEP_ALIVE_COUNT,
        "MaxNotificationsPerPublish": _MOST_AT_ONCE,
        "PublishingEnabled": True,
    }
    body = _granted(api.ask("createsubscription", wanted, doing=doing), doing=doing).body
    try:
        number = int(body["SubscriptionId"])
        keep_alive_ms = float(body.get("RevisedPublishingInterval") or _PUBLISHING_MS) * int(
            body.get("RevisedMaxKeepAliveCount") or _KEEP_ALIVE_COUNT
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ContractBroken(f"The server sent a subscription that cannot be read while {doing}: {error}.") from error
    return Subscription(api, number=number, keep_alive_ms=keep_alive_ms, doing=doing)


def _item(node: str, attribute: int, handle: int, parameters: dict[str, Any]) -> dict[str, Any]:
    return {
        "ItemToMonitor": {"NodeId": node, "AttributeId": attribute},
        "MonitoringMode": _REPORTING,
        "RequestedParameters": {"ClientHandle": handle, "DiscardOldest": True, **parameters},
    }


def _granted(reply: Reply, *, doing: str) -> Reply:
    if reply.result.means(*_NOT_OFFERED):
        raise CannotListen(
            f"The OPC UA server answered {reply.result.symbol} while {doing}: it does not tell by itself."
        )
    return _still_there(reply, doing=doing)


def _still_there(reply: Reply, *, doing: str) -> Reply:
    if reply.result.means(*_LOST):
        raise Interrupted(f"The OPC UA server answered {reply.result.symbol} while {doing}: it has forgotten us.")
    if reply.result.is_bad:
        raise error_for(reply.result, doing=doing)
    return reply


def _sequence_number(message: dict[str, Any]) -> int:
    number = message.get("SequenceNumber", 0)
    if isinstance(number, int) and 0 <= number <= _LARGEST_NUMBER:
        return number
    raise ContractBroken(f"The server sent {number!r} for the number of a message.")


def _following(number: int) -> int:
    return 1 if number >= _LARGEST_NUMBER else number + 1


def _between(expected: int, number: int) -> Iterator[int]:
    """
    The numbers of the messages that did not reach us.

    :raises Interrupted: if there are too many to ask for, as after the server began to count anew
    """
    missed = (number - expected) % _LARGEST_NUMBER
    if missed > _MOST_MISSED:
        raise Interrupted("The OPC UA server numbers its messages anew.")
    for _ in range(missed):
        yield expected
        expected = _following(expected)
