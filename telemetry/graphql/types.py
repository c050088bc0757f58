from typing import Any

import graphene
from graphene import relay
from graphene_django import DjangoObjectType
from graphql import GraphQLResolveInfo

from connectors.contracts.alarm import AlarmCategory as AlarmCategoryValue
from connectors.contracts.alarm import Shelving as ShelvingValue
from connectors.contracts.reading import Quality as QualityValue
from connectors.contracts.signal import SignalKind as SignalKindValue
from gis.graphql.types import NetworkElement
from graphql_kit import fields as _our_scalars  # noqa: F401  # before the first type is made of a model
from graphql_kit.connections import CountedConnection
from telemetry import models

AlarmCategory = graphene.Enum.from_enum(AlarmCategoryValue, name="AlarmCategory")
Shelving = graphene.Enum.from_enum(ShelvingValue, name="Shelving")
AlarmActionKind = graphene.Enum.from_enum(models.AlarmActionKind, name="AlarmActionKind")
Quality = graphene.Enum.from_enum(QualityValue, name="Quality")
SignalKind = graphene.Enum.from_enum(SignalKindValue, name="SignalKind")
AcknowledgementStatus = graphene.Enum.from_enum(models.AcknowledgementStatus, name="AcknowledgementStatus")


class Acknowledgement(DjangoObjectType):
    """That a person acknowledged an alarm here, and what its source said to it."""

    class Meta:
        model = models.Acknowledgement
        convert_choices_to_enum = False
        fields = ("comment", "requested_at", "settled_at", "detail")

    status = graphene.Field(AcknowledgementStatus, required=True)


class AlarmAction(DjangoObjectType):
    """What a person did to an alarm here, other than acknowledge it, and what its source said to it."""

    class Meta:
        model = models.AlarmAction
        convert_choices_to_enum = False
        fields = ("comment", "until", "requested_at", "settled_at", "detail")

    kind = graphene.Field(AlarmActionKind, required=True)
    status = graphene.Field(AcknowledgementStatus, required=True)


class Alarm(DjangoObjectType):
    """One branch of one condition as it stands (OPC 10000-9 §5.5.2)."""

    class Meta:
        model = models.Alarm
        interfaces = (relay.Node,)
        convert_choices_to_enum = False
        fields = (
            "condition",
            "branch",
            "name",
            "message",
            "severity",
            "is_active",
            "is_acknowledged",
            "is_retained",
            "is_confirmed",
            "shelved_until",
            "comment",
            "commented_by",
            "active_since",
            "source_time",
            "landed_at",
        )

    category = graphene.Field(AlarmCategory, required=True)
    element = graphene.Field(NetworkElement, description="The network element that it is about, once it is known.")
    acknowledgements = graphene.List(graphene.NonNull(Acknowledgement), required=True)
    shelving = graphene.Field(Shelving, description="How it is hidden from operators; null: it is not.")
    actions = graphene.List(graphene.NonNull(AlarmAction), required=True)

    @staticmethod
    def resolve_element(alarm: models.Alarm, info: GraphQLResolveInfo) -> Any:
        return alarm.alias and alarm.alias.element

    @staticmethod
    def resolve_acknowledgements(alarm: models.Alarm, info: GraphQLResolveInfo) -> Any:
        return alarm.acknowledgements.all()

    @staticmethod
    def resolve_shelving(alarm: models.Alarm, info: GraphQLResolveInfo) -> Any:
        return alarm.shelving or None

    @staticmethod
    def resolve_actions(alarm: models.Alarm, info: GraphQLResolveInfo) -> Any:
        return alarm.actions.all()


class LatestReading(DjangoObjectType):
    class Meta:
        model = models.LatestReading
        convert_choices_to_enum = False
        fields = ("source_time", "landed_at", "value", "state", "reason")

    quality = graphene.Field(Quality, required=True)


class Signal(DjangoObjectType):
    """Something that a source measures or reports over time, with its newest reading."""

    class Meta:
        model = models.Signal
        interfaces = (relay.Node,)
        convert_choices_to_enum = False
        fields = ("external_id", "name", "unit")

    kind = graphene.Field(SignalKind, required=True)
    element = graphene.Field(NetworkElement)
    latest = graphene.Field(LatestReading)

    @staticmethod
    def resolve_element(signal: models.Signal, info: GraphQLResolveInfo) -> Any:
        return signal.alias and signal.alias.element

    @staticmethod
    def resolve_latest(signal: models.Signal, info: GraphQLResolveInfo) -> Any:
        return next(iter(signal.latest.all()), None)


class AlarmConnection(CountedConnection):
    class Meta:
        node = Alarm


class SignalConnection(CountedConnection):
    class Meta:
        node = Signal
