"""
A historian, by asyncua: a feeder's power as it was recorded, and the trips of a breaker in the history of events.

`python historian.py PORT SINCE` serves at opc.tcp://127.0.0.1:PORT/historian, with an entry a minute from the moment
SINCE on, and sends at most ten entries of a history at once.
"""

import asyncio
import sys
from datetime import timedelta

from asyncua import ua
from asyncua.common.events import get_event_obj_from_type_node
from asyncua.server.history import HistoryDict
from asyncua.server.server import Server

NAMESPACE = "urn:peer:historian"
MOST_AT_ONCE = 10
ENTRIES = 25


async def main(port: int, since: ua.DateTime) -> None:
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}/historian")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    index = await server.register_namespace(NAMESPACE)
    history = HistoryDict(MOST_AT_ONCE)
    server.iserver.history_manager.set_storage(history)
    await add_power(server, history, index, since)
    await add_trips(server, history, index, since)
    async with server:
        await asyncio.Event().wait()


def node_id(index: int, name: str) -> ua.NodeId:
    return ua.NodeId.from_string(f"ns={index};s={name}")


async def add_power(server: Server, history: HistoryDict, index: int, since: ua.DateTime) -> None:
    """A value a minute, each as many kW as there were minutes."""
    feeder = await server.nodes.objects.add_object(node_id(index, "FDR07"), "FDR07")
    power = await feeder.add_variable(node_id(index, "FDR07.P"), "P", 24.0)
    await history.new_historized_node(power.nodeid, None)
    for minute in range(ENTRIES):
        at = since + timedelta(minutes=minute)
        value = ua.DataValue(ua.Variant(float(minute)), SourceTimestamp=at, ServerTimestamp=at)
        await history.save_node_value(power.nodeid, value)


async def add_trips(server: Server, history: HistoryDict, index: int, since: ua.DateTime) -> None:
    """A notification a minute, of one condition: odd minutes say that it is over."""
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
            "Time": since + timedelta(minutes=minute),
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
    asyncio.run(main(int(sys.argv[1]), ua.DateTime.fromisoformat(sys.argv[2])))
