from datetime import datetime, timedelta

import msgspec
import pytest

from connectors.contracts.alarm_acknowledgement import AlarmAcknowledgement
from connectors.landing import DeliveryReceipt, Landing
from connectors.models import Connector, OutboxItem, OutboxKind, State
from organisation.models import Membership, Organisation, User
from organisation.scope import Scope, acting_for
from telemetry.models import Acknowledgement, Alarm
from telemetry.services.acknowledgements import UnableToAcknowledge, acknowledge_alarm, settle_acknowledgement
from telemetry.services.alarms import land_alarms
from tests.telemetry.test_alarms import trip


@pytest.fixture
def alarm(landing: Landing, now: datetime) -> Alarm:
    land_alarms([trip(now, event_id="q83vEjRWeJA=", branch="b")], landing)
    return Alarm.objects.get()


@pytest.fixture
def person(coordinator: Membership) -> User:
    return coordinator.user


def receipt(acknowledgement: Acknowledgement, now: datetime, *, error: str = "") -> DeliveryReceipt:
    return DeliveryReceipt(
        contract="alarm-acknowledgement/1",
        subject=f"acknowledgement:{acknowledgement.pk}",
        reference="q83vEjRWeJA=",
        error=error,
        now=now,
    )


def refuses(alarm: Alarm, person: User, now: datetime) -> str:
    """What a person is told, having seen that nothing was written."""
    before = Acknowledgement.objects.count(), OutboxItem.objects.count()
    with pytest.raises(UnableToAcknowledge) as refusal:
        acknowledge_alarm(alarm=alarm, comment="", actor=person, now=now)
    assert (Acknowledgement.objects.count(), OutboxItem.objects.count()) == before
    return str(refusal.value)


def test_an_acknowledgement_goes_to_the_system_that_raised_the_alarm(alarm: Alarm, person: User, now: datetime) -> None:
    sent = acknowledge_alarm(alarm=alarm, comment="seen", actor=person, now=now)

    assert (sent.alarm, sent.event_id, sent.actor, sent.comment) == (alarm, "q83vEjRWeJA=", person, "seen")
    assert (sent.status, sent.requested_at, sent.settled_at) == ("SENDING", now, None)
    item = OutboxItem.objects.get()
    assert (item.kind, item.contract, item.connector_id) == (
        OutboxKind.DELIVER,
        "alarm-acknowledgement/1",
        alarm.connector_id,
    )
    assert (item.subject, item.actor) == (f"acknowledgement:{sent.pk}", person)
    assert msgspec.convert(item.payload, AlarmAcknowledgement) == AlarmAcknowledgement(
        condition="SW-1.Trip", branch="b", event_id="q83vEjRWeJA=", comment="seen", acknowledged_by=str(person)
    )
    alarm.refresh_from_db()
    assert alarm.is_acknowledged is False


def test_refuses_what_is_acknowledged_already(landing: Landing, alarm: Alarm, person: User, now: datetime) -> None:
    land_alarms([trip(now + timedelta(minutes=1), acknowledged=True, branch="b")], landing)

    assert refuses(alarm, person, now) == "This alarm has been acknowledged already."


def test_refuses_what_is_on_its_way(alarm: Alarm, person: User, now: datetime) -> None:
    sent = acknowledge_alarm(alarm=alarm, comment="", actor=person, now=now)

    assert refuses(alarm, person, now) == "This alarm's acknowledgement is on its way to SCADA."
    settle_acknowledgement(receipt(sent, now))
    assert refuses(alarm, person, now) == "SCADA has accepted this alarm's acknowledgement already."


def test_refuses_what_is_off_the_list(landing: Landing, alarm: Alarm, person: User, now: datetime) -> None:
    land_alarms([trip(now + timedelta(minutes=1), active=False, retained=False, branch="b")], landing)

    assert refuses(alarm, person, now) == "SCADA no longer has this alarm on its list: it is over."


def test_refuses_what_its_source_no_longer_has(alarm: Alarm, person: User, now: datetime) -> None:
    Alarm.objects.update(retired_at=now)

    assert refuses(alarm, person, now) == "SCADA no longer has this alarm on its list: it is over."


def test_refuses_where_the_source_cannot_be_told(alarm: Alarm, person: User, now: datetime) -> None:
    Connector.objects.update(state=State.DISABLED)
    assert refuses(alarm, person, now) == "SCADA is switched off. Switch it on first."

    Connector.objects.update(state=State.ACTIVE, kind="rest-json")
    assert refuses(alarm, person, now) == "SCADA takes no acknowledgements. Acknowledge the alarm there."


def test_the_next_notification_may_be_acknowledged_anew(
    landing: Landing, alarm: Alarm, person: User, now: datetime
) -> None:
    settle_acknowledgement(receipt(acknowledge_alarm(alarm=alarm, comment="", actor=person, now=now), now))
    land_alarms([trip(now + timedelta(minutes=1), event_id="next", branch="b")], landing)

    assert acknowledge_alarm(alarm=alarm, comment="", actor=person, now=now).event_id == "next"


def test_what_the_source_answers_is_kept_once(alarm: Alarm, person: User, now: datetime) -> None:
    sent = acknowledge_alarm(alarm=alarm, comment="", actor=person, now=now)
    later = now + timedelta(seconds=2)

    settle_acknowledgement(receipt(sent, later))
    settle_acknowledgement(receipt(sent, later + timedelta(seconds=1)))
    settle_acknowledgement(receipt(sent, later + timedelta(seconds=2), error="too late"))

    sent.refresh_from_db()
    assert (sent.status, sent.settled_at, sent.detail) == ("ACCEPTED", later, "")


def test_a_refusal_is_told_and_may_be_tried_again(alarm: Alarm, person: User, now: datetime) -> None:
    first = acknowledge_alarm(alarm=alarm, comment="", actor=person, now=now)
    settle_acknowledgement(receipt(first, now, error="SCADA refused it."))

    second = acknowledge_alarm(alarm=alarm, comment="", actor=person, now=now)
    # A person has the first delivery repeated as well.
    settle_acknowledgement(receipt(first, now))
    settle_acknowledgement(receipt(second, now))

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, first.detail, second.status) == ("REFUSED", "SCADA refused it.", "ACCEPTED")


def test_a_refused_delivery_that_is_repeated_with_success_is_accepted(
    alarm: Alarm, person: User, now: datetime
) -> None:
    sent = acknowledge_alarm(alarm=alarm, comment="", actor=person, now=now)
    settle_acknowledgement(receipt(sent, now, error="SCADA did not answer."))

    settle_acknowledgement(receipt(sent, now + timedelta(hours=1)))

    sent.refresh_from_db()
    assert (sent.status, sent.detail, sent.settled_at) == ("ACCEPTED", "", now + timedelta(hours=1))


def test_a_neighbours_alarm_is_not_there(alarm: Alarm, person: User, neighbour: Organisation, now: datetime) -> None:
    sent = acknowledge_alarm(alarm=alarm, comment="", actor=person, now=now)

    with acting_for(Scope(organisation_id=neighbour.pk)):
        with pytest.raises(Alarm.DoesNotExist):
            acknowledge_alarm(alarm=alarm, comment="", actor=person, now=now)
        with pytest.raises(Acknowledgement.DoesNotExist):
            settle_acknowledgement(receipt(sent, now))
        assert OutboxItem.objects.count() == 0
