"""What is read from a source, how often, and what happened to it."""

from typing import ClassVar

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from connectors.models.connectors import Connector, State
from connectors.protocols.adapter import Mode as AdapterMode
from organisation.history import tracked
from organisation.tenancy import TenantForeignKey, TenantModel, TenantQuerySet


class Mode(models.TextChoices):
    FULL = AdapterMode.FULL, "Full"
    INCREMENTAL = AdapterMode.INCREMENTAL, "Incremental"
    EVENT = AdapterMode.EVENT, "Event"


class StreamQuerySet(TenantQuerySet["Stream"]):
    def enabled(self) -> "StreamQuerySet":
        return self.filter(is_enabled=True).exclude(connector__state=State.DISABLED)


class Stream(TenantModel):
    """One thing that is read from a source, into one contract. What happens to it is kept in its `StreamState`."""

    connector = TenantForeignKey(Connector, models.CASCADE, related_name="streams")
    name = models.CharField(max_length=200, help_text="The source's own name of it: a collection, an object structure.")
    contract = models.CharField(max_length=60, help_text="The contract that its records are read into.")
    label = models.CharField(max_length=200, blank=True)
    options = models.JSONField(default=dict, blank=True)
    freshness_s = models.PositiveIntegerField(
        default=300, validators=[MinValueValidator(1)], help_text="Older than this, its facts count as stale. Seconds."
    )
    is_enabled = models.BooleanField(default=True)
    keeps_changes = models.BooleanField(
        default=False,
        verbose_name="keep changes",
        help_text="Keep for each record what changed, from what to what, and in which run.",
    )
    is_listened_to = models.BooleanField(
        default=False,
        verbose_name="listen",
        help_text="Have the source tell of changes by itself, and land them at once. Where it does not, or no listener "
        "runs, the stream is read by its schedules.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = StreamQuerySet.as_manager()
    history = tracked()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "connector", "name", "contract"], name="stream_once"),
        ]

    def __str__(self) -> str:
        return f"{self.connector}: {self.label or self.name}"


class Outcome(models.TextChoices):
    """How the last attempt to read a stream ended, in the words of connectors.protocols.errors."""

    NONE = "NONE", "Not tried yet"
    SUCCEEDED = "SUCCEEDED", "Succeeded"
    INCOMPLETE = "INCOMPLETE", "Incomplete"
    UNREACHABLE = "UNREACHABLE", "Unreachable"
    THROTTLED = "THROTTLED", "Asked to wait"
    UNAUTHORIZED = "UNAUTHORIZED", "Refused our credentials"
    BAD_CONFIG = "BAD_CONFIG", "Wrong setting"
    CONTRACT_BROKEN = "CONTRACT_BROKEN", "Answered something unexpected"
    CANCELLED = "CANCELLED", "Cancelled"
    BUG = "BUG", "Internal error"


class StreamState(TenantModel):
    """
    What happened to a stream; written by the engine alone, in the transaction that it tells of.

    `cursor` is where the next incremental read starts. `proved_at` is when the source last proved what we hold: a
    complete read, or a push. The age of a fact counts from it. `rows_changed_by` is a lease under which rows changed
    since the last complete full read: until the next one, `KnownPage` says nothing.
    """

    stream = TenantForeignKey(Stream, models.CASCADE, related_name="states")
    cursor = models.JSONField(null=True)
    attempted_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=20, choices=Outcome.choices, default=Outcome.NONE)
    detail = models.TextField(blank=True, help_text="A sentence for a person about the last attempt.")
    proved_at = models.DateTimeField(null=True)
    full_read_at = models.DateTimeField(null=True, help_text="When the last complete full read ended.")
    source_read_at = models.DateTimeField(
        null=True, help_text="When the last complete read began, by the source's clock if it says."
    )
    changed_at = models.DateTimeField(null=True, help_text="When a read last changed something.")
    retry_at = models.DateTimeField(null=True, help_text="It is not asked again before.")
    clock_skew_s = models.FloatField(null=True, help_text="How far the source's clock is ahead of ours. Seconds.")
    rows_changed_by = models.BigIntegerField(null=True)
    listen_refusal = models.TextField(blank=True, help_text="Why its source cannot be listened to. A sentence.")
    listen_again_at = models.DateTimeField(null=True, help_text="Listening is not tried again before.")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["organisation", "stream"], name="stream_state_once")]

    def __str__(self) -> str:
        return f"{self.stream}: {self.get_outcome_display()}"


class Schedule(TenantModel):
    """How often a stream is read, and in which mode. Its django-celery-beat task is kept in step by the service."""

    stream = TenantForeignKey(Stream, models.CASCADE, related_name="schedules")
    mode = models.CharField(max_length=12, choices=[(Mode.FULL.value, "Full"), (Mode.INCREMENTAL.value, "Incremental")])
    every_s = models.DecimalField(
        max_digits=8, decimal_places=1, validators=[MinValueValidator(0.5)], verbose_name="every", help_text="Seconds."
    )
    is_enabled = models.BooleanField(default=True)
    periodic_task = models.OneToOneField(
        "django_celery_beat.PeriodicTask", on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )

    history = tracked(excluded_fields=["periodic_task"])

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "stream", "mode"], name="schedule_once_per_mode"),
            models.CheckConstraint(condition=Q(every_s__gte=0.5), name="schedule_not_too_often"),
        ]

    def __str__(self) -> str:
        return f"{self.stream} {self.get_mode_display().lower()} every {self.every_s} s"
