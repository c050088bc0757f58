"""What was set aside, as pages of the console: why, what the source sent, and what can be done about it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Exists, Max, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import path
from django.utils import timezone
from unfold.decorators import action, display

from connectors.console import replays
from connectors.console.changes import StreamFilter
from connectors.console.download import download
from connectors.console.mirrored import DefaultFilter
from connectors.console.payload import payload
from connectors.exports import FORMATS
from connectors.models import RejectedRecord, Stream
from connectors.queries import streams
from connectors.services.replay import raw_of
from organisation.console import ConsoleAdmin, may
from organisation.roles import Capability
from organisation.scope import current_scope
from organisation.templatetags import marks


class SettledFilter(DefaultFilter):
    title = "settled"
    parameter_name = "settled"
    choices_of = (("", "Not settled"), ("yes", "Settled"), ("all", "All"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "yes":
                return queryset.exclude(settled_at=None)
            case "all":
                return queryset
            case _:
                # From a run's page one wants to see what it set aside, whatever became of it.
                return queryset if "run__id__exact" in request.GET else queryset.filter(settled_at=None)


class StreamWithRejectedFilter(StreamFilter):
    """Streams of which something was set aside."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        of_it = RejectedRecord.objects.filter(stream=OuterRef("pk"))
        return [(str(stream.pk), str(stream)) for stream in streams().filter(Exists(of_it))]


class RejectedRecordAdmin(ConsoleAdmin):
    """Records that could not be read or landed, with what the source sent and why."""

    to_view = Capability.VIEW_CONNECTORS
    list_display = ("last_seen", "stream", "external_id", "reason", "path", "times", "became")
    list_select_related = ("stream__connector",)
    list_filter = (SettledFilter, StreamWithRejectedFilter)
    ordering = ("-last_seen_at", "-id")
    search_fields = ("external_id__startswith",)
    search_help_text = "How the source's key begins, as it is written."
    actions = ("replay_chosen",)
    fields = ("stream", "run", "external_id", "path", "times", "first_seen", "last_seen", "settled")
    readonly_fields = fields
    list_before_template = "connectors/rejected_by_stream.html"
    change_form_outer_before_template = "connectors/rejected.html"

    def get_urls(self) -> list[Any]:
        guard = self.admin_site.admin_view
        name = "connectors_rejectedrecord"
        return [
            path("<int:pk>/replay", guard(replays.replay_one), name=f"{name}_replay"),
            path("streams/<int:pk>/replay", guard(replays.replay_stream), name=f"{name}_replay_stream"),
            path("export.<str:form>", guard(self.export), name=f"{name}_export"),
            *super().get_urls(),
        ]

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return may(request, Capability.START_SYNC)

    def export(self, request: HttpRequest, form: str) -> HttpResponseBase:
        """The list as it is filtered, all of its pages."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if form not in FORMATS:
            raise Http404(f"There is no export as {form}.")
        try:
            rows = self.get_changelist_instance(request).queryset
        except IncorrectLookupParameters:
            return redirect("admin:connectors_rejectedrecord_changelist")
        content_type, write = FORMATS[form]
        name = f"rejected-records-{timezone.now():%Y%m%dT%H%M%SZ}.{form}"
        return download(request, write(rows, current_scope()), name=name, content_type=content_type)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        told = {
            "waiting": _waiting(),
            "now": timezone.now(),
            "may_replay": self.has_replay_permission(request),
            "exports": (("csv", "CSV"), ("ndjson", "JSON lines")),
        }
        return super().changelist_view(request, {**(extra_context or {}), **told})

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        context = dict(extra_context or {})
        rejected = self.get_object(request, object_id or "") if self.has_view_permission(request) else None
        if rejected is not None:
            context |= {
                "rejected": rejected,
                "sent": payload(rejected.raw, rejected.path),
                "cut": _cut(rejected),
                "may_replay": self.has_replay_permission(request),
            }
        return super().changeform_view(request, object_id, form_url, context)

    @action(description="Replay", permissions=["replay"])
    def replay_chosen(self, request: HttpRequest, queryset: QuerySet[RejectedRecord]) -> None:
        chosen: dict[int, list[int]] = {}
        for stream_id, pk in queryset.values_list("stream_id", "pk"):
            chosen.setdefault(stream_id, []).append(pk)
        for stream_id, ids in chosen.items():
            replays.queue_replay(request, stream_id, ids)

    @display(description="Last seen", ordering="last_seen_at")
    def last_seen(self, rejected: RejectedRecord) -> str:
        return marks.moment(rejected.last_seen_at)

    @display(description="First seen")
    def first_seen(self, rejected: RejectedRecord) -> str:
        return marks.moment(rejected.first_seen_at)

    @display(description="Settled")
    def settled(self, rejected: RejectedRecord) -> str:
        return marks.moment(rejected.settled_at) or "not yet"

    @display(description="Became", label={"settled": "success", "waiting": "warning"})
    def became(self, rejected: RejectedRecord) -> str:
        return "settled" if rejected.settled_at else "waiting"


@dataclass(frozen=True)
class Waiting:
    """How many records of a stream wait to be replayed."""

    stream: Stream
    count: int
    last_seen_at: datetime


def _waiting() -> list[Waiting]:
    counted = (
        RejectedRecord.objects.for_organisation(current_scope().organisation_id)
        .filter(settled_at=None)
        .order_by()
        .values_list("stream_id")
        .annotate(Count("pk"), Max("last_seen_at"))
    )
    found = {stream_id: (count, at) for stream_id, count, at in counted}
    return [Waiting(stream, *found[stream.pk]) for stream in streams().filter(pk__in=found)]


def _cut(rejected: RejectedRecord) -> str:
    """Why it cannot be replayed; empty if it can."""
    try:
        raw_of(rejected)
    except ValueError:
        return "It cannot be replayed: what was kept of it is cut, or is no JSON."
    return ""
