from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from connectors.console.mirrored import MirroredAdmin, PresenceFilter
from connectors.contracts.service_point import ServicePriority
from customer.models import ServicePoint
from organisation.templatetags import marks


@admin.register(ServicePoint)
class ServicePointAdmin(MirroredAdmin):
    """Where customers take supply, as the CIS knows them."""

    list_display = ("external_id", "name", "customer_class", "how_critical", "node", "connector", "changed")
    list_filter = (PresenceFilter, "priority")
    search_fields = ("external_id", "name", "account_number", "node")
    fields = (
        "external_id",
        "name",
        "node",
        "customer_class",
        "priority",
        "priority_reason",
        "account_number",
        ("latitude", "longitude"),
        "connector",
        "source_time",
        "landed_at",
        "retired_at",
    )

    @display(description="Priority", ordering="priority")
    def how_critical(self, point: ServicePoint) -> str | SafeString:
        if point.priority != ServicePriority.CRITICAL:
            return point.get_priority_display()
        why = f"Critical: {point.priority_reason}" if point.priority_reason else "Critical"
        return format_html('<span class="sev critical">{}{}</span>', marks.icon("home", "s"), why)
