from typing import Any

import graphene
from django.db.models import Prefetch, QuerySet
from graphql import GraphQLResolveInfo

from connectors import models
from connectors.graphql.types import (
    ConnectorConnection,
    RecordChangeConnection,
    RejectedRecordConnection,
    RunConnection,
    RunStatus,
)
from graphql_kit.access import require
from graphql_kit.connections import KeysetField, page_of
from graphql_kit.ids import key_of
from graphql_kit.keyset import Order
from organisation.roles import Capability

BY_NAME = Order(name="name", columns=("name", "id"), descending=False)
NEWEST_RUN = Order(name="newest", columns=("started_at", "id"))
NEWEST_CHANGE = Order(name="newest", columns=("at", "id"))
LAST_SEEN = Order(name="last-seen", columns=("last_seen_at", "id"))


class ConnectorQuery(graphene.ObjectType):
    connectors = KeysetField(ConnectorConnection, description="The connections to source systems, by name.")
    runs = KeysetField(
        RunConnection,
        stream=graphene.ID(),
        status=RunStatus(),
        description="Reads that a person started or that changed something, newest first.",
    )
    rejected_records = KeysetField(
        RejectedRecordConnection,
        stream=graphene.ID(),
        description="Records set aside, last seen first.",
    )
    record_changes = KeysetField(
        RecordChangeConnection,
        stream=graphene.ID(required=True),
        external_id=graphene.String(description="Of this record alone."),
        description="What reads changed, record by record, newest first; for streams that keep changes.",
    )

    @staticmethod
    def resolve_connectors(root: Any, info: GraphQLResolveInfo, **arguments: Any) -> Any:
        require(info, Capability.VIEW_CONNECTORS)
        streams = Prefetch(
            "streams", models.Stream.objects.order_by("id").prefetch_related("states", "leases", "schedules")
        )
        rows = models.Connector.objects.for_organisation(info.context.scope.organisation_id)
        return page_of(
            info,
            ConnectorConnection,
            rows,
            BY_NAME,
            prefetches={"streams": streams, "probe": "probes"},
            **arguments,
        )

    @staticmethod
    def resolve_runs(root: Any, info: GraphQLResolveInfo, **arguments: Any) -> Any:
        require(info, Capability.VIEW_CONNECTORS)
        rows = _of_stream(models.Run.objects.for_organisation(info.context.scope.organisation_id), arguments)
        if arguments.get("status") is not None:
            rows = rows.filter(status=str(arguments["status"]))
        return page_of(
            info,
            RunConnection,
            rows,
            NEWEST_RUN,
            joins={"stream": "stream"},
            prefetches={"stream.state": "stream__states", "stream.freshness": "stream__states"},
            **arguments,
        )

    @staticmethod
    def resolve_rejected_records(root: Any, info: GraphQLResolveInfo, **arguments: Any) -> Any:
        require(info, Capability.VIEW_CONNECTORS)
        rows = _of_stream(models.RejectedRecord.objects.for_organisation(info.context.scope.organisation_id), arguments)
        return page_of(info, RejectedRecordConnection, rows, LAST_SEEN, joins={"stream": "stream"}, **arguments)

    @staticmethod
    def resolve_record_changes(root: Any, info: GraphQLResolveInfo, **arguments: Any) -> Any:
        require(info, Capability.VIEW_CONNECTORS)
        rows = _of_stream(models.RecordChange.objects.for_organisation(info.context.scope.organisation_id), arguments)
        if arguments.get("external_id") is not None:
            rows = rows.filter(external_id=arguments["external_id"])
        return page_of(
            info,
            RecordChangeConnection,
            rows,
            NEWEST_CHANGE,
            joins={"stream": "stream", "run": "run", "run.stream": "run__stream"},
            prefetches={"stream.state": "stream__states", "stream.freshness": "stream__states"},
            **arguments,
        )


def _of_stream(rows: QuerySet[Any], arguments: dict[str, Any]) -> QuerySet[Any]:
    if arguments.get("stream") is None:
        return rows
    return rows.filter(stream_id=key_of("Stream", arguments["stream"]))
