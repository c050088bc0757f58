from datetime import datetime
from typing import Any

import graphene
from graphene import relay
from graphene_django import DjangoObjectType
from graphql import GraphQLResolveInfo

from connectors import models
from connectors.freshness import freshness
from connectors.graphql.facts import ConnectorState, Freshness
from connectors.graphql.reports import ChangeKind, ColumnChange, RunReport
from connectors.queries import listening_since
from connectors.reports import ColumnChange as ColumnChangeValue
from connectors.reports import Report, columns_of, report_of
from graphql_kit import fields as _our_scalars  # noqa: F401  # before the first type is made of a model
from graphql_kit.connections import CountedConnection
from graphql_kit.scalars import Instant

Mode = graphene.Enum.from_enum(models.Mode, name="SyncMode")
Outcome = graphene.Enum.from_enum(models.Outcome, name="SyncOutcome")
RunStatus = graphene.Enum.from_enum(models.RunStatus, name="RunStatus")
RunPhase = graphene.Enum.from_enum(models.Phase, name="RunPhase")
RunTrigger = graphene.Enum.from_enum(models.Trigger, name="RunTrigger")


class Probe(DjangoObjectType):
    """What a source answered when it was last asked whether it is there."""

    class Meta:
        model = models.ConnectorProbe
        name = "Probe"
        fields = ("at", "succeeded", "summary", "product", "product_version", "findings")


class Schedule(DjangoObjectType):
    class Meta:
        model = models.Schedule
        convert_choices_to_enum = False
        fields = ("is_enabled",)

    mode = graphene.Field(Mode, required=True)
    every_seconds = graphene.Float(required=True)

    @staticmethod
    def resolve_every_seconds(schedule: models.Schedule, info: GraphQLResolveInfo) -> float:
        return float(schedule.every_s)


class StreamState(DjangoObjectType):
    """What happened to a stream."""

    class Meta:
        model = models.StreamState
        convert_choices_to_enum = False
        fields = ("attempted_at", "detail", "proved_at", "full_read_at", "changed_at", "retry_at", "listen_refusal")

    outcome = graphene.Field(Outcome, required=True)


class Stream(DjangoObjectType):
    """One thing that is read from a source, into one contract."""

    class Meta:
        model = models.Stream
        interfaces = (relay.Node,)
        fields = ("name", "label", "contract", "is_enabled", "is_listened_to", "keeps_changes")

    freshness_seconds = graphene.Int(required=True, description="Older than this, its facts count as stale.")
    freshness = graphene.Field(Freshness, required=True)
    state = graphene.Field(StreamState)
    listening_since = graphene.Field(
        Instant, description="Since when what its source tells lands at once; null: it does not."
    )
    schedules = graphene.List(graphene.NonNull(Schedule), required=True)

    @staticmethod
    def resolve_freshness_seconds(stream: models.Stream, info: GraphQLResolveInfo) -> int:
        return stream.freshness_s

    @staticmethod
    def resolve_state(stream: models.Stream, info: GraphQLResolveInfo) -> models.StreamState | None:
        return next(iter(stream.states.all()), None)

    @staticmethod
    def resolve_freshness(stream: models.Stream, info: GraphQLResolveInfo) -> str:
        state = next(iter(stream.states.all()), None)
        return freshness(
            outcome=state.outcome if state else models.Outcome.NONE,
            proved_at=state.proved_at if state else None,
            freshness_s=stream.freshness_s,
            now=info.context.now,
        )

    @staticmethod
    def resolve_listening_since(stream: models.Stream, info: GraphQLResolveInfo) -> datetime | None:
        return listening_since(stream, now=info.context.now)

    @staticmethod
    def resolve_schedules(stream: models.Stream, info: GraphQLResolveInfo) -> Any:
        return stream.schedules.all()


class Connector(DjangoObjectType):
    """One connection to one source system."""

    class Meta:
        model = models.Connector
        interfaces = (relay.Node,)
        convert_choices_to_enum = False
        fields = ("uuid", "kind", "name", "state_reason", "state_since")

    state = graphene.Field(ConnectorState, required=True)
    probe = graphene.Field(Probe)
    streams = graphene.List(graphene.NonNull(Stream), required=True)

    @staticmethod
    def resolve_probe(connector: models.Connector, info: GraphQLResolveInfo) -> models.ConnectorProbe | None:
        return next(iter(connector.probes.all()), None)

    @staticmethod
    def resolve_streams(connector: models.Connector, info: GraphQLResolveInfo) -> Any:
        return connector.streams.all()


class Run(DjangoObjectType):
    """One read of one stream: counts, phase, and how it ended. A dry run only says what a read would do."""

    class Meta:
        model = models.Run
        interfaces = (relay.Node,)
        convert_choices_to_enum = False
        fields = (
            "started_at",
            "advanced_at",
            "finished_at",
            "expected",
            "pages",
            "records",
            "created",
            "updated",
            "unchanged",
            "retired",
            "rejected",
            "ignored",
            "detail",
            "is_dry",
            "cancel_asked_at",
            "stream",
        )

    mode = graphene.Field(Mode, required=True)
    trigger = graphene.Field(RunTrigger, required=True)
    status = graphene.Field(RunStatus, required=True)
    phase = graphene.Field(RunPhase, required=True)
    outcome = graphene.Field(Outcome, required=True)
    report = graphene.Field(RunReport, description="What a dry run found, when it has ended.")

    @staticmethod
    def resolve_report(run: models.Run, info: GraphQLResolveInfo) -> Report | None:
        return report_of(run.report)


class RejectedRecord(DjangoObjectType):
    """A record that could not be read or landed, with what the source sent and why."""

    class Meta:
        model = models.RejectedRecord
        interfaces = (relay.Node,)
        fields = ("external_id", "reason", "path", "raw", "first_seen_at", "last_seen_at", "times", "stream")


class RecordChange(DjangoObjectType):
    """What a read changed in one row, of a stream that keeps changes."""

    class Meta:
        model = models.RecordChange
        interfaces = (relay.Node,)
        convert_choices_to_enum = False
        fields = ("at", "table", "external_id", "stream", "run")

    kind = graphene.Field(ChangeKind, required=True)
    columns = graphene.List(graphene.NonNull(ColumnChange), required=True)

    @staticmethod
    def resolve_columns(change: models.RecordChange, info: GraphQLResolveInfo) -> tuple[ColumnChangeValue, ...]:
        return columns_of(change.before, change.after)


class ConnectorConnection(CountedConnection):
    class Meta:
        node = Connector


class RunConnection(CountedConnection):
    class Meta:
        node = Run


class RejectedRecordConnection(CountedConnection):
    class Meta:
        node = RejectedRecord


class RecordChangeConnection(CountedConnection):
    class Meta:
        node = RecordChange
