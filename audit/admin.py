from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from unfold.decorators import display

from audit.models import Event
from audit.queries import changes_of
from organisation.console import ConsoleAdmin
from organisation.roles import Capability


@admin.register(Event)
class EventAdmin(ConsoleAdmin):
    """The organisation's trail, newest first: who changed what, when, from where and why."""

    to_view = Capability.VIEW_AUDIT
    list_display = ("at", "who", "what", "action", "origin", "reason", "changes")
    list_display_links = None
    list_select_related = ("actor",)
    list_filter = ("action", "origin", "model")
    ordering = ("-id",)
    list_per_page = 50

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The differences of a whole page come in one statement per kind of row."""
        changelist = super().get_changelist_instance(request)
        found = changes_of(list(changelist.result_list))
        for event in changelist.result_list:
            event.changes = found.get(event.pk, "")
        return changelist

    @display(description="Who", ordering="actor__email")
    def who(self, event: Event) -> str:
        return str(event.actor) if event.actor else "the system"

    @display(description="What")
    def what(self, event: Event) -> str:
        model = apps.get_model(event.model)
        name = f"{model._meta.verbose_name} {event.object_id}"
        try:
            link = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[event.object_id])
        except NoReverseMatch:
            return name
        return format_html('<a class="text-primary-600" href="{}">{}</a>', link, name)

    @display(description="Changes")
    def changes(self, event: Event) -> str:
        return str(getattr(event, "changes", ""))
