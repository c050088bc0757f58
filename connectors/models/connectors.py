"""Connections to source systems: what they are, what they answered last, and what lets a source push."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q

from organisation.history import tracked
from organisation.tenancy import TenantForeignKey, TenantModel


class State(models.TextChoices):
    REGISTERED = "REGISTERED", "Registered"
    ACTIVE = "ACTIVE", "Active"
    DEGRADED = "DEGRADED", "Degraded"
    ERROR = "ERROR", "Error"
    DISABLED = "DISABLED", "Disabled"


class Connector(TenantModel):
    """
    One connection to one source system. `config` holds the adapter form's plain settings, `secrets` its secret ones,
    encrypted (connectors.secrets); the trail keeps the former and only the moment at which the latter changed.
    """

    uuid = models.UUIDField(default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=60, help_text="Which adapter speaks with it.")
    name = models.CharField(max_length=120, help_text="What your people call this system.")
    config = models.JSONField(default=dict, blank=True)
    secrets = models.TextField(blank=True, editable=False)
    secrets_changed_at = models.DateTimeField(null=True, blank=True, editable=False)
    state = models.CharField(max_length=12, choices=State.choices, default=State.REGISTERED, editable=False)
    state_reason = models.TextField(blank=True, editable=False)
    state_since = models.DateTimeField(null=True, blank=True, editable=False)
    webhook_refused_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When a webhook call without the right signature last came."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    history = tracked(excluded_fields=["secrets"])

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "name"], name="connector_name_once"),
            models.UniqueConstraint(fields=["organisation", "uuid"], name="connector_uuid_once"),
            models.CheckConstraint(condition=Q(state__in=State.values), name="connector_state_known"),
        ]

    def __str__(self) -> str:
        return self.name


class ConnectorProbe(TenantModel):
    """What the source answered the last time that it was asked whether it is there. One row per connector."""

    connector = TenantForeignKey(Connector, models.CASCADE, related_name="probes")
    at = models.DateTimeField()
    succeeded = models.BooleanField()
    summary = models.TextField(help_text="A sentence for a person.")
    product = models.CharField(max_length=200, blank=True)
    product_version = models.CharField(max_length=100, blank=True)
    findings = models.JSONField(default=list)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "connector"], name="connector_probe_once")
        ]

    def __str__(self) -> str:
        return f"{self.connector} at {self.at:%Y-%m-%d %H:%M:%S}: {self.summary}"


class ConnectorToken(TenantModel):
    """A bearer token with which a source pushes records to one connector (RFC 6750). Only its digest is kept."""

    connector = TenantForeignKey(Connector, models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=120)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(max_length=12, editable=False)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    history = tracked(excluded_fields=["digest"])

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "connector", "name"], name="connector_token_name_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"


class DraftRequest(TenantModel):
    """
    That somebody had a source asked with settings that are not saved. It is in the trail, which says who it was and
    what came of it; how many there were of late bounds how many there may be.
    """

    connector = TenantForeignKey(
        Connector, models.CASCADE, null=True, related_name="draft_requests", help_text="None: of one not added yet."
    )
    kind = models.CharField(max_length=60)
    stream = models.CharField(max_length=200, blank=True, help_text="Whose records were looked at; none: a test.")
    addresses = models.JSONField(default=list, help_text="Scheme, host and port of each address. No secret is kept.")
    asked_at = models.DateTimeField()
    answer = models.TextField(blank=True, help_text="What came of it, as a sentence for a person.")

    history = tracked()

    class Meta:
        verbose_name = "unsaved connection"
        indexes: ClassVar = [models.Index(fields=["organisation", "asked_at"], name="draft_request_recent")]

    def __str__(self) -> str:
        return f"{self.kind} at {', '.join(self.addresses) or 'no address'}, {self.asked_at:%Y-%m-%d %H:%M:%S}"
