"""The OPC UA adapter through the whole engine: branches of alarms, what people do to them, and missed readings."""

from collections.abc import Iterator

import pytest

from connectors import secrets
from connectors.models import Connector, Mode, OutboxItem, OutboxKind, Run, Stream, Trigger
from connectors.services.outbox import deliver_due
from connectors.services.outcomes import Ended
from connectors.services.sync import sync_stream
from organisation.models import Membership
from organisation.scope import Scope
from telemetry.models import Alarm, AlarmAction, Reading
from telemetry.services.acknowledgements import acknowledge_alarm
from telemetry.services.alarm_actions import comment_on_alarm, confirm_alarm, shelve_alarm
from tests.connectors.adapters.wire import BASE, PretendUtility, pretend_utility
from tests.telemetry.days import make_days

SWITCH = "SW-10770"
TRIP = f"nsu=urn:rural-grid:scada;s={SWITCH}.Trip"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def scada() -> Iterator[PretendUtility]:
    with pretend_utility(has_full_conditions=True) as utility:
        yield utility


@pytest.fixture
def gateway(scope: Scope, scada: PretendUtility) -> Connector:
    make_days(scada.clock())
    return Connector.objects.create(
        kind="opcua-rest",
        name="SCADA gateway",
        config={
            "base_url": f"{BASE}/opcua",
            "sign_in": "BEARER",
            "start_node": f"nsu=urn:rural-grid:scada;s={SWITCH}",
            "history_overlap_seconds": 0,
        },
        secrets=secrets.encrypt({"token": "scada-demo-token"}),
    )


def run(stream: Stream, scada: PretendUtility, mode: Mode = Mode.INCREMENTAL) -> None:
    assert sync_stream(stream_id=stream.pk, mode=mode, trigger=Trigger.PERSON, clock=scada.clock).ended is Ended.READ


def delivers(scada: PretendUtility) -> int:
    return deliver_due(clock=scada.clock)


def test_a_branch_is_seen_to_by_its_own_and_goes_away(
    gateway: Connector, scada: PretendUtility, coordinator: Membership
) -> None:
    alarms = Stream.objects.create(connector=gateway, name="alarms", contract="alarm/1")
    scada.utility.hv_fault(SWITCH)
    scada.utility.restore()
    scada.clock.advance(seconds=30)
    scada.utility.hv_fault(SWITCH)
    run(alarms, scada)
    branch, present = Alarm.objects.get(branch=f"{TRIP}.1"), Alarm.objects.get(branch="")
    assert (branch.is_active, branch.is_retained, present.is_active) == (False, True, True)

    who, now = coordinator.user, scada.clock.advance(seconds=1)
    acknowledge_alarm(alarm=branch, comment="", actor=who, now=now)
    assert delivers(scada) == 1
    run(alarms, scada)
    branch.refresh_from_db()
    assert (branch.is_acknowledged, branch.is_confirmed, branch.is_retained) == (True, False, True)
    confirm_alarm(alarm=branch, comment="joint replaced", actor=who, now=scada.clock.advance(seconds=1))
    assert delivers(scada) == 1
    run(alarms, scada)

    branch.refresh_from_db()
    present.refresh_from_db()
    assert (branch.is_confirmed, branch.is_retained, branch.comment) == (True, False, f"{who}: joint replaced")
    assert (present.is_acknowledged, present.is_retained) == (False, True)


def test_what_a_person_does_comes_back_as_the_source_tells_it(
    gateway: Connector, scada: PretendUtility, coordinator: Membership
) -> None:
    alarms = Stream.objects.create(connector=gateway, name="alarms", contract="alarm/1")
    scada.utility.hv_fault(SWITCH)
    run(alarms, scada)
    alarm, who = Alarm.objects.get(), coordinator.user
    comment_on_alarm(alarm=alarm, comment="crew is called", actor=who, now=scada.clock())
    shelve_alarm(alarm=alarm, until=None, reason="being tested", actor=who, now=scada.clock())
    scada.clock.advance(seconds=1)
    scada.loses_the_answer_of = "/call"

    assert delivers(scada) == 2
    run(alarms, scada)

    alarm.refresh_from_db()
    assert (alarm.comment, alarm.commented_by, alarm.shelving) == (f"{who}: crew is called", "gateway", "ONE_SHOT")
    assert list(AlarmAction.objects.values_list("status", flat=True)) == ["ACCEPTED", "ACCEPTED"]
    details = (
        OutboxItem.objects.filter(kind=OutboxKind.DELIVER).order_by("pk").values_list("receipt__detail", flat=True)
    )
    assert list(details) == ["The answer was lost, but the source shows that it was done.", ""]


def test_history_lands_what_was_missed_and_the_run_says_what_has_none(
    gateway: Connector, scada: PretendUtility
) -> None:
    signals = Stream.objects.create(connector=gateway, name="signals", contract="signal/1")
    readings = Stream.objects.create(
        connector=gateway, name="readings", contract="reading/1", options={"values": "HISTORY"}
    )
    run(signals, scada, Mode.FULL)
    run(readings, scada)
    scada.clock.advance(minutes=2)
    scada.utility.hv_fault(SWITCH)
    scada.clock.advance(seconds=10)
    scada.utility.restore()
    scada.clock.advance(minutes=2)

    run(readings, scada)

    positions = Reading.objects.filter(signal__external_id__endswith=".POS").order_by("source_time")
    assert list(positions.values_list("state", flat=True)) == ["CLOSED", "OPEN", "CLOSED"]
    assert Run.objects.latest("pk").detail == (
        "The server reads no history of 2 of 3 variables to us: what was missed came back as present values only."
    )
