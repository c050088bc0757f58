from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.decorators import display

from connectors.console.mirrored import MirroredAdmin, PresenceFilter, ago
from organisation.templatetags import marks
from work.models import Crew, Equipment, WorkOrder


@admin.register(WorkOrder)
class WorkOrderAdmin(MirroredAdmin):
    """Jobs, as work management has them."""

    list_display = ("external_id", "summary", "where", "status", "crews", "reported", "connector", "changed")
    list_select_related = ("connector", "alias__element")
    list_filter = (PresenceFilter, "status")
    search_fields = ("external_id", "summary", "equipment_external_id", "alias__external_id")
    ordering = ("-external_id",)
    fields = (
        "external_id",
        "summary",
        ("status", "status_label"),
        ("work_type", "priority"),
        ("where", "equipment_external_id"),
        "crews",
        "reported_at",
        ("scheduled_start", "scheduled_finish"),
        ("started_at", "finished_at"),
        "connector",
        "source_time",
        "landed_at",
        "retired_at",
    )
    readonly_fields = ("where", "crews")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        of_equipment = Equipment.objects.filter(
            organisation_id=OuterRef("organisation_id"),
            connector_id=OuterRef("connector_id"),
            external_id=OuterRef("equipment_external_id"),
        ).values("alias__element__external_id")[:1]
        jobs = super().get_queryset(request).annotate(by_equipment=Subquery(of_equipment))
        shown: QuerySet[Any] = jobs.prefetch_related("assignments")
        return shown

    @display(description="Element")
    def where(self, order: Any) -> str:
        """The element that a job names itself, or that its equipment stands for."""
        if order.alias is not None and order.alias.element is not None:
            return str(order.alias.element.external_id)
        if order.by_equipment is not None:
            return str(order.by_equipment)
        named = order.alias or order.equipment_external_id
        return f"{named} (not in the network)" if named else "—"

    @display(description="Crew")
    def crews(self, order: WorkOrder) -> str:
        return ", ".join(sorted(one.crew_external_id for one in order.assignments.all())) or "—"

    @display(description="Reported", ordering="reported_at")
    def reported(self, order: WorkOrder) -> str | SafeString:
        return marks.moment(order.reported_at) or "—"


@admin.register(Crew)
class CrewAdmin(MirroredAdmin):
    """Crews and what they are doing, as work management says."""

    list_display = ("name", "external_id", "status", "told", "connector", "changed")
    list_filter = (PresenceFilter, "status")
    search_fields = ("external_id", "name")
    ordering = ("name", "pk")
    fields = (
        "external_id",
        "name",
        "status",
        ("latitude", "longitude"),
        "connector",
        "source_time",
        "landed_at",
        "retired_at",
    )

    @display(description="True since", ordering="source_time")
    def told(self, crew: Crew) -> SafeString:
        return ago(crew.source_time)
