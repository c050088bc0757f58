from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template import Context
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from connectors.console.mirrored import DefaultFilter, MirroredAdmin, PresenceFilter, ago
from connectors.contracts.reading import Quality
from organisation.console import may, member_of
from organisation.roles import Capability
from organisation.templatetags import marks
from telemetry.forms import AlarmActionForm
from telemetry.models import Acknowledgement, AcknowledgementStatus, Alarm, LatestReading, Signal
from telemetry.services.acknowledgements import UnableToAcknowledge, acknowledge_alarm
from telemetry.services.alarm_actions import UnableToAct

SEVERITIES = ((800, "critical"), (600, "major"), (300, "minor"), (0, "info"))
"""Where OPC UA's severities of 1 to 1000 change their word (OPC 10000-9 §5.5.2 leaves the bands to us)."""


MOST_SHOWN = 20
"""Of what was done to one alarm."""


class StandingFilter(DefaultFilter):
    title = "operators' list"
    parameter_name = "standing"
    choices_of = (("", "On the list"), ("over", "Over"), ("all", "All"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        on_the_list = {"is_retained": True, "retired_at": None}
        match self.value():
            case "over":
                return queryset.exclude(**on_the_list)
            case "all":
                return queryset
            case _:
                return queryset.filter(**on_the_list)


@admin.register(Alarm)
class AlarmAdmin(MirroredAdmin):
    """Alarms as their sources have them, worst first."""

    list_display = ("severity_mark", "what", "where", "standing", "active_for", "acknowledged", "connector", "changed")
    list_display_links = ("what",)
    list_select_related = ("connector", "alias__element")
    list_filter = (StandingFilter, "category")
    search_fields = ("external_id", "name", "condition", "alias__external_id")
    ordering = ("-severity", "-source_time", "-pk")
    actions = ("acknowledge",)
    actions_detail: ClassVar = ["act"]
    fields = (
        "name",
        "message",
        "category",
        "severity",
        "where",
        ("is_active", "is_acknowledged", "is_confirmed", "is_retained"),
        ("shelved", "last_comment"),
        "done_here",
        ("active_since", "activation"),
        ("condition", "branch"),
        "event_id",
        "connector",
        "source_time",
        "landed_at",
        "retired_at",
    )
    readonly_fields = ("where", "shelved", "last_comment", "done_here")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        sent = Prefetch("acknowledgements", Acknowledgement.objects.order_by("-pk"))
        return super().get_queryset(request).prefetch_related(sent)

    def has_acknowledge_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return may(request, Capability.ACKNOWLEDGE_ALARM)

    @action(description="Acknowledge", permissions=["acknowledge"])
    def acknowledge(self, request: HttpRequest, queryset: QuerySet[Alarm]) -> None:
        """Tell the sources of the chosen alarms that a person has seen them."""
        sent = 0
        for alarm in queryset.select_related("connector"):
            try:
                acknowledge_alarm(alarm=alarm, comment="", actor=member_of(request).user, now=timezone.now())
            except UnableToAcknowledge as refused:
                messages.warning(request, f"{alarm.name or alarm.condition}: {refused}")
            else:
                sent += 1
        if sent:
            whose = "1 acknowledgement is" if sent == 1 else f"{sent} acknowledgements are"
            messages.success(request, f"{whose} on the way to the systems that raised the alarms.")

    @action(description="Confirm, comment, shelve", url_path="act", permissions=["acknowledge"])
    def act(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Do something to one alarm, with a reason; its source is told, and answers."""
        alarm = self.row_or_404(request, object_id)
        form = AlarmActionForm(request.POST or None)
        refusal = ""
        if request.method == "POST" and form.is_valid():
            try:
                form.act(alarm, actor=member_of(request).user, now=timezone.now())
            except UnableToAct as refused:
                refusal = str(refused)
            else:
                messages.success(request, f"It is on its way to {alarm.connector}.")
                return redirect("admin:telemetry_alarm_change", object_id)
        told = {"alarm": alarm, "form": form, "refusal": refusal, "title": self.what(alarm), "opts": self.opts}
        return TemplateResponse(
            request,
            "telemetry/alarm_action.html",
            {**self.admin_site.each_context(request), **told},
            status=409 if refusal else 200,
        )

    @display(description="Shelved")
    def shelved(self, alarm: Alarm) -> str | SafeString:
        if not alarm.shelving:
            return "No"
        if alarm.shelved_until is None:
            return alarm.get_shelving_display()
        return format_html("Until {}", marks.moment(alarm.shelved_until))

    @display(description="Last comment")
    def last_comment(self, alarm: Alarm) -> str:
        return f"{alarm.comment} ({alarm.commented_by})" if alarm.commented_by else alarm.comment or "—"

    @display(description="Done here")
    def done_here(self, alarm: Alarm) -> SafeString:
        """What people of ours did to it, the newest first, and what became of that."""
        return format_html_join(
            SafeString("<br>"),
            "{}: {} by {}, {}{}",
            (
                (
                    marks.moment(one.requested_at),
                    f"{one.get_kind_display()}, “{one.comment}”" if one.comment else one.get_kind_display(),
                    one.actor,
                    one.get_status_display().lower(),
                    f": {one.detail}" if one.detail else "",
                )
                for one in alarm.actions.select_related("actor").order_by("-pk")[:MOST_SHOWN]
            ),
        ) or SafeString("—")

    @display(description="Severity", ordering="severity")
    def severity_mark(self, alarm: Alarm) -> SafeString:
        word = next(word for least, word in SEVERITIES if alarm.severity >= least)
        return format_html("{} {}", marks.sev(word), alarm.severity)

    @display(description="Alarm", ordering="name")
    def what(self, alarm: Alarm) -> str:
        return f"{alarm.name or alarm.condition}: {alarm.message}" if alarm.message else alarm.name or alarm.condition

    @display(description="Element")
    def where(self, alarm: Alarm) -> str:
        if alarm.alias is None:
            return "—"
        return alarm.alias.element.external_id if alarm.alias.element else f"{alarm.alias} (not in the network)"

    @display(description="State", ordering="is_active")
    def standing(self, alarm: Alarm) -> str:
        return "Active" if alarm.is_active else "Clear"

    @display(description="Since", ordering="active_since")
    def active_for(self, alarm: Alarm) -> SafeString:
        return ago(alarm.active_since)

    @display(description="Acknowledged", ordering="is_acknowledged")
    def acknowledged(self, alarm: Alarm) -> str:
        """What the source says; where a person of ours has asked for it, what became of that."""
        if alarm.is_acknowledged:
            return "Yes"
        asked = next((one for one in alarm.acknowledgements.all() if one.event_id == alarm.event_id), None)
        if asked is None:
            return "No"
        if asked.status == AcknowledgementStatus.REFUSED:
            return f"Refused: {asked.detail}" if asked.detail else "Refused by the source"
        return asked.get_status_display()


@admin.register(Signal)
class SignalAdmin(MirroredAdmin):
    """What sources measure, with the newest value of each."""

    list_display = ("name", "external_id", "kind", "value", "quality", "measured", "where", "connector")
    list_select_related = ("connector", "alias__element")
    list_filter = (PresenceFilter, "kind")
    search_fields = ("external_id", "name", "alias__external_id")
    fields = (
        "name",
        "external_id",
        ("kind", "unit"),
        "value",
        "quality",
        "measured",
        "where",
        "equipment_external_id",
        "connector",
        "source_time",
        "landed_at",
        "retired_at",
    )
    readonly_fields = ("value", "quality", "measured", "where")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).prefetch_related("latest")

    @display(description="Value")
    def value(self, signal: Signal) -> str | SafeString:
        reading = _latest(signal)
        if reading is None:
            return marks.chip(Context(), "UNKNOWN")
        if reading.state:
            return marks.words(reading.state).capitalize()
        return "No value" if reading.value is None else f"{reading.value:g} {signal.unit}".strip()

    @display(description="Quality")
    def quality(self, signal: Signal) -> str | SafeString:
        reading = _latest(signal)
        if reading is None:
            return "—"
        word = reading.get_quality_display() + (f": {reading.reason}" if reading.reason else "")
        return word if reading.quality == Quality.GOOD else format_html('<span class="t-warn">{}</span>', word)

    @display(description="Age")
    def measured(self, signal: Signal) -> SafeString:
        reading = _latest(signal)
        return ago(reading.source_time if reading else None)

    @display(description="Element")
    def where(self, signal: Signal) -> str:
        if signal.alias is None:
            return "—"
        return signal.alias.element.external_id if signal.alias.element else f"{signal.alias} (not in the network)"


def _latest(signal: Signal) -> LatestReading | None:
    return next(iter(signal.latest.all()), None)
