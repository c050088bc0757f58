from enum import StrEnum
from typing import Any

import graphene
from graphql import GraphQLResolveInfo

from connectors import models
from connectors.graphql.types import Run
from connectors.services import requests
from graphql_kit.access import require
from graphql_kit.ids import keys_of
from graphql_kit.mutations import Refused, TypedMutation
from organisation.roles import Capability


class CancelRunCodeValue(StrEnum):
    NOT_FOUND = "NOT_FOUND"
    UNABLE_TO_CANCEL = "UNABLE_TO_CANCEL"


CancelRunCode = graphene.Enum.from_enum(CancelRunCodeValue, name="CancelRunCode")


class CancelRunInput(graphene.InputObjectType):
    run = graphene.ID(required=True)


class CancelRun(TypedMutation):
    """
    Ask a read to stop: before its next page if it has begun, at once if it has not. It is not a rollback: what landed
    stays, and nothing is retired.
    """

    class Meta:
        codes = CancelRunCode

    class Arguments:
        input = CancelRunInput(required=True)

    run = graphene.Field(Run)

    @classmethod
    def work(cls, info: GraphQLResolveInfo, **arguments: Any) -> dict[str, Any]:
        require(info, Capability.START_SYNC)
        context = info.context
        run = (
            models.Run.objects.for_organisation(context.scope.organisation_id)
            .select_related("stream__connector")
            .filter(pk__in=keys_of("Run", arguments["input"].run))
            .first()
        )
        if run is None:
            raise Refused("NOT_FOUND", "There is no such run.", field="run")
        try:
            return {"run": requests.cancel_run(run=run, actor_id=context.user.pk, now=context.now)}
        except requests.UnableToCancel as refusal:
            raise Refused("UNABLE_TO_CANCEL", str(refusal)) from refusal
