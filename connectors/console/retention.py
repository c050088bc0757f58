"""How long an organisation keeps what the engine writes down, as a page of the console."""

from typing import Any, ClassVar, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from connectors.models import Retention
from connectors.services.retention import retention_in_scope, save_retention
from organisation.console import ConsoleAdmin, ServiceForm
from organisation.roles import Capability

KINDS = (
    ("runs", "Runs"),
    ("rejected_records", "Rejected records"),
    ("changes", "Changes"),
    ("deliveries", "Deliveries"),
)


class RetentionForm(ServiceForm):
    class Meta:
        model = Retention
        fields: ClassVar = ["runs_days", "rejected_days", "changes_days"]
        labels: ClassVar = {"runs_days": "Runs", "rejected_days": "Rejected records", "changes_days": "Change log"}
        help_texts: ClassVar = {
            "runs_days": "Days. Deliveries that were made go with them. The first and the last run of each stream and "
            "its last full read stay.",
            "rejected_days": "Days, since one was last seen; if it was settled, since then.",
            "changes_days": "Days. The first and the last change of each record stay.",
        }

    def perform(self) -> Retention:
        return save_retention(**self.cleaned_data)


class RetentionAdmin(ConsoleAdmin):
    """One row for an organisation: what is kept for how long, and what the last pruning removed."""

    to_view = Capability.VIEW_CONNECTORS
    to_change = Capability.MANAGE_CONNECTORS
    form = RetentionForm
    fields = ("runs_days", "rejected_days", "changes_days")
    change_form_outer_before_template = "connectors/pruned.html"

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if not self.has_view_permission(request):
            return cast(HttpResponse, super().changelist_view(request, extra_context))
        return redirect("admin:connectors_retention_change", retention_in_scope().pk)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        context = dict(extra_context or {})
        kept = self.get_object(request, object_id or "") if self.has_view_permission(request) else None
        if kept is not None:
            counts = [(label, kept.pruned.get(kind)) for kind, label in KINDS]
            context |= {"kept": kept, "counts": counts, "now": timezone.now()}
        return cast(HttpResponse, super().changeform_view(request, object_id, form_url, context))

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """In the trail, with who changed it and from what to what."""
        return redirect(f"{reverse('admin:audit_event_changelist')}?model=connectors.retention")

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        messages.success(request, "Changed. What is older goes with the next pruning, within a day.")
        return redirect("admin:connectors_retention_change", obj.pk)
