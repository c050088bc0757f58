"""The joined schema. `manage.py schema` holds it against its committed SDL, api/schema.graphql."""

import graphene

from connectors.graphql.queries import ConnectorQuery
from customer.graphql.queries import CustomerQuery
from gis.graphql.queries import GisQuery
from organisation.graphql.queries import OrganisationQuery
from outage.graphql.queries import OutageQuery
from telemetry.graphql.queries import TelemetryQuery
from work.graphql.queries import WorkQuery


class Query(
    OutageQuery,
    TelemetryQuery,
    WorkQuery,
    CustomerQuery,
    GisQuery,
    ConnectorQuery,
    OrganisationQuery,
    graphene.ObjectType,
):
    """Everything that may be asked."""


schema = graphene.Schema(query=Query)
