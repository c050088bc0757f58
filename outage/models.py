from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import URLValidator
from django.db import models
from django.db.models import Exists, F, OuterRef, Q

from connectors.contracts.cap_alert import AlertStatus, MessageType
from connectors.contracts.restoration_estimate import EstimateConfidence
from connectors.records import SourceRecord
from customer.models import ServicePoint
from gis.models import ElementAlias, NetworkElement, SwitchOpening
from organisation.history import tracked
from organisation.tenancy import TenantForeignKey, TenantModel, TenantQuerySet
from telemetry.models import Alarm


class Status(models.TextChoices):
    DETECTED = "DETECTED", "Detected"
    CONFIRMED = "CONFIRMED", "Confirmed"
    DISPATCHED = "DISPATCHED", "Dispatched"
    REPAIRING = "REPAIRING", "Repairing"
    PARTIALLY_RESTORED = "PARTIALLY_RESTORED", "Partially restored"
    RESTORED = "RESTORED", "Restored"
    VERIFIED = "VERIFIED", "Verified"
    CLOSED = "CLOSED", "Closed"
    CANCELLED = "CANCELLED", "Cancelled"


OPEN_STATUSES = (
    Status.DETECTED,
    Status.CONFIRMED,
    Status.DISPATCHED,
    Status.REPAIRING,
    Status.PARTIALLY_RESTORED,
)
"""Neither RESTORED, VERIFIED, CLOSED nor CANCELLED."""


class OutageType(models.TextChoices):
    UNPLANNED = "UNPLANNED", "Unplanned"
    PLANNED = "PLANNED", "Planned"


class Cause(models.TextChoices):
    """Cause categories after IEEE 1782 §5."""

    UNKNOWN = "UNKNOWN", "Unknown"
    EQUIPMENT = "EQUIPMENT", "Equipment"
    LIGHTNING = "LIGHTNING", "Lightning"
    WEATHER = "WEATHER", "Weather"
    VEGETATION = "VEGETATION", "Vegetation"
    WILDLIFE = "WILDLIFE", "Wildlife"
    PUBLIC = "PUBLIC", "Public"
    POWER_SUPPLY = "POWER_SUPPLY", "Power supply"
    PLANNED = "PLANNED", "Planned"
    OTHER = "OTHER", "Other"


class OutageQuerySet(TenantQuerySet["Outage"]):
    def open(self) -> "OutageQuerySet":
        return self.filter(status__in=OPEN_STATUSES)


class Outage(TenantModel):
    """
    What is off, for whom, until when. `customers_affected` is the number charged with at detection and never shrinks;
    `customers_off` is how many of them are off now. Worst first: critical off, customers off, then age.
    """

    number = models.CharField(max_length=20, help_text="What people say on the radio: 2026-0117.")
    type = models.CharField(max_length=10, choices=OutageType.choices, default=OutageType.UNPLANNED)
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.DETECTED)
    cause = models.CharField(max_length=14, choices=Cause.choices, default=Cause.UNKNOWN)
    confidence = models.FloatField(help_text="0 to 1: how sure we are that this is an outage.")
    alias = TenantForeignKey(ElementAlias, models.PROTECT, null=True, related_name="outages")
    element = TenantForeignKey(NetworkElement, models.PROTECT, related_name="outages")
    detected_at = models.DateTimeField(help_text="When it began, by the source that told of it.")
    recorded_at = models.DateTimeField(help_text="When we learnt of it.")
    context_since = models.DateTimeField(
        help_text="Work orders and estimates from before this moment are about something else."
    )
    opening = TenantForeignKey(
        SwitchOpening,
        models.PROTECT,
        null=True,
        related_name="outages",
        help_text="The opening of its device, once it was read. From then on the network says who is off.",
    )
    restored_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    customers_affected = models.PositiveIntegerField(default=0)
    critical_customers_affected = models.PositiveIntegerField(default=0)
    customers_off = models.PositiveIntegerField(default=0)
    critical_customers_off = models.PositiveIntegerField(default=0)
    is_charged = models.BooleanField(default=False, help_text="The affected service points are known and kept.")
    updated_at = models.DateTimeField()

    objects = OutageQuerySet.as_manager()
    history = tracked()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "number"], name="outage_number_once"),
            models.UniqueConstraint(
                fields=["organisation", "element"],
                condition=Q(status__in=[s.value for s in OPEN_STATUSES]),
                name="outage_open_once_per_element",
            ),
            models.CheckConstraint(
                condition=Q(confidence__gte=0, confidence__lte=1), name="outage_confidence_in_range"
            ),
            models.CheckConstraint(condition=Q(status__in=Status.values), name="outage_status_known"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["organisation", "-detected_at", "-id"], name="outage_newest"),
            models.Index(fields=["organisation", "element", "-detected_at"], name="outage_of_element"),
            models.Index(fields=["organisation", "element"], condition=Q(status="RESTORED"), name="outage_restored"),
            models.Index(
                fields=["organisation", "-critical_customers_off", "-customers_off", "detected_at", "id"],
                condition=Q(status__in=[s.value for s in OPEN_STATUSES]),
                name="outage_worst",
            ),
        ]

    def __str__(self) -> str:
        return f"Outage {self.number}"


class NumberSeries(TenantModel):
    """The last outage number given in a year. Its row is the lock, so that numbers have no gaps and no twins."""

    year = models.PositiveSmallIntegerField()
    last = models.PositiveIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "year"], name="number_series_once_per_year"),
        ]

    def __str__(self) -> str:
        return f"{self.year}-{self.last:04d}"


class Evidence(TenantModel):
    """An activation of an alarm that an outage rests on; one activation belongs to one outage."""

    outage = TenantForeignKey(Outage, models.CASCADE, related_name="evidence")
    alarm = TenantForeignKey(Alarm, models.PROTECT, related_name="evidence")
    activation = models.PositiveIntegerField()
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organisation", "alarm", "activation"], name="evidence_once_per_activation"
            ),
        ]

    def __str__(self) -> str:
        return f"Alarm {self.alarm_id} for {self.outage_id}"


class AffectedServicePoint(TenantModel):
    """A service point that an outage was charged with, and whether it is still off."""

    outage = TenantForeignKey(Outage, models.CASCADE, related_name="affected")
    service_point = TenantForeignKey(ServicePoint, models.PROTECT, related_name="outages")
    is_off = models.BooleanField(default=True)
    restored_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organisation", "outage", "service_point"], name="affected_service_point_once"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["organisation", "service_point"], condition=Q(is_off=True), name="affected_still_off"),
        ]

    def __str__(self) -> str:
        return f"{self.service_point_id} in {self.outage_id}"


class TimelineKind(models.TextChoices):
    DETECTED = "DETECTED", "Detected"
    TRANSITION = "TRANSITION", "Transition"
    ALARM = "ALARM", "Alarm"
    IMPACT = "IMPACT", "Impact"
    CREW = "CREW", "Crew"
    ESTIMATE = "ESTIMATE", "Estimate"
    ALERT = "ALERT", "Public alert"
    NOTE = "NOTE", "Note"


class TimelineEntry(TenantModel):
    """
    Something that happened to an outage, with the customer impact at that moment. Never changed and never deleted:
    the database refuses both. `key` makes a repeated telling the same entry.
    """

    outage = TenantForeignKey(Outage, models.PROTECT, related_name="timeline")
    at = models.DateTimeField(help_text="When it happened, by who told of it.")
    recorded_at = models.DateTimeField()
    kind = models.CharField(max_length=12, choices=TimelineKind.choices)
    from_status = models.CharField(max_length=20, choices=Status.choices, blank=True)
    to_status = models.CharField(max_length=20, choices=Status.choices, blank=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    source = models.TextField(blank=True, help_text="Name of the connector that told, if no person did.")
    summary = models.TextField()
    reason = models.TextField(blank=True)
    customers_affected = models.PositiveIntegerField(help_text="Customers off at that moment.")
    critical_customers_affected = models.PositiveIntegerField()
    key = models.CharField(max_length=120)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "outage", "key"], name="timeline_entry_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["organisation", "outage", "at", "id"], name="timeline_in_order")]

    def __str__(self) -> str:
        return f"{self.at:%H:%M:%S} {self.summary}"


class RestorationEstimate(SourceRecord):
    """
    When the field team expects power back. It names an element, a work order or both, and is kept until what it
    names is known.
    """

    alias = TenantForeignKey(ElementAlias, models.PROTECT, null=True, related_name="+")
    work_order_external_id = models.TextField(null=True)
    estimated_at = models.DateTimeField()
    confidence = models.CharField(
        max_length=8, choices=[(one.value, one.value.capitalize()) for one in EstimateConfidence]
    )
    cause = models.TextField(blank=True)
    note = models.TextField(blank=True)

    class Meta(SourceRecord.Meta):
        indexes: ClassVar = [
            models.Index(fields=["organisation", "alias"], name="estimate_alias"),
            models.Index(fields=["organisation", "work_order_external_id"], name="estimate_work_order"),
        ]

    def __str__(self) -> str:
        return f"{self.external_id}: {self.estimated_at:%H:%M}"


def default_languages() -> list[str]:
    return ["en-GB"]


class AlertSettings(TenantModel):
    """
    Who an organisation's public alerts come from, and whether the world may read them. One row for an organisation.
    Until somebody decides otherwise, alerts are tests and the feed is closed.
    """

    sender = models.CharField(
        max_length=200,
        blank=True,
        help_text="By this name receivers know your alerts, for good: outages@utility.example, say.",
    )
    status = models.CharField(
        max_length=8,
        choices=[(one.value, one.value) for one in AlertStatus],
        default=AlertStatus.TEST.value,
        help_text="Actual warns people. Receivers ignore Test, and show Exercise to those who take part.",
    )
    languages = ArrayField(models.CharField(max_length=20), default=default_languages)
    web = models.CharField(
        max_length=200,
        blank=True,
        validators=[URLValidator(schemes=["http", "https"])],
        help_text="Where people read more, such as your outage map: https://utility.example/outages.",
    )
    contact = models.CharField(max_length=200, blank=True, help_text="Whom people may call; it is published.")
    feed_is_public = models.BooleanField(default=False, help_text="Anybody may read the feed, without signing in.")

    history = tracked()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation"], name="alert_settings_once"),
            models.CheckConstraint(
                condition=Q(status__in=[one.value for one in AlertStatus]), name="alert_settings_status_known"
            ),
        ]
        verbose_name = verbose_name_plural = "public alerts"

    def __str__(self) -> str:
        return "Public alerts"


class IssuedAlertQuerySet(TenantQuerySet["IssuedAlert"]):
    def running(self, now: datetime) -> "IssuedAlertQuerySet":
        """Those that have not ended."""
        return self.filter(expires_at__gt=now)

    def latest_of_each_outage(self) -> "IssuedAlertQuerySet":
        """Those that no later message has taken the place of."""
        later = IssuedAlert.objects.filter(
            organisation=OuterRef("organisation"), outage=OuterRef("outage"), sequence__gt=OuterRef("sequence")
        )
        return self.exclude(Exists(later))


class IssuedAlert(TenantModel):
    """
    A CAP message as it went out. Its identity and its bytes are made once, when it is issued; the database refuses to
    change or delete it.
    """

    outage = TenantForeignKey(Outage, models.PROTECT, related_name="alerts")
    sequence = models.PositiveIntegerField(help_text="Which message about this outage it is.")
    identifier = models.CharField(max_length=200)
    sender = models.CharField(max_length=200)
    sent = models.CharField(max_length=25, help_text="When, letter by letter as the message writes it.")
    sent_at = models.DateTimeField(help_text="The same moment.")
    status = models.CharField(max_length=8, choices=[(one.value, one.value) for one in AlertStatus])
    message_type = models.CharField(max_length=6, choices=[(one.value, one.value) for one in MessageType])
    expires_at = models.DateTimeField(help_text="When the message ends; the outage may go on.")
    headline = models.TextField()
    is_signed = models.BooleanField()
    content = models.BinaryField(help_text="What was issued, byte by byte.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the content.")
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    objects = IssuedAlertQuerySet.as_manager()
    history = tracked(excluded_fields=["content"])

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "outage", "sequence"], name="alert_sequence_once"),
            models.UniqueConstraint(fields=["organisation", "identifier"], name="alert_identifier_once"),
            models.CheckConstraint(condition=Q(expires_at__gt=F("sent_at")), name="alert_expires_after_sent"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["organisation", "-expires_at"], name="alert_running"),
            models.Index(fields=["organisation", "-sent_at"], name="alert_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.message_type} {self.identifier}"
