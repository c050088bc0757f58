"""Readings by history, from the pretend utility's gateway: what came and went between two reads, and in a break."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from connectors.adapters.opcua_rest.adapter import OpcUaRestAdapter
from connectors.contracts.reading import Reading
from connectors.protocols.adapter import Cursor, Mode, Page, SourceStream
from tests.connectors.adapters.wire import BASE, PretendUtility, build, pretend_utility

SWITCH = "SW-10770"
NODE = f"nsu=urn:rural-grid:scada;s={SWITCH}"
PRESENT = SourceStream(name="readings", contract="reading/1")
HISTORY = replace(PRESENT, options={"values": "HISTORY"})
SOME_HAVE_NONE = (
    "The server reads no history of 209 of 635 variables to us: what was missed came back as present values only."
)


@pytest.fixture
def scada() -> Iterator[PretendUtility]:
    with pretend_utility() as utility:
        utility.clock.advance(minutes=5)  # so that what began with the utility lies before
        yield utility


def gateway(**changes: Any) -> OpcUaRestAdapter:
    settings = {"base_url": f"{BASE}/opcua/", "sign_in": "BEARER", "token": "scada-demo-token", **changes}
    adapter: OpcUaRestAdapter = build(OpcUaRestAdapter, **settings)
    return adapter


def read(adapter: OpcUaRestAdapter, stream: SourceStream, cursor: Cursor | None = None) -> list[Page]:
    """All pages, their cursors as JSON keeps them."""
    pages = list(adapter.fetch(stream, cursor=cursor, mode=Mode.INCREMENTAL))
    return [replace(page, cursor=json.loads(json.dumps(page.cursor))) for page in pages]


def positions(adapter: OpcUaRestAdapter, pages: list[Page]) -> list[str | None]:
    """What the switch was, as often as it was told."""
    found = [adapter.parse(raw, PRESENT) for page in pages for raw in page.records]
    return [one.state for one in found if isinstance(one, Reading) and one.signal == f"{NODE}.POS"]


def promised(told: Iterator[Page | None]) -> Cursor | None:
    """From where the adapter asks to catch up, once it is told."""
    promise = next(told)
    assert promise is not None
    return promise.cursor


def opens_and_closes(scada: PretendUtility, *, times: int = 1) -> None:
    for _ in range(times):
        scada.clock.advance(minutes=2)
        scada.utility.hv_fault(SWITCH)
        scada.clock.advance(seconds=10)
        scada.utility.restore()
    scada.clock.advance(minutes=2)


@pytest.mark.parametrize("encoding", ["COMPACT", "VERBOSE"])
def test_what_came_and_went_between_two_reads_is_read_with_its_time(scada: PretendUtility, encoding: str) -> None:
    adapter = gateway(encoding=encoding)
    first = read(adapter, HISTORY)
    opens_and_closes(scada)

    second = read(adapter, HISTORY, first[-1].cursor)

    assert positions(adapter, first) == ["CLOSED"]
    assert positions(adapter, second) == ["OPEN", "CLOSED", "CLOSED"]  # the last is the present value
    opened = next(raw for page in second for raw in page.records if raw["NodeId"] == f"{NODE}.POS")
    assert adapter.parse(opened, PRESENT) == Reading(
        external_id=f"{NODE}.POS",
        signal=f"{NODE}.POS",
        source_time=scada.clock.instant.replace(minute=22, second=0),
        state="OPEN",
    )
    assert second[-1].complete
    assert second[-1].remark == SOME_HAVE_NONE


def test_present_values_alone_do_not_tell_it(scada: PretendUtility) -> None:
    adapter = gateway()
    first = read(adapter, PRESENT)
    opens_and_closes(scada)

    second = read(adapter, PRESENT, first[-1].cursor)

    assert positions(adapter, second) == ["CLOSED"]
    assert "historyread" not in scada.services()
    assert second[-1].remark == ""


def test_variables_without_history_are_not_asked_for_it_again(scada: PretendUtility) -> None:
    adapter = gateway(history_values="100")
    first = read(adapter, HISTORY)
    second = read(adapter, HISTORY, first[-1].cursor)
    scada.bodies.clear()

    third = read(adapter, HISTORY, second[-1].cursor)

    asked = [json.loads(body) for body in scada.bodies]
    nodes = [node["NodeId"] for body in asked for node in body["NodesToRead"] if "HistoryReadDetails" in body]
    assert len(nodes) == 426
    assert all(node.endswith(".POS") for node in nodes)
    assert third[-1].remark == SOME_HAVE_NONE


def test_history_of_many_values_comes_in_pages_and_whole(scada: PretendUtility) -> None:
    adapter = gateway(history_values="2")
    cursor = read(adapter, HISTORY)[-1].cursor
    opens_and_closes(scada, times=4)

    pages = read(gateway(history_values="2"), HISTORY, cursor)

    assert positions(adapter, pages) == [*("OPEN", "CLOSED") * 4, "CLOSED"]
    assert pages[-1].complete


def test_a_read_that_breaks_off_in_history_begins_with_its_last_request(scada: PretendUtility) -> None:
    adapter = gateway(read_batch="100")
    cursor = read(adapter, HISTORY)[-1].cursor
    opens_and_closes(scada)
    whole = read(adapter, HISTORY, cursor)

    for broken_after in (2, 5, len(whole) - 2):
        rest = read(adapter, HISTORY, whole[broken_after].cursor)

        told = {(raw["NodeId"], str(raw["DataValue"])) for page in whole[: broken_after + 1] for raw in page.records}
        told |= {(raw["NodeId"], str(raw["DataValue"])) for page in rest for raw in page.records}
        assert told == {(raw["NodeId"], str(raw["DataValue"])) for page in whole for raw in page.records}
        assert rest[-1].cursor == whole[-1].cursor
        assert rest[-1].complete


def test_each_read_begins_a_little_before_the_last_one(scada: PretendUtility) -> None:
    adapter = gateway(history_overlap_seconds="30")
    cursor = read(adapter, HISTORY)[-1].cursor
    scada.clock.advance(minutes=5)
    scada.bodies.clear()

    after = read(adapter, HISTORY, cursor)[-1].cursor

    asked = next(json.loads(body) for body in scada.bodies if b"HistoryReadDetails" in body)
    details = asked["HistoryReadDetails"]
    assert (details["StartTime"], details["EndTime"]) == ("2026-11-24T01:19:30Z", "2026-11-24T01:25:00Z")
    assert (after or {})["since"] == "2026-11-24T01:25:00Z"


def test_a_break_longer_than_history_is_wanted_says_from_when_it_was_read(scada: PretendUtility) -> None:
    adapter = gateway(history_hours="1")
    cursor = read(adapter, HISTORY)[-1].cursor
    scada.clock.advance(hours=5)

    last = read(adapter, HISTORY, cursor)[-1]

    assert last.complete
    assert last.remark.startswith(
        "Readings from before 2026-11-24 05:20 UTC were not asked for: the break was longer. The server reads no"
    )


def test_a_gateway_that_refuses_history_is_read_as_it_is_and_the_run_says_so(scada: PretendUtility) -> None:
    adapter = gateway()
    cursor = read(adapter, HISTORY)[-1].cursor
    opens_and_closes(scada)
    scada.fault("scada", "unrecorded")

    pages = read(adapter, HISTORY, cursor)
    scada.services()
    again = read(adapter, HISTORY, pages[-1].cursor)

    assert positions(adapter, pages) == ["CLOSED"]
    assert pages[-1].complete
    said = "The server reads no history of values to us: what was missed came back as present values only."
    assert (pages[-1].remark, again[-1].remark) == (said, said)
    assert "historyread" not in scada.services()


def test_the_test_of_the_connection_says_that_there_is_no_history(scada: PretendUtility) -> None:
    assert gateway().probe().findings == ()
    scada.fault("scada", "unrecorded")

    [finding] = gateway().probe().findings
    assert finding.startswith("The server says that it reads no history of values to us: what is missed in a break,")


def test_a_full_read_brings_present_values_and_begins_history_anew(scada: PretendUtility) -> None:
    adapter = gateway()
    cursor = read(adapter, HISTORY)[-1].cursor
    opens_and_closes(scada)
    scada.services()

    pages = list(adapter.fetch(HISTORY, cursor=None, mode=Mode.FULL))

    assert positions(adapter, pages) == ["CLOSED"]
    assert "historyread" not in scada.services()
    assert (pages[-1].cursor or {})["since"] > (cursor or {})["since"]


def test_a_break_while_listening_is_caught_up_by_history_even_of_present_values(scada: PretendUtility) -> None:
    adapter = gateway()
    with closing(adapter.listen(PRESENT, cursor=None)) as told:
        caught_up = read(adapter, PRESENT, promised(told))[-1].cursor
        heard = next(page for page in told if page is not None and page.records)
        scada.clock.advance(seconds=10)
        noted = next(page for page in told if page is not None and page.cursor is not None)
    opens_and_closes(scada)

    with closing(adapter.listen(PRESENT, cursor=noted.cursor)) as told:
        after_break = read(adapter, PRESENT, promised(told))

    assert heard.cursor is None
    assert (caught_up or {})["since"] == "2026-11-24T01:20:00Z"
    assert (noted.cursor or {})["since"] == "2026-11-24T01:20:10Z"
    assert positions(adapter, after_break) == ["OPEN", "CLOSED", "CLOSED"]


def test_a_schedule_that_takes_over_from_a_listener_reads_history_once(scada: PretendUtility) -> None:
    adapter = gateway()
    with closing(adapter.listen(PRESENT, cursor=None)) as told:
        cursor = read(adapter, PRESENT, promised(told))[-1].cursor
    opens_and_closes(scada)

    once = read(adapter, PRESENT, cursor)
    scada.services()
    then = read(adapter, PRESENT, once[-1].cursor)

    assert positions(adapter, once) == ["OPEN", "CLOSED", "CLOSED"]
    assert positions(adapter, then) == ["CLOSED"]
    assert set(scada.services()) == {"read"}


def test_the_list_of_variables_may_be_made_anew_without_forgetting_since_when(scada: PretendUtility) -> None:
    adapter = gateway(browse_minutes="1")
    first = read(adapter, HISTORY)
    opens_and_closes(scada)

    second = read(adapter, HISTORY, first[-1].cursor)

    assert (second[-1].cursor or {}).keys() == {"since"}
    opens_and_closes(scada)
    third = read(adapter, HISTORY, second[-1].cursor)
    assert positions(adapter, third) == ["OPEN", "CLOSED", "CLOSED"]
