"""What an OPC UA server tells by itself, as pages of raw records: alarms as events, readings as changes of values."""

from collections.abc import Generator, Mapping
from datetime import timedelta
from typing import Any

from connectors.adapters.opcua_rest.alarms import CLAUSES, event_type
from connectors.adapters.opcua_rest.variables import is_in_force, list_in_force, nodes_of
from connectors.protocols.adapter import Cursor, Page
from connectors.protocols.errors import CannotListen, Interrupted
from connectors.protocols.opcua import node_ids
from connectors.protocols.opcua.server import clock_of
from connectors.protocols.opcua.subscriptions import subscribed
from connectors.protocols.opcua.values import write_date_time
from connectors.protocols.opcua.web_api import WebApi

PROMISED: tuple[Any, ...] = ()

NOTED_EVERY = timedelta(seconds=10)
"""So often it is written down until when values were told: the list of variables is written with it."""


def alarms_told(api: WebApi, *, notifier: str) -> Generator[Page | None]:
    """
    Events of a notifier, and after each promise every condition that is retained. All that has reached the server when
    it publishes is told by then, so that its clock is where a read for changes goes on after a break.
    """
    with subscribed(api, doing="listening to the alarms") as subscription:
        status = subscription.monitor_events(notifier, CLAUSES)
        if status.is_bad:
            raise CannotListen(
                f"The OPC UA server answered {status.symbol} when asked to tell of the alarms of {notifier}."
            )
        yield Page(records=PROMISED)
        subscription.refresh_conditions()  # a server that cannot has told of them all by its history
        for told in subscription.told():
            if told is None:
                yield None
                continue
            kinds = {event_type(event) for event in told.events}
            if node_ids.EVENT_QUEUE_OVERFLOW_EVENT_TYPE in kinds:
                raise Interrupted("The OPC UA server had more alarms than it could keep for us.")
            since = None if told.at is None else {"since": write_date_time(told.at), "seen": False}
            yield Page(records=told.events, cursor=since)
            if node_ids.REFRESH_REQUIRED_EVENT_TYPE in kinds:
                subscription.refresh_conditions()


def readings_told(api: WebApi, config: Mapping[str, Any], *, cursor: Cursor | None) -> Generator[Page | None]:
    """
    Changes of variables, each first with the value that it has, until the list of variables is to be made anew.

    What was missed before is to be read by history, and every few seconds of what is told, so that of a longer break
    too nothing is missed, the cursor says from when.
    """
    now = clock_of(api)
    listed = list_in_force(api, config, cursor, now=now)
    since = (cursor or {}).get("since") or write_date_time(now)
    names = nodes_of(listed)
    with subscribed(api, doing="listening to the values") as subscription:
        statuses = subscription.monitor_values(names, batch=listed["batch"])
        refused = next((one for one in statuses if one.means("BadTooManyMonitoredItems")), None)
        if refused is None and all(one.is_bad for one in statuses):
            refused = next(iter(statuses), None)
        if refused is not None:
            raise CannotListen(
                f"The OPC UA server answered {refused.symbol} when asked to tell of {len(names)} values."
            )
        yield Page(records=PROMISED, cursor={**listed, "since": since, "goes_on": True})
        noted = now
        for told in subscription.told():
            if told is None:
                yield None
                continue
            at = None if told.at is None else write_date_time(told.at)
            is_due = told.at is not None and told.at - noted >= NOTED_EVERY
            noted = told.at if is_due and told.at is not None else noted
            yield Page(
                records=[
                    {"NodeId": names[handle - 1], "DataValue": value, "At": at}
                    for handle, value in told.values
                    if 0 < handle <= len(names)
                ],
                cursor={**listed, "since": at} if is_due else None,
            )
            if told.at is not None and not is_in_force(listed, told.at, config):
                return
