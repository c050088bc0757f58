"""Listening to the pretend utility's historian: values by Stream Updates, event frames by looking through them."""

from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Any

import pytest

from connectors.adapters.pi_web_api.adapter import PiWebApiAdapter
from connectors.contracts.alarm import Alarm
from connectors.contracts.alarm_acknowledgement import AlarmAcknowledgement
from connectors.contracts.reading import Quality, Reading
from connectors.protocols.adapter import Listens, Mode, Page, SourceStream
from connectors.protocols.errors import CannotListen, ContractBroken, SourceError, Throttled, Unreachable
from tests.connectors.adapters.wire import BASE, PretendUtility, pretend_utility, session, settings_of

SWITCH, DATABASE, DATA_SERVER = "SW-10770", "\\\\RURAL-AF\\Grid", "\\\\PIServers[RURAL-DA]"
OPTIONS = {"name_filter": f"{SWITCH}*"}
VALUES = SourceStream(name=DATABASE, contract="reading/1", options=OPTIONS)
FRAMES = SourceStream(name=DATABASE, contract="alarm/1")
SINCE = {"since": "2026-11-24T01:15:00Z", "behind": {}}


@pytest.fixture
def pi() -> Iterator[PretendUtility]:
    with pretend_utility() as utility:
        yield utility


@pytest.fixture
def historian(pi: PretendUtility) -> PiWebApiAdapter:
    """It sleeps by the pretend utility's clock, which then goes on."""
    settings = {"base_url": f"{BASE}/piwebapi", "sign_in": "BEARER", "token": "pi-demo-token", "overlap_seconds": "0"}
    http = session()
    http.sleep = pi.clock.sleep
    return PiWebApiAdapter(settings_of(PiWebApiAdapter.config_form, **settings), http)


def next_with_records(told: Generator[Page | None]) -> Page:
    return next(page for page in told if page is not None and page.records)


def next_with_cursor(told: Generator[Page | None]) -> Page:
    return next(page for page in told if page is not None and page.cursor)


def parsed(adapter: PiWebApiAdapter, page: Page, stream: SourceStream) -> list[Any]:
    return [adapter.parse(raw, stream) for raw in page.records]


def test_the_adapter_can_listen(historian: PiWebApiAdapter) -> None:
    assert isinstance(historian, Listens)


@pytest.mark.parametrize("name", [DATABASE, DATA_SERVER])
def test_values_are_told_as_they_are_read(historian: PiWebApiAdapter, pi: PretendUtility, name: str) -> None:
    stream = SourceStream(name=name, contract="reading/1", options=OPTIONS)
    with closing(historian.listen(stream, cursor=None)) as told:
        assert next(told) == Page(records=())
        pi.clock.advance(minutes=1)
        pi.utility.hv_fault(SWITCH)

        page = next_with_records(told)
        after = next_with_cursor(told)

    history = list(historian.fetch(stream, cursor=SINCE, mode=Mode.INCREMENTAL))
    recorded = [one for read in history for one in parsed(historian, read, stream)]
    heard = parsed(historian, page, stream)
    assert [one.state for one in heard if one.state] == ["OPEN"]
    assert len(heard) == 3
    assert sorted(heard, key=str) == sorted((one for one in recorded if one.source_time == pi.clock()), key=str)
    assert after.cursor == SINCE


def test_a_read_for_changes_goes_on_from_what_was_heard(historian: PiWebApiAdapter, pi: PretendUtility) -> None:
    with closing(historian.listen(VALUES, cursor=None)) as told:
        next(told)
        pi.clock.advance(minutes=1)
        next_with_cursor(told)
        cursor = next_with_cursor(told).cursor
    pi.clock.advance(minutes=1)
    pi.utility.hv_fault(SWITCH)

    [page] = historian.fetch(VALUES, cursor=cursor, mode=Mode.INCREMENTAL)

    assert cursor == {"since": "2026-11-24T01:16:00Z", "behind": {}}
    assert "OPEN" in [one.state for one in parsed(historian, page, VALUES)]


def test_it_asks_at_the_streams_rate_and_lets_go_in_between(historian: PiWebApiAdapter, pi: PretendUtility) -> None:
    stream = SourceStream(name=DATABASE, contract="reading/1", options={**OPTIONS, "poll_seconds": 5})
    with closing(historian.listen(stream, cursor=None)) as told:
        next(told)
        next_with_cursor(told)
        began = pi.clock()
        silence = [next(told) for _ in range(3)]
        pi.services()
        next_with_cursor(told)

    assert silence == [None, None, None]
    assert (pi.clock() - began).total_seconds() == 5
    assert pi.services() == ["batch"]


@pytest.mark.parametrize("fault", ["forgotten", "reconfigured"])
def test_a_gap_is_filled_after_the_server_let_go_of_us(
    historian: PiWebApiAdapter, pi: PretendUtility, fault: str
) -> None:
    with closing(historian.listen(VALUES, cursor=None)) as told:
        next(told)
        next_with_cursor(told)
        pi.clock.advance(minutes=1)
        pi.utility.hv_fault(SWITCH)
        opened_at = pi.clock()
        pi.clock.advance(minutes=1)
        pi.fault("pi", fault, times=1)

        gap = parsed(historian, next_with_records(told), VALUES)
        after = next_with_cursor(told)
        pi.utility.restore(SWITCH)
        live = parsed(historian, next_with_records(told), VALUES)

    assert [one.source_time for one in gap if one.state == "OPEN"] == [opened_at]
    assert after.cursor is not None
    assert after.cursor["behind"] == {}
    assert [one.state for one in live if one.state] == ["CLOSED"]


@pytest.mark.parametrize(
    ("fault", "kind"), [("500", Unreachable), ("429", Throttled), ("garbage", ContractBroken), ("truncated", None)]
)
def test_what_came_while_the_server_failed_is_told_when_it_is_listened_to_again(
    historian: PiWebApiAdapter, pi: PretendUtility, fault: str, kind: type[SourceError] | None
) -> None:
    with closing(historian.listen(VALUES, cursor=None)) as told:
        next(told)
        next_with_cursor(told)
        pi.clock.advance(minutes=1)
        pi.utility.hv_fault(SWITCH)
        if kind is not None:
            pi.fault("pi", fault, times=1)
            with pytest.raises(kind):
                next_with_cursor(told)

    with closing(historian.listen(VALUES, cursor=None)) as told:
        next(told)
        page = next_with_records(told)

    assert "OPEN" in [one.state for one in parsed(historian, page, VALUES)]


def test_it_ends_when_the_list_of_signals_is_to_be_made_anew(historian: PiWebApiAdapter, pi: PretendUtility) -> None:
    with closing(historian.listen(VALUES, cursor=None)) as told:
        next(told)
        next_with_cursor(told)
        pi.clock.advance(hours=1)

        rest = list(told)

    assert [page.cursor for page in rest if page is not None and page.cursor] != []
    pi.services()
    with closing(historian.listen(VALUES, cursor=None)) as told:
        next(told)
    assert pi.services() == ["assetdatabases", "batch", "batch", "batch"]  # the last two: elements, and who is new


def test_a_value_that_was_taken_back_is_a_reading_of_bad_quality(historian: PiWebApiAdapter) -> None:
    raw = {"Path": f"{DATABASE}\\{SWITCH}|P", "Deleted": {"Timestamp": "2026-11-24T01:14:00Z", "Value": 7.1}}

    reading = historian.parse(raw, VALUES)

    assert isinstance(reading, Reading)
    assert (reading.value, reading.quality, reading.reason) == (None, Quality.BAD, "Deleted")
    assert reading.source_time.isoformat() == "2026-11-24T01:14:00+00:00"


def test_signals_that_cannot_be_followed_are_read_once_a_minute(historian: PiWebApiAdapter, pi: PretendUtility) -> None:
    options = {**OPTIONS, "data_references": ""}  # the typed-in nominal voltages too
    stream = SourceStream(name=DATABASE, contract="reading/1", options=options)
    with closing(historian.listen(stream, cursor=None)) as told:
        next(told)
        cursor = next_with_cursor(told).cursor
        pi.clock.advance(minutes=1)
        page = next_with_records(told)

    assert cursor is not None
    assert {path.rpartition("|")[2] for path in cursor["behind"]} == {"Nominal voltage"}
    bad = [one for one in parsed(historian, page, stream) if one.quality is Quality.BAD]
    assert {one.signal for one in bad} == set(cursor["behind"])


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        (SourceStream(name=DATABASE, contract="signal/1"), "tells of no signal/1"),
        (SourceStream(name=DATA_SERVER, contract="alarm/1"), "tells of no alarm/1"),
        (
            SourceStream(name=DATABASE, contract="reading/1", options={"interval_seconds": 60}),
            "Values at whole intervals are worked out",
        ),
        (
            SourceStream(
                name=DATABASE, contract="reading/1", options={"attribute_filter": "Nom*", "data_references": ""}
            ),
            "tells of 0 of 426 signals",
        ),
        (SourceStream(name=DATABASE, contract="reading/1", options={"name_filter": "no such"}), "Nothing to read"),
    ],
)
def test_what_is_not_told_is_polled(historian: PiWebApiAdapter, stream: SourceStream, said: str) -> None:
    with pytest.raises(CannotListen, match=said):
        next(historian.listen(stream, cursor=None))


def test_a_server_without_stream_updates_is_polled(historian: PiWebApiAdapter, pi: PretendUtility) -> None:
    pi.fault("pi", "no-updates")

    probe = historian.probe()

    [finding] = probe.findings
    assert finding.startswith("The PI Web API does not tell of changes (Stream Updates)")
    assert finding.endswith("Values are read by schedules.")
    with pytest.raises(CannotListen, match="older than 2019, or has them switched off"):
        next(historian.listen(VALUES, cursor=None))


def test_event_frames_are_told_when_they_are_new_or_have_changed(
    historian: PiWebApiAdapter, pi: PretendUtility
) -> None:
    with closing(historian.listen(FRAMES, cursor=None)) as told:
        assert next(told) == Page(records=())
        pi.clock.advance(minutes=1)
        pi.utility.hv_fault(SWITCH)
        begun = next_with_records(told)
        unchanged = next_with_cursor(told)
        pi.utility.restore(SWITCH)
        ended = next_with_records(told)

    [alarm], [over] = (parsed(historian, page, FRAMES) for page in (begun, ended))
    assert isinstance(alarm, Alarm)
    assert (alarm.active, over.active) == (True, False)
    assert alarm.external_id == over.external_id
    assert unchanged.records == []
    assert begun.cursor == {"since": "2026-11-24T01:16:00Z", "waiting": []}
    history = list(historian.fetch(FRAMES, cursor=begun.cursor, mode=Mode.INCREMENTAL))
    assert [one for page in history for one in parsed(historian, page, FRAMES)] == [over]


def test_an_acknowledgement_long_after_the_end_is_told(historian: PiWebApiAdapter, pi: PretendUtility) -> None:
    pi.utility.hv_fault(SWITCH)
    pi.clock.advance(minutes=1)
    pi.utility.restore(SWITCH)
    with closing(historian.listen(FRAMES, cursor=None)) as told:
        next(told)
        [waiting] = parsed(historian, next_with_records(told), FRAMES)
        pi.clock.advance(days=1)
        record = AlarmAcknowledgement(condition=waiting.condition, event_id=waiting.event_id, acknowledged_by="someone")
        historian.deliver(record)

        [seen] = parsed(historian, next_with_records(told), FRAMES)

    assert (waiting.acknowledged, seen.acknowledged, seen.retained) == (False, True, False)
