"""The OPC UA adapter against servers that we did not write: node-opcua and asyncua, running."""

import json
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from connectors.adapters.opcua_rest.adapter import OpcUaRestAdapter
from connectors.contracts.alarm import Alarm, AlarmCategory
from connectors.contracts.alarm_acknowledgement import AlarmAcknowledgement
from connectors.contracts.alarm_comment import AlarmComment
from connectors.contracts.alarm_confirmation import AlarmConfirmation
from connectors.contracts.alarm_shelving import AlarmShelving, ShelvingAction
from connectors.contracts.reading import Quality, Reading
from connectors.contracts.signal import Signal, SignalKind
from connectors.protocols.adapter import Cursor, Mode, Page, SourceStream
from connectors.protocols.egress import EgressPolicy
from connectors.protocols.http import HttpLimits, HttpSession
from tests.connectors.adapters.opcua_peer import IS_MISSING, MISSING, running_peers
from tests.connectors.adapters.wire import settings_of

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(IS_MISSING, reason=MISSING),
    pytest.mark.xdist_group("opcua-peer"),  # the servers are started once
]

SIGNALS = SourceStream(name="signals", contract="signal/1")
READINGS = SourceStream(name="readings", contract="reading/1")
PAST_READINGS = SourceStream(name="readings", contract="reading/1", options={"values": "HISTORY"})
ALARMS = SourceStream(name="alarms", contract="alarm/1")
PLANT, HISTORIAN = "nsu=urn:peer:scada;s=", "nsu=urn:peer:historian;s="
SINCE = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=1)
"""From when on the servers have recorded, a value or a trip a minute."""
OPEN, CLOSED = 1, 2
WHO = "coordinator@rural-grid.example"

EACH_ENCODING = pytest.mark.parametrize(
    ("form", "encoding"), [("1.05", "COMPACT"), ("1.05-part6", "VERBOSE"), ("1.04", "COMPACT")]
)
"""Both of 1.05 with both names of a value's status, and the reversible one of 1.04, which names nodes by index."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_peers(tmp_path_factory.mktemp("opcua"), since=SINCE) as address:
        yield address


Connect = Callable[..., OpcUaRestAdapter]


@pytest.fixture
def connect(root: str) -> Connect:
    def connected(server: str = "plant", form: str = "1.05", **changes: Any) -> OpcUaRestAdapter:
        start = {"plant": f"{PLANT}FDR03", "historian": f"{HISTORIAN}FDR07"}[server]
        changes = {"base_url": f"{root}/{server}/{form}", "sign_in": "NONE", "start_node": start, **changes}
        settings = settings_of(OpcUaRestAdapter.config_form, **changes)
        http = HttpSession(
            egress=EgressPolicy.of(["127.0.0.1"]),
            now=lambda: datetime.now(UTC),
            limits=HttpLimits(requests_per_second=1_000, burst=1_000),
        )
        return OpcUaRestAdapter(settings, http)

    return connected


@pytest.fixture
def move_breaker(root: str) -> Iterator[Callable[[int], None]]:
    """Writes the position of the plant's breaker, by OPC UA's Write."""

    def move(position: int) -> None:
        written = {"NodeId": f"{PLANT}CB-0301.POS", "AttributeId": 13, "Value": {"UaType": 6, "Value": position}}
        answer = requests.post(f"{root}/plant/1.05/write", json={"NodesToWrite": [written]}, timeout=10)
        assert answer.json()["Results"] == [{}]

    yield move
    move(CLOSED)


def read(
    adapter: OpcUaRestAdapter, stream: SourceStream, *, cursor: Cursor | None = None, mode: Mode = Mode.INCREMENTAL
) -> list[Page]:
    return list(adapter.fetch(stream, cursor=json.loads(json.dumps(cursor)), mode=mode))


def records(adapter: OpcUaRestAdapter, stream: SourceStream, pages: list[Page]) -> list[Any]:
    parsed = [adapter.parse(raw, stream) for page in pages for raw in page.records]
    return [record for record in parsed if record is not None]


def next_alarms(adapter: OpcUaRestAdapter, told: Generator[Page | None]) -> list[Alarm]:
    """Those of the next message that tells of any."""
    return next(found for page in told if page is not None and (found := records(adapter, ALARMS, [page])))


@EACH_ENCODING
def test_it_says_what_it_is_and_what_it_keeps(connect: Connect, form: str, encoding: str) -> None:
    probe = connect(form=form, encoding=encoding).probe()

    assert probe.summary == "Peer plant 2.182 of Others is running."
    assert probe.findings[0].startswith("The server keeps no history of events: the alarms that stand were read.")


@EACH_ENCODING
def test_signals_are_found(connect: Connect, form: str, encoding: str) -> None:
    adapter = connect(form=form, encoding=encoding)

    pages = read(adapter, SIGNALS, mode=Mode.FULL)

    assert pages[-1].complete
    found = {one.external_id.removeprefix(PLANT): one for one in records(adapter, SIGNALS, pages)}
    assert {"FDR03.P", "FDR03.I", "FDR03.U", "FDR03.ZERO", "CB-0301.POS"} <= found.keys()
    assert found["CB-0301.POS"] == Signal(
        external_id=f"{PLANT}CB-0301.POS",
        name="Breaker Position",
        kind=SignalKind.SWITCH_POSITION,
        element="CB-0301",
    )
    assert [found[f"FDR03.{name}"].unit for name in ("P", "I", "ZERO")] == ["kW", "A", "%"]


@EACH_ENCODING
def test_values_come_with_their_quality(connect: Connect, form: str, encoding: str) -> None:
    adapter = connect(form=form, encoding=encoding)

    pages = read(adapter, READINGS)

    found = {one.signal.removeprefix(PLANT): one for one in records(adapter, READINGS, pages)}
    assert found["FDR03.P"] == Reading(
        external_id=f"{PLANT}FDR03.P",
        signal=f"{PLANT}FDR03.P",
        source_time=SINCE + timedelta(minutes=5),
        value=-0.5,
    )
    assert (found["FDR03.ZERO"].value, found["FDR03.ZERO"].quality) == (0.0, Quality.GOOD)
    assert found["CB-0301.POS"].state == "CLOSED"
    current, voltage = found["FDR03.I"], found["FDR03.U"]
    assert (current.value, current.quality, current.reason) == (
        212.5,
        Quality.UNCERTAIN,
        "UncertainSensorNotAccurate",
    )
    assert (voltage.value, voltage.quality, voltage.reason) == (None, Quality.BAD, "BadSensorFailure")


@EACH_ENCODING
def test_a_trip_is_told_and_acknowledged(
    connect: Connect, move_breaker: Callable[[int], None], form: str, encoding: str
) -> None:
    adapter = connect(form=form, encoding=encoding)
    with closing(adapter.listen(ALARMS, cursor=None)) as told:
        next(told)
        move_breaker(OPEN)
        tripped = next_alarms(adapter, told)[0]

        receipt = adapter.deliver(acknowledgement(tripped))
        acknowledged = next_alarms(adapter, told)[-1]

    assert (tripped.condition, tripped.category, tripped.element, tripped.signal) == (
        f"{PLANT}CB-0301.Trip",
        AlarmCategory.TRIP,
        "CB-0301",
        f"{PLANT}CB-0301.POS",
    )
    assert (tripped.severity, tripped.message) == (800, "Breaker tripped")
    assert (tripped.active, tripped.acknowledged, tripped.retained) == (True, False, True)
    assert (receipt.reference, receipt.already_done) == (tripped.event_id, False)
    assert acknowledged.event_id != tripped.event_id
    assert (acknowledged.condition, acknowledged.active, acknowledged.acknowledged) == (tripped.condition, True, True)


def test_a_trip_is_commented_on_acknowledged_and_confirmed(
    connect: Connect, move_breaker: Callable[[int], None]
) -> None:
    adapter = connect()
    with closing(adapter.listen(ALARMS, cursor=None)) as told:
        next(told)
        move_breaker(OPEN)
        alarm = next_alarms(adapter, told)[0]
        adapter.deliver(
            AlarmComment(**about(alarm), comment="crew is called", commented_by=WHO, commented_at=datetime.now(UTC))
        )
        alarm = next_alarms(adapter, told)[-1]
        assert alarm.comment == f"{WHO}: crew is called"
        adapter.deliver(acknowledgement(alarm))
        alarm = next_alarms(adapter, told)[-1]
        assert (alarm.acknowledged, alarm.confirmed) == (True, False)
        adapter.deliver(AlarmConfirmation(**about(alarm), confirmed_by=WHO))
        alarm = next_alarms(adapter, told)[-1]

        again = adapter.deliver(AlarmConfirmation(**about(alarm), confirmed_by=WHO))

    assert alarm.confirmed is True
    assert again.already_done


def test_a_trip_is_shelved_and_unshelved(connect: Connect, move_breaker: Callable[[int], None]) -> None:
    """At its own nodes: node-opcua does not shelve by the type's methods."""
    move_breaker(OPEN)
    adapter = connect()
    condition = f"{PLANT}CB-0301.Trip"

    def shelve(action: ShelvingAction, **more: Any) -> bool:
        return adapter.deliver(AlarmShelving(condition=condition, action=action, requested_by=WHO, **more)).already_done

    shelve(ShelvingAction.UNSHELVE)
    assert shelve(ShelvingAction.UNSHELVE) is True
    assert shelve(ShelvingAction.ONE_SHOT) is False
    assert shelve(ShelvingAction.ONE_SHOT) is True
    assert shelve(ShelvingAction.UNSHELVE) is False
    assert shelve(ShelvingAction.TIMED, until=datetime.now(UTC) + timedelta(minutes=10)) is False
    assert shelve(ShelvingAction.UNSHELVE) is False


def test_a_second_acknowledgement_finds_the_alarm_acknowledged(
    connect: Connect, move_breaker: Callable[[int], None]
) -> None:
    """node-opcua no longer knows the notification then, and has no history: the condition's own node shows it."""
    adapter = connect()
    with closing(adapter.listen(ALARMS, cursor=None)) as told:
        next(told)
        move_breaker(OPEN)
        tripped = next_alarms(adapter, told)[0]
        adapter.deliver(acknowledgement(tripped))

    again = adapter.deliver(acknowledgement(tripped))

    assert (again.already_done, again.detail) == (True, "It was acknowledged before.")


def test_a_notification_that_another_has_replaced_leads_to_the_present_one(
    connect: Connect, move_breaker: Callable[[int], None]
) -> None:
    adapter = connect()
    with closing(adapter.listen(ALARMS, cursor=None)) as told:
        next(told)
        move_breaker(OPEN)
        tripped = next_alarms(adapter, told)[0]
        move_breaker(CLOSED)
        closed = next_alarms(adapter, told)[-1]

        receipt = adapter.deliver(acknowledgement(tripped))

    assert (closed.active, closed.acknowledged) == (False, False)
    assert (receipt.reference, receipt.already_done) == (closed.event_id, False)
    assert receipt.detail.startswith("It had changed; its notification of ")


def test_what_is_retained_is_told_to_who_begins_to_listen(
    connect: Connect, move_breaker: Callable[[int], None]
) -> None:
    """By ConditionRefresh; the cursor follows the server's clock though its messages bear no time."""
    move_breaker(OPEN)
    adapter = connect()
    with closing(adapter.listen(ALARMS, cursor=None)) as told:
        next(told)
        page = next(page for page in told if page is not None and page.records)

    assert {(one.condition, one.active) for one in records(adapter, ALARMS, [page])} == {(f"{PLANT}CB-0301.Trip", True)}
    assert page.cursor is not None
    assert datetime.fromisoformat(page.cursor["since"]) > SINCE


@EACH_ENCODING
def test_values_are_told_as_they_change(
    connect: Connect, move_breaker: Callable[[int], None], form: str, encoding: str
) -> None:
    adapter = connect(form=form, encoding=encoding)
    with closing(adapter.listen(READINGS, cursor=None)) as told:
        next(told)
        first = next(page for page in told if page is not None and page.records)
        polled = records(adapter, READINGS, read(adapter, READINGS))
        move_breaker(OPEN)
        changed = {
            one.signal: one
            for page in told_until(told, f"{PLANT}CB-0301.POS")
            for one in records(adapter, READINGS, [page])
        }

    by_signal = {one.signal: one for one in records(adapter, READINGS, [first])}
    assert by_signal == {one.signal: one for one in polled}
    assert changed[f"{PLANT}CB-0301.POS"].state == "OPEN"


def told_until(told: Generator[Page | None], node: str) -> Iterator[Page]:
    """Messages up to the one with a value of the node."""
    for page in told:
        if page is not None:
            yield page
            if any(raw["NodeId"] == node for raw in page.records):
                return


def about(alarm: Alarm) -> dict[str, str]:
    return {"condition": alarm.condition, "branch": alarm.branch, "event_id": alarm.event_id}


def acknowledgement(alarm: Alarm) -> AlarmAcknowledgement:
    return AlarmAcknowledgement(**about(alarm), comment="crew is on its way", acknowledged_by=WHO)


@EACH_ENCODING
def test_a_server_without_a_history_of_events_tells_of_the_alarms_that_stand(
    connect: Connect, move_breaker: Callable[[int], None], form: str, encoding: str
) -> None:
    move_breaker(OPEN)
    adapter = connect(form=form, encoding=encoding)

    [page] = read(adapter, ALARMS, mode=Mode.FULL)

    assert [(one.condition, one.active) for one in records(adapter, ALARMS, [page])] == [(f"{PLANT}CB-0301.Trip", True)]
    assert page.complete


@EACH_ENCODING
def test_alarms_are_read_from_history_page_by_page(connect: Connect, form: str, encoding: str) -> None:
    adapter = connect("historian", form=form, encoding=encoding, alarm_look_back_days="0")

    pages = read(adapter, ALARMS, mode=Mode.FULL)

    found = records(adapter, ALARMS, pages)
    assert [len(page.records) for page in pages] == [10, 10, 5]
    assert pages[-1].complete
    assert [one.source_time for one in found] == [SINCE + timedelta(minutes=minute) for minute in range(25)]
    assert found[1] == Alarm(
        external_id=f"{HISTORIAN}CB-0701.Trip",
        source_time=SINCE + timedelta(minutes=1),
        condition=f"{HISTORIAN}CB-0701.Trip",
        event_id="AAAAAQ==",
        category=AlarmCategory.TRIP,
        name="Trip",
        message="Trip 1",
        severity=700,
        active=False,
        acknowledged=False,
        retained=True,
        element="CB-0701",
    )


def test_a_page_cut_short_without_a_word_is_noticed_and_read_on(connect: Connect) -> None:
    """Asked for fewer than it has, asyncua sends so many and no continuation point."""
    adapter = connect("historian", event_page_size="9", alarm_overlap_seconds="0")
    [cut] = read(adapter, ALARMS)

    rest = read(adapter, ALARMS, cursor=cut.cursor)
    last = read(adapter, ALARMS, cursor=rest[-1].cursor)

    assert (len(cut.records), cut.complete) == (9, False)
    assert cut.incomplete_reason.startswith("The newest alarm was not among those that the server sent")
    times = [one.source_time for one in records(adapter, ALARMS, [cut, *rest, *last])]
    assert times == sorted(times)
    assert set(times) == {SINCE + timedelta(minutes=minute) for minute in range(25)}
    assert last[-1].complete


def since_then(adapter: OpcUaRestAdapter) -> Cursor:
    """The cursor of a read that ended when the servers began to record."""
    cursor = read(adapter, PAST_READINGS)[-1].cursor
    assert cursor is not None
    return {**cursor, "since": SINCE.isoformat()}


@EACH_ENCODING
@pytest.mark.parametrize(
    ("server", "node", "values"),
    [
        ("plant", f"{PLANT}FDR03.P", [-3.5, 0.0, 7.25, 2.5, 1.25, -0.5]),
        ("historian", f"{HISTORIAN}FDR07.P", [float(minute) for minute in range(25)]),
    ],
)
def test_recorded_values_are_read_page_by_page(
    connect: Connect, form: str, encoding: str, server: str, node: str, values: list[float]
) -> None:
    adapter = connect(server, form=form, encoding=encoding, start_node=node.rpartition(".")[0], history_values="4")

    pages = read(adapter, PAST_READINGS, cursor=since_then(adapter))

    found = [one for one in records(adapter, READINGS, pages) if one.signal == node]
    *recorded, present = [(one.source_time, one.value) for one in found]
    assert recorded == [(SINCE + timedelta(minutes=minute), value) for minute, value in enumerate(values)]
    assert present[1] == values[-1]
    assert pages[-1].complete
