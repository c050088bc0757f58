from typing import Any

import graphene
from graphql import GraphQLResolveInfo

from gis import models
from gis.graphql.types import ElementKind, NetworkElementConnection, ZoneConnection
from graphql_kit.access import require
from graphql_kit.connections import KeysetField, page_of
from graphql_kit.keyset import Order
from organisation.roles import Capability

BY_EXTERNAL_ID = Order(name="external-id", columns=("external_id", "id"), descending=False)


class GisQuery(graphene.ObjectType):
    elements = KeysetField(
        NetworkElementConnection,
        kind=ElementKind(),
        external_id=graphene.String(),
        description="Present elements of the network model, by external id.",
    )
    zones = KeysetField(ZoneConnection, description="Present zones, by external id.")

    @staticmethod
    def resolve_elements(root: Any, info: GraphQLResolveInfo, **arguments: Any) -> Any:
        require(info, Capability.VIEW_OPERATIONS)
        rows = models.NetworkElement.objects.for_organisation(info.context.scope.organisation_id).present()
        if arguments.get("kind") is not None:
            rows = rows.filter(kind=str(arguments["kind"]))
        if arguments.get("external_id") is not None:
            rows = rows.filter(external_id=arguments["external_id"])
        return page_of(
            info,
            NetworkElementConnection,
            rows,
            BY_EXTERNAL_ID,
            joins={"zone": "zone", "zone.parent": "zone__parent"},
            prefetches={"position": "positions"},
            **arguments,
        )

    @staticmethod
    def resolve_zones(root: Any, info: GraphQLResolveInfo, **arguments: Any) -> Any:
        require(info, Capability.VIEW_OPERATIONS)
        rows = models.Zone.objects.for_organisation(info.context.scope.organisation_id).present()
        return page_of(info, ZoneConnection, rows, BY_EXTERNAL_ID, joins={"parent": "parent"}, **arguments)
