"""A gateway that names its nodes by index: what we keep is named by URI, and outlasts a restart that renumbers."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from connectors.adapters.opcua_rest.adapter import OpcUaRestAdapter
from connectors.contracts.alarm import Alarm
from connectors.contracts.alarm_acknowledgement import AlarmAcknowledgement
from connectors.protocols.adapter import Cursor, Mode, Page, SourceStream
from tests.connectors.adapters.wire import BASE, PretendUtility, build, pretend_utility

SWITCH = "SW-10770"
NODE = f"nsu=urn:rural-grid:scada;s={SWITCH}"
SIGNALS = SourceStream(name="signals", contract="signal/1")
READINGS = SourceStream(name="readings", contract="reading/1")
ALARMS = SourceStream(name="alarms", contract="alarm/1")


@pytest.fixture
def scada() -> Iterator[PretendUtility]:
    with pretend_utility(names_by_index=True) as utility:
        yield utility


def gateway(**changes: Any) -> OpcUaRestAdapter:
    settings = {"base_url": f"{BASE}/opcua/", "sign_in": "BEARER", "token": "scada-demo-token", **changes}
    adapter: OpcUaRestAdapter = build(OpcUaRestAdapter, start_node=NODE, **settings)
    return adapter


def read(stream: SourceStream, cursor: Cursor | None = None, **changes: Any) -> tuple[list[Page], list[Any]]:
    adapter = gateway(**changes)
    mode = Mode.FULL if stream is SIGNALS else Mode.INCREMENTAL
    pages = list(adapter.fetch(stream, cursor=cursor, mode=mode))
    return pages, [adapter.parse(raw, stream) for page in pages for raw in page.records]


@pytest.mark.parametrize("names", ["URI", "INDEX"])
def test_signals_keep_their_names_when_the_gateway_renumbers(scada: PretendUtility, names: str) -> None:
    _, before = read(SIGNALS, node_names=names)
    scada.utility.restart_gateway()

    _, after = read(SIGNALS, node_names=names)

    assert [signal.external_id for signal in before] == [f"{NODE}.{tag}" for tag in ("I", "P", "POS")]
    assert after == before


@pytest.mark.parametrize("names", ["URI", "INDEX"])
def test_readings_go_on_by_the_same_list_of_variables(scada: PretendUtility, names: str) -> None:
    pages, before = read(READINGS, node_names=names)
    scada.utility.restart_gateway()
    scada.services()

    _, after = read(READINGS, pages[-1].cursor, node_names=names)

    assert "browse" not in scada.services()
    assert [reading.signal for reading in after] == [reading.signal for reading in before]
    assert {reading.reason for reading in after} == {""}


def test_alarms_are_told_and_acknowledged_by_name(scada: PretendUtility) -> None:
    adapter = gateway(node_names="INDEX")
    with closing(adapter.listen(ALARMS, cursor=None)) as told:
        next(told)
        scada.utility.hv_fault(SWITCH)
        page = next(page for page in told if page is not None and page.records)
    parsed = [adapter.parse(raw, ALARMS) for raw in page.records]
    [heard] = {one.event_id: one for one in parsed if isinstance(one, Alarm)}.values()
    _, [history] = read(ALARMS)
    assert isinstance(history, Alarm)
    assert (history.condition, history.signal) == (f"{NODE}.Trip", f"{NODE}.POS")
    assert heard == history
    scada.utility.restart_gateway()

    receipt = gateway(node_names="INDEX").deliver(
        AlarmAcknowledgement(condition=history.condition, event_id=history.event_id, acknowledged_by="someone")
    )

    assert not receipt.already_done
    _, [*_, acknowledged] = read(ALARMS)
    assert acknowledged.acknowledged
    assert acknowledged.condition == history.condition
