from enum import StrEnum
from typing import Any

import graphene
from django.db import transaction
from graphql import GraphQLResolveInfo

from connectors import models
from connectors.graphql.types import Mode, Run
from connectors.services import requests
from connectors.tasks import sync_stream
from graphql_kit.access import require
from graphql_kit.ids import keys_of
from graphql_kit.mutations import Refused, TypedMutation
from organisation.roles import Capability


class StartSyncCodeValue(StrEnum):
    NOT_FOUND = "NOT_FOUND"
    UNABLE_TO_SYNC = "UNABLE_TO_SYNC"


StartSyncCode = graphene.Enum.from_enum(StartSyncCodeValue, name="StartSyncCode")


class StartSyncInput(graphene.InputObjectType):
    stream = graphene.ID(required=True)
    mode = Mode(default_value=models.Mode.INCREMENTAL.value)
    dry_run = graphene.Boolean(default_value=False, description="Say what it would do, and do nothing of it.")


class StartSync(TypedMutation):
    """Read a stream now, or ask what that would do. The answer is the run, whose progress `runs` shows."""

    class Meta:
        codes = StartSyncCode

    class Arguments:
        input = StartSyncInput(required=True)

    run = graphene.Field(Run)

    @classmethod
    def work(cls, info: GraphQLResolveInfo, **arguments: Any) -> dict[str, Any]:
        require(info, Capability.START_SYNC)
        given, context = arguments["input"], info.context
        stream = (
            models.Stream.objects.for_organisation(context.scope.organisation_id)
            .select_related("connector")
            .filter(pk__in=keys_of("Stream", given.stream))
            .first()
        )
        if stream is None:
            raise Refused("NOT_FOUND", "There is no such stream.", field="stream")
        mode = models.Mode(str(given.mode))
        try:
            run = requests.start_sync(
                stream=stream,
                mode=mode,
                trigger=models.Trigger.PERSON,
                actor_id=context.user.pk,
                now=context.now,
                is_dry=bool(given.dry_run),
            )
        except requests.UnableToSync as refusal:
            raise Refused("UNABLE_TO_SYNC", str(refusal)) from refusal
        transaction.on_commit(lambda: sync_stream.delay(stream.pk, mode.value, models.Trigger.PERSON.value))
        return {"run": run}
