"""What the buttons of a connector's page do: each is one service call, and comes back with a sentence."""

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from connectors.console.guard import needs
from connectors.console.kept import kept_of
from connectors.console.panel import panel_of
from connectors.console.progress import progress_of
from connectors.models import Connector, Mode, Run, Stream, Trigger
from connectors.services.requests import (
    UnableToCancel,
    UnableToSync,
    cancel_run,
    start_sync,
    what_cancelling_means,
)
from connectors.services.settings import ReasonMissing, switch_connector
from connectors.tasks import sync_stream
from organisation.console import may, member_of
from organisation.roles import Capability


@needs(Capability.MANAGE_CONNECTORS)
def switch(request: HttpRequest, pk: int) -> HttpResponse:
    connector = get_object_or_404(Connector, pk=pk)
    on = request.POST.get("on") == "1"
    try:
        switch_connector(connector=connector, on=on, reason=request.POST.get("reason", ""), now=timezone.now())
    except ReasonMissing as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"{connector} is switched {'on' if on else 'off'}.")
    return redirect("admin:connectors_connector_change", pk)


@needs(Capability.START_SYNC)
def sync(request: HttpRequest, pk: int) -> HttpResponse:
    stream = get_object_or_404(Stream.objects.select_related("connector"), pk=pk)
    mode = Mode.FULL if request.POST.get("mode") == Mode.FULL else Mode.INCREMENTAL
    try:
        run = start_sync(
            stream=stream,
            mode=mode,
            trigger=Trigger.PERSON,
            actor_id=member_of(request).user_id,
            now=timezone.now(),
            is_dry=request.POST.get("dry") == "1",
        )
    except UnableToSync as refusal:
        messages.error(request, str(refusal))
        return redirect("admin:connectors_connector_change", stream.connector_id)
    transaction.on_commit(lambda: sync_stream.delay(stream.pk, mode.value, Trigger.PERSON.value))
    return redirect("admin:connectors_run_change", run.pk)


@needs(Capability.VIEW_CONNECTORS, post=False)
def panel(request: HttpRequest, pk: int) -> HttpResponse:
    connector = get_object_or_404(Connector, pk=pk)
    context = {
        "panel": panel_of(connector),
        "may_sync": may(request, Capability.START_SYNC),
        "now": timezone.now(),
    }
    return render(request, "connectors/streams.html", context)


@needs(Capability.START_SYNC)
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    run = get_object_or_404(Run.objects.select_related("stream__connector"), pk=pk)
    try:
        cancelled = cancel_run(run=run, actor_id=member_of(request).user_id, now=timezone.now())
    except UnableToCancel as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, what_cancelling_means(cancelled))
    return redirect("admin:connectors_run_change", pk)


@needs(Capability.VIEW_CONNECTORS, post=False)
def progress(request: HttpRequest, pk: int) -> HttpResponse:
    run = get_object_or_404(Run.objects.select_related("stream__connector", "cancel_asked_by"), pk=pk)
    return render(request, "connectors/progress.html", told_of(run, request))


def told_of(run: Run, request: HttpRequest) -> dict[str, Any]:
    """What a run's page says of it."""
    now = timezone.now()
    return {
        "progress": progress_of(run, now=now),
        "kept": kept_of(run),
        "now": now,
        "may_sync": may(request, Capability.START_SYNC),
    }
