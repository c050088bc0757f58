"""Confirming an alarm, writing a comment on it, shelving and unshelving it."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, ClassVar

import graphene
from django.db import transaction
from graphql import GraphQLResolveInfo

from connectors.tasks import deliver_outbox
from graphql_kit.access import require
from graphql_kit.mutations import Refused, TypedMutation, row_named
from organisation.roles import Capability
from telemetry import models
from telemetry.graphql.types import Alarm, AlarmAction
from telemetry.services import alarm_actions


class AlarmActionCodeValue(StrEnum):
    NOT_FOUND = "NOT_FOUND"
    UNABLE_TO_ACT = "UNABLE_TO_ACT"


AlarmActionCode = graphene.Enum.from_enum(AlarmActionCodeValue, name="AlarmActionCode")


class ConfirmAlarmInput(graphene.InputObjectType):
    alarm = graphene.ID(required=True)
    comment = graphene.String(default_value="")


class CommentOnAlarmInput(graphene.InputObjectType):
    alarm = graphene.ID(required=True)
    comment = graphene.String(required=True)


class ShelveAlarmInput(graphene.InputObjectType):
    alarm = graphene.ID(required=True)
    until = graphene.DateTime(description="When it is to be shown again. Left out: once it is no longer active.")
    reason = graphene.String(required=True)


class UnshelveAlarmInput(graphene.InputObjectType):
    alarm = graphene.ID(required=True)
    reason = graphene.String(default_value="")


class AlarmActionMutation(TypedMutation):
    """One of the four services, which share what they answer and how they refuse; the input holds what each is told."""

    class Meta:
        abstract = True

    service: ClassVar[Callable[..., models.AlarmAction]]

    alarm = graphene.Field(Alarm)
    action = graphene.Field(AlarmAction)

    @classmethod
    def work(cls, info: GraphQLResolveInfo, **arguments: Any) -> dict[str, Any]:
        require(info, Capability.ACKNOWLEDGE_ALARM)
        given, context = arguments["input"], info.context
        alarm = row_named(models.Alarm.objects.for_organisation(context.scope.organisation_id), "Alarm", given.alarm)
        told = {name: value for name, value in given.items() if name != "alarm"}
        try:
            action = cls.service(alarm=alarm, actor=context.user, now=context.now, **told)
        except alarm_actions.UnableToAct as refusal:
            raise Refused("UNABLE_TO_ACT", str(refusal)) from refusal
        transaction.on_commit(deliver_outbox.delay)
        return {"alarm": alarm, "action": action}


class ConfirmAlarm(AlarmActionMutation):
    """
    Say that an acknowledged alarm has been seen to. It travels to the system that raised it; `action.status` says what
    became of it.
    """

    class Meta:
        codes = AlarmActionCode

    class Arguments:
        input = ConfirmAlarmInput(required=True)

    service = staticmethod(alarm_actions.confirm_alarm)


class CommentOnAlarm(AlarmActionMutation):
    """Write a comment on an alarm in the system that raised it."""

    class Meta:
        codes = AlarmActionCode

    class Arguments:
        input = CommentOnAlarmInput(required=True)

    service = staticmethod(alarm_actions.comment_on_alarm)


class ShelveAlarm(AlarmActionMutation):
    """Have the system that raised an alarm hide it from operators for a while."""

    class Meta:
        codes = AlarmActionCode

    class Arguments:
        input = ShelveAlarmInput(required=True)

    service = staticmethod(alarm_actions.shelve_alarm)


class UnshelveAlarm(AlarmActionMutation):
    """Have a shelved alarm shown to operators again."""

    class Meta:
        codes = AlarmActionCode

    class Arguments:
        input = UnshelveAlarmInput(required=True)

    service = staticmethod(alarm_actions.unshelve_alarm)
