"""The change log of streams that keep one, as pages of the console."""

from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.paginator import InfinitePaginator

from connectors.models import ChangeKind, RecordChange
from connectors.queries import streams
from connectors.reports import columns_of
from organisation.console import ConsoleAdmin
from organisation.roles import Capability
from organisation.templatetags import marks

SHOWN_IN_A_ROW = 3


class StreamFilter(admin.SimpleListFilter):
    """Streams of which changes are kept."""

    title = "stream"
    parameter_name = "stream"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        kept = streams().filter(Exists(RecordChange.objects.filter(stream=OuterRef("pk"))))
        return [(str(stream.pk), str(stream)) for stream in kept]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value() or ""
        return queryset.filter(stream_id=int(chosen)) if chosen.isdecimal() else queryset


class ChangeAdmin(ConsoleAdmin):
    """What reads changed, record by record, and in which run. The rows are not counted, for they are many."""

    to_view = Capability.VIEW_CONNECTORS
    paginator = InfinitePaginator
    list_display = ("when", "external_id", "kind_mark", "what", "table", "stream", "in_run")
    list_select_related = ("stream__connector",)
    list_filter = (StreamFilter, "kind")
    ordering = ("-at", "-id")
    search_fields = ("external_id",)
    search_help_text = "A record's external id, whole, as it is written."
    fields = ("stream", "external_id", "table", "kind", "when", "in_run", "columns")
    readonly_fields = fields

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        # The index of a record's changes begins with its stream.
        return queryset.filter(stream__in=list(streams().values_list("pk", flat=True)), external_id=term), False

    @display(description="When", ordering="at")
    def when(self, change: RecordChange) -> SafeString:
        return marks.moment(change.at)

    @display(
        description="Change",
        label={ChangeKind.CREATED: "success", ChangeKind.UPDATED: "info", ChangeKind.RETIRED: "warning"},
    )
    def kind_mark(self, change: RecordChange) -> tuple[str, str]:
        return change.kind, change.get_kind_display()

    @display(description="Before → after")
    def what(self, change: RecordChange) -> SafeString:
        columns = columns_of(change.before, change.after)
        shown = SafeString(render_to_string("connectors/columns.html", {"columns": columns[:SHOWN_IN_A_ROW]}))
        more = len(columns) - SHOWN_IN_A_ROW
        return format_html('{}<span class="muted">and {} more</span>', shown, more) if more > 0 else shown

    @display(description="Before → after")
    def columns(self, change: RecordChange) -> str:
        return render_to_string("connectors/columns.html", {"columns": columns_of(change.before, change.after)})

    @display(description="Run", ordering="run_id")
    def in_run(self, change: RecordChange) -> SafeString:
        if change.run_id is None:
            return SafeString("—")
        link = reverse("admin:connectors_run_change", args=[change.run_id])
        return format_html('<a class="link" href="{}">Run {}</a>', link, change.run_id)
