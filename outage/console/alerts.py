"""The page on which a coordinator sees what the public would be told about an outage, and tells it."""

from collections.abc import Callable
from typing import Any

import msgspec
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe
from lxml import etree

from connectors import registry
from connectors.cap.message import Alert
from connectors.cap.reading import Element
from connectors.contracts.cap_alert import CapAlert, MessageType
from connectors.models import Connector, State
from connectors.tasks import deliver_outbox
from organisation.console import may, member_of
from organisation.roles import Capability
from organisation.scope import current_scope
from outage.alerts.audience import audience_of, drawing_of
from outage.console.forms import AlertForm
from outage.console.views import frame, only_with, outage_or_404
from outage.models import IssuedAlert, Outage
from outage.queries import alert_settings, alerts_about, alerts_in_feed, alerts_in_force, issued_alert
from outage.services.alerts import UnableToIssue, cancel_alert, issue_alert, preview_alert, update_alert

SERVICES: dict[MessageType, Callable[..., IssuedAlert]] = {
    MessageType.ALERT: issue_alert,
    MessageType.UPDATE: update_alert,
    MessageType.CANCEL: cancel_alert,
}
VERBS = {MessageType.ALERT: "Issue alert", MessageType.UPDATE: "Update alert", MessageType.CANCEL: "Cancel alert"}
EFFECTS = {
    MessageType.ALERT: "Whoever receives your alerts is told at once. It cannot be taken back, only cancelled.",
    MessageType.UPDATE: "Takes the place of the alert that is in force, for whoever receives it.",
    MessageType.CANCEL: "Ends the alert that is in force, for whoever receives it.",
}


@only_with(Capability.ISSUE_ALERT)
def alert(request: HttpRequest, pk: int) -> HttpResponse:
    """GET shows what would be issued (`?type=Cancel` for another than the usual one), POST issues it."""
    found = outage_or_404(pk)
    if request.method != "POST":
        return _shown(request, found, wanted=_message_type(request.GET.get("type")))
    form = AlertForm(request.POST)
    if not form.is_valid():
        return _shown(request, found, wanted=None, refusal=("That is no message of an alert.",), status=400)
    wanted = form.cleaned_data["type"]
    reason = form.cleaned_data["reason"]
    try:
        issued = SERVICES[wanted](
            outage=found,
            reason=reason,
            actor=member_of(request).user,
            now=timezone.now(),
            seen=form.cleaned_data["seen"],
        )
    except UnableToIssue as refused:
        return _shown(request, found, wanted=wanted, typed=reason, refusal=refused.reasons, status=409)
    transaction.on_commit(deliver_outbox.delay)
    messages.success(request, f"{issued.message_type} {issued.identifier} is issued.")
    return redirect("outages:page", pk=pk)


@require_safe
@only_with(Capability.VIEW_OPERATIONS)
def issued_document(request: HttpRequest, pk: int, identifier: str) -> HttpResponse:
    """An alert about the outage, byte by byte as it was issued."""
    issued = issued_alert(identifier)
    if issued is None or issued.outage_id != pk:
        raise Http404
    return HttpResponse(bytes(issued.content), content_type="application/cap+xml")


def _shown(
    request: HttpRequest,
    outage: Outage,
    *,
    wanted: MessageType | None,
    typed: str = "",
    refusal: tuple[str, ...] = (),
    status: int = 200,
) -> HttpResponse:
    now = timezone.now()
    preview = preview_alert(outage=outage, message_type=wanted, now=now)
    chosen = preview.message_type
    context: dict[str, Any] = {
        **frame(request, title=f"Public alert: {outage.number}"),
        "outage": outage,
        "preview": preview,
        "choices": [(one, VERBS[one]) for one in preview.offered],
        "verb": VERBS[chosen] if chosen else "",
        "effect": EFFECTS[chosen] if chosen else "",
        "xml": "" if preview.alert is None else _laid_out(preview.alert.element()),
        "is_signed": bool(settings.CAP_SIGNING_KEY),
        "feed": alert_settings(),
        "in_feed": [one for one in alerts_in_feed(now=now) if one.outage_id == outage.pk],
        "in_force": {one.pk for one in alerts_in_force(outage, now=now)},
        "now": now,
        **_reached(outage, preview.alert),
        "takers": _takers(),
        "issued": alerts_about(outage).defer("content").order_by("-sequence"),
        "may_set_up": may(request, Capability.MANAGE_ALERTS),
        "typed": typed,
        "refusal": refusal,
    }
    return render(request, "outage/alert.html", context, status=status)


def _reached(outage: Outage, alert: Alert | None) -> dict[str, Any]:
    """Whom an alert reaches: every language of it has the same area."""
    if alert is None:
        return {}
    polygons = [ring for area in alert.infos[0].areas for ring in area.polygons]
    drawing = drawing_of(polygons)
    return {
        "audience": audience_of(outage, polygons),
        "zones": [name for name, _ in drawing["zones"]],
        "drawing": msgspec.json.encode(drawing).decode(),
    }


def _takers() -> list[str]:
    """The names of the connectors to which an alert would be delivered."""
    switched_on = Connector.objects.for_organisation(current_scope().organisation_id).exclude(state=State.DISABLED)
    return list(
        switched_on.filter(kind__in=registry.kinds_accepting(CapAlert)).order_by("name").values_list("name", flat=True)
    )


def _message_type(written: str | None) -> MessageType | None:
    return next((one for one in MessageType if one.value == written), None)


def _laid_out(element: Element) -> str:
    """For reading; what is issued has no space between its elements."""
    etree.indent(element)
    return etree.tostring(element, encoding="unicode")
