"""Who public alerts come from, and who may read them, as a page of the console."""

from typing import Any, ClassVar, cast

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from connectors.contracts.cap_alert import AlertStatus
from organisation.console import ConsoleAdmin, ServiceForm
from organisation.roles import Capability
from outage.alerts.words import LANGUAGES
from outage.models import AlertSettings
from outage.services.alert_settings import UnableToSave, alert_settings_in_scope, save_alert_settings


class AlertSettingsForm(ServiceForm):
    refusals = (UnableToSave,)

    languages = forms.MultipleChoiceField(
        choices=[(tag, name) for tag, (name, _) in LANGUAGES.items()],
        widget=forms.CheckboxSelectMultiple,
        help_text="Every message says the same in each.",
    )

    class Meta:
        model = AlertSettings
        fields: ClassVar = ["sender", "status", "languages", "web", "contact", "feed_is_public"]

    def perform(self) -> AlertSettings:
        given = self.cleaned_data
        return save_alert_settings(**{**given, "status": AlertStatus(given["status"])})


class AlertSettingsAdmin(ConsoleAdmin):
    """One row for an organisation."""

    to_view = Capability.VIEW_OPERATIONS
    to_change = Capability.MANAGE_ALERTS
    form = AlertSettingsForm
    fields = ("sender", "status", "languages", "web", "contact", "feed_is_public", "feed")
    readonly_fields = ("feed",)

    def feed(self, kept: AlertSettings) -> str:
        """Where it is, once it is open."""
        return reverse("cap-feed", args=[kept.organisation.slug])

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if not self.has_view_permission(request):
            return cast(HttpResponse, super().changelist_view(request, extra_context))
        return redirect("admin:outage_alertsettings_change", alert_settings_in_scope().pk)
