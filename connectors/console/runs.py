"""What was read, as pages of the console."""

from django.template.loader import render_to_string
from django.utils import timezone
from unfold.decorators import display

from connectors.console.panel import progress_of
from connectors.models import Run, RunStatus
from organisation.console import ConsoleAdmin
from organisation.roles import Capability
from organisation.templatetags import marks


class RunAdmin(ConsoleAdmin):
    """What was read: phases, counts, and how it ended."""

    to_view = Capability.VIEW_CONNECTORS
    list_display = ("started", "stream", "mode", "trigger", "status_mark", "records", "changed", "rejected", "detail")
    list_select_related = ("stream__connector",)
    list_filter = ("status", "trigger", "mode")
    ordering = ("-started_at", "-id")
    fields = ("stream", "mode", "trigger", "actor", "progress")
    readonly_fields = fields

    @display(description="Started", ordering="started_at")
    def started(self, run: Run) -> str:
        return marks.moment(run.started_at)

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

    @display(description="Progress")
    def progress(self, run: Run) -> str:
        now = timezone.now()
        return render_to_string("connectors/progress.html", {"progress": progress_of(run, now=now), "now": now})
