from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from connectors.contracts.alarm import Shelving
from connectors.contracts.alarm_comment import AlarmComment
from connectors.contracts.alarm_confirmation import AlarmConfirmation
from connectors.contracts.alarm_shelving import AlarmShelving, ShelvingAction
from connectors.landing import DeliveryReceipt, Landing
from connectors.models import Connector, OutboxItem, State
from organisation.models import Membership, Organisation, User
from organisation.scope import Scope, acting_for
from telemetry.models import Alarm, AlarmAction
from telemetry.services.alarm_actions import (
    UnableToAct,
    comment_on_alarm,
    confirm_alarm,
    settle_alarm_action,
    shelve_alarm,
    unshelve_alarm,
)
from telemetry.services.alarms import land_alarms
from tests.telemetry.test_alarms import trip

OVER = "SCADA no longer has this alarm on its list: it is over."


@pytest.fixture
def person(coordinator: Membership) -> User:
    return coordinator.user


@pytest.fixture
def alarm(landing: Landing, now: datetime) -> Alarm:
    """Acknowledged, to be confirmed, and not shelved."""
    return landed(landing, now, acknowledged=True, confirmed=False)


def landed(landing: Landing, at: datetime, **told: Any) -> Alarm:
    land_alarms([trip(at, **{"event_id": "q83vEjRWeJA=", "branch": "b", **told})], landing)
    return Alarm.objects.get()


def refuses(act: Callable[..., AlarmAction], alarm: Alarm, person: User, now: datetime, **words: Any) -> str:
    """What a person is told, having seen that nothing was written."""
    before = AlarmAction.objects.count(), OutboxItem.objects.count()
    with pytest.raises(UnableToAct) as refusal:
        act(alarm=alarm, actor=person, now=now, **words)
    assert (AlarmAction.objects.count(), OutboxItem.objects.count()) == before
    return str(refusal.value)


def delivered(action: AlarmAction, contract: type[Any]) -> Any:
    """The record in the outbox."""
    item = OutboxItem.objects.get()
    assert (item.contract, item.subject) == (
        f"{contract.contract_name}/{contract.contract_version}",
        f"alarm-action:{action.pk}",
    )
    assert (item.connector_id, item.actor_id) == (action.alarm.connector_id, action.actor_id)
    return msgspec.convert(item.payload, contract)


def receipt(action: AlarmAction, now: datetime, *, error: str = "") -> DeliveryReceipt:
    return DeliveryReceipt(
        contract="alarm-comment/1", subject=f"alarm-action:{action.pk}", reference="", error=error, now=now
    )


def test_a_confirmation_goes_to_the_system_that_raised_the_alarm(alarm: Alarm, person: User, now: datetime) -> None:
    sent = confirm_alarm(alarm=alarm, comment="joint replaced", actor=person, now=now)

    assert (sent.kind, sent.comment, sent.status, sent.requested_at) == ("CONFIRM", "joint replaced", "SENDING", now)
    assert delivered(sent, AlarmConfirmation) == AlarmConfirmation(
        condition="SW-1.Trip",
        branch="b",
        event_id="q83vEjRWeJA=",
        comment="joint replaced",
        confirmed_by=str(person),
    )
    alarm.refresh_from_db()
    assert alarm.is_confirmed is False


def test_a_comment_says_when_it_was_written(alarm: Alarm, person: User, now: datetime) -> None:
    sent = comment_on_alarm(alarm=alarm, comment="crew is called", actor=person, now=now)

    assert delivered(sent, AlarmComment) == AlarmComment(
        condition="SW-1.Trip",
        branch="b",
        event_id="q83vEjRWeJA=",
        comment="crew is called",
        commented_by=str(person),
        commented_at=now,
    )


@pytest.mark.parametrize(("minutes", "action"), [(None, ShelvingAction.ONE_SHOT), (30, ShelvingAction.TIMED)])
def test_shelving_is_for_the_condition_and_has_a_reason(
    alarm: Alarm, person: User, now: datetime, minutes: int | None, action: ShelvingAction
) -> None:
    until = None if minutes is None else now + timedelta(minutes=minutes)

    sent = shelve_alarm(alarm=alarm, until=until, reason="being tested", actor=person, now=now)

    assert (sent.until, sent.comment) == (until, "being tested")
    assert delivered(sent, AlarmShelving) == AlarmShelving(
        condition="SW-1.Trip", action=action, until=until, reason="being tested", requested_by=str(person)
    )


def test_what_the_source_tells_of_shelving_stands_on_the_alarm_and_can_be_undone(
    landing: Landing, person: User, now: datetime
) -> None:
    until = now + timedelta(minutes=30)
    told: dict[str, Any] = {
        "shelving": Shelving.TIMED,
        "shelved_until": until,
        "comment": "crew is called",
        "commented_by": "gateway",
    }
    alarm = landed(landing, now, **told)

    assert (alarm.shelving, alarm.shelved_until) == ("TIMED", until)
    assert (alarm.comment, alarm.commented_by, alarm.is_confirmed) == ("crew is called", "gateway", None)
    assert land_alarms([trip(now, event_id="q83vEjRWeJA=", branch="b", **told)], landing).unchanged == 1
    assert refuses(shelve_alarm, alarm, person, now, until=None, reason="again") == (
        "This alarm is shelved already. Unshelve it first."
    )
    sent = unshelve_alarm(alarm=alarm, reason="", actor=person, now=now)
    assert delivered(sent, AlarmShelving).action is ShelvingAction.UNSHELVE


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ({"acknowledged": False, "confirmed": False}, "This alarm is not acknowledged yet. Acknowledge it first."),
        ({"acknowledged": True, "confirmed": True}, "This alarm has been confirmed already."),
        ({"acknowledged": True}, "SCADA has nobody confirm this alarm."),
        ({"acknowledged": True, "confirmed": False, "retained": False}, OVER),
    ],
)
def test_refuses_what_cannot_be_confirmed(
    landing: Landing, person: User, now: datetime, told: dict[str, Any], sentence: str
) -> None:
    assert refuses(confirm_alarm, landed(landing, now, **told), person, now, comment="") == sentence


def test_refuses_comments_and_shelving_without_words(alarm: Alarm, person: User, now: datetime) -> None:
    assert refuses(comment_on_alarm, alarm, person, now, comment=" ") == "Write the comment."
    assert refuses(shelve_alarm, alarm, person, now, until=None, reason="") == "Say why the alarm is to be shelved."


def test_refuses_a_time_that_is_over_and_to_unshelve_what_is_not_shelved(
    alarm: Alarm, person: User, now: datetime
) -> None:
    assert refuses(shelve_alarm, alarm, person, now, until=now, reason="tested") == (
        "The time until which the alarm is to be shelved is over. Choose a later one."
    )
    assert refuses(unshelve_alarm, alarm, person, now, reason="") == "This alarm is not shelved."


def test_refuses_what_is_over(landing: Landing, person: User, now: datetime) -> None:
    alarm = landed(landing, now, active=False, retained=False)

    assert refuses(comment_on_alarm, alarm, person, now, comment="late") == OVER
    assert refuses(shelve_alarm, alarm, person, now, until=None, reason="late") == OVER


def test_refuses_the_same_while_it_is_on_its_way_but_for_comments(alarm: Alarm, person: User, now: datetime) -> None:
    confirmed = confirm_alarm(alarm=alarm, comment="", actor=person, now=now)
    comment_on_alarm(alarm=alarm, comment="one", actor=person, now=now)
    comment_on_alarm(alarm=alarm, comment="two", actor=person, now=now)

    assert refuses(confirm_alarm, alarm, person, now, comment="") == "This is on its way to SCADA already."
    settle_alarm_action(receipt(confirmed, now, error="SCADA refused it."))
    assert confirm_alarm(alarm=alarm, comment="", actor=person, now=now).status == "SENDING"


def test_refuses_where_the_source_cannot_be_told(alarm: Alarm, person: User, now: datetime) -> None:
    Connector.objects.update(state=State.DISABLED)
    assert refuses(confirm_alarm, alarm, person, now, comment="") == "SCADA is switched off. Switch it on first."

    Connector.objects.update(state=State.ACTIVE, kind="rest-json")
    assert refuses(comment_on_alarm, alarm, person, now, comment="x") == "SCADA takes no comments. Do it there."


def test_what_the_source_answers_is_kept_once(alarm: Alarm, person: User, now: datetime) -> None:
    sent = comment_on_alarm(alarm=alarm, comment="crew is called", actor=person, now=now)
    later = now + timedelta(seconds=2)

    settle_alarm_action(receipt(sent, now, error="SCADA did not answer."))
    settle_alarm_action(receipt(sent, later))
    settle_alarm_action(receipt(sent, later + timedelta(seconds=1), error="too late"))

    sent.refresh_from_db()
    assert (sent.status, sent.settled_at, sent.detail) == ("ACCEPTED", later, "")


def test_a_neighbours_alarm_is_not_there(alarm: Alarm, person: User, neighbour: Organisation, now: datetime) -> None:
    sent = comment_on_alarm(alarm=alarm, comment="crew is called", actor=person, now=now)

    with acting_for(Scope(organisation_id=neighbour.pk)):
        with pytest.raises(Alarm.DoesNotExist):
            comment_on_alarm(alarm=alarm, comment="crew is called", actor=person, now=now)
        with pytest.raises(AlarmAction.DoesNotExist):
            settle_alarm_action(receipt(sent, now))
        assert OutboxItem.objects.count() == 0
