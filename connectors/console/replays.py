"""What the buttons over rejected records do: each is one service call, and comes back with a sentence."""

from collections.abc import Collection

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone

from connectors.console.guard import needs
from connectors.models import RejectedRecord
from connectors.services.replay import UnableToReplay, replay_rejected, stream_to_replay
from connectors.tasks import deliver_outbox
from connectors.tasks import replay_rejected as replay_rejected_later
from organisation.roles import Capability
from organisation.scope import acting_for, current_scope


@transaction.non_atomic_requests
@needs(Capability.START_SYNC)
def replay_one(request: HttpRequest, pk: int) -> HttpResponse:
    scope = current_scope()
    with acting_for(scope):
        rejected = get_object_or_404(RejectedRecord.objects.for_organisation(scope.organisation_id), pk=pk)
    try:
        replayed = replay_rejected(stream_id=rejected.stream_id, ids=[pk], clock=timezone.now)
    except UnableToReplay as refusal:
        messages.error(request, str(refusal))
    else:
        say = messages.success if replayed.landed else messages.warning
        say(request, replayed.sentence)
        deliver_outbox.delay()
    return redirect("admin:connectors_rejectedrecord_change", pk)


@needs(Capability.START_SYNC)
def replay_stream(request: HttpRequest, pk: int) -> HttpResponse:
    queue_replay(request, pk)
    return redirect("admin:connectors_rejectedrecord_changelist")


def queue_replay(request: HttpRequest, stream_id: int, ids: Collection[int] | None = None) -> None:
    """Have a worker replay what was set aside of a stream, or these of it, and say so."""
    try:
        stream = stream_to_replay(stream_id)
    except UnableToReplay as refusal:
        messages.error(request, str(refusal))
        return
    chosen = None if ids is None else sorted(ids)
    transaction.on_commit(lambda: replay_rejected_later.delay(stream_id, chosen))
    what = "What was set aside" if chosen is None else f"{len(chosen)} that were set aside"
    messages.success(request, f"{what} of {stream} will be replayed now. What becomes of it stands in its sync runs.")
