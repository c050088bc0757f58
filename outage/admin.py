from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from organisation.console import ConsoleAdmin
from outage.console.alert_settings import AlertSettingsAdmin
from outage.models import AlertSettings, Outage

admin.site.register(AlertSettings, AlertSettingsAdmin)


@admin.register(Outage)
class OutageAdmin(ConsoleAdmin):
    """The board and the page of one outage stand where the admin would list and show outages."""

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return redirect("outages:board")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        return redirect("outages:page", pk=object_id)
