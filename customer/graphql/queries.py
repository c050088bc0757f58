from typing import Any

import graphene
from graphene import relay
from graphene_django import DjangoObjectType
from graphql import GraphQLResolveInfo

from connectors.contracts.service_point import ServicePriority as ServicePriorityValue
from customer import models
from graphql_kit import fields as _our_scalars  # noqa: F401  # before the first type is made of a model
from graphql_kit.access import require
from graphql_kit.connections import CountedConnection, KeysetField, page_of
from graphql_kit.keyset import Order
from organisation.roles import Capability

ServicePriority = graphene.Enum.from_enum(ServicePriorityValue, name="ServicePriority")
BY_EXTERNAL_ID = Order(name="external-id", columns=("external_id", "id"), descending=False)


class ServicePoint(DjangoObjectType):
    """Where a customer takes supply."""

    class Meta:
        model = models.ServicePoint
        interfaces = (relay.Node,)
        convert_choices_to_enum = False
        fields = (
            "external_id",
            "name",
            "node",
            "customer_class",
            "priority_reason",
            "account_number",
            "longitude",
            "latitude",
            "source_time",
            "landed_at",
        )

    priority = graphene.Field(ServicePriority, required=True)


class ServicePointConnection(CountedConnection):
    class Meta:
        node = ServicePoint


class CustomerQuery(graphene.ObjectType):
    service_points = KeysetField(
        ServicePointConnection,
        priority=ServicePriority(),
        external_id=graphene.String(),
        description="Present service points, by external id.",
    )

    @staticmethod
    def resolve_service_points(root: Any, info: GraphQLResolveInfo, **arguments: Any) -> Any:
        require(info, Capability.VIEW_OPERATIONS)
        rows = models.ServicePoint.objects.for_organisation(info.context.scope.organisation_id).present()
        if arguments.get("priority") is not None:
            rows = rows.filter(priority=str(arguments["priority"]))
        if arguments.get("external_id") is not None:
            rows = rows.filter(external_id=arguments["external_id"])
        return page_of(info, ServicePointConnection, rows, BY_EXTERNAL_ID, **arguments)
