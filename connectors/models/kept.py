"""What is kept of records beside themselves: what changed, what was set aside, and for how long."""

from typing import ClassVar

from django.core.validators import MinValueValidator
from django.db import models

from connectors.models.runs import Run
from connectors.models.streams import Stream
from organisation.history import tracked
from organisation.tenancy import TenantForeignKey, TenantModel


class ChangeKind(models.TextChoices):
    CREATED = "CREATED", "Created"
    UPDATED = "UPDATED", "Updated"
    RETIRED = "RETIRED", "Retired"


class RecordChange(TenantModel):
    """
    What a run changed in one row that came from a source, for streams that keep changes: `before` and `after` hold the
    columns that differ, by name.
    """

    stream = TenantForeignKey(Stream, models.CASCADE, related_name="changes")
    run = TenantForeignKey(Run, models.SET_NULL, null=True, related_name="changes")
    table = models.CharField(max_length=63, help_text="Which table of ours the row is in.")
    external_id = models.TextField()
    kind = models.CharField(max_length=8, choices=ChangeKind.choices)
    at = models.DateTimeField()
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["organisation", "stream", "external_id", "-id"], name="change_of_record"),
            models.Index(fields=["organisation", "-at", "-id"], name="change_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.external_id} {self.get_kind_display().lower()}"


class RejectedRecord(TenantModel):
    """
    A record that could not be read or landed, with what the source sent and why. The same one again counts up. One that
    was replayed and landed is settled.
    """

    stream = TenantForeignKey(Stream, models.CASCADE, related_name="rejected_records")
    run = TenantForeignKey(Run, models.SET_NULL, null=True, related_name="rejected_records")
    external_id = models.TextField(blank=True)
    reason = models.TextField()
    path = models.TextField(blank=True, help_text="Where in the record the offending field is.")
    raw = models.TextField(help_text="What the source sent.")
    digest = models.CharField(max_length=64, editable=False)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    times = models.PositiveIntegerField(default=1)
    settled_at = models.DateTimeField(null=True, help_text="When a replay of it landed.")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "stream", "digest"], name="rejected_record_once"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["organisation", "-last_seen_at", "-id"], name="rejected_record_newest")
        ]

    def __str__(self) -> str:
        return f"{self.external_id or 'a record'}: {self.reason}"


class Retention(TenantModel):
    """How long an organisation keeps what the engine writes down, and what the last pruning removed. Days."""

    runs_days = models.PositiveIntegerField(default=90, validators=[MinValueValidator(1)])
    rejected_days = models.PositiveIntegerField(
        default=30, validators=[MinValueValidator(1)], verbose_name="rejected records days"
    )
    changes_days = models.PositiveIntegerField(
        default=365, validators=[MinValueValidator(1)], verbose_name="change log days"
    )
    pruned_at = models.DateTimeField(null=True, editable=False)
    pruned = models.JSONField(default=dict, editable=False, help_text="How many rows went the last time, by kind.")

    history = tracked(excluded_fields=["pruned_at", "pruned"])

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["organisation"], name="retention_once")]

    def __str__(self) -> str:
        return "Retention"
