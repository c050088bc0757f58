"""Warning the public of an outage, bringing the warning up to date, and ending it."""

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
from outage import models
from outage.graphql.page import read_outage
from outage.graphql.types import Outage, PublicAlert
from outage.services import alerts


class PublicAlertCodeValue(StrEnum):
    NOT_FOUND = "NOT_FOUND"
    UNABLE_TO_ISSUE = "UNABLE_TO_ISSUE"


PublicAlertCode = graphene.Enum.from_enum(PublicAlertCodeValue, name="PublicAlertCode")


class PublicAlertInput(graphene.InputObjectType):
    outage = graphene.ID(required=True)
    reason = graphene.String(default_value="", description="Why; it stands in the timeline, and is not published.")


class AlertMutation(TypedMutation):
    """One of the three services, which share what they are given, answer and refuse."""

    class Meta:
        abstract = True

    class Arguments:
        input = PublicAlertInput(required=True)

    service: ClassVar[Callable[..., models.IssuedAlert]]

    alert = graphene.Field(PublicAlert)
    outage = graphene.Field(Outage)

    @classmethod
    def work(cls, info: GraphQLResolveInfo, **arguments: Any) -> dict[str, Any]:
        require(info, Capability.ISSUE_ALERT)
        given, context = arguments["input"], info.context
        outage = row_named(
            models.Outage.objects.for_organisation(context.scope.organisation_id), "Outage", given.outage
        )
        try:
            alert = cls.service(outage=outage, reason=given.reason, actor=context.user, now=context.now)
        except alerts.UnableToIssue as refusal:
            raise Refused("UNABLE_TO_ISSUE", str(refusal)) from refusal
        transaction.on_commit(deliver_outbox.delay)
        return {"alert": alert, "outage": outage}

    @staticmethod
    def resolve_outage(payload: Any, info: GraphQLResolveInfo) -> Any:
        return payload.outage and read_outage(info, "o.id = %(wanted)s", payload.outage.pk)


class IssueAlert(AlertMutation):
    """Warn the public of an outage by a CAP 1.2 message."""

    class Meta:
        codes = PublicAlertCode

    service = staticmethod(alerts.issue_alert)


class UpdateAlert(AlertMutation):
    """Put the outage's present state in the place of every alert about it that is in force."""

    class Meta:
        codes = PublicAlertCode

    service = staticmethod(alerts.update_alert)


class CancelAlert(AlertMutation):
    """End every alert about the outage that is in force."""

    class Meta:
        codes = PublicAlertCode

    service = staticmethod(alerts.cancel_alert)
