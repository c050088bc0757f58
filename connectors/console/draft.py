"""The form of a connection before it is saved: test it as it stands, look at records, tick what is to be read."""

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone

from connectors import registry
from connectors.console.catalogue import card_of
from connectors.console.forms import CHOSEN
from connectors.console.guard import needs
from connectors.console.trial import found_rows, shown, wanted_of
from connectors.models import Connector
from connectors.protocols.adapter import SourceStream
from connectors.protocols.errors import SourceError
from connectors.services.draft import AskedTooOften, Draft, examine_draft, preview_draft
from connectors.services.preview import NothingToPreview
from connectors.services.settings import InvalidSettings
from organisation.roles import Capability
from organisation.scope import acting_for, current_scope


@transaction.non_atomic_requests
@needs(Capability.MANAGE_CONNECTORS)
def examine(request: HttpRequest, kind: str = "", pk: int | None = None) -> HttpResponse:
    """
    The five answers to the form as it stands, and what could be read, to be ticked.

    :param kind: of a connection that is not added yet
    :param pk: the connector that is being changed
    """
    draft, known = _draft(request, kind, pk)
    try:
        tested = examine_draft(draft, clock=timezone.now)
    except InvalidSettings as error:
        return _part(request, "draft_tested", wrong=_by_label(draft.kind, error))
    except AskedTooOften as refusal:
        return _part(request, "draft_tested", refusal=str(refusal))
    found = found_rows(tested.found, known)
    told = {"tested": tested, "found": found, "now": timezone.now(), **_addresses(draft.kind, pk)}
    return _part(request, "draft_tested", **told)


@transaction.non_atomic_requests
@needs(Capability.MANAGE_CONNECTORS)
def preview(request: HttpRequest, kind: str = "", pk: int | None = None) -> HttpResponse:
    """The first records of a stream that the form as it stands would read."""
    draft, _ = _draft(request, kind, pk)
    wanted = wanted_of(request.POST.get("preview", ""))
    try:
        found = preview_draft(draft, wanted, clock=timezone.now)
    except (AskedTooOften, SourceError, NothingToPreview, InvalidSettings) as error:
        return _part(request, "draft_preview", wanted=wanted, refusal=str(error))
    return _part(request, "draft_preview", wanted=wanted, **shown(found))


def beside_form(request: HttpRequest, kind: str, pk: int | None = None) -> dict[str, Any]:
    """
    What `draft_head.html` and `draft_form.html` need, on the form of a kind or of a stored connector. What was ticked
    stays when the form comes back with a fault.
    """
    chosen = [(text, wanted_of(text)) for text in request.POST.getlist(CHOSEN)]
    rows = [
        (
            SourceStream(
                name=one.name, contract=one.contract, label=one.label, modes=registry.modes_of(kind, one.contract)
            ),
            False,
            text,
        )
        for text, one in chosen
    ]
    return {"chosen": rows, "card": card_of(registry.adapter_for(kind)), **_addresses(kind, pk)}


def _addresses(kind: str, pk: int | None) -> dict[str, str]:
    own, key = ("connector", pk) if pk else ("kind", kind)
    return {
        "test_address": reverse(f"admin:connectors_{own}_draft_test", args=[key]),
        "preview_address": reverse(f"admin:connectors_{own}_draft_preview", args=[key]),
        "chosen_field": CHOSEN,
    }


def _draft(request: HttpRequest, kind: str, pk: int | None) -> tuple[Draft, set[tuple[str, str]]]:
    """What the form says, and what is read of the connector already: name and contract of each stream."""
    known: set[tuple[str, str]] = set()
    if pk is not None:
        with acting_for(current_scope()):
            connector = get_object_or_404(Connector, pk=pk)
            kind, known = connector.kind, set(connector.streams.values_list("name", "contract"))
    elif kind not in registry.adapters():
        raise Http404(f"There is no adapter {kind}.")
    return Draft(kind=kind, name=request.POST.get("name", ""), settings=request.POST, connector_id=pk), known


def _by_label(kind: str, error: InvalidSettings) -> list[tuple[str, str, list[str]]]:
    """Name, label and faults of each wrong field, in the words of the form."""
    fields = registry.adapter_for(kind).config_form.base_fields
    labels = {name: str(field.label or name.replace("_", " ").capitalize()) for name, field in fields.items()}
    return [(name, labels.get(name, ""), texts) for name, texts in error.errors.items()]


def _part(request: HttpRequest, name: str, **told: Any) -> HttpResponse:
    """A part of the form's page; for a browser without scripts a page of its own."""
    part = f"connectors/{name}.html"
    if request.headers.get("HX-Request"):
        return render(request, part, told)
    frame = {**admin.site.each_context(request), "title": "The connection as you filled it in", "part": part}
    return render(request, "connectors/draft_page.html", {**frame, **told})
