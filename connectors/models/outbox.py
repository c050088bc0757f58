"""What is to be done after a commit."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from connectors.models.connectors import Connector
from connectors.models.streams import Stream
from organisation.tenancy import TenantForeignKey, TenantModel


class OutboxKind(models.TextChoices):
    FOLLOW = "FOLLOW", "Tell the followers"
    DELIVER = "DELIVER", "Deliver to a system"
    SYNC = "SYNC", "Read a stream"


class OutboxItem(TenantModel):
    """
    Something to do after a commit, written in it: tell a contract's followers what was touched, deliver a record to a
    system, read a stream at once. Done at least once; each is idempotent. A finished DELIVER is kept, the others go.
    """

    kind = models.CharField(max_length=8, choices=OutboxKind.choices)
    contract = models.CharField(max_length=60)
    connector = TenantForeignKey(Connector, models.CASCADE, null=True, related_name="outbox_items")
    stream = TenantForeignKey(Stream, models.CASCADE, null=True, related_name="outbox_items")
    payload = models.JSONField(help_text="FOLLOW: {ids}; DELIVER: the record; SYNC: {mode, trigger}.")
    subject = models.CharField(max_length=120, blank=True, help_text="What a receipt is about, such as alarm:17.")
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()
    due_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    last_error = models.TextField(blank=True)
    given_up_at = models.DateTimeField(null=True, help_text="A person is needed: it will not be tried again by itself.")
    done_at = models.DateTimeField(null=True)
    receipt = models.JSONField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["organisation", "due_at", "id"],
                condition=Q(done_at=None, given_up_at=None),
                name="outbox_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.contract} {self.pk}"
