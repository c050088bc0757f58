"""Between a connector's form and its first read: test it, see what it has, look at records, choose what to read."""

import json
from collections.abc import Iterable
from typing import Any

import msgspec
from django.contrib import admin, messages
from django.core.exceptions import BadRequest
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils import timezone

from connectors.console.guard import needs
from connectors.console.payload import payload
from connectors.models import Connector, Stream
from connectors.protocols.adapter import SourceStream
from connectors.protocols.errors import SourceError
from connectors.services import probe as probes
from connectors.services.connection import examine_connection
from connectors.services.preview import NothingToPreview, Preview, Wanted, preview
from connectors.services.settings import InvalidSettings, save_stream
from organisation.roles import Capability
from organisation.scope import acting_for, current_scope

LONGEST_SHOWN = 200


@transaction.non_atomic_requests
@needs(Capability.MANAGE_CONNECTORS)
def probe(request: HttpRequest, pk: int) -> HttpResponse:
    """The answers of a test, and what was found."""
    known = _known(pk)
    tested = examine_connection(connector_id=pk, clock=timezone.now)
    title = f"{tested.connector} {'answers' if tested.succeeded else 'was not reached as it is set up'}"
    told = {"tested": tested, "connector": tested.connector, "found": found_rows(tested.found, known)}
    return _page(request, "tested", title, **told)


@transaction.non_atomic_requests
@needs(Capability.MANAGE_CONNECTORS)
def discover(request: HttpRequest, pk: int) -> HttpResponse:
    known = _known(pk)
    with acting_for(current_scope()):
        connector = Connector.objects.get(pk=pk)
    try:
        found = probes.discover(connector_id=pk, clock=timezone.now)
    except SourceError as error:
        messages.error(request, str(error))
        return redirect("admin:connectors_connector_change", pk)
    return _page(request, "discovered", f"What {connector} has", connector=connector, found=found_rows(found, known))


@needs(Capability.MANAGE_CONNECTORS)
def choose(request: HttpRequest, pk: int) -> HttpResponse:
    """Read what was ticked: each becomes a stream with the options that it was found with."""
    connector = get_object_or_404(Connector, pk=pk)
    added = []
    for text in request.POST.getlist("stream"):
        wanted = wanted_of(text)
        try:
            added.append(
                save_stream(
                    connector=connector,
                    name=wanted.name,
                    contract=wanted.contract,
                    label=wanted.label,
                    options=wanted.options,
                )
            )
        except InvalidSettings as error:
            messages.error(request, f"{wanted.label or wanted.name} was not added. {error}")
    if added:
        names = ", ".join(stream.label or stream.name for stream in added)
        messages.success(request, f"{names} will be read. Ask what a read would do, read now, or make a schedule.")
    elif not request.POST.getlist("stream"):
        messages.error(request, "Nothing was ticked, so nothing was added.")
    return redirect("admin:connectors_connector_change", pk)


@transaction.non_atomic_requests
@needs(Capability.MANAGE_CONNECTORS)
def preview_found(request: HttpRequest, pk: int) -> HttpResponse:
    """The first records of a stream that was found and is not chosen yet."""
    _known(pk)
    return _preview(request, pk, wanted_of(request.POST.get("preview", "")))


@transaction.non_atomic_requests
@needs(Capability.START_SYNC)
def preview_stream(request: HttpRequest, pk: int) -> HttpResponse:
    """The first records of a stream, as it is set up."""
    with acting_for(current_scope()):
        stream = get_object_or_404(Stream, pk=pk)
    wanted = Wanted(name=stream.name, contract=stream.contract, label=stream.label, options=stream.options)
    return _preview(request, stream.connector_id, wanted)


def _preview(request: HttpRequest, connector_id: int, wanted: Wanted) -> HttpResponse:
    try:
        found = preview(connector_id=connector_id, wanted=wanted, clock=timezone.now)
    except (SourceError, NothingToPreview, InvalidSettings) as error:
        messages.error(request, f"{wanted.label or wanted.name}: {error}")
        return redirect("admin:connectors_connector_change", connector_id)
    told = {"wanted": wanted, "connector_id": connector_id, **shown(found)}
    return _page(request, "preview", f"The first records of {wanted.label or wanted.name}", **told)


def shown(found: Preview) -> dict[str, Any]:
    """A preview as `connectors/records.html` shows it."""
    columns = list(dict.fromkeys(name for record in found.records for name in record.fields))
    return {
        "preview": found,
        "columns": columns,
        "rows": _table(found, columns),
        "bad": [(one, payload(one.raw, one.path)) for one in found.set_aside],
    }


def _table(found: Preview, columns: list[str]) -> list[Any]:
    """Each record's cells in the order of the columns, and what the source sent."""
    return [
        ([_shown(record.fields.get(name)) for name in columns], payload(record.raw, "")) for record in found.records
    ]


def _shown(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"


def found_rows(found: Iterable[SourceStream], known: set[tuple[str, str]]) -> list[tuple[SourceStream, bool, str]]:
    """Each stream, whether it is read already, and how a form says it."""
    return [(one, (one.name, one.contract) in known, _said(one)) for one in found]


def _known(pk: int) -> set[tuple[str, str]]:
    """What is read already; the connector is there, or this is no page."""
    with acting_for(current_scope()):
        return set(get_object_or_404(Connector, pk=pk).streams.values_list("name", "contract"))


def _said(one: SourceStream) -> str:
    wanted = Wanted(name=one.name, contract=one.contract, label=one.label, options=dict(one.options))
    return msgspec.json.encode(wanted).decode()


def wanted_of(text: str) -> Wanted:
    """
    A stream as a form says it.

    :raises BadRequest: if it is none
    """
    try:
        return msgspec.json.decode(text, type=Wanted)
    except msgspec.DecodeError as error:
        raise BadRequest("This is no stream that was found. Find what the source has once more.") from error


def _page(request: HttpRequest, name: str, title: str, **told: Any) -> HttpResponse:
    context = {**admin.site.each_context(request), "title": title, **told}
    return TemplateResponse(request, f"connectors/{name}.html", context)
