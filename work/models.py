from typing import ClassVar

from django.db import models

from connectors.contracts.crew import CrewStatus
from connectors.contracts.work_order import WorkStatus
from connectors.records import SourceRecord, SourceRecordQuerySet
from gis.models import ElementAlias
from organisation.tenancy import TenantForeignKey, TenantModel


class Equipment(SourceRecord):
    """An asset record of asset management, and the network element that it stands for."""

    name = models.TextField(blank=True)
    status = models.TextField(blank=True)
    location = models.TextField(blank=True)
    alias = TenantForeignKey(ElementAlias, models.PROTECT, null=True, related_name="+")

    def __str__(self) -> str:
        return f"{self.name} ({self.external_id})"


class Crew(SourceRecord):
    name = models.TextField()
    status = models.CharField(
        max_length=12, choices=[(one.value, one.value.replace("_", " ").capitalize()) for one in CrewStatus]
    )
    longitude = models.FloatField(null=True)
    latitude = models.FloatField(null=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.external_id})"


OPEN_STATUSES = (
    WorkStatus.WAITING,
    WorkStatus.APPROVED,
    WorkStatus.DISPATCHED,
    WorkStatus.IN_PROGRESS,
)
"""Work that is still to be done."""


class WorkOrderQuerySet(SourceRecordQuerySet["WorkOrder"]):
    def open(self) -> "WorkOrderQuerySet":
        return self.filter(retired_at=None, status__in=[status.value for status in OPEN_STATUSES])


class WorkOrder(SourceRecord):
    """
    A job. It names its element itself (`alias`), or through its equipment, which may land after it:
    `equipment_external_id` is kept, and looked up when it is asked for (`work.queries`).
    """

    summary = models.TextField(blank=True)
    status = models.CharField(
        max_length=12, choices=[(one.value, one.value.replace("_", " ").capitalize()) for one in WorkStatus]
    )
    status_label = models.TextField(blank=True)
    work_type = models.TextField(blank=True)
    priority = models.IntegerField(null=True)
    alias = TenantForeignKey(ElementAlias, models.PROTECT, null=True, related_name="+")
    equipment_external_id = models.TextField(null=True)
    reported_at = models.DateTimeField(null=True)
    scheduled_start = models.DateTimeField(null=True)
    scheduled_finish = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects: ClassVar = WorkOrderQuerySet.as_manager()

    class Meta(SourceRecord.Meta):
        indexes: ClassVar = [
            models.Index(fields=["organisation", "alias"], name="work_order_alias"),
            models.Index(fields=["organisation", "equipment_external_id"], name="work_order_equipment"),
        ]

    def __str__(self) -> str:
        return f"{self.external_id} {self.summary}"


class Assignment(TenantModel):
    """A crew on a work order. `crew_external_id` names the crew even before its own record has landed."""

    work_order = TenantForeignKey(WorkOrder, models.CASCADE, related_name="assignments")
    crew_external_id = models.TextField()
    assigned_at = models.DateTimeField(null=True)
    status = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "work_order", "crew_external_id"], name="assignment_once"),
        ]

    def __str__(self) -> str:
        return f"{self.crew_external_id} on {self.work_order_id}"
