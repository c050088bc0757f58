"""An OPC UA Web API: the present values of many variables, in Compact JSON."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from connectors.adapters.opcua_rest.adapter import OpcUaRestAdapter
from connectors.protocols.adapter import Cursor, Mode, SourceStream
from connectors.protocols.opcua.values import write_date_time
from tests.benchmarks.adapters.source import Answer, Question, Source

PREFIX = "nsu=urn:bench:scada;s="
NOW = datetime(2026, 11, 24, 2, 15, tzinfo=UTC)
DOUBLE = 11
VARIABLES = 100_000


class Gateway:
    def __init__(self, variables: int) -> None:
        chance = random.Random(1)
        self.values = {PREFIX + name: orjson.dumps(_value(chance)) for name in _names(variables)}

    def __call__(self, question: Question) -> Answer:
        asked = orjson.loads(question.body)
        results = b",".join(self.values[one["NodeId"]] for one in asked["NodesToRead"])
        header = orjson.dumps({"Timestamp": write_date_time(NOW)})
        return Answer(b'{"ResponseHeader":%s,"Results":[%s]}' % (header, results))


def _names(variables: int) -> list[str]:
    return [f"BAY-{number:06d}.MW" for number in range(variables)]


def _value(chance: random.Random) -> dict[str, Any]:
    at = NOW - timedelta(seconds=10 * chance.random())
    return {
        "UaType": DOUBLE,
        "Value": chance.gauss(7.25, 0.5),
        "SourceTimestamp": write_date_time(at),
        "ServerTimestamp": write_date_time(at + timedelta(milliseconds=chance.randrange(200))),
    }


def _plan(variables: int) -> Cursor:
    """As after a read, so that the variables need not be browsed for."""
    return {
        "prefix": PREFIX,
        "names": _names(variables),
        "incomplete": "",
        "batch": 1_000,
        "browsed_at": write_date_time(NOW),
    }


PRESENT = Source(
    name="adapter-opcua-rest",
    what="readings",
    adapter=OpcUaRestAdapter,
    path="/opcua",
    settings={"sign_in": "NONE"},
    stream=SourceStream(name="readings", contract="reading/1"),
    records=VARIABLES,
    make=Gateway,
    cursor=_plan(VARIABLES),
    mode=Mode.INCREMENTAL,
)
