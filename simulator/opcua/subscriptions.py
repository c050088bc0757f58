"""Sessions, subscriptions and their long poll (OPC 10000-4 §5.7, §5.13, §5.14)."""

import base64
from collections.abc import Mapping
from secrets import token_bytes
from typing import Any

from simulator.opcua import codes
from simulator.opcua.encoding import (
    DataValue,
    Json,
    Undecodable,
    Variant,
    canonical_node_id,
    date_time,
    enumeration,
    objects,
    whole_number,
)
from simulator.opcua.history import event_field, has_events
from simulator.opcua.services import Call, ServiceFault
from simulator.opcua.sessions import Item, Message, Subscription

MAX_ITEMS_PER_CALL = 1_000
VALUE, EVENT_NOTIFIER = 13, 12
EVENT_FILTERS = frozenset({"i=725", "i=15312"})
REFRESH_START, REFRESH_END = "i=2787", "i=2788"


class NothingToSay(Exception):
    """The long poll goes on."""


def create_session(call: Call, body: Mapping[str, Any]) -> Json:
    token = call.sessions.open()
    return {
        "SessionId": f"i={abs(hash(token)) % 1_000_000 + 1}",
        "AuthenticationToken": token,
        "RevisedSessionTimeout": body.get("RequestedSessionTimeout") or 60_000,
    }


def activate_session(call: Call, body: Mapping[str, Any]) -> Json:
    _subscriptions(call)
    return {}


def close_session(call: Call, body: Mapping[str, Any]) -> Json:
    _subscriptions(call)
    call.sessions.close(call.token)
    return {}


def create_subscription(call: Call, body: Mapping[str, Any]) -> Json:
    _subscriptions(call)
    longest_ms = call.utility.settings.keep_alive_seconds * 1_000
    interval = min(max(float(body.get("RequestedPublishingInterval") or 0), 50.0), longest_ms)
    times = max(1, min(whole_number(body, "RequestedMaxKeepAliveCount") or 10, int(longest_ms // interval)))
    subscription = call.sessions.subscribe(
        call.token,
        keep_alive_s=interval * times / 1_000,
        most=whole_number(body, "MaxNotificationsPerPublish") or 1_000,
    )
    return {
        "SubscriptionId": subscription.number,
        "RevisedPublishingInterval": interval,
        "RevisedLifetimeCount": whole_number(body, "RequestedLifetimeCount"),
        "RevisedMaxKeepAliveCount": times,
    }


def delete_subscriptions(call: Call, body: Mapping[str, Any]) -> Json:
    known = _subscriptions(call)
    results = []
    for number in body.get("SubscriptionIds") or []:
        gone = known.pop(number, None)
        results.append(call.encoder.status(codes.GOOD if gone else codes.BAD_SUBSCRIPTION_ID_INVALID) or {})
    return {"Results": results}


def create_monitored_items(call: Call, body: Mapping[str, Any]) -> Json:
    subscription = _subscription(call, body)
    wanted = objects(body, "ItemsToCreate")
    if not wanted:
        raise ServiceFault(codes.BAD_NOTHING_TO_DO)
    if len(wanted) > MAX_ITEMS_PER_CALL:
        raise ServiceFault(codes.BAD_TOO_MANY_OPERATIONS)
    return {"Results": [_create_item(call, subscription, one) for one in wanted]}


def publish(call: Call, body: Mapping[str, Any]) -> Json:
    """
    The next thing to tell of any subscription of the session.

    :raises NothingToSay: if there is none, and no sign of life is due
    """
    known = _subscriptions(call)
    if not known:
        raise ServiceFault(codes.BAD_NO_SUBSCRIPTION)
    results = []
    for one in objects(body, "SubscriptionAcknowledgements"):
        of = known.get(one.get("SubscriptionId", 0))
        is_known = of is not None and of.kept.pop(one.get("SequenceNumber", 0), None) is not None
        results.append(call.encoder.status(codes.GOOD if is_known else codes.BAD_SEQUENCE_NUMBER_UNKNOWN) or {})
    for subscription in known.values():
        _sample(call, subscription)
    talkative = [one for one in known.values() if one.has_more or one.is_silent()]
    if not talkative:
        raise NothingToSay
    [subscription, *_] = talkative
    message = subscription.next_message(call.now)
    fields = {
        "SubscriptionId": subscription.number,
        "AvailableSequenceNumbers": list(subscription.kept),
        "MoreNotifications": subscription.has_more,
        "Results": results,
    }
    return call.encoder.structure(fields) | {"NotificationMessage": _encoded(call, message)}


def republish(call: Call, body: Mapping[str, Any]) -> Json:
    message = _subscription(call, body).kept.get(whole_number(body, "RetransmitSequenceNumber"))
    if message is None:
        raise ServiceFault(codes.BAD_MESSAGE_NOT_AVAILABLE)
    return {"NotificationMessage": _encoded(call, message)}


def _subscriptions(call: Call) -> dict[int, Subscription]:
    found = call.sessions.of(call.token)
    if found is None:
        raise ServiceFault(codes.BAD_SESSION_ID_INVALID)
    return found


def _subscription(call: Call, body: Mapping[str, Any]) -> Subscription:
    found = _subscriptions(call).get(whole_number(body, "SubscriptionId"))
    if found is None:
        raise ServiceFault(codes.BAD_SUBSCRIPTION_ID_INVALID)
    return found


def _create_item(call: Call, subscription: Subscription, wanted: Mapping[str, Any]) -> Json:
    target, parameters = wanted.get("ItemToMonitor") or {}, wanted.get("RequestedParameters") or {}
    if not isinstance(target, dict) or not isinstance(parameters, dict):
        raise Undecodable
    enumeration(wanted.get("MonitoringMode", 0))
    node, code = call.node(target.get("NodeId"))
    if node is None:
        return _failed(call, code)
    item = Item(whole_number(parameters, "ClientHandle"), node)
    attribute = whole_number(target, "AttributeId")
    if attribute == EVENT_NOTIFIER and has_events(node):
        chosen = parameters.get("Filter")
        clauses = objects(chosen, "SelectClauses") if isinstance(chosen, dict) else []
        if not clauses or canonical_node_id((chosen or {}).get("UaTypeId", "")) not in EVENT_FILTERS:
            return _failed(call, codes.BAD_MONITORED_ITEM_FILTER_INVALID)
        item.fields = [event_field(clause) for clause in clauses]
        item.markers = ["/".join(clause.get("BrowsePath") or []) for clause in clauses]
        item.seen = len(call.utility.scada.events)
    elif attribute != VALUE or node.read is None:
        return _failed(call, codes.BAD_ATTRIBUTE_ID_INVALID)
    subscription.items.append(item)
    return call.encoder.structure(
        {
            "StatusCode": call.encoder.status(codes.GOOD),
            "MonitoredItemId": len(subscription.items),
            "RevisedSamplingInterval": parameters.get("SamplingInterval") or 0,
            "RevisedQueueSize": whole_number(parameters, "QueueSize"),
        }
    )


def _sample(call: Call, subscription: Subscription) -> None:
    """Queue what has changed since the last look."""
    for item in subscription.items:
        if item.fields is None:
            value = item.node.read(call.utility, call.now) if item.node.read else DataValue(None)
            if value != item.last:
                item.last = value
                subscription.values.append((item.handle, value))
            continue
        if subscription.wants_refresh:
            _refresh(call, subscription, item)
        events = call.utility.scada.events
        for event in events[item.seen :]:
            if item.node.switch is None or event.switch.id == item.node.switch.id:
                subscription.events.append((item.handle, [read(event) for read in item.fields]))
        item.seen = len(events)
    subscription.wants_refresh = False


def _refresh(call: Call, subscription: Subscription, item: Item) -> None:
    """Every condition and branch that is retained, between two events that say so (OPC 10000-9 §5.5.7)."""
    retained = [event for one in call.utility.scada.conditions.values() for event in one.retained]
    for kind in (REFRESH_START, REFRESH_END):
        if kind == REFRESH_END:
            subscription.events += [(item.handle, [read(event) for read in item.fields or []]) for event in retained]
        marker = {
            "EventId": Variant(codes.BYTE_STRING, base64.b64encode(token_bytes(16)).decode()),
            "EventType": Variant(codes.NODE_ID, kind),
            "SourceNode": Variant(codes.NODE_ID, "i=2253"),
            "SourceName": Variant(codes.STRING, "Server"),
            "Time": Variant(codes.DATE_TIME, date_time(call.now)),
            "Severity": Variant(codes.UINT16, 1),
        }
        subscription.events.append((item.handle, [marker.get(name) for name in item.markers]))


def _encoded(call: Call, message: Message) -> Json:
    encoder = call.encoder
    data: list[Json] = []
    if message.values:
        values = [
            {"ClientHandle": handle, "Value": encoder.data_value(value, now=message.at, timestamps=2)}
            for handle, value in message.values
        ]
        data.append({"UaTypeId": "i=809", "MonitoredItems": values})
    if message.events:
        events = [
            {"ClientHandle": handle, "EventFields": [encoder.variant(one) for one in fields]}
            for handle, fields in message.events
        ]
        data.append({"UaTypeId": "i=914", "Events": events})
    head = {"SequenceNumber": message.number, "PublishTime": date_time(message.at)}
    return head | encoder.structure({"NotificationData": data})


def _failed(call: Call, code: int) -> Json:
    return {"StatusCode": call.encoder.status(code)}
