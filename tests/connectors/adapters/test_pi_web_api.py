"""The PI Web API adapter, against the pretend utility's historian."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from connectors.adapters.pi_web_api.adapter import PiWebApiAdapter
from connectors.contracts.reading import Quality
from connectors.contracts.signal import Signal, SignalKind
from connectors.protocols.adapter import Cursor, Mode, Page, SourceStream
from connectors.protocols.errors import BadConfig, SourceError, Throttled, Unauthorized, Unreachable
from tests.connectors.adapters.wire import BASE, PretendUtility, build, pretend_utility

SWITCH = "SW-10770"
DATABASE, DATA_SERVER = "\\\\RURAL-AF\\Grid", "\\\\PIServers[RURAL-DA]"
SIGNALS = SourceStream(name=DATABASE, contract="signal/1")
READINGS = SourceStream(name=DATABASE, contract="reading/1")
ALARMS = SourceStream(name=DATABASE, contract="alarm/1")
TAGS = SourceStream(name=DATA_SERVER, contract="signal/1")
TAG_READINGS = SourceStream(name=DATA_SERVER, contract="reading/1", options={"name_filter": f"{SWITCH}.*"})
ALL = 634


@pytest.fixture
def pi() -> Iterator[PretendUtility]:
    with pretend_utility() as utility:
        yield utility


def historian(**changes: Any) -> PiWebApiAdapter:
    settings = {"base_url": f"{BASE}/piwebapi/", "sign_in": "BEARER", "token": "pi-demo-token", **changes}
    adapter: PiWebApiAdapter = build(PiWebApiAdapter, **settings)
    return adapter


def read(
    adapter: PiWebApiAdapter, stream: SourceStream, *, cursor: Cursor | None = None, mode: Mode = Mode.INCREMENTAL
) -> list[Page]:
    """All pages, their cursors as JSON keeps them."""
    pages = list(adapter.fetch(stream, cursor=cursor, mode=mode))
    return [replace(page, cursor=json.loads(json.dumps(page.cursor))) for page in pages]


def records(adapter: PiWebApiAdapter, stream: SourceStream, pages: list[Page]) -> list[Any]:
    return [adapter.parse(raw, stream) for page in pages for raw in page.records]


def newest(adapter: PiWebApiAdapter, stream: SourceStream, pages: list[Page]) -> dict[str, Any]:
    return {record.external_id: record for record in records(adapter, stream, pages)}


def tag(name: str) -> str:
    return f"\\\\RURAL-DA\\{SWITCH}.{name}"


def test_a_test_tells_who_answers_what_is_there_and_as_whom_we_come(pi: PretendUtility) -> None:
    probe = historian(sign_in="BASIC", username="pi-reader", password="pi-demo-password").probe()

    assert probe.summary == (
        "PI Web API 2018 SP1 1.11.1.5383 shows us 1 asset database and 1 data server; it knows us as RURAL\\pi-reader."
    )
    assert (probe.product, probe.product_version) == ("PI Web API 2018 SP1", "1.11.1.5383")
    assert probe.findings == ()


def test_databases_and_data_servers_are_discovered_with_what_they_hold(pi: PretendUtility) -> None:
    found = [(stream.name, stream.contract, stream.label) for stream in historian().discover()]

    assert found == [
        (DATABASE, "signal/1", f"{DATABASE}: attributes"),
        (DATABASE, "reading/1", f"{DATABASE}: values"),
        (DATABASE, "alarm/1", f"{DATABASE}: event frames"),
        (DATA_SERVER, "signal/1", f"{DATA_SERVER}: tags"),
        (DATA_SERVER, "reading/1", f"{DATA_SERVER}: values"),
    ]


def test_attributes_are_listed_through_the_hierarchy_with_kind_unit_and_element(pi: PretendUtility) -> None:
    adapter = historian()

    pages = read(adapter, SIGNALS, mode=Mode.FULL)
    found = newest(adapter, SIGNALS, pages)
    mine = {key.rpartition("|")[2]: one for key, one in found.items() if f"\\{SWITCH}|" in key}

    assert [page.complete for page in pages] == [False, False, True]
    assert len(found) == ALL
    path = mine["P"].external_id
    assert path.startswith(f"{DATABASE}\\Substation MV1.101\\")
    assert mine["P"] == Signal(external_id=path, name=f"{SWITCH} P", unit="kW", element=SWITCH)
    assert (mine["POS"].kind, mine["POS"].unit) == (SignalKind.SWITCH_POSITION, "")
    assert "Nominal voltage" not in mine


def test_values_that_are_typed_in_are_signals_too_if_every_attribute_is_wanted(pi: PretendUtility) -> None:
    adapter = historian()
    every = replace(SIGNALS, options={"data_references": "", "template": "Switch", "name_filter": SWITCH})

    found = records(adapter, every, read(adapter, every, mode=Mode.FULL))

    assert sorted(one.name for one in found) == [f"{SWITCH} {name}" for name in ("I", "Nominal voltage", "P", "POS")]
    assert {one.unit for one in found} == {"A", "kV", "kW", ""}


def test_tags_are_listed_with_what_is_written_beside_them(pi: PretendUtility) -> None:
    adapter = historian()

    pages = read(adapter, TAGS, mode=Mode.FULL)
    found = newest(adapter, TAGS, pages)

    assert pages[-1].complete
    assert len(found) == ALL
    assert found[tag("I")] == Signal(
        external_id=tag("I"), name=f"{SWITCH}.I MV1.101 Switch 7 I", unit="A", element=SWITCH
    )
    assert found[tag("POS")].kind is SignalKind.SWITCH_POSITION


@pytest.mark.parametrize("stream", [SIGNALS, TAGS])
def test_a_list_that_broke_off_goes_on_after_the_last_page(pi: PretendUtility, stream: SourceStream) -> None:
    whole = newest(historian(), stream, read(historian(), stream, mode=Mode.FULL))

    first = read(historian(), stream, mode=Mode.FULL)[0]
    rest = read(historian(), stream, cursor=first.cursor, mode=Mode.FULL)

    assert rest[-1].complete
    assert newest(historian(), stream, [first]).keys() & newest(historian(), stream, rest).keys() == set()
    assert newest(historian(), stream, [first, *rest]) == whole


@pytest.mark.parametrize("stream", [SIGNALS, TAGS])
def test_a_list_that_comes_again_proves_nothing(pi: PretendUtility, stream: SourceStream) -> None:
    adapter = historian()
    pi.fault("pi", "repeated")

    pages = read(adapter, stream, mode=Mode.FULL)

    assert not pages[-1].complete
    assert pages[-1].incomplete_reason == "The source sends the same page again instead of the next one."


def test_a_database_of_which_we_see_nothing_is_no_proof_that_it_is_empty(pi: PretendUtility) -> None:
    nothing = replace(TAGS, options={"name_filter": "no such tag"})

    [page] = read(historian(), nothing, mode=Mode.FULL)

    assert (page.records, page.complete) == ([], False)
    assert "our account may see none of it" in page.incomplete_reason


@pytest.mark.parametrize("stream", [READINGS, replace(TAG_READINGS, options={})])
def test_the_first_read_brings_the_present_value_of_every_signal(pi: PretendUtility, stream: SourceStream) -> None:
    adapter = historian()

    pages = read(adapter, stream)
    found = newest(adapter, stream, pages)

    assert pages[-1].complete
    assert len(found) == ALL
    by_tag = {key.replace("|", ".").rpartition("\\")[2]: one for key, one in found.items()}
    assert (by_tag[f"{SWITCH}.POS"].state, by_tag[f"{SWITCH}.POS"].value) == ("CLOSED", None)
    assert by_tag[f"{SWITCH}.P"].value > 0
    uncertain, bad = by_tag["SW-10842.I"], by_tag["SW-10812.I"]
    assert (uncertain.quality, uncertain.reason, uncertain.value is None) == (Quality.UNCERTAIN, "Questionable", False)
    assert (bad.quality, bad.reason, bad.value, bad.state) == (Quality.BAD, "Bad Input", None, None)


def test_a_read_of_what_is_new_brings_what_was_recorded_since_and_no_more(pi: PretendUtility) -> None:
    adapter = historian(overlap_seconds="0")
    pi.clock.advance(minutes=1)
    cursor = read(adapter, TAG_READINGS)[-1].cursor
    pi.clock.advance(minutes=20)
    pi.utility.hv_fault(SWITCH)
    pi.clock.advance(seconds=10)

    pages = read(adapter, TAG_READINGS, cursor=cursor)

    found = records(adapter, TAG_READINGS, pages)
    assert [(one.state, str(one.source_time)) for one in found if one.signal == tag("POS")] == [
        ("OPEN", "2026-11-24 01:36:00+00:00")
    ]
    assert [one.value for one in found if one.signal == tag("P")][-1] == 0
    assert pages[-1].complete
    again = read(adapter, TAG_READINGS, cursor=pages[-1].cursor)
    assert (again[0].records, again[-1].complete) == ([], True)


def test_only_the_first_poll_lists_the_signals(pi: PretendUtility) -> None:
    adapter = historian()
    cursor = read(adapter, READINGS)[-1].cursor
    pi.services()

    read(adapter, READINGS, cursor=cursor)

    assert pi.services() == ["assetdatabases", "batch", "batch", "batch", "batch"]
    pi.clock.advance(minutes=61)
    read(adapter, READINGS, cursor=cursor)
    assert pi.services() == ["assetdatabases", *["batch"] * 7]


def test_a_signal_that_a_doubtful_list_lacks_is_still_read(pi: PretendUtility) -> None:
    adapter = historian()
    cursor = read(adapter, READINGS)[-1].cursor
    last = max(switch.id for switch in pi.utility.grid.switches if not switch.is_normally_open)
    pi.clock.advance(minutes=61)
    pi.utility.hv_fault(last)
    pi.fault("pi", "repeated")

    pages = read(adapter, READINGS, cursor=cursor)

    moved = [one for one in records(adapter, READINGS, pages) if one.external_id.endswith(f"{last}|POS")]
    assert [one.state for one in moved] == ["CLOSED", "OPEN"]
    assert not pages[-1].complete


def history(pi: PretendUtility, *, hours: int) -> None:
    """So many hours of values, four an hour, of which the historian is told."""
    read(historian(), TAG_READINGS)
    for _ in range(hours):
        pi.clock.advance(hours=1)
        read(historian(), TAG_READINGS)


def test_what_a_server_cuts_short_at_max_count_is_read_on_and_nothing_is_lost(pi: PretendUtility) -> None:
    cursor = read(historian(), TAG_READINGS)[-1].cursor
    history(pi, hours=5)

    whole = records(historian(), TAG_READINGS, read(historian(), TAG_READINGS, cursor=cursor))
    pages = read(historian(values_per_signal="3"), TAG_READINGS, cursor=cursor)
    in_small = records(historian(), TAG_READINGS, pages)

    assert len(pages) > 5
    assert [page.complete for page in pages[-2:]] == [False, True]
    assert set(in_small) == set(whole)
    assert len([one for one in whole if one.signal == tag("P")]) == 21


def test_many_values_of_one_instant_are_got_past(pi: PretendUtility) -> None:
    cursor = read(historian(), TAG_READINGS)[-1].cursor
    pi.clock.advance(minutes=1)
    for _ in range(4):
        pi.utility.hv_fault(SWITCH)
        pi.utility.restore(SWITCH)
    pi.clock.advance(minutes=1)
    pi.utility.hv_fault(SWITCH)

    pages = read(historian(values_per_signal="2"), TAG_READINGS, cursor=cursor)

    found = [one for one in records(historian(), TAG_READINGS, pages) if one.signal == tag("POS")]
    assert found[-1].state == "OPEN"
    assert str(found[-1].source_time) == "2026-11-24 01:17:00+00:00"
    assert len({one.source_time for one in found}) == 3


def test_a_read_that_broke_off_goes_on_with_what_was_cut_short(pi: PretendUtility) -> None:
    cursor = read(historian(), TAG_READINGS)[-1].cursor
    history(pi, hours=5)
    settings = {"values_per_signal": "3", "signals_per_request": "2"}
    whole = records(historian(), TAG_READINGS, read(historian(**settings), TAG_READINGS, cursor=cursor))

    kept = read(historian(**settings), TAG_READINGS, cursor=cursor)[:2]
    pi.clock.advance(hours=1)
    rest = read(historian(**settings), TAG_READINGS, cursor=kept[-1].cursor)

    assert set(records(historian(), TAG_READINGS, [*kept, *rest])) == set(whole)
    assert rest[-1].complete
    assert rest[-1].cursor == {"since": "2026-11-24T06:15:00Z", "behind": {}}


def test_a_full_read_brings_history_if_it_is_wanted(pi: PretendUtility) -> None:
    history(pi, hours=3)

    adapter = historian(history_hours="2")
    found = records(adapter, TAG_READINGS, read(adapter, TAG_READINGS, mode=Mode.FULL))

    times = {str(one.source_time)[11:16] for one in found if one.signal == tag("P")}
    assert times == {"02:15", "02:30", "02:45", "03:00", "03:15", "03:30", "03:45", "04:00", "04:15"}


@pytest.mark.parametrize("count", ["1000", "3"])
def test_values_at_intervals_are_of_whole_ones_whenever_they_are_read(pi: PretendUtility, count: str) -> None:
    options = {"data_references": "", "name_filter": SWITCH, "template": "Switch", "interval_seconds": 60}
    every_minute = replace(READINGS, options=options)
    adapter = historian(values_per_signal=count, overlap_seconds="0")
    pi.clock.advance(seconds=20)
    cursor = read(adapter, every_minute)[-1].cursor
    pi.clock.advance(minutes=5)

    pages = read(adapter, every_minute, cursor=cursor)
    nothing_yet = read(adapter, every_minute, cursor=pages[-1].cursor)

    found = records(adapter, every_minute, pages)
    times = [one.source_time.strftime("%H:%M:%S") for one in found if one.signal.endswith("|P")]
    assert times == ["01:16:00", "01:17:00", "01:18:00", "01:19:00", "01:20:00"]
    assert {one.value for one in found if one.signal.endswith("|Nominal voltage")} == {20.0}
    assert pages[-1].cursor == {"since": "2026-11-24T01:20:20Z", "behind": {}}
    assert (nothing_yet[0].records, nothing_yet[0].complete) == ([], True)


def test_one_stream_that_cannot_be_read_costs_no_other_and_is_read_on_when_it_can(pi: PretendUtility) -> None:
    every = replace(READINGS, options={"data_references": "", "name_filter": SWITCH, "template": "Switch"})
    adapter = historian()
    cursor = read(adapter, every)[-1].cursor
    pi.clock.advance(minutes=20)

    pages = read(adapter, every, cursor=cursor)

    found = {one.external_id.rpartition("|")[2]: one for one in records(adapter, every, pages)}
    fixed = found["Nominal voltage"]
    assert (fixed.quality, fixed.value) == (Quality.BAD, None)
    assert fixed.reason == "The attribute does not support this operation: it has no data reference."
    assert found["P"].quality is Quality.GOOD
    behind = pages[-1].cursor["behind"]  # type: ignore[index]  # the cursor of a whole read
    assert behind == {fixed.external_id: "2026-11-24T01:14:00Z"}


def test_a_server_that_broke_behind_a_status_of_200_is_unreachable(pi: PretendUtility) -> None:
    adapter = historian()
    cursor = read(adapter, READINGS)[-1].cursor
    pi.fault("pi", "truncated")

    with pytest.raises(Unreachable, match="The connection to the data archive was lost"):
        read(adapter, READINGS, cursor=cursor)


@pytest.mark.parametrize(
    ("fault", "error"), [("500", Unreachable), ("429", Throttled), ("401", Unauthorized), ("cut", SourceError)]
)
@pytest.mark.parametrize("stream", [SIGNALS, READINGS, ALARMS])
def test_what_fails_is_named_by_what_to_do(
    pi: PretendUtility, stream: SourceStream, fault: str, error: type[SourceError]
) -> None:
    pi.fault("pi", fault, after=1)

    with pytest.raises(error) as raised:
        read(historian(), stream, mode=Mode.FULL)

    assert "pi-demo-token" not in str(raised.value)
    if isinstance(raised.value, Throttled):
        assert str(raised.value.retry_at) == "2026-11-24 01:15:02+00:00"


def test_a_database_that_is_gone_is_a_setting(pi: PretendUtility) -> None:
    with pytest.raises(BadConfig, match=r"shows no asset database \\\\RURAL-AF\\Water: it is gone, or our account"):
        read(historian(), replace(SIGNALS, name="\\\\RURAL-AF\\Water"), mode=Mode.FULL)


@pytest.mark.parametrize("path", ["", "/opcua", "/gis"])
def test_an_address_of_something_else_is_a_setting(pi: PretendUtility, path: str) -> None:
    with pytest.raises(SourceError) as raised:
        historian(base_url=f"{BASE}{path}").probe()

    assert not isinstance(raised.value, Unreachable)


def test_event_frames_are_alarms_until_they_end_and_are_acknowledged(pi: PretendUtility) -> None:
    adapter = historian()
    trips = replace(ALARMS, options={"alarm_types": {"Breaker trip": "TRIP"}})
    cursor = read(adapter, trips)[-1].cursor
    pi.clock.advance(minutes=5)
    pi.utility.hv_fault(SWITCH)
    pi.clock.advance(minutes=1)

    pages = read(adapter, trips, cursor=cursor)
    [tripped] = records(adapter, trips, pages)

    assert (tripped.category, tripped.active, tripped.acknowledged, tripped.retained) == ("TRIP", True, False, True)
    assert (tripped.element, tripped.severity) == (SWITCH, 700)
    assert tripped.active_since == tripped.source_time
    assert str(tripped.source_time) == "2026-11-24 01:20:00+00:00"
    assert tripped.message == "MV1.101 Switch 7 ausgelöst"
    assert pages[-1].complete

    pi.clock.advance(hours=3)
    pi.utility.restore(SWITCH)
    [ended] = records(adapter, trips, read(adapter, trips, cursor=pages[-1].cursor))

    assert ended.external_id == tripped.external_id
    assert (ended.active, ended.retained, ended.active_since) == (False, True, None)
    assert str(ended.source_time) == "2026-11-24 04:21:00+00:00"


def test_a_read_of_many_frames_goes_by_pages_and_goes_on_where_it_broke_off(pi: PretendUtility) -> None:
    switches = [switch.id for switch in pi.utility.grid.switches if not switch.is_normally_open][:5]
    for switch in switches:
        pi.clock.advance(minutes=1)
        pi.utility.hv_fault(switch)
    small = {"list_size": "2", "alarm_look_back_days": "0"}

    pages = read(historian(**small), ALARMS, mode=Mode.FULL)
    pi.clock.advance(hours=1)
    rest = read(historian(**small), ALARMS, cursor=pages[1].cursor, mode=Mode.FULL)

    assert pages[-1].complete
    assert [one.element for one in records(historian(), ALARMS, pages)] == switches
    assert [one.element for one in records(historian(), ALARMS, [*pages[:2], *rest])] == switches
    assert rest[-1].cursor == {"since": "2026-11-24T01:20:00Z", "waiting": []}


def test_a_full_read_of_some_days_says_that_it_proves_nothing_of_older_frames(pi: PretendUtility) -> None:
    [page] = read(historian(), ALARMS, mode=Mode.FULL)

    assert not page.complete
    assert page.incomplete_reason.startswith("The last 30 days of event frames were read")


def test_a_data_server_has_no_event_frames(pi: PretendUtility) -> None:
    with pytest.raises(BadConfig, match="which has no event frames"):
        read(historian(), replace(ALARMS, name=DATA_SERVER))
