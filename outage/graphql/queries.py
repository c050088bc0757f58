from typing import Any

import graphene
from graphql import GraphQLResolveInfo

from graphql_kit.access import require
from graphql_kit.connections import KeysetField
from graphql_kit.execution import Prebuilt
from graphql_kit.ids import key_of
from organisation.roles import Capability
from outage.graphql.order import OutageOrder
from outage.graphql.page import OutagePage, read_outage
from outage.graphql.types import Outage, OutageConnection, OutageStatus


class OutageQuery(graphene.ObjectType):
    outages = KeysetField(
        OutageConnection,
        open=graphene.Boolean(
            description="True: neither RESTORED, VERIFIED, CLOSED nor CANCELLED. False: one of these."
        ),
        status=graphene.List(graphene.NonNull(OutageStatus)),
        order=OutageOrder(default_value=OutageOrder.NEWEST.value),
        description="Outages with all their context, in one statement.",
    )
    outage = graphene.Field(
        Outage,
        id=graphene.ID(),
        number=graphene.String(),
        description="One outage, by id or number; null if there is none.",
    )

    @staticmethod
    def resolve_outages(root: Any, info: GraphQLResolveInfo, **arguments: Any) -> Prebuilt:
        require(info, Capability.VIEW_OPERATIONS)
        return OutagePage(info, **arguments).build()

    @staticmethod
    def resolve_outage(
        root: Any,
        info: GraphQLResolveInfo,
        id: str | None = None,  # noqa: A002  # graphene passes the argument by its name in the schema
        number: str | None = None,
    ) -> Prebuilt | None:
        require(info, Capability.VIEW_OPERATIONS)
        if number is not None:
            return read_outage(info, "o.number = %(wanted)s", number)
        return read_outage(info, "o.id = %(wanted)s", key_of("Outage", id))
