"""The OPC UA adapter, against the pretend utility's gateway."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.adapters.opcua_rest.adapter import OpcUaRestAdapter
from connectors.contracts.alarm import Alarm, AlarmCategory
from connectors.contracts.alarm_acknowledgement import AlarmAcknowledgement
from connectors.contracts.reading import Quality, Reading
from connectors.contracts.signal import Signal, SignalKind
from connectors.protocols.adapter import Cursor, Mode, Page, SourceStream
from connectors.protocols.errors import (
    BadConfig,
    BadRecord,
    ContractBroken,
    SourceError,
    Throttled,
    Unauthorized,
    Unreachable,
)
from tests.connectors.adapters.wire import BASE, PretendUtility, build, pretend_utility

SWITCH = "SW-10770"
NODE = f"nsu=urn:rural-grid:scada;s={SWITCH}"
TRIP = f"{NODE}.Trip"
SIGNALS = SourceStream(name="signals", contract="signal/1")
READINGS = SourceStream(name="readings", contract="reading/1")
ALARMS = SourceStream(name="alarms", contract="alarm/1")


@pytest.fixture
def scada() -> Iterator[PretendUtility]:
    with pretend_utility() as utility:
        yield utility


def gateway(**changes: Any) -> OpcUaRestAdapter:
    settings = {"base_url": f"{BASE}/opcua/", "sign_in": "BEARER", "token": "scada-demo-token", **changes}
    adapter: OpcUaRestAdapter = build(OpcUaRestAdapter, **settings)
    return adapter


def read(
    adapter: OpcUaRestAdapter,
    stream: SourceStream,
    *,
    cursor: Cursor | None = None,
    mode: Mode = Mode.INCREMENTAL,
) -> list[Page]:
    """All pages, their cursors as JSON keeps them."""
    pages = list(adapter.fetch(stream, cursor=cursor, mode=mode))
    return [replace(page, cursor=json.loads(json.dumps(page.cursor))) for page in pages]


def records(adapter: OpcUaRestAdapter, stream: SourceStream, pages: list[Page]) -> dict[str, Any]:
    parsed = [adapter.parse(raw, stream) for page in pages for raw in page.records]
    return {record.external_id: record for record in parsed if record is not None}


def alarms(adapter: OpcUaRestAdapter, pages: list[Page]) -> list[Alarm]:
    """Every notification, in the order in which they came."""
    return [adapter.parse(raw, ALARMS) for page in pages for raw in page.records]  # type: ignore[misc]  # all are alarms


@pytest.mark.parametrize("encoding", ["COMPACT", "VERBOSE"])
def test_signals_are_found_by_walking_with_their_kind_unit_and_element(scada: PretendUtility, encoding: str) -> None:
    adapter = gateway(encoding=encoding)

    pages = read(adapter, SIGNALS, mode=Mode.FULL)
    found = records(adapter, SIGNALS, pages)

    assert [page.complete for page in pages] == [False, True]
    assert len(found) == pages[0].total == 635
    assert found[f"{NODE}.POS"] == Signal(
        external_id=f"{NODE}.POS",
        name="MV1.101 Switch 7 Position",
        kind=SignalKind.SWITCH_POSITION,
        element=SWITCH,
    )
    assert found[f"{NODE}.P"].kind is SignalKind.MEASUREMENT
    assert (found[f"{NODE}.P"].unit, found[f"{NODE}.I"].unit) == ("kW", "A")


def test_a_walk_that_broke_off_goes_on_after_the_last_page(scada: PretendUtility) -> None:
    adapter = gateway(read_batch="300")
    whole = records(adapter, SIGNALS, read(adapter, SIGNALS, mode=Mode.FULL))

    first = read(adapter, SIGNALS, mode=Mode.FULL)[0]
    rest = read(gateway(read_batch="300"), SIGNALS, cursor=first.cursor, mode=Mode.FULL)

    assert rest[-1].complete
    assert records(adapter, SIGNALS, [first]).keys() & records(adapter, SIGNALS, rest).keys() == set()
    assert records(adapter, SIGNALS, [first, *rest]) == whole


@pytest.mark.parametrize("encoding", ["COMPACT", "VERBOSE"])
def test_readings_say_what_is_and_how_far_to_trust_it(scada: PretendUtility, encoding: str) -> None:
    adapter = gateway(encoding=encoding)

    pages = read(adapter, READINGS)
    found = records(adapter, READINGS, pages)

    assert len(found) == 635
    assert pages[-1].complete
    assert found[f"{NODE}.POS"].state == "CLOSED"
    assert found[f"{NODE}.POS"].quality is Quality.GOOD
    uncertain = found["nsu=urn:rural-grid:scada;s=SW-10842.I"]
    assert (uncertain.quality, uncertain.reason) == (Quality.UNCERTAIN, "UncertainSensorNotAccurate")
    assert uncertain.value is not None
    bad = found["nsu=urn:rural-grid:scada;s=SW-10812.I"]
    assert (bad.quality, bad.reason, bad.value) == (Quality.BAD, "BadSensorFailure", None)
    local = found["nsu=urn:rural-grid:scada;s=SUB-MV1.101.LOCAL"]
    assert (local.value, local.quality) == (0.0, Quality.GOOD)


def test_only_the_first_poll_browses(scada: PretendUtility) -> None:
    adapter = gateway()
    first = read(adapter, READINGS)
    assert "browse" in scada.services()

    second = read(gateway(), READINGS, cursor=first[-1].cursor)

    assert scada.services() == ["read", "read"]
    assert records(adapter, READINGS, second).keys() == records(adapter, READINGS, first).keys()
    assert second[-1].cursor == first[-1].cursor
    assert len(json.dumps(first[-1].cursor)) < 10_000


def test_the_list_of_signals_is_made_anew_when_its_time_has_come(scada: PretendUtility) -> None:
    adapter = gateway(browse_minutes="10")
    cursor = read(adapter, READINGS)[-1].cursor

    scada.clock.advance(minutes=11)
    cursor = read(adapter, READINGS, cursor=cursor)[-1].cursor
    scada.services()
    read(adapter, READINGS, cursor=cursor)

    assert "browse" in scada.services()


def test_a_full_read_browses_even_with_a_list(scada: PretendUtility) -> None:
    adapter = gateway()
    cursor = read(adapter, READINGS)[-1].cursor
    scada.services()

    read(adapter, READINGS, cursor=cursor, mode=Mode.FULL)

    assert "browse" in scada.services()


def test_batches_are_halved_until_the_gateway_takes_them_and_stay_so(scada: PretendUtility) -> None:
    adapter = gateway(read_batch="2000")
    first = read(adapter, READINGS)
    scada.services()

    second = read(adapter, READINGS, cursor=first[-1].cursor)

    assert first[-1].complete
    assert [len(page.records) for page in second] == [318, 317]
    assert scada.services() == ["read", "read"]


def test_readings_resume_in_the_middle(scada: PretendUtility) -> None:
    adapter = gateway(read_batch="400")
    first = read(adapter, READINGS)
    scada.services()

    rest = read(adapter, READINGS, cursor=first[0].cursor)

    assert scada.services() == ["read"]
    assert (first[0].cursor or {})["next"] == 400  # the caller's cursor is left as it was
    assert [page.complete for page in rest] == [True]
    assert rest[0].records == first[1].records


def test_a_signal_that_has_fallen_silent_is_a_bad_reading_and_not_nothing(scada: PretendUtility) -> None:
    adapter = gateway()
    cursor: Cursor = {"prefix": "nsu=urn:rural-grid:scada;s=", "names": ["SW-0.POS"], "incomplete": ""}
    cursor |= {"batch": 500, "browsed_at": "2026-11-24T01:14:00Z"}

    (silent,) = records(adapter, READINGS, read(adapter, READINGS, cursor=cursor)).values()

    assert silent == Reading(
        external_id="nsu=urn:rural-grid:scada;s=SW-0.POS",
        signal="nsu=urn:rural-grid:scada;s=SW-0.POS",
        source_time=scada.clock(),
        quality=Quality.BAD,
        reason="BadNodeIdUnknown",
    )


def test_a_tripped_breaker_is_read_as_open(scada: PretendUtility) -> None:
    adapter = gateway()
    cursor = read(adapter, READINGS)[-1].cursor

    scada.utility.hv_fault(SWITCH)
    found = records(adapter, READINGS, read(adapter, READINGS, cursor=cursor))

    assert found[f"{NODE}.POS"].state == "OPEN"
    assert found[f"{NODE}.POS"].source_time == scada.clock()


def test_a_trip_is_an_alarm_of_the_breaker(scada: PretendUtility) -> None:
    adapter = gateway()
    scada.utility.hv_fault(SWITCH)

    (alarm,) = alarms(adapter, read(adapter, ALARMS))

    assert alarm == Alarm(
        external_id=TRIP,
        source_time=scada.clock(),
        condition=TRIP,
        event_id=alarm.event_id,
        category=AlarmCategory.TRIP,
        name="Trip",
        message="MV1.101 Switch 7 ausgelöst",
        severity=800,
        active=True,
        acknowledged=False,
        retained=True,
        element=SWITCH,
        signal=f"{NODE}.POS",
    )


def test_the_next_read_of_alarms_begins_a_little_before_the_newest(scada: PretendUtility) -> None:
    adapter = gateway(alarm_overlap_seconds="60")
    scada.utility.notify("SW-10771", is_active=True)
    scada.clock.advance(minutes=5)
    scada.utility.hv_fault(SWITCH)
    first = read(adapter, ALARMS)
    scada.utility.notify("SW-10799", is_active=True, at=scada.clock() - timedelta(seconds=50))
    scada.clock.advance(minutes=1)
    scada.utility.restore()

    second = read(adapter, ALARMS, cursor=first[-1].cursor)

    assert len(alarms(adapter, first)) == 2
    assert [(alarm.element, alarm.active) for alarm in alarms(adapter, second)] == [
        ("SW-10799", True),
        (SWITCH, True),
        (SWITCH, False),
    ]
    assert second[-1].complete


def test_alarms_come_in_pages_from_each_of_which_reading_can_go_on(scada: PretendUtility) -> None:
    adapter = gateway(event_page_size="2", alarm_overlap_seconds="0")
    for _ in range(5):
        scada.clock.advance(seconds=1)
        scada.utility.notify(SWITCH, is_active=True)
    pages = read(adapter, ALARMS)

    rest = read(adapter, ALARMS, cursor=pages[1].cursor)

    times = [alarm.source_time for alarm in alarms(adapter, pages)]
    assert [len(page.records) for page in pages] == [2, 2, 1]
    assert [page.complete for page in pages] == [False, False, True]
    assert [alarm.source_time for alarm in alarms(adapter, rest)] == times[3:]


def test_a_full_read_looks_back_as_far_as_it_is_told_and_proves_no_more(scada: PretendUtility) -> None:
    scada.utility.hv_fault(SWITCH)
    scada.clock.advance(days=3)

    short = read(gateway(alarm_look_back_days="2"), ALARMS, mode=Mode.FULL)
    long = read(gateway(alarm_look_back_days="4"), ALARMS, mode=Mode.FULL)
    whole = read(gateway(alarm_look_back_days="0"), ALARMS, mode=Mode.FULL)

    assert [len(pages[-1].records) for pages in (short, long, whole)] == [0, 1, 1]
    assert [pages[-1].complete for pages in (short, long, whole)] == [False, False, True]
    assert "The last 4 days of alarms were read" in long[-1].incomplete_reason


def test_a_stamp_from_the_future_does_not_hide_the_alarms_until_then(scada: PretendUtility) -> None:
    adapter = gateway()
    scada.utility.notify("SW-10771", is_active=True, at=scada.clock() + timedelta(hours=3))
    first = read(adapter, ALARMS)
    scada.clock.advance(minutes=10)
    scada.utility.hv_fault(SWITCH)

    second = read(adapter, ALARMS, cursor=first[-1].cursor)

    assert {alarm.element for alarm in alarms(adapter, second)} == {SWITCH, "SW-10771"}


@pytest.mark.parametrize("stream", [SIGNALS, READINGS, ALARMS], ids=lambda stream: stream.name)
@pytest.mark.parametrize("fault", ["truncated", "repeated"])
def test_a_cut_or_repeated_page_is_no_complete_read(scada: PretendUtility, stream: SourceStream, fault: str) -> None:
    adapter = gateway(event_page_size="2", alarm_look_back_days="0")
    for element in (SWITCH, "SW-10771", "SW-10799"):
        scada.clock.advance(seconds=1)
        scada.utility.notify(element, is_active=True)
    scada.fault("scada", fault)

    pages = read(adapter, stream, mode=Mode.FULL)

    assert not any(page.complete for page in pages)
    assert pages[-1].incomplete_reason.endswith(".")


def test_alarms_that_a_cut_page_hid_come_with_the_next_read(scada: PretendUtility) -> None:
    adapter = gateway()
    cursor = read(adapter, ALARMS)[-1].cursor
    for element in (SWITCH, "SW-10771", "SW-10799", "SW-10812"):
        scada.clock.advance(seconds=1)
        scada.utility.notify(element, is_active=True)
    scada.fault("scada", "truncated", seconds=5)
    cut = read(adapter, ALARMS, cursor=cursor)
    scada.clock.advance(seconds=10)

    after = read(adapter, ALARMS, cursor=cut[-1].cursor)

    assert not cut[-1].complete
    assert {alarm.element for alarm in alarms(adapter, after)} >= {"SW-10799", "SW-10812"}


@pytest.mark.parametrize(
    ("fault", "reaction"),
    [
        ("500", Unreachable),
        ("429", Throttled),
        ("401", Unauthorized),
        ("garbage", ContractBroken),
        ("cut", ContractBroken),
    ],
)
@pytest.mark.parametrize("stream", [SIGNALS, READINGS, ALARMS], ids=lambda stream: stream.name)
def test_a_fault_calls_for_its_reaction(
    scada: PretendUtility, stream: SourceStream, fault: str, reaction: type[SourceError]
) -> None:
    scada.fault("scada", fault)

    with pytest.raises(reaction):
        read(gateway(), stream)


def test_a_wrong_start_node_is_a_wrong_setting(scada: PretendUtility) -> None:
    with pytest.raises(BadConfig, match="BadNodeIdUnknown while browsing") as refused:
        read(gateway(start_node="nsu=urn:rural-grid:scada;s=Nowhere"), SIGNALS, mode=Mode.FULL)

    assert refused.value.field == "start_node"


def test_a_start_node_with_nothing_below_retires_nothing(scada: PretendUtility) -> None:
    (page,) = read(gateway(start_node=f"{NODE}.P"), SIGNALS, mode=Mode.FULL)

    assert (list(page.records), page.complete) == ([], False)
    assert page.incomplete_reason == f"No variable was found below {NODE}.P, which proves nothing."


def acknowledgement(alarm: Alarm) -> AlarmAcknowledgement:
    return AlarmAcknowledgement(
        condition=alarm.condition,
        branch=alarm.branch,
        event_id=alarm.event_id,
        comment="crew is on its way",
        acknowledged_by="coordinator@rural-grid.example",
    )


def test_an_acknowledgement_reaches_the_condition_with_the_person_s_name(scada: PretendUtility) -> None:
    adapter = gateway()
    scada.utility.hv_fault(SWITCH)
    (alarm,) = alarms(adapter, read(adapter, ALARMS))

    receipt = adapter.deliver(acknowledgement(alarm))

    assert (receipt.reference, receipt.already_done) == (alarm.event_id, False)
    (asked,) = json.loads(scada.bodies[-1])["MethodsToCall"]
    assert asked == {
        "ObjectId": TRIP,
        "MethodId": "i=9111",
        "InputArguments": [
            {"UaType": 15, "Value": alarm.event_id},
            {
                "UaType": 21,
                "Value": {"Text": "coordinator@rural-grid.example: crew is on its way", "Locale": "en"},
            },
        ],
    }
    assert [state.acknowledged for state in alarms(adapter, read(adapter, ALARMS))] == [False, True]


def test_an_acknowledgement_twice_is_done_once(scada: PretendUtility) -> None:
    adapter = gateway()
    scada.utility.hv_fault(SWITCH)
    (alarm,) = alarms(adapter, read(adapter, ALARMS))
    adapter.deliver(acknowledgement(alarm))

    again = adapter.deliver(acknowledgement(alarm))

    assert again.already_done
    assert len(alarms(adapter, read(adapter, ALARMS))) == 2


def test_a_notification_that_another_has_replaced_leads_to_the_present_one(scada: PretendUtility) -> None:
    adapter = gateway()
    scada.utility.hv_fault(SWITCH)
    (seen,) = alarms(adapter, read(adapter, ALARMS))
    scada.clock.advance(seconds=30)
    scada.utility.restore()

    receipt = adapter.deliver(acknowledgement(seen))

    *_, cleared, acknowledged = alarms(adapter, read(adapter, ALARMS))
    assert (receipt.reference, receipt.already_done) == (cleared.event_id, False)
    assert receipt.detail == "It had changed; its notification of 01:15:30 UTC was taken instead."
    assert (acknowledged.active, acknowledged.acknowledged) == (False, True)


def test_a_notification_that_the_source_does_not_know_but_that_is_acknowledged_is_done(
    scada: PretendUtility,
) -> None:
    adapter = gateway()
    scada.utility.hv_fault(SWITCH)
    (alarm,) = alarms(adapter, read(adapter, ALARMS))
    adapter.deliver(acknowledgement(alarm))
    stale = AlarmAcknowledgement(condition=TRIP, event_id="AAAA", acknowledged_by="someone")
    scada.utility.restore()

    receipt = adapter.deliver(stale)

    assert receipt.already_done


def test_an_alarm_that_the_source_never_had_cannot_be_acknowledged(scada: PretendUtility) -> None:
    unknown = AlarmAcknowledgement(
        condition="nsu=urn:rural-grid:scada;s=Nowhere.Trip", event_id="AAAA", acknowledged_by="someone"
    )

    with pytest.raises(BadRecord, match="it has no alarm"):
        gateway().deliver(unknown)


def test_the_probe_says_who_answers(scada: PretendUtility) -> None:
    probe = gateway().probe()

    assert probe.summary.startswith("An OPC UA server answers")
    assert probe.findings == ()


def test_the_probe_finds_what_would_not_work(scada: PretendUtility) -> None:
    nowhere = "nsu=urn:rural-grid:scada;s=Nowhere"

    signals, history = gateway(start_node=nowhere, notifier_node=nowhere).probe().findings

    assert signals.startswith("Signals cannot be read. The OPC UA server answered BadNodeIdUnknown")
    assert history.startswith("Alarms cannot be read. The OPC UA server answered BadNodeIdUnknown")


def test_a_wrong_token_is_refused_in_the_probe(scada: PretendUtility) -> None:
    with pytest.raises(Unauthorized):
        gateway(token="stolen").probe()


def test_what_there_is_to_read_is_known_without_asking(scada: PretendUtility) -> None:
    streams = list(gateway().discover())

    assert [(stream.name, stream.contract) for stream in streams] == [
        ("signals", "signal/1"),
        ("readings", "reading/1"),
        ("alarms", "alarm/1"),
    ]
    assert scada.asked == []


def test_all_alarms_of_the_first_read_are_those_of_today_s_clock(scada: PretendUtility) -> None:
    (page,) = read(gateway(), ALARMS)

    assert page.cursor == {"since": "2026-10-25T01:15:00Z", "seen": False}
    assert datetime.fromisoformat(page.cursor["since"]) == datetime(2026, 10, 25, 1, 15, tzinfo=UTC)
