"""What stands in the console's navigation, and who sees it."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from organisation.console import may
from organisation.roles import Capability


@dataclass(frozen=True)
class Place:
    title: str
    icon: str
    name: str
    capability: Capability = Capability.VIEW_OPERATIONS


GROUPS: tuple[tuple[str, tuple[Place, ...]], ...] = (
    (
        "Operate",
        (
            Place("Outages", "table_rows", "outages:board"),
            Place("Alarms", "notifications", "admin:telemetry_alarm_changelist"),
            Place("Crews", "engineering", "admin:work_crew_changelist"),
        ),
    ),
    (
        "Network",
        (
            Place("Zones", "deployed_code", "admin:gis_zone_changelist"),
            Place("Elements", "share", "admin:gis_networkelement_changelist"),
            Place("Names", "join_inner", "admin:gis_elementalias_changelist"),
        ),
    ),
    (
        "Sources",
        (
            Place("Connectors", "power", "admin:connectors_connector_changelist", Capability.VIEW_CONNECTORS),
            Place("Sync runs", "sync", "admin:connectors_run_changelist", Capability.VIEW_CONNECTORS),
            Place(
                "Rejected records", "inbox", "admin:connectors_rejectedrecord_changelist", Capability.VIEW_CONNECTORS
            ),
            Place("Changes", "difference", "admin:connectors_recordchange_changelist", Capability.VIEW_CONNECTORS),
            Place("Schedules", "calendar_today", "admin:connectors_schedule_changelist", Capability.VIEW_CONNECTORS),
            Place("Adapters", "verified", "adapters:quality", Capability.VIEW_CONNECTORS),
        ),
    ),
    (
        "Records",
        (
            Place("Work orders", "build", "admin:work_workorder_changelist"),
            Place("Service points", "home", "admin:customer_servicepoint_changelist"),
            Place("Signals", "show_chart", "admin:telemetry_signal_changelist"),
        ),
    ),
    (
        "Govern",
        (
            Place("Audit trail", "verified_user", "admin:audit_event_changelist", Capability.VIEW_AUDIT),
            Place("Retention", "auto_delete", "admin:connectors_retention_changelist", Capability.VIEW_CONNECTORS),
            Place("Public alerts", "campaign", "admin:outage_alertsettings_changelist"),
            Place("Access", "group", "admin:organisation_membership_changelist", Capability.MANAGE_MEMBERS),
            Place("Tokens", "key", "admin:organisation_apitoken_changelist", Capability.MANAGE_TOKENS),
        ),
    ),
)


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups as Unfold draws them, with what this member may see."""
    groups = []
    for title, places in GROUPS:
        items = [_item(place, request) for place in places if may(request, place.capability)]
        if items:
            groups.append({"title": title, "items": items})
    return groups


def _item(place: Place, request: HttpRequest) -> dict[str, Any]:
    link = reverse(place.name)
    return {"title": place.title, "icon": place.icon, "link": link, "active": request.path.startswith(link)}
