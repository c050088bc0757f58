"""What people do to alarms, at the pretend utility's gateway: done once, whatever becomes of the answers."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from connectors.adapters.opcua_rest.adapter import OpcUaRestAdapter
from connectors.contracts.alarm import Alarm, Shelving
from connectors.contracts.alarm_acknowledgement import AlarmAcknowledgement
from connectors.contracts.alarm_comment import AlarmComment
from connectors.contracts.alarm_confirmation import AlarmConfirmation
from connectors.contracts.alarm_shelving import AlarmShelving, ShelvingAction
from connectors.contracts.base import OutboundRecord
from connectors.contracts.cap_alert import CapAlert
from connectors.protocols.adapter import Mode, SourceStream
from connectors.protocols.errors import BadConfig, BadRecord, ContractBroken, Unreachable
from tests.connectors.adapters.wire import BASE, PretendUtility, build, pretend_utility

SWITCH = "SW-10770"
TRIP = f"nsu=urn:rural-grid:scada;s={SWITCH}.Trip"
ALARMS = SourceStream(name="alarms", contract="alarm/1")
WHO = "coordinator@rural-grid.example"


@pytest.fixture
def scada() -> Iterator[PretendUtility]:
    with pretend_utility(has_full_conditions=True) as utility:
        yield utility


@pytest.fixture
def adapter() -> OpcUaRestAdapter:
    settings = {"base_url": f"{BASE}/opcua/", "sign_in": "BEARER", "token": "scada-demo-token"}
    adapter: OpcUaRestAdapter = build(OpcUaRestAdapter, **settings)
    return adapter


def alarms(adapter: OpcUaRestAdapter) -> list[Alarm]:
    """Every notification, in the order in which they came."""
    pages = adapter.fetch(ALARMS, cursor=None, mode=Mode.INCREMENTAL)
    parsed = [adapter.parse(raw, ALARMS) for page in pages for raw in page.records]
    return [one for one in parsed if isinstance(one, Alarm)]


def tripped(scada: PretendUtility, adapter: OpcUaRestAdapter) -> Alarm:
    scada.clock.advance(seconds=1)
    scada.utility.hv_fault(SWITCH)
    return alarms(adapter)[-1]


def about(alarm: Alarm) -> dict[str, str]:
    return {"condition": alarm.condition, "branch": alarm.branch, "event_id": alarm.event_id}


def acknowledgement(alarm: Alarm) -> AlarmAcknowledgement:
    return AlarmAcknowledgement(**about(alarm), acknowledged_by=WHO)


def confirmation(alarm: Alarm) -> AlarmConfirmation:
    return AlarmConfirmation(**about(alarm), comment="joint replaced", confirmed_by=WHO)


def comment(scada: PretendUtility, alarm: Alarm) -> AlarmComment:
    return AlarmComment(**about(alarm), comment="crew is called", commented_by=WHO, commented_at=scada.clock())


def shelving(scada: PretendUtility, action: ShelvingAction = ShelvingAction.ONE_SHOT) -> AlarmShelving:
    until = scada.clock() + timedelta(minutes=30) if action is ShelvingAction.TIMED else None
    return AlarmShelving(condition=TRIP, action=action, until=until, reason="being tested", requested_by=WHO)


def called(scada: PretendUtility) -> list[Any]:
    return [json.loads(body)["MethodsToCall"][0] for body in scada.bodies if b"MethodsToCall" in body]


def test_a_confirmation_reaches_the_condition_with_the_person_s_name(
    scada: PretendUtility, adapter: OpcUaRestAdapter
) -> None:
    adapter.deliver(acknowledgement(tripped(scada, adapter)))
    seen = alarms(adapter)[-1]
    assert (seen.acknowledged, seen.confirmed) == (True, False)
    scada.bodies.clear()

    receipt = adapter.deliver(confirmation(seen))

    assert (receipt.reference, receipt.already_done) == (seen.event_id, False)
    assert called(scada) == [
        {
            "ObjectId": TRIP,
            "MethodId": "i=9113",
            "InputArguments": [
                {"UaType": 15, "Value": seen.event_id},
                {"UaType": 21, "Value": {"Text": f"{WHO}: joint replaced", "Locale": "en"}},
            ],
        }
    ]
    confirmed = alarms(adapter)[-1]
    assert (confirmed.confirmed, confirmed.comment, confirmed.commented_by) == (
        True,
        f"{WHO}: joint replaced",
        "gateway",
    )
    again = adapter.deliver(confirmation(seen))
    assert (again.already_done, again.detail) == (True, "It was confirmed before.")


def test_what_is_not_acknowledged_cannot_be_confirmed(scada: PretendUtility, adapter: OpcUaRestAdapter) -> None:
    with pytest.raises(BadRecord, match="BadInvalidState while confirming the alarm: as the alarm stands"):
        adapter.deliver(confirmation(tripped(scada, adapter)))


def test_a_gateway_that_has_nobody_confirm_says_so() -> None:
    with pretend_utility() as scada:
        adapter: OpcUaRestAdapter = build(
            OpcUaRestAdapter, base_url=f"{BASE}/opcua/", sign_in="BEARER", token="scada-demo-token"
        )
        alarm = tripped(scada, adapter)

        with pytest.raises(BadRecord, match="BadMethodInvalid while confirming the alarm"):
            adapter.deliver(confirmation(alarm))


def test_a_comment_is_written_once(scada: PretendUtility, adapter: OpcUaRestAdapter) -> None:
    record = comment(scada, tripped(scada, adapter))

    first, again = adapter.deliver(record), adapter.deliver(record)

    assert (first.already_done, again.already_done) == (False, True)
    assert [alarm.comment for alarm in alarms(adapter)] == ["", f"{WHO}: crew is called"]


def test_an_equal_comment_of_another_day_is_another_one(scada: PretendUtility, adapter: OpcUaRestAdapter) -> None:
    adapter.deliver(comment(scada, tripped(scada, adapter)))
    scada.clock.advance(hours=1)

    adapter.deliver(comment(scada, alarms(adapter)[-1]))

    assert [alarm.comment for alarm in alarms(adapter)] == ["", *[f"{WHO}: crew is called"] * 2]


def test_shelving_for_a_time_ends_when_the_person_said_however_late_it_is_told(
    scada: PretendUtility, adapter: OpcUaRestAdapter
) -> None:
    tripped(scada, adapter)
    record = shelving(scada, ShelvingAction.TIMED)
    scada.clock.advance(minutes=10)
    scada.bodies.clear()

    receipt = adapter.deliver(record)

    assert not receipt.already_done
    assert called(scada) == [
        {"ObjectId": TRIP, "MethodId": "i=9213", "InputArguments": [{"UaType": 11, "Value": 1_200_000.0}]}
    ]
    shelved = alarms(adapter)[-1]
    assert (shelved.shelving, shelved.shelved_until) == (Shelving.TIMED, record.until)
    assert adapter.deliver(record).already_done
    scada.clock.advance(minutes=20)
    assert (alarms(adapter)[-1].shelving, alarms(adapter)[-1].shelved_until) == (None, None)


def test_a_time_that_is_over_shelves_nothing(scada: PretendUtility, adapter: OpcUaRestAdapter) -> None:
    tripped(scada, adapter)
    record = shelving(scada, ShelvingAction.TIMED)
    scada.clock.advance(minutes=30)

    with pytest.raises(BadRecord, match="was over before the source could be told"):
        adapter.deliver(record)

    assert called(scada) == []


def test_more_time_than_the_source_allows_is_for_a_person(scada: PretendUtility, adapter: OpcUaRestAdapter) -> None:
    tripped(scada, adapter)
    record = AlarmShelving(
        condition=TRIP, action=ShelvingAction.TIMED, until=scada.clock() + timedelta(days=2), requested_by=WHO
    )

    with pytest.raises(BadRecord, match="BadShelvingTimeOutOfRange"):
        adapter.deliver(record)


def test_what_is_shelved_once_is_unshelved_once(scada: PretendUtility, adapter: OpcUaRestAdapter) -> None:
    tripped(scada, adapter)

    adapter.deliver(shelving(scada))
    assert alarms(adapter)[-1].shelving is Shelving.ONE_SHOT
    off = adapter.deliver(shelving(scada, ShelvingAction.UNSHELVE))
    again = adapter.deliver(shelving(scada, ShelvingAction.UNSHELVE))

    assert alarms(adapter)[-1].shelving is None
    assert (off.already_done, again.already_done, again.detail) == (False, True, "It was not shelved any more.")


@pytest.mark.parametrize("what", ["acknowledgement", "confirmation", "comment", "shelving"])
def test_where_the_answer_is_lost_the_condition_is_read_back(
    scada: PretendUtility, adapter: OpcUaRestAdapter, what: str
) -> None:
    alarm = tripped(scada, adapter)
    if what == "confirmation":
        adapter.deliver(acknowledgement(alarm))
        alarm = alarms(adapter)[-1]
    records: dict[str, OutboundRecord] = {
        "acknowledgement": acknowledgement(alarm),
        "confirmation": confirmation(alarm),
        "comment": comment(scada, alarm),
        "shelving": shelving(scada),
    }
    scada.bodies.clear()
    scada.loses_the_answer_of = "/call"

    receipt = adapter.deliver(records[what])

    assert receipt.detail == "The answer was lost, but the source shows that it was done."
    assert len(called(scada)) == 1


def test_what_was_not_done_is_tried_again_later(scada: PretendUtility, adapter: OpcUaRestAdapter) -> None:
    alarm = tripped(scada, adapter)
    scada.fault("scada", "500", times=1)

    with pytest.raises(Unreachable):
        adapter.deliver(acknowledgement(alarm))

    assert [one.acknowledged for one in alarms(adapter)] == [False]


def test_where_the_source_cannot_be_asked_what_became_of_it_it_is_tried_again(
    scada: PretendUtility, adapter: OpcUaRestAdapter
) -> None:
    alarm = tripped(scada, adapter)
    scada.fault("scada", "garbage")

    with pytest.raises(Unreachable):
        adapter.deliver(acknowledgement(alarm))


def test_an_answer_that_is_none_and_a_condition_untouched_stop_it(
    scada: PretendUtility, adapter: OpcUaRestAdapter
) -> None:
    alarm = tripped(scada, adapter)
    scada.fault("scada", "garbage", times=1)

    with pytest.raises(ContractBroken):
        adapter.deliver(acknowledgement(alarm))


def test_what_a_gateway_takes_not_is_refused(adapter: OpcUaRestAdapter) -> None:
    assert CapAlert not in adapter.accepts
    with pytest.raises(BadConfig, match="takes no"):
        adapter.deliver(OutboundRecordOfAnotherKind())


class OutboundRecordOfAnotherKind(OutboundRecord, frozen=True, kw_only=True):
    contract_name = "other"
    contract_version = "1"


def branched(scada: PretendUtility, adapter: OpcUaRestAdapter) -> tuple[Alarm, Alarm]:
    """A trip that nobody has seen to, and the one after it."""
    tripped(scada, adapter)
    scada.utility.restore()
    tripped(scada, adapter)
    branch, now = alarms(adapter)[-2:]
    return branch, now


def test_a_branch_is_an_alarm_of_its_own(scada: PretendUtility, adapter: OpcUaRestAdapter) -> None:
    branch, now = branched(scada, adapter)

    assert (branch.external_id, branch.branch) == (f"{TRIP}#{TRIP}.1", f"{TRIP}.1")
    assert (now.external_id, now.branch) == (TRIP, "")
    assert (branch.active, branch.acknowledged, branch.retained) == (False, False, True)
    assert (now.active, now.acknowledged, now.retained) == (True, False, True)


def test_a_branch_is_acknowledged_and_confirmed_by_its_own_event_and_goes_away(
    scada: PretendUtility, adapter: OpcUaRestAdapter
) -> None:
    branch, _ = branched(scada, adapter)

    adapter.deliver(acknowledgement(branch))
    acknowledged = alarms(adapter)[-1]
    adapter.deliver(confirmation(acknowledged))

    assert (acknowledged.branch, acknowledged.retained) == (branch.branch, True)
    gone = alarms(adapter)[-1]
    assert (gone.branch, gone.acknowledged, gone.confirmed, gone.retained) == (branch.branch, True, True, False)
    present = [one for one in alarms(adapter) if not one.branch][-1]
    assert (present.active, present.acknowledged) == (True, False)


def test_a_stale_event_of_a_branch_leads_to_the_branch_and_not_to_the_present_state(
    scada: PretendUtility, adapter: OpcUaRestAdapter
) -> None:
    branch, _ = branched(scada, adapter)
    stale = AlarmAcknowledgement(condition=TRIP, branch=branch.branch, event_id="AAAA", acknowledged_by=WHO)

    receipt = adapter.deliver(stale)

    assert receipt.reference == branch.event_id
    assert (alarms(adapter)[-1].branch, alarms(adapter)[-1].acknowledged) == (branch.branch, True)


@pytest.mark.parametrize("encoding", ["COMPACT", "VERBOSE"])
def test_a_refresh_tells_of_branches_too(scada: PretendUtility, adapter: OpcUaRestAdapter, encoding: str) -> None:
    branched(scada, adapter)
    listening: OpcUaRestAdapter = build(
        OpcUaRestAdapter, base_url=f"{BASE}/opcua/", sign_in="BEARER", token="scada-demo-token", encoding=encoding
    )

    with closing(listening.listen(ALARMS, cursor=None)) as told:
        next(told)
        page = next(page for page in told if page is not None and page.records)

    found = [listening.parse(raw, ALARMS) for raw in page.records]
    assert {one.branch for one in found if isinstance(one, Alarm)} == {"", f"{TRIP}.1"}
