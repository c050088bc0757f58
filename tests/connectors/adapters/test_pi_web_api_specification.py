"""The PI Web API adapter against its makers' own specification: what it asks, and what it makes of their examples."""

import json
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from connectors.adapters.pi_web_api.adapter import PiWebApiAdapter
from connectors.contracts.alarm import Alarm
from connectors.contracts.reading import Reading
from connectors.contracts.signal import Signal
from connectors.protocols.adapter import Mode, SourceStream
from tests.connectors.adapters.wire import BASE, build, pretend_utility

SPECIFICATION = json.loads((Path(__file__).parent.parent / "payloads" / "pi" / "specification.json").read_text())
DATABASE, DATA_SERVER = "\\\\RURAL-AF\\Grid", "\\\\PIServers[RURAL-DA]"


def historian(**changes: Any) -> PiWebApiAdapter:
    settings = {"base_url": f"{BASE}/piwebapi", "sign_in": "BEARER", "token": "pi-demo-token", **changes}
    adapter: PiWebApiAdapter = build(PiWebApiAdapter, **settings)
    return adapter


def example(name: str) -> dict[str, Any]:
    """A definition's own example of each of its members."""
    members = SPECIFICATION["definitions"][name]["properties"].items()
    return {member: described["example"] for member, described in members if "example" in described}


@cache
def operations() -> tuple[tuple[re.Pattern[str], frozenset[str]], ...]:
    """The paths that may be asked for, each with the parameters that it knows."""
    found = []
    for path, methods in SPECIFICATION["paths"].items():
        pattern = re.sub(r"\{[^}]+\}", "[^/]+", path.partition("#")[0])
        parameters = [frozenset(one["name"] for one in method["parameters"]) for method in methods.values()]
        found += [(re.compile(pattern), names) for names in parameters]
    return tuple(found)


def is_specified(resource: str) -> bool:
    parts = urlsplit(resource)
    path = parts.path.removeprefix("/piwebapi") or "/"
    asked = {name for name, _ in parse_qsl(parts.query)}
    return any(pattern.fullmatch(path) and asked <= known for pattern, known in operations())


def test_every_request_is_one_that_the_specification_knows() -> None:
    with pretend_utility() as pi:
        adapter = historian(values_per_signal="2", history_hours="1")
        adapter.probe()
        filters = {"name_filter": "SW-1077*", "template": "Switch", "category": "", "attribute_filter": "P*"}
        for stream in adapter.discover():
            filtered = SourceStream(name=stream.name, contract=stream.contract, options=filters)
            cursor = list(adapter.fetch(filtered, cursor=None, mode=Mode.FULL))[-1].cursor
            list(adapter.fetch(filtered, cursor=cursor, mode=stream.modes[-1]))
            at_intervals = replace(filtered, options={**filters, "interval_seconds": 60})
            list(adapter.fetch(at_intervals, cursor=None, mode=Mode.FULL))

    batches = [json.loads(body) for body in pi.bodies if body]
    parts = [part for batch in batches for part in batch.values()]
    resources = pi.asked + [part.get("Resource") or part["RequestTemplate"]["Resource"] for part in parts]
    assert [one for one in resources if not is_specified(one)] == []
    assert {part["Method"] for part in parts} == {"GET"}
    members = SPECIFICATION["definitions"]["Request"]["properties"].keys()
    assert {name for part in parts for name in part} <= members


def test_the_fields_that_are_asked_for_are_those_that_things_have() -> None:
    with pretend_utility() as pi:
        adapter = historian()
        for stream in adapter.discover():
            list(adapter.fetch(stream, cursor=None, mode=Mode.FULL))

    wanted: dict[str, set[str]] = {}
    for body in filter(None, pi.bodies):
        for part in json.loads(body).values():
            resource = urlsplit(part.get("Resource") or part["RequestTemplate"]["Resource"])
            fields = dict(parse_qsl(resource.query)).get("selectedFields", "")
            names = {field.removeprefix("Items.") for field in fields.split(";") if field.startswith("Items.")}
            wanted.setdefault(resource.path.rpartition("/")[2], set()).update(names)
    definitions = SPECIFICATION["definitions"]
    for asked, definition in (("elements", "Element"), ("attributes", "Attribute"), ("eventframes", "EventFrame")):
        assert wanted[asked] <= definitions[definition]["properties"].keys()
        assert wanted[asked]


def test_the_examples_of_the_specification_read_as_what_they_are() -> None:
    adapter = historian()

    attribute = adapter.parse(example("Attribute"), SourceStream(name=DATABASE, contract="signal/1"))
    point = adapter.parse(example("Point"), SourceStream(name=DATA_SERVER, contract="signal/1"))
    raw = {"Path": example("Attribute")["Path"], "Value": example("TimedValue")}
    reading = adapter.parse(raw, SourceStream(name=DATABASE, contract="reading/1"))
    elements = {"Elements": [example("Element")["Path"]]}
    frame = adapter.parse(example("EventFrame") | elements, SourceStream(name=DATABASE, contract="alarm/1"))

    path = "\\\\MyAssetServer\\MyDatabase\\CityName\\EngineeringProcess\\Equipment\\MachineName|Water(2008)"
    assert attribute == Signal(external_id=path, name="MachineName Water(2008)", unit="L", element="MachineName")
    assert point == Signal(
        external_id="\\\\MyPIServer\\PointName", name="PointName 12 Hour Sine Wave", element="PointName"
    )
    assert isinstance(reading, Reading)
    assert (reading.value, reading.source_time.isoformat()) == (12.3, "2014-07-22T14:00:00+00:00")
    assert isinstance(frame, Alarm)
    assert (frame.name, frame.active, frame.acknowledged, frame.element) == (
        "EF20140725-001",
        False,
        True,
        "MachineName",
    )
    assert frame.source_time.isoformat() == "2014-07-30T11:04:23+00:00"
