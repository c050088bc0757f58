from typing import Any

import graphene
from graphene import relay
from graphene_django import DjangoObjectType
from graphql import GraphQLResolveInfo

from connectors.contracts.network_element import ElementKind as ElementKindValue
from connectors.contracts.reading import SwitchState as SwitchStateValue
from gis import models
from gis.graphql.zone import Zone
from graphql_kit import fields as _our_scalars  # noqa: F401  # before the first type is made of a model
from graphql_kit.connections import CountedConnection

ElementKind = graphene.Enum.from_enum(ElementKindValue, name="ElementKind")
SwitchState = graphene.Enum.from_enum(SwitchStateValue, name="SwitchState")


class SwitchPosition(DjangoObjectType):
    """The newest known position of a switch."""

    class Meta:
        model = models.SwitchPosition
        convert_choices_to_enum = False
        fields = ("source_time", "landed_at")

    state = graphene.Field(SwitchState, required=True)


class NetworkElement(DjangoObjectType):
    """One element of the network model."""

    class Meta:
        model = models.NetworkElement
        interfaces = (relay.Node,)
        convert_choices_to_enum = False
        fields = (
            "external_id",
            "name",
            "nominal_voltage_v",
            "from_node",
            "to_node",
            "normally_open",
            "longitude",
            "latitude",
            "geometry",
            "source_time",
            "landed_at",
            "retired_at",
        )

    kind = graphene.Field(ElementKind, required=True)
    zone = graphene.Field(Zone)
    position = graphene.Field(SwitchPosition, description="Of a switch, if it was ever read.")

    @staticmethod
    def resolve_position(element: models.NetworkElement, info: GraphQLResolveInfo) -> Any:
        return next(iter(element.positions.all()), None)


class NetworkElementConnection(CountedConnection):
    class Meta:
        node = NetworkElement


class ZoneConnection(CountedConnection):
    class Meta:
        node = Zone
