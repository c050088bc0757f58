from typing import ClassVar

import simple_history
from django.db import models

from organisation.history import HistoryColumns, SharedHistoryColumns
from organisation.models import ApiToken, Membership, Organisation, User
from organisation.tenancy import TenantModel


class Action(models.TextChoices):
    """simple-history's own signs."""

    CREATED = "+", "created"
    CHANGED = "~", "changed"
    DELETED = "-", "deleted"


class Event(TenantModel):
    """
    One line of the organisation's trail: a tracked row was created, changed or deleted. Written by the same triggers
    that write the history row it points at; nobody can write or change it.
    """

    at = models.DateTimeField()
    actor = models.ForeignKey(User, on_delete=models.DO_NOTHING, null=True, db_constraint=False, related_name="+")
    origin = models.CharField(max_length=10)
    reason = models.TextField(blank=True)
    request_id = models.CharField(max_length=64)
    action = models.CharField(max_length=1, choices=Action.choices)
    model = models.CharField(max_length=80, help_text="Label of the model, such as connectors.connector.")
    object_id = models.BigIntegerField()
    history_id = models.BigIntegerField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["organisation", "-id"], name="event_newest"),
            models.Index(fields=["organisation", "actor", "-id"], name="event_by_actor"),
            models.Index(fields=["organisation", "model", "object_id", "-id"], name="event_of_object"),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.object_id} {self.get_action_display()} at {self.at:%Y-%m-%d %H:%M:%S}"


_OPTIONS = {
    "app": "audit",
    "history_id_field": models.BigAutoField(),
    "history_change_reason_field": models.TextField(null=True),
}

simple_history.register(Organisation, bases=[SharedHistoryColumns], **_OPTIONS)
simple_history.register(User, bases=[SharedHistoryColumns], excluded_fields=["password", "signed_in_at"], **_OPTIONS)
simple_history.register(Membership, bases=[HistoryColumns], **_OPTIONS)
simple_history.register(ApiToken, bases=[HistoryColumns], excluded_fields=["digest"], **_OPTIONS)
