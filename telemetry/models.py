from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from connectors.contracts.alarm import AlarmCategory, Shelving
from connectors.contracts.reading import Quality
from connectors.contracts.signal import SignalKind
from connectors.records import SourceRecord, SourceRecordQuerySet
from gis.models import ElementAlias
from organisation.tenancy import OrganisationKey, TenantForeignKey, TenantModel


class Signal(SourceRecord):
    """Something that a source measures or reports over time."""

    name = models.TextField()
    kind = models.CharField(
        max_length=20, choices=[(one.value, one.value.replace("_", " ").capitalize()) for one in SignalKind]
    )
    unit = models.TextField(blank=True, help_text="UCUM code.")
    alias = TenantForeignKey(ElementAlias, models.PROTECT, null=True, related_name="+")
    equipment_external_id = models.TextField(null=True)

    class Meta(SourceRecord.Meta):
        indexes: ClassVar = [models.Index(fields=["organisation", "alias"], name="signal_alias")]

    def __str__(self) -> str:
        return f"{self.name} ({self.external_id})"


QUALITIES = [(one.value, one.value.capitalize()) for one in Quality]


class Reading(TenantModel):
    """
    One value of one signal, partitioned by `source_time` (see `telemetry.services.partitions`). Never joined
    for a board: the newest of each signal stands in `LatestReading`.

    Its two references have no key check: one per row would take two thirds of the speed, and each day that
    comes or goes would lock what they point at. Landing takes both from the signal's own row, in the
    transaction that writes.
    """

    pk = models.CompositePrimaryKey("signal_id", "source_time")
    organisation = OrganisationKey(db_constraint=False, db_index=False)
    signal = models.ForeignKey(Signal, models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    source_time = models.DateTimeField()
    landed_at = models.DateTimeField()
    value = models.FloatField(null=True)
    state = models.TextField(null=True)
    quality = models.CharField(max_length=10, choices=QUALITIES)
    reason = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"{self.signal_id} at {self.source_time:%Y-%m-%d %H:%M:%S}"


class LatestReading(TenantModel):
    """
    The newest reading of each signal, written in the transaction that landed it; never replaced by an older
    one.

    The `usable_…` fields are those of the newest one that is not of bad quality, so that a point that has
    failed still tells what it showed last.
    """

    # Both have their index in the key below; each more would be written whenever a row leaves its page.
    organisation = OrganisationKey(db_index=False)
    signal = TenantForeignKey(Signal, models.PROTECT, related_name="latest", db_index=False)
    source_time = models.DateTimeField()
    landed_at = models.DateTimeField()
    value = models.FloatField(null=True)
    state = models.TextField(null=True)
    quality = models.CharField(max_length=10, choices=QUALITIES)
    reason = models.TextField(blank=True)
    usable_time = models.DateTimeField(null=True)
    usable_value = models.FloatField(null=True)
    usable_state = models.TextField(null=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["organisation", "signal"], name="latest_reading_once")]

    def __str__(self) -> str:
        return f"{self.signal_id}: {self.state or self.value}"


class AlarmQuerySet(SourceRecordQuerySet["Alarm"]):
    def retained(self) -> "AlarmQuerySet":
        """What belongs on an operator's list: active, or not acknowledged yet."""
        return self.filter(is_retained=True, retired_at=None)

    def worst_first(self) -> "AlarmQuerySet":
        return self.order_by("-severity", "-source_time", "-pk")


class Alarm(SourceRecord):
    """
    One branch of one condition as it stands (OPC 10000-9 §5.5.2); `external_id` is
    `alarm_key(condition, branch)`.

    `activation` counts how often we saw it become active: an outage belongs to one activation, so that a
    repeated or late notification of the same one makes no second outage. `active_since` is when the present
    or last activation began; null for a condition that was clear when we first heard of it.

    `is_confirmed` is null where its source has nobody confirm it; `shelving` is empty where it is not shelved, and
    `comment` the last one that its source tells of, by an account there.

    `event_ids` are the notifications that came for `source_time`: a source whose clock counts in seconds has
    several, and only these tell a repeated one from the next.
    """

    source_time = models.DateTimeField()
    condition = models.TextField()
    branch = models.TextField(blank=True)
    event_id = models.TextField()
    event_ids = ArrayField(models.TextField(), default=list)
    category = models.CharField(
        max_length=12,
        choices=[(one.value, one.value.replace("_", " ").capitalize()) for one in AlarmCategory],
    )
    name = models.TextField(blank=True)
    message = models.TextField(blank=True)
    severity = models.PositiveSmallIntegerField()
    is_active = models.BooleanField()
    is_acknowledged = models.BooleanField()
    is_retained = models.BooleanField()
    active_since = models.DateTimeField(null=True)
    activation = models.PositiveIntegerField(default=0)
    alias = TenantForeignKey(ElementAlias, models.PROTECT, null=True, related_name="alarms")
    signal_external_id = models.TextField(null=True)
    is_confirmed = models.BooleanField(null=True)
    shelving = models.CharField(
        max_length=8,
        blank=True,
        choices=[(Shelving.ONE_SHOT.value, "Until it is over"), (Shelving.TIMED.value, "For a time")],
    )
    shelved_until = models.DateTimeField(null=True)
    comment = models.TextField(blank=True)
    commented_by = models.TextField(blank=True)

    objects: ClassVar = AlarmQuerySet.as_manager()

    class Meta(SourceRecord.Meta):
        indexes: ClassVar = [
            models.Index(fields=["organisation", "alias"], name="alarm_alias"),
            models.Index(
                fields=["organisation", "-severity", "-source_time", "-id"],
                condition=models.Q(is_retained=True),
                name="alarm_retained",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name or self.condition}: {self.message}"


class AcknowledgementStatus(models.TextChoices):
    SENDING = "SENDING", "Being sent"
    ACCEPTED = "ACCEPTED", "Accepted by the source"
    REFUSED = "REFUSED", "Refused by the source"


class Acknowledgement(TenantModel):
    """That a person acknowledged an alarm here, and what its source said to it."""

    alarm = TenantForeignKey(Alarm, models.PROTECT, related_name="acknowledgements")
    event_id = models.TextField()
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    comment = models.TextField(blank=True)
    requested_at = models.DateTimeField()
    status = models.CharField(
        max_length=10, choices=AcknowledgementStatus.choices, default=AcknowledgementStatus.SENDING
    )
    settled_at = models.DateTimeField(null=True)
    detail = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organisation", "alarm", "event_id"],
                condition=~models.Q(status=AcknowledgementStatus.REFUSED),
                name="acknowledgement_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.alarm_id} {self.get_status_display().lower()}"


class AlarmActionKind(models.TextChoices):
    CONFIRM = "CONFIRM", "Confirm"
    COMMENT = "COMMENT", "Comment"
    SHELVE_ONCE = "SHELVE_ONCE", "Shelve until it is over"
    SHELVE_TIMED = "SHELVE_TIMED", "Shelve for a time"
    UNSHELVE = "UNSHELVE", "Unshelve"


class AlarmAction(TenantModel):
    """What a person did to an alarm here, other than acknowledge it, and what its source said to it."""

    alarm = TenantForeignKey(Alarm, models.PROTECT, related_name="actions")
    kind = models.CharField(max_length=12, choices=AlarmActionKind.choices)
    event_id = models.TextField()
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    comment = models.TextField(blank=True)
    until = models.DateTimeField(null=True)
    requested_at = models.DateTimeField()
    status = models.CharField(
        max_length=10, choices=AcknowledgementStatus.choices, default=AcknowledgementStatus.SENDING
    )
    settled_at = models.DateTimeField(null=True)
    detail = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organisation", "alarm", "kind"],
                condition=models.Q(status=AcknowledgementStatus.SENDING) & ~models.Q(kind=AlarmActionKind.COMMENT),
                name="alarm_action_under_way_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.alarm_id} {self.get_kind_display().lower()}: {self.get_status_display().lower()}"
