"""Alarms as they stand, of a server that keeps no history of events: by ConditionRefresh (OPC 10000-9 §5.5.7)."""

from typing import Any

from connectors.adapters.opcua_rest.alarms import CLAUSES, event_type
from connectors.protocols.errors import BadConfig, CannotListen, Unreachable
from connectors.protocols.opcua import node_ids
from connectors.protocols.opcua.status import require_good
from connectors.protocols.opcua.subscriptions import subscribed
from connectors.protocols.opcua.web_api import WebApi

DOING = "reading the alarms that stand"
PATIENCE = 6
"""So many times the server may have nothing to say, or only that it is there, before it has told of all."""


def retained_events(api: WebApi, *, notifier: str) -> list[Any]:
    """
    Every condition and branch that is retained, an event each: all that is told between the two events that say so.

    :raises BadConfig: if the server tells of none by itself
    :raises Unreachable: if it does not come to an end
    """
    try:
        return _refreshed(api, notifier)
    except CannotListen as error:
        raise BadConfig(f"The OPC UA server keeps no history of events. {error}", field="notifier_node") from error


def _refreshed(api: WebApi, notifier: str) -> list[Any]:
    with subscribed(api, doing=DOING) as subscription:
        require_good(subscription.monitor_events(notifier, CLAUSES), doing=DOING, field="notifier_node")
        require_good(subscription.refresh_conditions(), doing=DOING)
        events: list[Any] = []
        patience = PATIENCE
        for told in subscription.told():
            for event in told.events if told else ():
                kind = event_type(event)
                if kind == node_ids.REFRESH_END_EVENT_TYPE:
                    return events
                if kind != node_ids.REFRESH_START_EVENT_TYPE:
                    events.append(event)
            patience -= not (told and told.events)
            if not patience:
                break
    raise Unreachable("The OPC UA server did not come to an end of the alarms that stand. It is asked again later.")
