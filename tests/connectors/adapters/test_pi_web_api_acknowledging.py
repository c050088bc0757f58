"""Acknowledging event frames of the pretend utility's historian, and who may."""

from collections.abc import Iterator

import pytest
import requests
import responses
from requests import PreparedRequest

from connectors.adapters.pi_web_api.adapter import PiWebApiAdapter
from connectors.contracts.alarm import Alarm
from connectors.contracts.alarm_acknowledgement import AlarmAcknowledgement
from connectors.protocols.adapter import Cursor, Mode, Receipt, SourceStream
from connectors.protocols.errors import BadRecord, Unauthorized, Unreachable
from tests.connectors.adapters.wire import ANYWHERE, BASE, PretendUtility, build, pretend_utility

SWITCH, DATABASE = "SW-10770", "\\\\RURAL-AF\\Grid"
FRAMES = SourceStream(name=DATABASE, contract="alarm/1")


@pytest.fixture
def pi() -> Iterator[PretendUtility]:
    with pretend_utility() as utility:
        utility.utility.hv_fault(SWITCH)
        yield utility


@pytest.fixture
def historian(pi: PretendUtility) -> PiWebApiAdapter:
    adapter: PiWebApiAdapter = build(
        PiWebApiAdapter, base_url=f"{BASE}/piwebapi", sign_in="BEARER", token="pi-demo-token"
    )
    return adapter


def alarm_of(historian: PiWebApiAdapter) -> Alarm:
    [page] = historian.fetch(FRAMES, cursor=None, mode=Mode.INCREMENTAL)
    alarm = historian.parse(page.records[0], FRAMES)
    assert isinstance(alarm, Alarm)
    return alarm


def seen(alarm: Alarm) -> AlarmAcknowledgement:
    return AlarmAcknowledgement(
        condition=alarm.condition, event_id=alarm.event_id, acknowledged_by="coordinator@rural-grid.example"
    )


def test_an_event_frame_is_acknowledged_once(historian: PiWebApiAdapter, pi: PretendUtility) -> None:
    alarm = alarm_of(historian)
    pi.services()
    pi.clock.advance(minutes=1)

    receipt = historian.deliver(seen(alarm))
    asked = pi.services()
    again = historian.deliver(seen(alarm))

    assert receipt == Receipt(reference=alarm.event_id)
    assert asked == [alarm.event_id, "acknowledge"]
    assert again == Receipt(
        reference=alarm.event_id,
        already_done=True,
        detail="RURAL\\service acknowledged it before, at 2026-11-24T01:16:00Z.",
    )
    assert pi.services() == [alarm.event_id]
    now = alarm_of(historian)
    assert (alarm.acknowledged, now.acknowledged, now.active, now.source_time) == (False, True, True, pi.clock())


def test_a_delivery_whose_answer_was_lost_is_found_done(historian: PiWebApiAdapter, pi: PretendUtility) -> None:
    alarm = alarm_of(historian)

    def lose_the_answer(request: PreparedRequest) -> tuple[int, dict[str, str], bytes]:
        pi.answer(request)
        raise requests.ConnectionError

    with responses.RequestsMock() as wire:
        wire.add_callback(responses.GET, ANYWHERE, callback=pi.answer)
        wire.add_callback(responses.PATCH, ANYWHERE, callback=lose_the_answer)
        with pytest.raises(Unreachable):
            historian.deliver(seen(alarm))

    assert historian.deliver(seen(alarm)).already_done


def test_an_account_that_may_not_is_told_so_and_so_is_who_tests_the_connection(
    historian: PiWebApiAdapter, pi: PretendUtility
) -> None:
    alarm = alarm_of(historian)
    assert historian.probe().findings == ()
    pi.fault("pi", "read-only")

    [finding] = historian.probe().findings
    with pytest.raises(Unauthorized, match="does not have Annotate permission"):
        historian.deliver(seen(alarm))

    assert finding.startswith(f"Our account may not acknowledge event frames of {DATABASE}.")
    assert not alarm_of(historian).acknowledged


def test_an_event_frame_that_is_gone_cannot_be_acknowledged(historian: PiWebApiAdapter) -> None:
    gone = AlarmAcknowledgement(condition="gone", event_id="I1Fm/../gone?x", acknowledged_by="someone")

    with pytest.raises(BadRecord, match="AVEVA PI has no such event frame any more"):
        historian.deliver(gone)


def changes(historian: PiWebApiAdapter, cursor: Cursor | None) -> tuple[list[Alarm], Cursor]:
    """What a read for changes brings, and where the next one begins."""
    pages = list(historian.fetch(FRAMES, cursor=cursor, mode=Mode.INCREMENTAL))
    alarms = [historian.parse(raw, FRAMES) for page in pages for raw in page.records]
    assert pages[-1].complete
    assert pages[-1].cursor is not None
    return [alarm for alarm in alarms if isinstance(alarm, Alarm)], pages[-1].cursor


def test_an_acknowledgement_long_after_the_end_is_read(historian: PiWebApiAdapter, pi: PretendUtility) -> None:
    pi.clock.advance(minutes=1)
    pi.utility.restore(SWITCH)
    pi.clock.advance(hours=1)
    [waiting], first = changes(historian, None)
    pi.clock.advance(days=1)
    quiet = changes(historian, first)
    historian.deliver(seen(waiting))
    pi.clock.advance(minutes=1)

    [told], after = changes(historian, quiet[1])

    assert (waiting.acknowledged, waiting.retained) == (False, True)
    assert first["waiting"] == quiet[1]["waiting"] == [waiting.event_id]
    assert quiet[0] == []
    assert (told.acknowledged, told.retained, told.element) == (True, False, SWITCH)
    assert after["waiting"] == []
    assert changes(historian, after)[0] == []


def test_an_event_frame_that_is_gone_is_waited_for_no_more(historian: PiWebApiAdapter, pi: PretendUtility) -> None:
    pi.clock.advance(hours=1)

    _, after = changes(historian, {"since": "2026-11-24T02:00:00Z", "waiting": ["I1Fmgone"]})

    assert after == {"since": "2026-11-24T02:15:00Z", "waiting": []}
