"""What a dry run found."""

import graphene
from graphql import GraphQLResolveInfo
from graphql_relay import to_global_id

from connectors import models, reports
from graphql_kit.scalars import JSON, Long

ChangeKind = graphene.Enum.from_enum(models.ChangeKind, name="ChangeKind")


class ColumnChange(graphene.ObjectType):
    """One column of one row; null where it is empty, or where the row was not there."""

    column = graphene.String(required=True)
    before = JSON()
    after = JSON()


class RunDifference(graphene.ObjectType):
    """What a read would change in one row."""

    table = graphene.String(required=True)
    external_id = graphene.String(required=True)
    kind = graphene.Field(ChangeKind, required=True)
    columns = graphene.List(graphene.NonNull(ColumnChange), required=True)


class RunSetAside(graphene.ObjectType):
    """A record that a read would set aside."""

    external_id = graphene.String(required=True)
    reason = graphene.String(required=True)
    path = graphene.String(required=True, description="Where in the record the offending field is, if it is known.")


class RunTouchedOutage(graphene.ObjectType):
    """An open outage that a read would touch."""

    id = graphene.ID(required=True, description="As the Outage has it.")
    number = graphene.String(required=True)

    @staticmethod
    def resolve_id(outage: reports.TouchedOutage, info: GraphQLResolveInfo) -> str:
        return to_global_id("Outage", outage.id)


class RunTouches(graphene.ObjectType):
    """Whom a read would concern."""

    outages = graphene.List(graphene.NonNull(RunTouchedOutage), required=True)
    work_orders = graphene.List(
        graphene.NonNull(graphene.String), required=True, description="Their sources' ids of them."
    )
    customers = Long(required=True, description="How many.")


class RunReport(graphene.ObjectType):
    """What a dry run found. Its counts are the run's own, as a read would have had them."""

    differences = graphene.List(graphene.NonNull(RunDifference), required=True, description="The first hundred.")
    differences_total = Long(required=True)
    set_aside = graphene.List(graphene.NonNull(RunSetAside), required=True, description="The first hundred.")
    touches = graphene.Field(RunTouches, required=True)

    @staticmethod
    def resolve_touches(report: reports.Report, info: GraphQLResolveInfo) -> reports.Report:
        return report
