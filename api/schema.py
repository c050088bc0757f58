"""The joined schema. `manage.py schema` holds it against its committed SDL, api/schema.graphql."""

import graphene

from connectors.graphql.mutations.cancel_run import CancelRun
from connectors.graphql.mutations.start_sync import StartSync
from connectors.graphql.queries import ConnectorQuery
from customer.graphql.queries import CustomerQuery
from gis.graphql.queries import GisQuery
from organisation.graphql.queries import OrganisationQuery
from outage.graphql.mutations.public_alerts import CancelAlert, IssueAlert, UpdateAlert
from outage.graphql.mutations.transition_outage import TransitionOutage
from outage.graphql.queries import OutageQuery
from telemetry.graphql.mutations.acknowledge_alarm import AcknowledgeAlarm
from telemetry.graphql.mutations.alarm_actions import CommentOnAlarm, ConfirmAlarm, ShelveAlarm, UnshelveAlarm
from telemetry.graphql.queries import TelemetryQuery
from work.graphql.queries import WorkQuery


class Query(
    OutageQuery,
    TelemetryQuery,
    WorkQuery,
    CustomerQuery,
    GisQuery,
    ConnectorQuery,
    OrganisationQuery,
    graphene.ObjectType,
):
    """Everything that may be asked."""


class Mutation(graphene.ObjectType):
    """Everything that may be done."""

    acknowledge_alarm = AcknowledgeAlarm.Field()
    confirm_alarm = ConfirmAlarm.Field()
    comment_on_alarm = CommentOnAlarm.Field()
    shelve_alarm = ShelveAlarm.Field()
    unshelve_alarm = UnshelveAlarm.Field()
    transition_outage = TransitionOutage.Field()
    issue_alert = IssueAlert.Field()
    update_alert = UpdateAlert.Field()
    cancel_alert = CancelAlert.Field()
    start_sync = StartSync.Field()
    cancel_run = CancelRun.Field()


schema = graphene.Schema(query=Query, mutation=Mutation)
