"""What was read, as pages of the console."""

from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from unfold.decorators import display

from connectors.console.views import told_of
from connectors.models import Run, RunStatus
from organisation.console import ConsoleAdmin
from organisation.roles import Capability
from organisation.templatetags import marks


class RunAdmin(ConsoleAdmin):
    """What was read, or would be: phases, counts, and how it ended."""

    to_view = Capability.VIEW_CONNECTORS
    list_display = ("started", "stream", "how", "trigger", "status_mark", "records", "changed", "rejected", "detail")
    list_select_related = ("stream__connector",)
    list_filter = ("status", "is_dry", "trigger", "mode")
    ordering = ("-started_at", "-id")
    fields = ("stream", "mode", "trigger", "actor")
    readonly_fields = fields
    change_form_outer_before_template = "connectors/run.html"

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        context = dict(extra_context or {})
        if object_id and self.has_view_permission(request):
            context |= told_of(self.row_or_404(request, object_id), request)
        return cast(HttpResponse, super().changeform_view(request, object_id, form_url, context))

    @display(description="Started", ordering="started_at")
    def started(self, run: Run) -> str:
        return marks.moment(run.started_at)

    @display(description="Mode", ordering="mode")
    def how(self, run: Run) -> str:
        return f"{run.get_mode_display()}, dry run" if run.is_dry else run.get_mode_display()

    @display(
        description="Status",
        label={
            RunStatus.PENDING: "info",
            RunStatus.RUNNING: "info",
            RunStatus.CANCELLED: "warning",
            RunStatus.SUCCEEDED: "success",
            RunStatus.INCOMPLETE: "warning",
            RunStatus.FAILED: "danger",
        },
    )
    def status_mark(self, run: Run) -> tuple[str, str]:
        return run.status, run.get_status_display()

    @display(description="Created · updated · retired")
    def changed(self, run: Run) -> str:
        return f"{run.created} · {run.updated} · {run.retired}"
