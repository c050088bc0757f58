import graphene
from graphene import relay
from graphene_django import DjangoObjectType

from connectors.contracts.zone import ZoneLevel as ZoneLevelValue
from gis import models
from graphql_kit import fields as _our_scalars  # noqa: F401  # before the first type is made of a model

ZoneLevel = graphene.Enum.from_enum(ZoneLevelValue, name="ZoneLevel")


class Zone(DjangoObjectType):
    """An area of the utility."""

    class Meta:
        model = models.Zone
        interfaces = (relay.Node,)
        convert_choices_to_enum = False
        fields = ("external_id", "name", "parent", "geometry")

    level = graphene.Field(ZoneLevel, required=True)
