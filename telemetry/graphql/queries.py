from typing import Any

import graphene
from graphql import GraphQLResolveInfo

from graphql_kit.access import require
from graphql_kit.connections import KeysetField, page_of
from graphql_kit.keyset import Order
from organisation.roles import Capability
from telemetry import models
from telemetry.graphql.types import AlarmConnection, SignalConnection

NEWEST = Order(name="newest", columns=("source_time", "id"))
BY_EXTERNAL_ID = Order(name="external-id", columns=("external_id", "id"), descending=False)

_ELEMENT = {
    "element": "alias__element",
    "element.zone": "alias__element__zone",
}


class TelemetryQuery(graphene.ObjectType):
    alarms = KeysetField(
        AlarmConnection,
        retained=graphene.Boolean(description="True: what stands in an operator's list now."),
        active=graphene.Boolean(),
        description="Alarms, newest notification first.",
    )
    signals = KeysetField(
        SignalConnection,
        element=graphene.String(description="External id of a network element."),
        description="Present signals with their newest reading, by external id.",
    )

    @staticmethod
    def resolve_alarms(root: Any, info: GraphQLResolveInfo, **arguments: Any) -> Any:
        require(info, Capability.VIEW_OPERATIONS)
        rows = models.Alarm.objects.for_organisation(info.context.scope.organisation_id)
        if arguments.get("retained") is not None:
            rows = rows.filter(is_retained=arguments["retained"])
        if arguments.get("active") is not None:
            rows = rows.filter(is_active=arguments["active"])
        return page_of(
            info,
            AlarmConnection,
            rows,
            NEWEST,
            joins=_ELEMENT,
            prefetches={
                "acknowledgements": "acknowledgements",
                "actions": "actions",
                "element.position": "alias__element__positions",
            },
            **arguments,
        )

    @staticmethod
    def resolve_signals(root: Any, info: GraphQLResolveInfo, **arguments: Any) -> Any:
        require(info, Capability.VIEW_OPERATIONS)
        rows = models.Signal.objects.for_organisation(info.context.scope.organisation_id).present()
        if arguments.get("element") is not None:
            rows = rows.filter(alias__element__external_id=arguments["element"])
        return page_of(
            info,
            SignalConnection,
            rows,
            BY_EXTERNAL_ID,
            joins=_ELEMENT,
            prefetches={"latest": "latest", "element.position": "alias__element__positions"},
            **arguments,
        )
