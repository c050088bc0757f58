from enum import StrEnum
from typing import Any

import graphene
from graphql import GraphQLResolveInfo

from graphql_kit.access import require
from graphql_kit.mutations import Refused, TypedMutation, row_named
from organisation.roles import Capability
from outage import models
from outage.graphql.page import read_outage
from outage.graphql.types import Outage, OutageCause, OutageStatus
from outage.services import transitions


class TransitionOutageCodeValue(StrEnum):
    NOT_FOUND = "NOT_FOUND"
    UNABLE_TO_TRANSITION = "UNABLE_TO_TRANSITION"
    REASON_MISSING = "REASON_MISSING"


TransitionOutageCode = graphene.Enum.from_enum(TransitionOutageCodeValue, name="TransitionOutageCode")


class TransitionOutageInput(graphene.InputObjectType):
    outage = graphene.ID(required=True)
    to = OutageStatus(required=True)
    reason = graphene.String(required=True, description="Why; it stands in the timeline.")
    cause = OutageCause(description="What caused the outage, if that is known now.")


class TransitionOutage(TypedMutation):
    """Move an outage along its lifecycle. The customer impact at that moment is kept in the timeline."""

    class Meta:
        codes = TransitionOutageCode

    class Arguments:
        input = TransitionOutageInput(required=True)

    outage = graphene.Field(Outage)

    @classmethod
    def work(cls, info: GraphQLResolveInfo, **arguments: Any) -> dict[str, Any]:
        require(info, Capability.TRANSITION_OUTAGE)
        given, context = arguments["input"], info.context
        outage = row_named(
            models.Outage.objects.for_organisation(context.scope.organisation_id), "Outage", given.outage
        )
        if not given.reason.strip():
            raise Refused("REASON_MISSING", "Say why; the reason stands in the timeline.", field="reason")
        try:
            moved = transitions.transition_outage(
                outage=outage,
                to=models.Status(str(given.to)),
                reason=given.reason.strip(),
                cause=models.Cause(str(given.cause)) if given.get("cause") is not None else None,
                actor=context.user,
                now=context.now,
            )
        except transitions.UnableToTransition as refusal:
            raise Refused("UNABLE_TO_TRANSITION", str(refusal), field="to") from refusal
        return {"outage": moved}

    @staticmethod
    def resolve_outage(payload: Any, info: GraphQLResolveInfo) -> Any:
        return payload.outage and read_outage(info, "o.id = %(wanted)s", payload.outage.pk)
