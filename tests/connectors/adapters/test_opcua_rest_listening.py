"""Listening to the pretend utility's gateway: alarms as events, readings as changes, in both encodings."""

import json
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Any

import pytest

from connectors.adapters.opcua_rest.adapter import OpcUaRestAdapter
from connectors.contracts.alarm import Alarm
from connectors.contracts.reading import Reading, SwitchState
from connectors.protocols.adapter import Listens, Mode, Page, SourceStream
from connectors.protocols.errors import CannotListen, ContractBroken, Interrupted, SourceError, Unreachable
from tests.connectors.adapters.wire import BASE, PretendUtility, build, pretend_utility

SWITCH = "SW-10770"
NODE = f"nsu=urn:rural-grid:scada;s={SWITCH}"
ALARMS = SourceStream(name="alarms", contract="alarm/1")
READINGS = SourceStream(name="readings", contract="reading/1")


@pytest.fixture
def scada() -> Iterator[PretendUtility]:
    with pretend_utility() as utility:
        yield utility


def gateway(**changes: Any) -> OpcUaRestAdapter:
    settings = {"base_url": f"{BASE}/opcua/", "sign_in": "BEARER", "token": "scada-demo-token", **changes}
    adapter: OpcUaRestAdapter = build(OpcUaRestAdapter, **settings)
    return adapter


def next_with_records(told: Generator[Page | None]) -> Page:
    return next(page for page in told if page is not None and page.records)


def parsed(adapter: OpcUaRestAdapter, page: Page, stream: SourceStream) -> list[Any]:
    records = [adapter.parse(raw, stream) for raw in page.records]
    return [record for record in records if record is not None]


def test_the_adapter_can_listen() -> None:
    assert isinstance(gateway(), Listens)


@pytest.mark.parametrize("encoding", ["COMPACT", "VERBOSE"])
def test_an_alarm_is_told_as_history_tells_it(scada: PretendUtility, encoding: str) -> None:
    adapter = gateway(encoding=encoding)
    with closing(adapter.listen(ALARMS, cursor=None)) as told:
        assert next(told) == Page(records=())
        begun = scada.services()
        assert begun == ["createsession", "activatesession", "createsubscription", "createmonitoreditems"]
        scada.utility.hv_fault(SWITCH)

        page = next_with_records(told)

    [alarm] = {one.event_id: one for one in parsed(adapter, page, ALARMS)}.values()
    assert isinstance(alarm, Alarm)
    assert (alarm.condition, alarm.active, alarm.severity) == (f"{NODE}.Trip", True, 800)
    assert page.cursor == {"since": "2026-11-24T01:15:00Z", "seen": False}
    history = list(adapter.fetch(ALARMS, cursor=page.cursor, mode=Mode.INCREMENTAL))
    assert [one for page in history for one in parsed(adapter, page, ALARMS)] == [alarm]
    assert history[-1].complete


def test_what_is_retained_is_told_after_the_promise(scada: PretendUtility) -> None:
    scada.utility.hv_fault(SWITCH)
    adapter = gateway()
    with closing(adapter.listen(ALARMS, cursor=None)) as told:
        next(told)
        page = next_with_records(told)

    assert [alarm.condition for alarm in parsed(adapter, page, ALARMS)] == [f"{NODE}.Trip"]
    assert len(page.records) == 3  # between the two events that say so


def test_silence_is_broken_by_signs_of_life(scada: PretendUtility) -> None:
    with closing(gateway().listen(ALARMS, cursor=None)) as told:
        next(told)
        next_with_records(told)  # of the refresh

        assert next(told) == Page(records=[], cursor={"since": "2026-11-24T01:15:00Z", "seen": False})


def test_leaving_takes_leave_of_the_gateway(scada: PretendUtility) -> None:
    with closing(gateway().listen(ALARMS, cursor=None)) as told:
        next(told)
        scada.services()

    assert scada.services() == ["closesession"]


def test_a_message_is_acknowledged_once_the_next_one_is_asked_for(scada: PretendUtility) -> None:
    def acknowledged() -> list[Any]:
        found = [
            json.loads(body)["SubscriptionAcknowledgements"]
            for path, body in zip(scada.asked, scada.bodies, strict=True)
            if path.endswith("publish")
        ]
        scada.asked.clear()
        scada.bodies.clear()
        return found

    with closing(gateway().listen(ALARMS, cursor=None)) as told:
        next(told)
        next_with_records(told)
        assert acknowledged() == [[]]
        next(told)
        [[first]] = acknowledged()
        next(told)

        assert first["SequenceNumber"] == 1
        assert acknowledged() == [[]]


@pytest.mark.parametrize("encoding", ["COMPACT", "VERBOSE"])
def test_readings_are_told_first_as_they_are_and_then_as_they_change(scada: PretendUtility, encoding: str) -> None:
    adapter = gateway(encoding=encoding)
    with closing(adapter.listen(READINGS, cursor=None)) as told:
        promise = next(told)
        assert promise is not None
        assert promise.cursor is not None
        assert len(promise.cursor["names"]) == 635
        first = parsed(adapter, next_with_records(told), READINGS)
        polled = {
            one.signal: one
            for page in adapter.fetch(READINGS, cursor=promise.cursor, mode=Mode.INCREMENTAL)
            for one in parsed(adapter, page, READINGS)
        }
        scada.clock.advance(seconds=2)
        scada.utility.hv_fault(SWITCH)
        changed = {one.signal: one for one in parsed(adapter, next_with_records(told), READINGS)}

    assert {one.signal: one for one in first} == polled
    assert changed[f"{NODE}.POS"] == Reading(
        external_id=f"{NODE}.POS",
        signal=f"{NODE}.POS",
        source_time=scada.clock(),
        state=SwitchState.OPEN.value,
    )


def test_the_cursors_list_of_variables_is_not_made_anew_until_it_is_due(scada: PretendUtility) -> None:
    adapter = gateway(browse_minutes=5)
    with closing(adapter.listen(READINGS, cursor=None)) as told:
        cursor = (next(told) or Page(records=())).cursor
    scada.services()
    with closing(adapter.listen(READINGS, cursor=cursor)) as told:
        next(told)
        assert "browse" not in scada.services()
        next_with_records(told)
        scada.clock.advance(minutes=5)

        rest = list(told)

    assert len(rest) == 1
    with closing(adapter.listen(READINGS, cursor=cursor)) as told:
        next(told)
    assert "browse" in scada.services()


@pytest.mark.parametrize("stream", [ALARMS, READINGS], ids=["alarms", "readings"])
def test_a_gateway_that_restarted_has_forgotten_us(scada: PretendUtility, stream: SourceStream) -> None:
    adapter = gateway()
    with closing(adapter.listen(stream, cursor=None)) as told:
        next(told)
        next_with_records(told)
        scada.utility.restart_gateway()

        with pytest.raises(Interrupted, match="BadSessionIdInvalid"):
            next(told)
    with closing(adapter.listen(stream, cursor=None)) as told:
        next(told)
        next_with_records(told)


def test_variables_that_are_named_by_index_are_looked_for_anew(scada: PretendUtility) -> None:
    cursor = {
        "prefix": "ns=1;s=SW-",
        "names": ["10770.POS", "10918.POS"],
        "incomplete": "",
        "batch": 500,
        "browsed_at": "2026-11-24T01:15:00Z",
    }
    with closing(gateway().listen(READINGS, cursor=cursor)) as told:
        promise = next(told)

    assert promise is not None
    assert promise.cursor is not None
    assert promise.cursor["prefix"].startswith("nsu=")


def test_signals_are_read_and_not_told(scada: PretendUtility) -> None:
    with pytest.raises(CannotListen, match="tells of no signal/1 by itself"):
        next(gateway().listen(SourceStream(name="signals", contract="signal/1"), cursor=None))


def test_a_node_that_notifies_of_nothing_cannot_be_listened_to(scada: PretendUtility) -> None:
    with pytest.raises(CannotListen, match="BadAttributeIdInvalid"):
        next(gateway(notifier_node="i=85").listen(ALARMS, cursor=None))


@pytest.mark.parametrize(("fault", "kind"), [("500", Unreachable), ("garbage", ContractBroken)])
def test_a_fault_of_the_wire_ends_it(scada: PretendUtility, fault: str, kind: type[SourceError]) -> None:
    with closing(gateway().listen(ALARMS, cursor=None)) as told:
        next(told)
        scada.fault("scada", fault)

        with pytest.raises(kind):
            next(told)
