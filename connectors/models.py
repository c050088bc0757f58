import uuid
from typing import ClassVar

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from connectors.protocols.adapter import Mode as AdapterMode
from organisation.history import tracked
from organisation.tenancy import TenantForeignKey, TenantModel, TenantQuerySet


class State(models.TextChoices):
    REGISTERED = "REGISTERED", "Registered"
    ACTIVE = "ACTIVE", "Active"
    DEGRADED = "DEGRADED", "Degraded"
    ERROR = "ERROR", "Error"
    DISABLED = "DISABLED", "Disabled"


class Mode(models.TextChoices):
    FULL = AdapterMode.FULL, "Full"
    INCREMENTAL = AdapterMode.INCREMENTAL, "Incremental"
    EVENT = AdapterMode.EVENT, "Event"


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
