from typing import Any

import graphene
from graphene import relay
from graphene_django import DjangoObjectType
from graphql import GraphQLResolveInfo

from connectors.contracts.crew import CrewStatus as CrewStatusValue
from connectors.contracts.work_order import WorkStatus as WorkStatusValue
from gis.graphql.types import NetworkElement
from graphql_kit import fields as _our_scalars  # noqa: F401  # before the first type is made of a model
from graphql_kit.connections import CountedConnection
from work import models

CrewStatus = graphene.Enum.from_enum(CrewStatusValue, name="CrewStatus")
WorkStatus = graphene.Enum.from_enum(WorkStatusValue, name="WorkStatus")


class Crew(DjangoObjectType):
    class Meta:
        model = models.Crew
        interfaces = (relay.Node,)
        convert_choices_to_enum = False
        fields = ("external_id", "name", "longitude", "latitude", "source_time", "landed_at")

    status = graphene.Field(CrewStatus, required=True)


class Assignment(DjangoObjectType):
    """A crew on a work order; `status` in the source's own words."""

    class Meta:
        model = models.Assignment
        fields = ("crew_external_id", "assigned_at", "status")


class WorkOrder(DjangoObjectType):
    """A job of work management."""

    class Meta:
        model = models.WorkOrder
        interfaces = (relay.Node,)
        convert_choices_to_enum = False
        fields = (
            "external_id",
            "summary",
            "status_label",
            "work_type",
            "priority",
            "reported_at",
            "scheduled_start",
            "scheduled_finish",
            "started_at",
            "finished_at",
            "source_time",
            "landed_at",
        )

    status = graphene.Field(WorkStatus, required=True)
    element = graphene.Field(NetworkElement)
    assignments = graphene.List(graphene.NonNull(Assignment), required=True)

    @staticmethod
    def resolve_element(order: models.WorkOrder, info: GraphQLResolveInfo) -> Any:
        return order.alias and order.alias.element

    @staticmethod
    def resolve_assignments(order: models.WorkOrder, info: GraphQLResolveInfo) -> Any:
        return order.assignments.all()


class CrewConnection(CountedConnection):
    class Meta:
        node = Crew


class WorkOrderConnection(CountedConnection):
    class Meta:
        node = WorkOrder
