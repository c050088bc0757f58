"""Acknowledging an alarm: it travels to the system that raised it, and what that says comes back."""

from datetime import datetime

from django.db import transaction

from connectors import registry
from connectors.contracts.alarm_acknowledgement import AlarmAcknowledgement
from connectors.landing import DeliveryReceipt
from connectors.models import State
from connectors.services import outbox
from organisation.models import User
from organisation.scope import current_scope
from telemetry.models import Acknowledgement, AcknowledgementStatus, Alarm

SUBJECT = "acknowledgement:"


class UnableToAcknowledge(Exception):
    """There is nothing left to acknowledge on the alarm."""


@transaction.atomic
def acknowledge_alarm(*, alarm: Alarm, comment: str, actor: User, now: datetime) -> Acknowledgement:
    """
    Tell the system that raised an alarm that a person has seen it. The alarm itself changes when that system says so.

    :raises UnableToAcknowledge: if it is acknowledged already, or on its way to be, or off the operators' list, or
        if its system cannot be told
    """
    alarm = (
        Alarm.objects.for_organisation(current_scope().organisation_id)
        .select_for_update(of=("self",))
        .select_related("connector")
        .get(pk=alarm.pk)
    )
    if alarm.is_acknowledged:
        raise UnableToAcknowledge("This alarm has been acknowledged already.")
    if not alarm.is_retained or alarm.retired_at is not None:
        raise UnableToAcknowledge(f"{alarm.connector} no longer has this alarm on its list: it is over.")
    if AlarmAcknowledgement not in registry.adapter_for(alarm.connector.kind).accepts:
        raise UnableToAcknowledge(f"{alarm.connector} takes no acknowledgements. Acknowledge the alarm there.")
    if alarm.connector.state == State.DISABLED:
        raise UnableToAcknowledge(f"{alarm.connector} is switched off. Switch it on first.")
    live = _live(alarm.pk, alarm.event_id)
    if live is not None and live.status == AcknowledgementStatus.ACCEPTED:
        raise UnableToAcknowledge(f"{alarm.connector} has accepted this alarm's acknowledgement already.")
    if live is not None:
        raise UnableToAcknowledge(f"This alarm's acknowledgement is on its way to {alarm.connector}.")
    acknowledgement = Acknowledgement.objects.create(
        alarm=alarm, event_id=alarm.event_id, actor=actor, comment=comment, requested_at=now
    )
    outbox.deliver_record(
        connector=alarm.connector,
        record=AlarmAcknowledgement(
            condition=alarm.condition,
            branch=alarm.branch,
            event_id=alarm.event_id,
            comment=comment,
            acknowledged_by=str(actor),
        ),
        subject=f"{SUBJECT}{acknowledgement.pk}",
        actor=actor,
        now=now,
    )
    return acknowledgement


@transaction.atomic
def settle_acknowledgement(receipt: DeliveryReceipt) -> Acknowledgement:
    """
    Keep what the source answered. It comes at least once; what was accepted stays accepted.

    A refused one whose delivery a person repeats with success is accepted, unless another took its place since.
    """
    acknowledgement = (
        Acknowledgement.objects.for_organisation(current_scope().organisation_id)
        .select_for_update()
        .get(pk=int(receipt.subject.removeprefix(SUBJECT)))
    )
    status = AcknowledgementStatus.REFUSED if receipt.error else AcknowledgementStatus.ACCEPTED
    if acknowledgement.status in (AcknowledgementStatus.ACCEPTED, status):
        return acknowledgement
    live = _live(acknowledgement.alarm_id, acknowledgement.event_id)
    if live is not None and live.pk != acknowledgement.pk:
        return acknowledgement
    acknowledgement.status = status
    acknowledgement.detail = receipt.error
    acknowledgement.settled_at = receipt.now
    acknowledgement.save(update_fields=["status", "detail", "settled_at"])
    return acknowledgement


def _live(alarm_id: int, event_id: str) -> Acknowledgement | None:
    """The acknowledgement of a notification that is on its way or has arrived; there is one at most."""
    return (
        Acknowledgement.objects.for_organisation(current_scope().organisation_id)
        .filter(alarm_id=alarm_id, event_id=event_id)
        .exclude(status=AcknowledgementStatus.REFUSED)
        .first()
    )
