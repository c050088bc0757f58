from enum import StrEnum

import graphene

from connectors import models
from connectors.graphql.types import Mode, Run
from graphql_kit.mutations import TypedMutation


class StartSyncCodeValue(StrEnum):
    NOT_FOUND = "NOT_FOUND"
    UNABLE_TO_START = "UNABLE_TO_START"


StartSyncCode = graphene.Enum.from_enum(StartSyncCodeValue, name="StartSyncCode")


class StartSyncInput(graphene.InputObjectType):
    stream = graphene.ID(required=True)
    mode = Mode(default_value=models.Mode.INCREMENTAL.value)


class StartSync(TypedMutation):
    """Read a stream now. The answer is the run, whose progress `runs` shows."""

    class Meta:
        codes = StartSyncCode

    class Arguments:
        input = StartSyncInput(required=True)

    run = graphene.Field(Run)
