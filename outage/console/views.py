"""The pages of the outage board and of one outage, and the fragments that keep them live."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.http import require_POST

from organisation.console import may, member_of
from organisation.roles import Capability
from organisation.scope import current_scope
from outage.console.board import BoardPage, Filters, board_page
from outage.console.forms import AcknowledgeForm, TransitionForm
from outage.console.map import map_json, map_version
from outage.console.page import OutagePage, outage_page
from outage.models import Cause, Outage
from outage.services.transitions import UnableToTransition, transition_outage
from telemetry.models import Alarm
from telemetry.services.acknowledgements import UnableToAcknowledge, acknowledge_alarm

View = Callable[..., HttpResponse]


def only_with(capability: Capability) -> Callable[[View], View]:
    """Refuse whoever may not, before anything is read."""

    def guard(view: View) -> View:
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not may(request, capability):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return guarded

    return guard


def home(request: HttpRequest) -> HttpResponse:
    """The console opens on the board, for whoever may see it."""
    if may(request, Capability.VIEW_OPERATIONS):
        return redirect("outages:board")
    return admin.site.index(request)


@only_with(Capability.VIEW_OPERATIONS)
def board(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    filters = Filters.of(request.GET)
    page = board_page(now=now, filters=filters)
    context = {
        **frame(request, title="Outages"),
        "page": page,
        "filters": filters,
        "now": now,
        "tag": _tag(page),
        "query": request.GET.urlencode(),
    }
    return render(request, "outage/board.html", context)


@only_with(Capability.VIEW_OPERATIONS)
def board_fragment(request: HttpRequest) -> HttpResponse:
    """The figures and rows of the board as they stand; 304 while nothing of them has changed."""
    now = timezone.now()
    page = board_page(now=now, filters=Filters.of(request.GET))
    return fragment(request, tag=_tag(page), template="outage/board_fragment.html", context={"page": page, "now": now})


@only_with(Capability.VIEW_OPERATIONS)
def outage(request: HttpRequest, pk: int) -> HttpResponse:
    return _shown(request, _page_or_404(pk), opened=request.GET.get("move", ""))


@only_with(Capability.VIEW_OPERATIONS)
def outage_fragment(request: HttpRequest, pk: int) -> HttpResponse:
    """Everything of an outage's page that may change by itself; 304 while none of it has."""
    page = _page_or_404(pk)
    tag = digest_of([page.etag, repr(page.standing)])
    return fragment(
        request,
        tag=tag,
        template="outage/outage_fragment.html",
        context=_page_context(request, page),
        with_request=True,
    )


@only_with(Capability.VIEW_OPERATIONS)
def outage_map(request: HttpRequest, pk: int) -> HttpResponse:
    version = map_version(pk)
    if version is None:
        raise Http404
    etag = f'"{version}"'
    if request.headers.get("If-None-Match") == etag:
        return HttpResponseNotModified(headers={"ETag": etag})
    content = map_json(pk, version=version, attribution=settings.MAP_ATTRIBUTION)
    return HttpResponse(content, content_type="application/json", headers={"ETag": etag})


@require_POST
@only_with(Capability.TRANSITION_OUTAGE)
def transition(request: HttpRequest, pk: int) -> HttpResponse:
    """One move of an outage; what the service refuses is said as a sentence, and what was typed is kept."""
    now = timezone.now()
    form = TransitionForm(request.POST)
    found = outage_or_404(pk)
    if not form.is_valid():
        return _shown(request, _page_or_404(pk), refusal="That is no move of an outage. Choose one below.", status=400)
    given = form.cleaned_data
    try:
        moved = transition_outage(
            outage=found,
            to=given["to"],
            reason=given["reason"],
            actor=member_of(request).user,
            now=now,
            cause=given["cause"],
        )
    except UnableToTransition as refused:
        return _shown(
            request, _page_or_404(pk), refusal=str(refused), opened=given["to"], typed=given["reason"], status=409
        )
    messages.success(request, f"{moved.number} is {moved.get_status_display().lower()}.")
    return redirect("outages:page", pk=pk)


@require_POST
@only_with(Capability.ACKNOWLEDGE_ALARM)
def acknowledge(request: HttpRequest, pk: int) -> HttpResponse:
    """Acknowledge one of the alarms that the outage rests on; its source is told, and answers."""
    form = AcknowledgeForm(request.POST)
    alarms = Alarm.objects.for_organisation(current_scope().organisation_id).filter(evidence__outage=outage_or_404(pk))
    alarm = alarms.filter(pk=form.cleaned_data["alarm"]).first() if form.is_valid() else None
    if alarm is None:
        raise Http404
    try:
        acknowledge_alarm(
            alarm=alarm,
            comment=form.cleaned_data["comment"],
            actor=member_of(request).user,
            now=timezone.now(),
        )
    except UnableToAcknowledge as refused:
        return _shown(request, _page_or_404(pk), refusal=str(refused), status=409)
    messages.success(request, "The acknowledgement is on its way to the system that raised the alarm.")
    return redirect("outages:page", pk=pk)


def _shown(
    request: HttpRequest,
    page: OutagePage,
    *,
    opened: str = "",
    typed: str = "",
    refusal: str = "",
    status: int = 200,
) -> HttpResponse:
    context = {
        **frame(request, title=page.outage.number),
        **_page_context(request, page),
        "opened": opened,
        "typed": typed,
        "refusal": refusal,
    }
    return render(request, "outage/outage.html", context, status=status)


def _page_context(request: HttpRequest, page: OutagePage) -> dict[str, Any]:
    return {
        "page": page,
        "o": page.outage,
        "now": page.now,
        "causes": Cause.choices,
        "may_move": may(request, Capability.TRANSITION_OUTAGE),
        "may_alert": may(request, Capability.ISSUE_ALERT),
        "may_acknowledge": may(request, Capability.ACKNOWLEDGE_ALARM),
    }


def _page_or_404(pk: int) -> OutagePage:
    page = outage_page(str(pk), now=timezone.now())
    if page is None:
        raise Http404
    return page


def outage_or_404(pk: int) -> Outage:
    found: Outage | None = Outage.objects.for_organisation(current_scope().organisation_id).filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def fragment(
    request: HttpRequest, *, tag: str, template: str, context: dict[str, Any], with_request: bool = False
) -> HttpResponse:
    etag = f'"{tag}"'
    if request.headers.get("If-None-Match") == etag:
        return HttpResponseNotModified(headers={"ETag": etag})
    content = render_to_string(template, context, request=request if with_request else None)
    return HttpResponse(content, headers={"ETag": etag})


def _tag(page: BoardPage) -> str:
    """What was read, and what time alone has changed in it: a promise passed, an input grown old."""
    return digest_of([page.board.etag, *(row.version for section in page.sections for row in section.rows)])


def digest_of(parts: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]


def frame(request: HttpRequest, *, title: str) -> dict[str, Any]:
    return {**admin.site.each_context(request), "title": title, "is_fullwidth": "1"}
