"""Who public alerts come from, and who may read them, as a page of the console."""

from typing import Any, ClassVar, cast

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from connectors.contracts.cap_alert import AlertStatus
from organisation.console import ConsoleAdmin, ServiceForm
from organisation.roles import Capability
from organisation.templatetags import marks
from outage.alerts.words import LANGUAGES
from outage.models import AlertSettings
from outage.queries import alerts_in_feed
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
    fields = ("sender", "status", "languages", "web", "contact", "feed_is_public", "feed", "in_the_feed")
    readonly_fields = ("feed", "in_the_feed")

    def feed(self, kept: AlertSettings) -> str:
        """Where it is, once it is open."""
        address = reverse("cap-feed", args=[kept.organisation.slug])
        if not kept.feed_is_public:
            return f"{address} is closed: it answers 404, as if there were none."
        return format_html('<a class="link" href="{}">{}</a> is open to everybody.', address, address)

    def in_the_feed(self, kept: AlertSettings) -> str:
        """How many messages it shows, and age and end of the newest."""
        now = timezone.now()
        shown = alerts_in_feed(now=now)
        if not shown:
            return "No message is in force."
        newest = shown[0]
        count = f"{len(shown)} message{'' if len(shown) == 1 else 's'}"
        age, left = marks.span(now - newest.sent_at), marks.span(newest.expires_at - now)
        return f"{count}. The newest is {newest.identifier} ({newest.message_type}), {age} old; it ends in {left}."

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if not self.has_view_permission(request):
            return cast(HttpResponse, super().changelist_view(request, extra_context))
        return redirect("admin:outage_alertsettings_change", alert_settings_in_scope().pk)
