"""The PI Web API adapter against its makers' own specification: what it asks, and what it makes of their examples."""

import json
import re
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import responses
from requests import PreparedRequest

from connectors.adapters.pi_web_api.adapter import PiWebApiAdapter
from connectors.contracts.alarm import Alarm
from connectors.contracts.alarm_acknowledgement import AlarmAcknowledgement
from connectors.contracts.reading import Reading
from connectors.contracts.signal import Signal
from connectors.protocols.adapter import Mode, Page, SourceStream
from connectors.protocols.pi.streams import Stream
from connectors.protocols.pi.updates import Kept, StreamUpdates
from connectors.protocols.pi.web_api import PiWebApi
from tests.connectors.adapters.wire import BASE, build, pretend_utility, session

SPECIFICATION = json.loads((Path(__file__).parent.parent / "payloads" / "pi" / "specification.json").read_text())
SWITCH, DATABASE, DATA_SERVER = "SW-10770", "\\\\RURAL-AF\\Grid", "\\\\PIServers[RURAL-DA]"


def historian(**changes: Any) -> PiWebApiAdapter:
    settings = {"base_url": f"{BASE}/piwebapi", "sign_in": "BEARER", "token": "pi-demo-token", **changes}
    adapter: PiWebApiAdapter = build(PiWebApiAdapter, **settings)
    return adapter


def example(name: str) -> dict[str, Any]:
    """A definition's own example of each of its members."""
    members = SPECIFICATION["definitions"][name]["properties"].items()
    return {member: described["example"] for member, described in members if "example" in described}


@cache
def operations() -> tuple[tuple[str, re.Pattern[str], frozenset[str]], ...]:
    """The methods and paths that may be asked for, each with the parameters that it knows."""
    found = []
    for path, methods in SPECIFICATION["paths"].items():
        pattern = re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path.partition("#")[0]))
        for method, operation in methods.items():
            found.append((method.upper(), pattern, frozenset(one["name"] for one in operation["parameters"])))
    return tuple(found)


def is_specified(resource: str, *, method: str) -> bool:
    parts = urlsplit(resource)
    path = parts.path.removeprefix("/piwebapi") or "/"
    asked = {name for name, _ in parse_qsl(parts.query)}
    return any(method == known and pattern.fullmatch(path) and asked <= names for known, pattern, names in operations())


def first_told(adapter: PiWebApiAdapter, contract: str) -> Page:
    """What is told first after the promise."""
    stream = SourceStream(name=DATABASE, contract=contract, options={"name_filter": f"*{SWITCH}*"})
    cursor = {"since": "2026-11-24T01:15:00Z", "behind": {}, "waiting": ["I1Fmgone"]}
    with closing(adapter.listen(stream, cursor=cursor)) as told:
        next(told)
        page = next(told)
    assert page is not None
    return page


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
    resources = [part.get("Resource") or part["RequestTemplate"]["Resource"] for part in parts]
    assert [one for one in resources if not is_specified(one, method="GET")] == []
    whole = zip(pi.asked, pi.verbs, strict=True)
    assert [one for one, verb in whole if not is_specified(one, method=verb)] == []
    assert {part["Method"] for part in parts} == {"GET"}
    members = SPECIFICATION["definitions"]["Request"]["properties"].keys()
    assert {name for part in parts for name in part} <= members


def test_what_is_asked_while_listening_and_to_acknowledge_is_known_to_the_specification() -> None:
    with pretend_utility() as pi:
        pi.utility.hv_fault(SWITCH)
        adapter = historian()
        told = {contract: first_told(adapter, contract) for contract in ("reading/1", "alarm/1")}
        alarm = adapter.parse(told["alarm/1"].records[0], SourceStream(name=DATABASE, contract="alarm/1"))
        assert isinstance(alarm, Alarm)
        pi.verbs.clear()
        pi.asked.clear()
        record = AlarmAcknowledgement(condition=alarm.condition, event_id=alarm.event_id, acknowledged_by="someone")
        adapter.deliver(record)

    parts = [part for body in filter(None, pi.bodies) for part in json.loads(body).values()]
    asked = {(part["Method"], part["Resource"]) for part in parts if "Resource" in part}
    asked |= set(zip(pi.verbs, pi.asked, strict=True))
    assert {method for method, _ in asked} == {"GET", "POST", "PATCH"}
    assert {resource.partition("?")[0].rpartition("/")[2] for _, resource in asked} >= {"multiple", "updates"}
    assert [one for one in asked if not is_specified(one[1], method=one[0])] == []


def test_the_examples_of_stream_updates_are_taken_for_what_they_are() -> None:
    registered, retrieved = example("StreamUpdatesRegister"), example("StreamUpdatesRetrieve")
    event = example("DataPipeEvent") | example("TimedValue")
    stream = Stream(registered["Source"], registered["SourcePath"])
    answers = iter(
        [
            {"Items": [registered]},
            {"Items": [retrieved | {"Source": registered["Source"], "Events": [event]}]},
        ]
    )
    asked: list[str] = []

    def answer(request: PreparedRequest) -> tuple[int, dict[str, str], str]:
        asked.append(json.loads(request.body or b"")["0"]["Resource"])
        part = {"Status": 200, "Headers": {}, "Content": next(answers)}
        return 207, {"Date": "Fri, 20 Nov 2026 10:00:00 GMT"}, json.dumps({"0": part})

    with responses.RequestsMock() as wire:
        wire.get(f"{BASE}/piwebapi/system", json={}, headers={"Date": "Fri, 20 Nov 2026 10:00:00 GMT"})
        wire.add_callback(responses.POST, f"{BASE}/piwebapi/batch", callback=answer)
        api = PiWebApi(session(), base_url=f"{BASE}/piwebapi", auth=None)
        api.get(api.url("system"))
        updates = StreamUpdates(api, [stream], Kept(), batch=10, count=10, overlap=timedelta())
        updates.promise()
        [[update]] = updates.poll()

    assert update.stream == stream
    assert [one["Value"] for one in update.values] == [event["Value"]]
    assert f"marker={registered['LatestMarker']}" in asked[1]


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
