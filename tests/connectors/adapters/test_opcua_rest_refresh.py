"""A gateway without a history of events: its alarms are read as they stand, by ConditionRefresh."""

from collections.abc import Iterator
from typing import Any

import pytest

from connectors.adapters.opcua_rest.adapter import OpcUaRestAdapter
from connectors.contracts.alarm import Alarm
from connectors.contracts.alarm_comment import AlarmComment
from connectors.protocols.adapter import Mode, Page, SourceStream
from connectors.protocols.errors import BadConfig
from tests.connectors.adapters.wire import BASE, PretendUtility, build, pretend_utility

TRIP = "nsu=urn:rural-grid:scada;s=SW-10770.Trip"
ALARMS = SourceStream(name="alarms", contract="alarm/1")
SAID = (
    "The server keeps no history of events: the alarms that stand were read. What comes and goes between two reads is "
    "told only while it is listened to, and that one is over by a full read."
)


@pytest.fixture
def scada() -> Iterator[PretendUtility]:
    with pretend_utility(has_full_conditions=True) as utility:
        utility.fault("scada", "eventless", seconds=3_600)
        yield utility


def gateway(**changes: Any) -> OpcUaRestAdapter:
    settings = {"base_url": f"{BASE}/opcua/", "sign_in": "BEARER", "token": "scada-demo-token", **changes}
    adapter: OpcUaRestAdapter = build(OpcUaRestAdapter, **settings)
    return adapter


def read(mode: Mode = Mode.FULL, **changes: Any) -> tuple[Page, list[Alarm]]:
    adapter = gateway(**changes)
    [page] = adapter.fetch(ALARMS, cursor=None, mode=mode)
    parsed = [adapter.parse(raw, ALARMS) for raw in page.records]
    return page, [one for one in parsed if isinstance(one, Alarm)]


@pytest.mark.parametrize("encoding", ["COMPACT", "VERBOSE"])
@pytest.mark.parametrize("mode", [Mode.FULL, Mode.INCREMENTAL])
def test_every_alarm_that_stands_is_read_branches_too(scada: PretendUtility, mode: Mode, encoding: str) -> None:
    scada.utility.hv_fault("SW-10770")
    scada.utility.restore()
    scada.utility.hv_fault("SW-10770")
    scada.utility.notify("SW-10771", is_active=True)

    page, alarms = read(mode, encoding=encoding)

    assert sorted((alarm.element, alarm.branch) for alarm in alarms) == [
        ("SW-10770", ""),
        ("SW-10770", f"{TRIP}.1"),
        ("SW-10771", ""),
    ]
    assert (page.complete, page.remark) == (True, SAID)
    assert page.cursor == {"since": "2026-11-24T01:15:00Z", "seen": False}


def test_that_nothing_stands_is_told_too(scada: PretendUtility) -> None:
    page, alarms = read()

    assert (alarms, page.complete) == ([], True)
    assert scada.services()[-1] == "closesession"


def test_the_test_of_the_connection_says_so(scada: PretendUtility) -> None:
    assert gateway().probe().findings == (SAID,)


def test_where_nothing_is_told_either_alarms_cannot_be_read(scada: PretendUtility) -> None:
    # i=85 is a folder, which notifies of nothing.
    [finding] = gateway(notifier_node="i=85").probe().findings

    assert finding.startswith("Alarms cannot be read. The OPC UA server answered BadAttributeIdInvalid")


def test_a_gateway_without_sessions_has_no_alarms_to_read(scada: PretendUtility) -> None:
    scada.knows_not = "/createsession"

    with pytest.raises(
        BadConfig, match=r"keeps no history of events\. The OPC UA gateway offers no sessions"
    ) as refused:
        read()

    assert refused.value.field == "notifier_node"


def test_people_can_do_what_needs_no_reading_back(scada: PretendUtility) -> None:
    scada.utility.hv_fault("SW-10770")
    _, [alarm] = read()
    record = AlarmComment(
        condition=TRIP,
        event_id=alarm.event_id,
        comment="crew is called",
        commented_by="someone",
        commented_at=scada.clock(),
    )

    receipt = gateway().deliver(record)

    assert not receipt.already_done
    _, [alarm] = read()
    assert alarm.comment == "someone: crew is called"
