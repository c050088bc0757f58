from typing import Any

import graphene
from graphene_django import DjangoObjectType
from graphql import GraphQLResolveInfo

from graphql_kit import fields as _our_scalars  # noqa: F401  # before the first type is made of a model
from organisation import models
from organisation.roles import Capability, Role

RoleName = graphene.Enum.from_enum(Role, name="Role")


class Organisation(DjangoObjectType):
    class Meta:
        model = models.Organisation
        fields = ("slug", "name", "time_zone")


class Viewer(graphene.ObjectType):
    """Who asks, for which organisation, and what they may do there."""

    name = graphene.String(required=True)
    email = graphene.String(required=True)
    organisation = graphene.Field(Organisation, required=True)
    role = graphene.Field(RoleName, required=True)
    capabilities = graphene.List(
        graphene.NonNull(graphene.String),
        required=True,
        description="What this member, by this token, may do.",
    )


class OrganisationQuery(graphene.ObjectType):
    viewer = graphene.Field(Viewer, required=True)

    @staticmethod
    def resolve_viewer(root: Any, info: GraphQLResolveInfo) -> Viewer:
        scope, user = info.context.scope, info.context.user
        membership = models.Membership.objects.for_organisation(scope.organisation_id).get(user=user)
        return Viewer(
            name=user.get_full_name(),
            email=user.email,
            organisation=models.Organisation.objects.get(pk=scope.organisation_id),
            role=membership.role,
            capabilities=sorted(one for one in Capability if scope.may(one)),
        )
