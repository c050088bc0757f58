"""Trying a mapping while it is written: on records that the source sends, or that somebody pastes."""

from typing import Any

import msgspec
import orjson
from django import forms
from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.template.response import TemplateResponse
from django.utils import timezone

from connectors import registry
from connectors.console.guard import needs
from connectors.console.trial import shown
from connectors.contracts.base import contract_id
from connectors.models import Connector
from connectors.protocols.errors import SourceError
from connectors.protocols.mapping_form import MappingField, everything_from
from connectors.services import preview
from connectors.services.preview import NothingToPreview, Wanted
from connectors.services.settings import InvalidSettings
from organisation.roles import Capability
from organisation.scope import acting_for, current_scope


def is_mapped(connector: Connector) -> bool:
    return bool(_mappings(connector))


def contracts(request: HttpRequest, connector: Connector) -> HttpResponse:
    """What a stream may be read into. Asked first: the rows of a mapping are the fields of one contract."""
    emits = [(contract_id(one.contract), one.contract) for one in registry.adapter_for(connector.kind).emits]
    context = {**admin.site.each_context(request), "title": f"What does {connector} tell of?"}
    context |= {"connector": connector, "contracts": [(name, _first_sentence(one)) for name, one in emits]}
    return TemplateResponse(request, "connectors/contracts.html", context)


@transaction.non_atomic_requests
@needs(Capability.MANAGE_CONNECTORS)
def sample(request: HttpRequest, pk: int) -> HttpResponse:
    """Ten records as the source sends them, whatever the mapping says so far."""
    connector = _known(pk)
    wanted = _wanted(request, connector)
    unmapped = dict.fromkeys(_mappings(connector), everything_from(wanted.contract))
    asked = msgspec.structs.replace(wanted, options={**wanted.options, **unmapped})
    try:
        records = preview.sample(connector_id=pk, wanted=asked, clock=timezone.now)
    except (SourceError, NothingToPreview, InvalidSettings) as error:
        return _sample(request, request.POST.get("sample", ""), fault=str(error))
    return _sample(request, orjson.dumps(records, option=orjson.OPT_INDENT_2).decode())


@transaction.non_atomic_requests
@needs(Capability.MANAGE_CONNECTORS)
def try_on(request: HttpRequest, pk: int) -> HttpResponse:
    """What the mapping makes of the records in the form. The source is not asked, and nothing is kept."""
    wanted = _wanted(request, _known(pk))
    context: dict[str, Any] = {}
    try:
        records = orjson.loads(request.POST.get("sample") or "[]")
        found = preview.try_on(
            records if isinstance(records, list) else [records],
            connector_id=pk,
            wanted=wanted,
            clock=timezone.now,
        )
        context = shown(found)
    except orjson.JSONDecodeError as error:
        context["fault"] = f"The records are not JSON: {error}."
    except InvalidSettings as error:
        context["fault"] = " ".join(text for texts in error.errors.values() for text in texts)
    return render(request, "connectors/mapped.html", context)


def _sample(request: HttpRequest, text: str, *, fault: str = "") -> HttpResponse:
    return render(request, "connectors/sample.html", {"sample": text, "fault": fault})


def _known(pk: int) -> Connector:
    with acting_for(current_scope()):
        return get_object_or_404(Connector, pk=pk)


def _mappings(connector: Connector) -> list[str]:
    """The names of the fields of a stream's form that are mappings."""
    fields = registry.adapter_for(connector.kind).stream_form.base_fields
    return [name for name, field in fields.items() if isinstance(field, MappingField)]


def _wanted(request: HttpRequest, connector: Connector) -> Wanted:
    """The stream as the form has it at this moment, saved or not."""
    given = request.POST
    fields = registry.adapter_for(connector.kind).stream_form.base_fields
    options: dict[str, Any] = {}
    for name, field in fields.items():
        # A browser leaves out the boxes that are not ticked.
        if isinstance(field, forms.BooleanField) or not field.widget.value_omitted_from_data(given, {}, name):
            options[name] = field.widget.value_from_datadict(given, {}, name)
    return Wanted(name=given.get("name") or "sample", contract=given.get("contract", ""), options=options)


def _first_sentence(contract: type) -> str:
    text = " ".join((contract.__doc__ or "").split())
    return text.partition(". ")[0].rstrip(".") + "."
