"""
Confirming, commenting on and shelving an alarm: each travels to the system that raised it, and what that says comes
back. The alarm itself changes when that system says so.
"""

from datetime import datetime

from django.db import transaction

from connectors import registry
from connectors.contracts.alarm_comment import AlarmComment
from connectors.contracts.alarm_confirmation import AlarmConfirmation
from connectors.contracts.alarm_shelving import AlarmShelving, ShelvingAction
from connectors.contracts.base import OutboundRecord
from connectors.landing import DeliveryReceipt
from connectors.models import State
from connectors.services import outbox
from organisation.models import User
from organisation.scope import current_scope
from telemetry.models import AcknowledgementStatus, Alarm, AlarmAction, AlarmActionKind

SUBJECT = "alarm-action:"


class UnableToAct(Exception):
    """It cannot be done to the alarm as it stands, or its system cannot be told."""


@transaction.atomic
def confirm_alarm(*, alarm: Alarm, comment: str, actor: User, now: datetime) -> AlarmAction:
    """
    Tell the system that raised an alarm that it has been seen to.

    :raises UnableToAct: if there is nothing to confirm
    """
    alarm = _locked(alarm, takes=AlarmConfirmation, what="confirmations")
    _require_on_the_list(alarm)
    if alarm.is_confirmed is None:
        raise UnableToAct(f"{alarm.connector} has nobody confirm this alarm.")
    if alarm.is_confirmed:
        raise UnableToAct("This alarm has been confirmed already.")
    if not alarm.is_acknowledged:
        raise UnableToAct("This alarm is not acknowledged yet. Acknowledge it first.")
    record = AlarmConfirmation(
        condition=alarm.condition,
        branch=alarm.branch,
        event_id=alarm.event_id,
        comment=comment,
        confirmed_by=str(actor),
    )
    return _sent(alarm, AlarmActionKind.CONFIRM, record, comment=comment, actor=actor, now=now)


@transaction.atomic
def comment_on_alarm(*, alarm: Alarm, comment: str, actor: User, now: datetime) -> AlarmAction:
    """
    Write a comment on an alarm, in the system that raised it.

    :raises UnableToAct: if there are no words, or the alarm is off the operators' list
    """
    alarm = _locked(alarm, takes=AlarmComment, what="comments")
    _require_on_the_list(alarm)
    _require_words(comment, "Write the comment.")
    record = AlarmComment(
        condition=alarm.condition,
        branch=alarm.branch,
        event_id=alarm.event_id,
        comment=comment,
        commented_by=str(actor),
        commented_at=now,
    )
    return _sent(alarm, AlarmActionKind.COMMENT, record, comment=comment, actor=actor, now=now)


@transaction.atomic
def shelve_alarm(
    *, alarm: Alarm, reason: str, actor: User, now: datetime, until: datetime | None = None
) -> AlarmAction:
    """
    Have the system that raised an alarm hide it from operators, with all its branches.

    :param until: when it is to be shown again; `None`: once it is no longer active
    :raises UnableToAct: if it is shelved, or there is no reason, or the time is over
    """
    alarm = _locked(alarm, takes=AlarmShelving, what="shelving")
    _require_on_the_list(alarm)
    _require_words(reason, "Say why the alarm is to be shelved.")
    if alarm.shelving:
        raise UnableToAct("This alarm is shelved already. Unshelve it first.")
    if until is not None and until <= now:
        raise UnableToAct("The time until which the alarm is to be shelved is over. Choose a later one.")
    kind = AlarmActionKind.SHELVE_ONCE if until is None else AlarmActionKind.SHELVE_TIMED
    action = ShelvingAction.ONE_SHOT if until is None else ShelvingAction.TIMED
    record = AlarmShelving(
        condition=alarm.condition, action=action, until=until, reason=reason, requested_by=str(actor)
    )
    return _sent(alarm, kind, record, comment=reason, actor=actor, now=now, until=until)


@transaction.atomic
def unshelve_alarm(*, alarm: Alarm, reason: str, actor: User, now: datetime) -> AlarmAction:
    """
    Have an alarm shown to operators again.

    :raises UnableToAct: if it is not shelved
    """
    alarm = _locked(alarm, takes=AlarmShelving, what="shelving")
    if not alarm.shelving:
        raise UnableToAct("This alarm is not shelved.")
    record = AlarmShelving(
        condition=alarm.condition, action=ShelvingAction.UNSHELVE, reason=reason, requested_by=str(actor)
    )
    return _sent(alarm, AlarmActionKind.UNSHELVE, record, comment=reason, actor=actor, now=now)


@transaction.atomic
def settle_alarm_action(receipt: DeliveryReceipt) -> AlarmAction:
    """
    Keep what the source answered. It comes at least once; what was accepted stays accepted.

    A refused one whose delivery a person repeats with success is accepted.
    """
    action = (
        AlarmAction.objects.for_organisation(current_scope().organisation_id)
        .select_for_update()
        .get(pk=int(receipt.subject.removeprefix(SUBJECT)))
    )
    status = AcknowledgementStatus.REFUSED if receipt.error else AcknowledgementStatus.ACCEPTED
    if action.status in (AcknowledgementStatus.ACCEPTED, status):
        return action
    action.status, action.detail, action.settled_at = status, receipt.error, receipt.now
    action.save(update_fields=["status", "detail", "settled_at"])
    return action


def _locked(alarm: Alarm, *, takes: type[OutboundRecord], what: str) -> Alarm:
    """
    The alarm as it stands, until the transaction ends.

    :raises UnableToAct: if its system cannot be told
    """
    alarm = (
        Alarm.objects.for_organisation(current_scope().organisation_id)
        .select_for_update(of=("self",))
        .select_related("connector")
        .get(pk=alarm.pk)
    )
    if takes not in registry.adapter_for(alarm.connector.kind).accepts:
        raise UnableToAct(f"{alarm.connector} takes no {what}. Do it there.")
    if alarm.connector.state == State.DISABLED:
        raise UnableToAct(f"{alarm.connector} is switched off. Switch it on first.")
    return alarm


def _require_on_the_list(alarm: Alarm) -> None:
    if not alarm.is_retained or alarm.retired_at is not None:
        raise UnableToAct(f"{alarm.connector} no longer has this alarm on its list: it is over.")


def _require_words(words: str, sentence: str) -> None:
    if not words.strip():
        raise UnableToAct(sentence)


def _sent(
    alarm: Alarm,
    kind: AlarmActionKind,
    record: OutboundRecord,
    *,
    comment: str,
    actor: User,
    now: datetime,
    until: datetime | None = None,
) -> AlarmAction:
    """
    :raises UnableToAct: if the same is on its way already
    """
    under_way = AlarmAction.objects.for_organisation(current_scope().organisation_id).filter(
        alarm=alarm, kind=kind, status=AcknowledgementStatus.SENDING
    )
    if kind != AlarmActionKind.COMMENT and under_way.exists():
        raise UnableToAct(f"This is on its way to {alarm.connector} already.")
    action = AlarmAction.objects.create(
        alarm=alarm, kind=kind, event_id=alarm.event_id, actor=actor, comment=comment, until=until, requested_at=now
    )
    outbox.deliver_record(
        connector=alarm.connector, record=record, subject=f"{SUBJECT}{action.pk}", actor=actor, now=now
    )
    return action
