"""What each role may see and do. One table, read by the console, the API and the tests."""

from enum import StrEnum

from django.db import models


class Capability(StrEnum):
    """Also the scopes of an API token (RFC 6749 §3.3): a token may do less than its owner, never more."""

    VIEW_OPERATIONS = "operations:read"
    ACKNOWLEDGE_ALARM = "alarms:acknowledge"
    TRANSITION_OUTAGE = "outages:transition"
    ISSUE_ALERT = "alerts:issue"
    MANAGE_ALERTS = "alerts:manage"
    VIEW_CONNECTORS = "connectors:read"
    START_SYNC = "connectors:sync"
    MANAGE_CONNECTORS = "connectors:manage"
    MANAGE_MEMBERS = "members:manage"
    MANAGE_TOKENS = "tokens:manage"
    VIEW_AUDIT = "audit:read"


class Role(models.TextChoices):
    ADMINISTRATOR = "ADMINISTRATOR", "Administrator"
    COORDINATOR = "COORDINATOR", "Outage coordinator"
    DISPATCHER = "DISPATCHER", "Dispatcher"
    AUDITOR = "AUDITOR", "Auditor"


CAPABILITIES: dict[Role, frozenset[Capability]] = {
    Role.ADMINISTRATOR: frozenset(Capability),
    Role.COORDINATOR: frozenset(
        {
            Capability.VIEW_OPERATIONS,
            Capability.ACKNOWLEDGE_ALARM,
            Capability.TRANSITION_OUTAGE,
            Capability.ISSUE_ALERT,
            Capability.VIEW_CONNECTORS,
            Capability.START_SYNC,
            Capability.MANAGE_TOKENS,
        }
    ),
    Role.DISPATCHER: frozenset(
        {
            Capability.VIEW_OPERATIONS,
            Capability.ACKNOWLEDGE_ALARM,
            Capability.TRANSITION_OUTAGE,
            Capability.ISSUE_ALERT,
            Capability.VIEW_CONNECTORS,
            Capability.MANAGE_TOKENS,
        }
    ),
    Role.AUDITOR: frozenset({Capability.VIEW_OPERATIONS, Capability.VIEW_CONNECTORS, Capability.VIEW_AUDIT}),
}
