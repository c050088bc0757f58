from enum import StrEnum
from typing import Any

import graphene
from django.db import transaction
from graphql import GraphQLResolveInfo

from connectors.tasks import deliver_outbox
from graphql_kit.access import require
from graphql_kit.mutations import Refused, TypedMutation, row_named
from organisation.roles import Capability
from telemetry import models
from telemetry.graphql.types import Acknowledgement, Alarm
from telemetry.services import acknowledgements


class AcknowledgeAlarmCodeValue(StrEnum):
    NOT_FOUND = "NOT_FOUND"
    UNABLE_TO_ACKNOWLEDGE = "UNABLE_TO_ACKNOWLEDGE"


AcknowledgeAlarmCode = graphene.Enum.from_enum(AcknowledgeAlarmCodeValue, name="AcknowledgeAlarmCode")


class AcknowledgeAlarmInput(graphene.InputObjectType):
    alarm = graphene.ID(required=True)
    comment = graphene.String(default_value="")


class AcknowledgeAlarm(TypedMutation):
    """
    Acknowledge an alarm. It travels to the system that raised it; `acknowledgement.status` says what became of it.
    """

    class Meta:
        codes = AcknowledgeAlarmCode

    class Arguments:
        input = AcknowledgeAlarmInput(required=True)

    alarm = graphene.Field(Alarm)
    acknowledgement = graphene.Field(Acknowledgement)

    @classmethod
    def work(cls, info: GraphQLResolveInfo, **arguments: Any) -> dict[str, Any]:
        require(info, Capability.ACKNOWLEDGE_ALARM)
        given, context = arguments["input"], info.context
        alarm = row_named(models.Alarm.objects.for_organisation(context.scope.organisation_id), "Alarm", given.alarm)
        try:
            acknowledgement = acknowledgements.acknowledge_alarm(
                alarm=alarm, comment=given.comment, actor=context.user, now=context.now
            )
        except acknowledgements.UnableToAcknowledge as refusal:
            raise Refused("UNABLE_TO_ACKNOWLEDGE", str(refusal)) from refusal
        transaction.on_commit(deliver_outbox.delay)
        return {"alarm": alarm, "acknowledgement": acknowledgement}
