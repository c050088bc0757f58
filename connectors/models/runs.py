"""Reads: what each did, and who reads a stream now."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from connectors.models.streams import Mode, Outcome, Stream
from organisation.tenancy import TenantForeignKey, TenantModel


class Trigger(models.TextChoices):
    SCHEDULE = "SCHEDULE", "Schedule"
    PERSON = "PERSON", "Person"
    OUTAGE = "OUTAGE", "Outage asked"
    PUSH = "PUSH", "Source pushed"


class RunStatus(models.TextChoices):
    PENDING = "PENDING", "Waiting for a worker"
    RUNNING = "RUNNING", "Running"
    SUCCEEDED = "SUCCEEDED", "Succeeded"
    INCOMPLETE = "INCOMPLETE", "Incomplete"
    FAILED = "FAILED", "Failed"
    CANCELLED = "CANCELLED", "Cancelled"


UNDER_WAY = (RunStatus.PENDING, RunStatus.RUNNING)
"""A run that has not ended. A stream has one of them at most, and a lease with it."""


class Phase(models.TextChoices):
    """How far a run has come."""

    READING = "READING", "Reading"
    RETIRING = "RETIRING", "Retiring what is gone"
    DONE = "DONE", "Done"


class LeasePhase(models.TextChoices):
    """What the holder of a stream is doing with it."""

    READING = "READING", "Reading"
    RETIRING = "RETIRING", "Retiring what is gone"
    LISTENING = "LISTENING", "Listening"


class Run(TenantModel):
    """
    One read of one stream that a person started or that changed something: counts, phases, and how it ended. A
    schedule's tick that finds nothing leaves no run, only the stream's state.

    A dry run lands each page and rolls it back: `report` says what a read would do (see connectors.services.dry_run).
    """

    stream = TenantForeignKey(Stream, models.CASCADE, related_name="runs")
    mode = models.CharField(max_length=12, choices=Mode.choices)
    trigger = models.CharField(max_length=12, choices=Trigger.choices)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    status = models.CharField(max_length=12, choices=RunStatus.choices, default=RunStatus.RUNNING)
    phase = models.CharField(max_length=12, choices=Phase.choices, default=Phase.READING)
    started_at = models.DateTimeField()
    advanced_at = models.DateTimeField(help_text="When a page last landed.")
    finished_at = models.DateTimeField(null=True)
    phases = models.JSONField(default=list, help_text="[{phase, started_at, finished_at}] in order.")
    expected = models.BigIntegerField(null=True, help_text="How many records the source said there would be.")
    pages = models.IntegerField(default=0)
    records = models.BigIntegerField(default=0)
    created = models.BigIntegerField(default=0)
    updated = models.BigIntegerField(default=0)
    unchanged = models.BigIntegerField(default=0)
    retired = models.BigIntegerField(default=0)
    rejected = models.BigIntegerField(default=0)
    ignored = models.BigIntegerField(default=0)
    takeovers = models.IntegerField(default=0, help_text="How often another worker went on with it.")
    is_dry = models.BooleanField(default=False, verbose_name="dry run")
    report = models.JSONField(null=True)
    cancel_asked_at = models.DateTimeField(null=True)
    cancel_asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    outcome = models.CharField(max_length=20, choices=Outcome.choices, default=Outcome.NONE)
    detail = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organisation", "stream"], condition=Q(status__in=UNDER_WAY), name="run_one_at_a_time"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["organisation", "-started_at", "-id"], name="run_newest"),
            models.Index(fields=["organisation", "stream", "-started_at"], name="run_of_stream"),
        ]

    def __str__(self) -> str:
        return f"Run {self.pk} of {self.stream}"


class Lease(TenantModel):
    """
    Who reads a stream now: the unique constraint is the lock, `expires_at` lets another take it over, and `fence`, the
    fencing number, keeps whoever was taken over from committing what it still has in hand.

    `cursor` is the position of the last committed page of this read, from which whoever takes over goes on. A read
    that was asked for and not begun is held by `NOBODY` yet. Who listens holds a lease of the mode EVENT for as long as
    it does, in the phase LISTENING since `started_at`, once it has caught up.
    """

    NOBODY = 0

    stream = TenantForeignKey(Stream, models.CASCADE, related_name="leases")
    run = TenantForeignKey(Run, models.CASCADE, null=True, related_name="leases")
    fence = models.BigIntegerField(default=NOBODY)
    mode = models.CharField(max_length=12, choices=Mode.choices)
    trigger = models.CharField(max_length=12, choices=Trigger.choices)
    is_dry = models.BooleanField(default=False)
    phase = models.CharField(max_length=12, choices=LeasePhase.choices, default=LeasePhase.READING)
    started_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    cursor = models.JSONField(null=True)
    pages = models.IntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "stream"], name="lease_once_per_stream")
        ]

    def __str__(self) -> str:
        return f"{self.stream} until {self.expires_at:%H:%M:%S}"


class SeenPage(TenantModel):
    """
    The keys of one page of a full read, kept until it ends: what no page held is retired, if the read was complete.
    A record whose key cannot be read stands as null: while there is one, nothing is known to be gone.
    """

    lease = TenantForeignKey(Lease, models.CASCADE, related_name="seen_pages")
    number = models.IntegerField()
    external_ids = models.JSONField()
    fingerprint = models.BinaryField(null=True, help_text="If all of the page landed: that by which it is known again.")
    ignored = models.IntegerField(default=0, help_text="How many of its records were none of the contract.")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "lease", "number"], name="seen_page_once")
        ]

    def __str__(self) -> str:
        return f"Page {self.number} of lease {self.lease_id}"


class KnownPage(TenantModel):
    """
    A page of the last complete full read, all of which stands in our tables: when it comes again, nothing on it has
    changed, and none of it needs to be decoded. `fingerprint` is of what the source sent, and of all that decides how
    it is read. See `connectors.services.known_pages`.
    """

    stream = TenantForeignKey(Stream, models.CASCADE, related_name="known_pages")
    fingerprint = models.BinaryField()
    external_ids = models.JSONField()
    ignored = models.IntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "stream", "fingerprint"], name="known_page_once")
        ]

    def __str__(self) -> str:
        return f"A page of {self.stream}"
