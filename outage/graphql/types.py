import graphene
from graphene import relay
from graphql import GraphQLResolveInfo

from connectors.contracts.cap_alert import AlertStatus as AlertStatusValue
from connectors.contracts.cap_alert import MessageType
from connectors.contracts.restoration_estimate import EstimateConfidence as EstimateConfidenceValue
from connectors.graphql.facts import ContextFact
from gis.graphql.types import ElementKind
from gis.graphql.zone import Zone
from graphql_kit.scalars import Instant
from outage import models
from telemetry.graphql.types import Quality
from work.graphql.types import CrewStatus, WorkStatus

OutageStatus = graphene.Enum.from_enum(models.Status, name="OutageStatus")
OutageType = graphene.Enum.from_enum(models.OutageType, name="OutageType")
OutageCause = graphene.Enum.from_enum(models.Cause, name="OutageCause")
TimelineKind = graphene.Enum.from_enum(models.TimelineKind, name="TimelineKind")
AlertStatus = graphene.Enum.from_enum(AlertStatusValue, name="AlertStatus")
AlertMessageType = graphene.Enum.from_enum(MessageType, name="AlertMessageType")
EstimateConfidence = graphene.Enum.from_enum(EstimateConfidenceValue, name="EstimateConfidence")


class LocationFact(graphene.ObjectType):
    """Where the failed element is, from the GIS. Longitude and latitude are CRS84."""

    class Meta:
        interfaces = (ContextFact,)

    element_id = graphene.String(description="The GIS feature id.")
    name = graphene.String()
    kind = graphene.Field(ElementKind)
    longitude = graphene.Float()
    latitude = graphene.Float()
    zone = graphene.Field(Zone)


class CustomersFact(graphene.ObjectType):
    """Who is affected, from the network's connectivity and the CIS."""

    class Meta:
        interfaces = (ContextFact,)

    affected = graphene.Int(description="Customers that the outage was charged with.")
    critical = graphene.Int(description="Of these, critical ones.")
    off = graphene.Int(description="Of the affected, those still off.")
    critical_off = graphene.Int()


class CrewFact(graphene.ObjectType):
    """Who is on it and what they are doing, from work management."""

    class Meta:
        interfaces = (ContextFact,)

    name = graphene.String()
    status = graphene.Field(CrewStatus)
    work_order_number = graphene.String()
    work_order_status = graphene.Field(WorkStatus)


class RestorationFact(graphene.ObjectType):
    """When power is expected back, from the field team."""

    class Meta:
        interfaces = (ContextFact,)

    estimated_at = graphene.Field(Instant)
    confidence = graphene.Field(EstimateConfidence)
    cause = graphene.String()


class TelemetryFact(graphene.ObjectType):
    """The newest reading of a signal of the failed element."""

    class Meta:
        interfaces = (ContextFact,)

    signal = graphene.String()
    value = graphene.Float()
    state = graphene.String(description="The word of a discrete signal, such as OPEN.")
    unit = graphene.String(description="UCUM code.")
    quality = graphene.Field(Quality)


class OutageContext(graphene.ObjectType):
    """Four systems on one screen. No fact is ever null: what is not known says so."""

    location = graphene.Field(LocationFact, required=True)
    customers = graphene.Field(CustomersFact, required=True)
    crew = graphene.Field(CrewFact, required=True)
    restoration = graphene.Field(RestorationFact, required=True)
    telemetry = graphene.List(graphene.NonNull(TelemetryFact), required=True)


class TimelineEntry(graphene.ObjectType):
    """Something that happened to an outage, with the impact at that moment. It never changes."""

    id = graphene.ID(required=True)
    at = graphene.Field(Instant, required=True)
    recorded_at = graphene.Field(Instant, required=True)
    kind = graphene.Field(TimelineKind, required=True)
    actor = graphene.String(description="Who did it: a person, or the system that told of it.")
    source = graphene.String()
    from_status = graphene.Field(OutageStatus)
    to_status = graphene.Field(OutageStatus)
    summary = graphene.String(required=True)
    reason = graphene.String()
    customers_affected = graphene.Int(required=True)
    critical_customers_affected = graphene.Int(required=True)


class PublicAlert(graphene.ObjectType):
    """A CAP 1.2 message about an outage, as it was issued. Sender, identifier and sent are its identity."""

    identifier = graphene.String(required=True)
    sender = graphene.String(required=True)
    sent_at = graphene.Field(Instant, required=True)
    status = graphene.Field(AlertStatus, required=True, description="Receivers warn nobody unless it is ACTUAL.")
    message_type = graphene.Field(AlertMessageType, required=True)
    expires_at = graphene.Field(Instant, required=True, description="When the message ends; the outage may go on.")
    headline = graphene.String(required=True)
    is_signed = graphene.Boolean(required=True)
    document = graphene.String(required=True, description="The message itself, application/cap+xml.")

    @staticmethod
    def resolve_document(issued: models.IssuedAlert, info: GraphQLResolveInfo) -> str:
        return bytes(issued.content).decode()


class Outage(graphene.ObjectType):
    """What is off, for whom, until when."""

    class Meta:
        interfaces = (relay.Node,)

    number = graphene.String(required=True)
    type = graphene.Field(OutageType, required=True)
    status = graphene.Field(OutageStatus, required=True)
    cause = graphene.Field(OutageCause, required=True)
    confidence = graphene.Float(required=True, description="0 to 1.")
    detected_at = graphene.Field(Instant, required=True)
    recorded_at = graphene.Field(Instant, required=True)
    restored_at = graphene.Field(Instant)
    closed_at = graphene.Field(Instant)
    customers_affected = graphene.Int(required=True)
    critical_customers_affected = graphene.Int(required=True)
    customers_off = graphene.Int(required=True)
    critical_customers_off = graphene.Int(required=True)
    context = graphene.Field(OutageContext, required=True)
    timeline = graphene.List(graphene.NonNull(TimelineEntry), required=True)
    alerts = graphene.List(
        graphene.NonNull(PublicAlert), required=True, description="What the public was told, oldest first."
    )


class OutageConnection(relay.Connection):
    class Meta:
        node = Outage

    total_count = graphene.Int(required=True, description="Counted only when asked for.")
