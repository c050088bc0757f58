"""
A historian, by asyncua: a feeder's power as it was recorded, and the trips of a breaker in the history of events.

`python historian.py PORT` serves at opc.tcp://127.0.0.1:PORT/historian, and sends at most ten entries of a history at
once.
"""

import asyncio
import sys
from datetime import UTC, timedelta

from asyncua import ua
from asyncua.common.events import get_event_obj_from_type_node
from asyncua.server.history import HistoryDict
from asyncua.server.server import Server

NAMESPACE = "urn:peer:historian"
MIDNIGHT = ua.DateTime(2026, 11, 24, tzinfo=UTC)
MOST_AT_ONCE = 10
ENTRIES = 25


async def main(port: int) -> None:
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}/historian")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    index = await server.register_namespace(NAMESPACE)
    history = HistoryDict(MOST_AT_ONCE)
    server.iserver.history_manager.set_storage(history)
    await add_power(server, history, index)
    await add_trips(server, history, index)
    async with server:
        await asyncio.Event().wait()


def node_id(index: int, name: str) -> ua.NodeId:
    return ua.NodeId.from_string(f"ns={index};s={name}")


async def add_power(server: Server, history: HistoryDict, index: int) -> None:
    """A value a minute from midnight on, each as many kW as there were minutes."""
    feeder = await server.nodes.objects.add_object(node_id(index, "FDR07"), "FDR07")
    power = await feeder.add_variable(node_id(index, "FDR07.P"), "P", 24.0)
    await history.new_historized_node(power.nodeid, None)
    for minute in range(ENTRIES):
        at = MIDNIGHT + timedelta(minutes=minute)
        value = ua.DataValue(ua.Variant(float(minute)), SourceTimestamp=at, ServerTimestamp=at)
        await history.save_node_value(power.nodeid, value)


async def add_trips(server: Server, history: HistoryDict, index: int) -> None:
    """A notification a minute from midnight on, of one condition: odd minutes say that it is over."""
    source = ua.NodeId.from_string("i=2253")
    trip_type = server.get_node(ua.NodeId.from_string("i=10751"))
    await history.new_historized_event(source, [], None)
    for minute in range(ENTRIES):
        trip = await get_event_obj_from_type_node(trip_type)
        trip.emitting_node = source
        trip.add_property("NodeId", node_id(index, "CB-0701.Trip"), ua.VariantType.NodeId)
        fields = {
            "EventId": minute.to_bytes(4, "big"),
            "SourceNode": node_id(index, "CB-0701"),
            "SourceName": "CB",
            "Time": MIDNIGHT + timedelta(minutes=minute),
            "Message": ua.LocalizedText(f"Trip {minute}"),
            "Severity": 700,
            "ConditionName": "Trip",
            "Retain": True,
            "AckedState/Id": False,
            "ActiveState/Id": minute % 2 == 0,
        }
        for name, value in fields.items():
            setattr(trip, name, value)
        await history.save_event(trip)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
