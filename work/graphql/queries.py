from typing import Any

import graphene
from graphql import GraphQLResolveInfo

from graphql_kit.access import require
from graphql_kit.connections import KeysetField, page_of
from graphql_kit.keyset import Order
from organisation.roles import Capability
from work import models
from work.graphql.types import CrewConnection, WorkOrderConnection, WorkStatus

BY_EXTERNAL_ID = Order(name="external-id", columns=("external_id", "id"), descending=False)


class WorkQuery(graphene.ObjectType):
    work_orders = KeysetField(
        WorkOrderConnection,
        status=WorkStatus(),
        description="Work orders that work management still has.",
    )
    crews = KeysetField(CrewConnection, description="Crews, by external id.")

    @staticmethod
    def resolve_work_orders(root: Any, info: GraphQLResolveInfo, **arguments: Any) -> Any:
        require(info, Capability.VIEW_OPERATIONS)
        rows = models.WorkOrder.objects.for_organisation(info.context.scope.organisation_id).present()
        if arguments.get("status") is not None:
            rows = rows.filter(status=str(arguments["status"]))
        return page_of(
            info,
            WorkOrderConnection,
            rows,
            BY_EXTERNAL_ID,
            joins={"element": "alias__element", "element.zone": "alias__element__zone"},
            prefetches={"assignments": "assignments", "element.position": "alias__element__positions"},
            **arguments,
        )

    @staticmethod
    def resolve_crews(root: Any, info: GraphQLResolveInfo, **arguments: Any) -> Any:
        require(info, Capability.VIEW_OPERATIONS)
        rows = models.Crew.objects.for_organisation(info.context.scope.organisation_id).present()
        return page_of(info, CrewConnection, rows, BY_EXTERNAL_ID, **arguments)
