from datetime import datetime, timedelta
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Max, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path
from django.utils import timezone
from django.utils.html import format_html
from unfold.decorators import display

from connectors import registry
from connectors.console import catalogue, draft, mapping, trial, views
from connectors.console.changes import ChangeAdmin
from connectors.console.forms import ScheduleForm, can_be_listened_to, connector_form, stream_form
from connectors.console.panel import panel_of
from connectors.console.rejected import RejectedRecordAdmin
from connectors.console.retention import RetentionAdmin
from connectors.console.runs import RunAdmin
from connectors.models import (
    Connector,
    ConnectorToken,
    OutboxItem,
    RecordChange,
    RejectedRecord,
    Retention,
    Run,
    Schedule,
    Stream,
)
from connectors.services.schedules import remove_schedule
from connectors.services.tokens import UnableToIssueConnectorToken, issue_connector_token, revoke_connector_token
from organisation.console import ConsoleAdmin, ServiceForm, TokenAdmin, may
from organisation.roles import Capability
from organisation.templatetags import marks


def _ago(moment: datetime | None) -> str:
    return "never" if moment is None else f"{marks.span(timezone.now() - moment)} ago"


@admin.register(Connector)
class ConnectorAdmin(ConsoleAdmin):
    """The connections to source systems: state with its evidence, settings, and what is read."""

    to_view = Capability.VIEW_CONNECTORS
    to_add = to_change = Capability.MANAGE_CONNECTORS
    list_display = ("name", "what", "state_mark", "state_reason", "last_read", "last_run")
    ordering = ("name",)
    list_filter = ("state", "kind")
    change_form_outer_before_template = "connectors/panel.html"
    change_form_before_template = "connectors/draft_head.html"
    change_form_after_template = "connectors/draft_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        told = {"read_at": Max("streams__states__proved_at"), "ran_at": Max("streams__runs__started_at")}
        return cast("QuerySet[Any]", rows.annotate(**told))

    def get_urls(self) -> list[Any]:
        guard = self.admin_site.admin_view
        return [
            path("<int:pk>/probe", guard(trial.probe), name="connectors_connector_probe"),
            path("kinds/<slug:kind>/test", guard(draft.examine), name="connectors_kind_draft_test"),
            path("kinds/<slug:kind>/preview", guard(draft.preview), name="connectors_kind_draft_preview"),
            path("<int:pk>/draft/test", guard(draft.examine), name="connectors_connector_draft_test"),
            path("<int:pk>/draft/preview", guard(draft.preview), name="connectors_connector_draft_preview"),
            path("<int:pk>/discover", guard(trial.discover), name="connectors_connector_discover"),
            path("<int:pk>/choose", guard(trial.choose), name="connectors_connector_choose"),
            path("<int:pk>/preview", guard(trial.preview_found), name="connectors_connector_preview"),
            path("streams/<int:pk>/preview", guard(trial.preview_stream), name="connectors_stream_preview"),
            path("<int:pk>/mapping/sample", guard(mapping.sample), name="connectors_mapping_sample"),
            path("<int:pk>/mapping/try", guard(mapping.try_on), name="connectors_mapping_try"),
            path("<int:pk>/switch", guard(views.switch), name="connectors_connector_switch"),
            path("<int:pk>/panel", guard(views.panel), name="connectors_connector_panel"),
            path("streams/<int:pk>/sync", guard(views.sync), name="connectors_stream_sync"),
            path("runs/<int:pk>/progress", guard(views.progress), name="connectors_run_progress"),
            path("runs/<int:pk>/cancel", guard(views.cancel), name="connectors_run_cancel"),
            *super().get_urls(),
        ]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        if request.GET.get("kind") in registry.adapters():
            context = {**(extra_context or {}), "title": f"Add {registry.adapter_for(request.GET['kind']).label}"}
            return cast(HttpResponse, super().add_view(request, form_url, context))
        return catalogue.catalogue(request)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        context = {**(extra_context or {}), "may_manage": may(request, Capability.MANAGE_CONNECTORS)}
        context["show_save_and_add_another"] = False
        if object_id is None and request.GET.get("kind") in registry.adapters():
            context |= draft.beside_form(request, request.GET["kind"])
        if object_id and self.has_view_permission(request):
            connector = self.row_or_404(request, object_id)
            context |= draft.beside_form(request, connector.kind, connector.pk)
            context |= {
                "panel": panel_of(connector),
                "now": timezone.now(),
                "may_sync": may(request, Capability.START_SYNC),
            }
        return cast(HttpResponse, super().changeform_view(request, object_id, form_url, context))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        kind = obj.kind if obj else request.GET["kind"]
        options["form"] = connector_form(kind)
        options["fields"] = ["name"] if not self.has_change_permission(request, obj) else None
        return super().get_form(request, obj, change=change, **options)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj and not self.has_change_permission(request, obj):
            return ["name"]
        kind = obj.kind if obj else request.GET["kind"]
        return ["name", *registry.adapter_for(kind).config_form.base_fields]

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        messages.success(request, f"{obj} is added. Test the connection, then choose what to read.")
        return redirect("admin:connectors_connector_change", obj.pk)

    @display(description="Adapter")
    def what(self, connector: Connector) -> str:
        return registry.adapter_for(connector.kind).label

    @display(description="State", ordering="state")
    def state_mark(self, connector: Connector) -> str:
        return marks.state(connector.state)

    @display(description="Last proved")
    def last_read(self, connector: Any) -> str:
        return _ago(connector.read_at)

    @display(description="Last run")
    def last_run(self, connector: Any) -> str:
        return _ago(connector.ran_at)


@admin.register(Stream)
class StreamAdmin(ConsoleAdmin):
    """What is read from a source. Reached from its connector's page."""

    to_view = Capability.VIEW_CONNECTORS
    to_add = to_change = Capability.MANAGE_CONNECTORS
    list_display = ("label_or_name", "connector", "contract", "is_enabled")
    list_select_related = ("connector",)
    ordering = ("connector__name", "pk")
    change_form_after_template = "connectors/mapping_trial.html"

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        connector = self._connector(request, None)
        if mapping.is_mapped(connector) and "contract" not in request.GET:
            return mapping.contracts(request, connector)
        return cast(HttpResponse, super().add_view(request, form_url, extra_context))

    def _connector(self, request: HttpRequest, stream: Stream | None) -> Connector:
        if stream:
            connector: Connector = stream.connector
            return connector
        named = request.GET.get("connector", "")
        return get_object_or_404(Connector, pk=int(named) if named.isdecimal() else 0)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        options["form"] = stream_form(self._connector(request, obj))
        options["fields"] = None
        return super().get_form(request, obj, change=change, **options)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        connector = self._connector(request, obj)
        own = registry.adapter_for(connector.kind).stream_form.base_fields
        listen = ["is_listened_to"] if can_be_listened_to(connector) else []
        return ["name", "contract", "label", "freshness_s", "is_enabled", *listen, "keeps_changes", *own]

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        messages.success(request, f"{obj} is added. Read it now, or give it a schedule.")
        return redirect("admin:connectors_connector_change", obj.connector_id)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        messages.success(request, f"{obj} is changed.")
        return redirect("admin:connectors_connector_change", obj.connector_id)

    @display(description="Stream")
    def label_or_name(self, stream: Stream) -> str:
        return stream.label or stream.name


@admin.register(Schedule)
class ScheduleAdmin(ConsoleAdmin):
    """How often streams are read. A schedule is a form over a periodic task that is never edited itself."""

    to_view = Capability.VIEW_CONNECTORS
    to_add = to_change = to_delete = Capability.MANAGE_CONNECTORS
    form = ScheduleForm
    list_display = ("stream", "mode", "every", "is_enabled")
    list_select_related = ("stream__connector",)
    ordering = ("stream__connector__name", "stream_id", "mode")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("stream", "mode") if obj else ()

    def delete_model(self, request: HttpRequest, obj: Schedule) -> None:
        remove_schedule(schedule=obj)

    @display(description="Every")
    def every(self, schedule: Schedule) -> str:
        return marks.span(float(schedule.every_s)) if schedule.every_s >= 1 else f"{schedule.every_s} s"


admin.site.register(Run, RunAdmin)
admin.site.register(RecordChange, ChangeAdmin)
admin.site.register(RejectedRecord, RejectedRecordAdmin)
admin.site.register(Retention, RetentionAdmin)


@admin.register(OutboxItem)
class DeliveryAdmin(ConsoleAdmin):
    """What is on its way to other systems, and what became of it."""

    to_view = Capability.VIEW_CONNECTORS
    list_display = ("created", "kind", "contract", "connector", "subject", "attempts", "became", "last_error")
    list_select_related = ("connector",)
    list_filter = ("kind", "contract")
    ordering = ("-id",)

    @display(description="Written", ordering="id")
    def created(self, item: OutboxItem) -> str:
        return marks.moment(item.created_at)

    @display(description="Became", label={"done": "success", "waiting": "info", "given up": "danger"})
    def became(self, item: OutboxItem) -> str:
        return "done" if item.done_at else "given up" if item.given_up_at else "waiting"


class IssueConnectorTokenForm(ServiceForm):
    refusals = (UnableToIssueConnectorToken,)

    days = forms.IntegerField(label="Expires after", min_value=1, max_value=366, initial=90, help_text="Days.")

    class Meta:
        model = ConnectorToken
        fields: ClassVar = ["connector", "name"]

    def _get_validation_exclusions(self) -> set[str]:
        return {"organisation", "digest", "hint", "expires_at"}

    def perform(self) -> ConnectorToken:
        given, now = self.cleaned_data, timezone.now()
        issued, token = issue_connector_token(
            connector=given["connector"], name=given["name"], expires_at=now + timedelta(days=given["days"]), now=now
        )
        messages.warning(self.request, f"This token is shown once. Copy it now: {token}")
        return issued


@admin.register(ConnectorToken)
class ConnectorTokenAdmin(TokenAdmin):
    """Bearer tokens with which sources push their records."""

    to_view = to_add = Capability.MANAGE_CONNECTORS
    list_display = ("name", "connector", "hint", "expires_at", "revoked_at", "address")
    list_select_related = ("connector",)
    ordering = ("connector__name", "name")
    readonly_fields = ("connector", "name", "hint", "expires_at", "revoked_at", "created_at")
    to_issue = IssueConnectorTokenForm
    to_revoke = revoke_connector_token
    asked = ("connector", "name", "days")
    effect = "Whoever pushes with it is refused from now on."

    @display(description="Pushes to")
    def address(self, token: ConnectorToken) -> str:
        return format_html("<code>{}</code>", f"/registry/connectors/{token.connector.uuid}/records/…")
