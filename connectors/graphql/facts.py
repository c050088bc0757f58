"""What every fact of a context carries, whichever domain it is from."""

import graphene

from connectors.freshness import Freshness as FreshnessValue
from connectors.models import State
from graphql_kit.scalars import Instant

Freshness = graphene.Enum.from_enum(
    FreshnessValue,
    description={
        None: "Whether a fact may still be relied on.",
        FreshnessValue.FRESH: "Proved by its source within the stream's target.",
        FreshnessValue.STALE: "Older than the stream's target.",
        FreshnessValue.UNAVAILABLE: "The source refused or could not be reached when last asked, whatever the age.",
        FreshnessValue.UNKNOWN: "Never delivered.",
    }.get,
)

ConnectorState = graphene.Enum.from_enum(State, name="ConnectorState")


class Source(graphene.ObjectType):
    """The connector that a fact came through."""

    name = graphene.String(required=True)
    kind = graphene.String(required=True)
    state = graphene.Field(ConnectorState, required=True)


class ContextFact(graphene.Interface):
    """A value with where it came from. A fact without data has null values and the freshness UNKNOWN."""

    source = graphene.Field(Source)
    source_time = graphene.Field(
        Instant, description="The source's own stamp; for an aggregate, that of the last complete read."
    )
    landed_at = graphene.Field(Instant, description="When the source last proved the value to us.")
    age_seconds = graphene.Int(description="Now less landedAt.")
    freshness = graphene.Field(Freshness, required=True)
