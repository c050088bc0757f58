"""Connectors and streams as people set them up: through their adapter's forms, secrets write-only."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.db import IntegrityError, transaction

from connectors import registry, secrets
from connectors.contracts.base import contract_id
from connectors.models import Connector, State, Stream, StreamState
from connectors.protocols.forms import filled_stream_form, secret_names
from connectors.protocols.wire import origin_of
from connectors.services.lease import end_listening
from connectors.services.schedules import keep_schedules_in_step
from connectors.services.states import move, settle_state

Origin = tuple[str, str, int]
"""Scheme, host and port."""


class InvalidSettings(Exception):
    """Some settings are wrong: `errors` by field, each a sentence that says what to do."""

    def __init__(self, errors: Mapping[str, list[str]]) -> None:
        super().__init__("; ".join(f"{name}: {' '.join(texts)}" for name, texts in errors.items()))
        self.errors = dict(errors)


def config_form(kind: str, data: Any = None, *, connector: Connector | None = None) -> forms.Form:
    """
    The adapter's form. A stored secret stands for one that is left empty, unless an address leads elsewhere than
    before: who may change an address must not have a secret sent there that they cannot read.
    """
    form_class = registry.adapter_for(kind).config_form
    if data is None:
        return form_class(initial=dict(connector.config) if connector else None)
    if connector is None:
        return form_class(data)
    given = {name: data.get(name) for name in secret_names(form_class)}
    kept = {name: value for name, value in stored_secrets(connector).items() if not given.get(name)}
    completed = data.copy() if hasattr(data, "copy") else dict(data)
    completed.update(kept)
    form = form_class(completed)
    # What the form made of an address counts: as it was typed, a blank before it would hide where it leads.
    if not form.is_valid() or not _lead_elsewhere(connector.config, form.cleaned_data):
        return form
    form = form_class(data)
    if not any(given.values()):
        for name in kept:
            form.errors.pop(name, None)
            form.add_error(name, MOVED)
    return form


def cleaned_settings(
    kind: str, settings: Any, *, connector: Connector | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """
    Plain and secret settings as the adapter takes them.

    :param settings: the adapter form's fields: a form's data, or a plain mapping
    :param connector: the stored one, whose secrets stand for those that are left empty: see `config_form`
    :raises InvalidSettings: naming each wrong field
    """
    form = config_form(kind, settings, connector=connector)
    if not form.is_valid():
        raise InvalidSettings(_errors_of(form))
    names = secret_names(type(form))
    secret = {name: form.cleaned_data[name] for name in names if form.cleaned_data.get(name)}
    return {name: value for name, value in form.cleaned_data.items() if name not in names}, secret


MOVED = "The address leads elsewhere than before. Enter this again, so that it goes only where it is meant to go."


def stored_secrets(connector: Connector) -> dict[str, Any]:
    """None, if they cannot be read any more: then they are entered anew."""
    try:
        return secrets.decrypt(connector.secrets)
    except secrets.SecretsUnreadable:
        return {}


def _lead_elsewhere(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether an address leads to another origin than it did, or one that was not there to an origin not known yet."""
    known, wanted = origins_in(before), origins_in(after)
    return any(origin not in ({known[name]} if name in known else known.values()) for name, origin in wanted.items())


def origins_in(values: Mapping[str, Any]) -> dict[str, Origin]:
    """Where the addresses among cleaned settings lead, by field."""
    return {
        name: origin_of(value)
        for name, value in values.items()
        if isinstance(value, str) and value.lower().startswith(("http://", "https://"))
    }


def stream_form(kind: str, contract: str, data: Any = None, *, stream: Stream | None = None) -> forms.Form:
    form = registry.adapter_for(kind).stream_form
    if data is None:
        return filled_stream_form(form, contract, initial=dict(stream.options) if stream else None)
    return filled_stream_form(form, contract, data)


@transaction.atomic
def save_connector(
    *, kind: str, name: str, settings: Any, now: datetime, connector: Connector | None = None
) -> Connector:
    """
    Add a connector, or change one. An empty secret keeps the stored one.

    :param settings: the adapter form's fields: a form's data, or a plain mapping
    :raises InvalidSettings: naming each wrong field; `name` too
    """
    plain, secret = cleaned_settings(kind, settings, connector=connector)
    if not name.strip():
        raise InvalidSettings({"name": ["Give it the name that your people use for this system."]})
    saved = connector or Connector(kind=kind, state_since=now)
    if secret != stored_secrets(saved):
        saved.secrets, saved.secrets_changed_at = secrets.encrypt(secret), now
    saved.name, saved.config = name.strip(), plain
    try:
        with transaction.atomic():
            saved.save()
    except IntegrityError as error:
        raise InvalidSettings({"name": [f"There is a connector named {name} already."]}) from error
    end_listening(saved.streams.values_list("pk", flat=True))
    return saved


@transaction.atomic
def save_stream(
    *,
    connector: Connector,
    name: str,
    contract: str,
    label: str = "",
    options: Any = None,
    freshness_s: int | None = None,
    is_enabled: bool = True,
    keeps_changes: bool = False,
    is_listened_to: bool = False,
    stream: Stream | None = None,
) -> Stream:
    """
    Add a stream, or change one.

    :param freshness_s: seconds; `None`: what the adapter says for this contract
    :param is_listened_to: have the source tell of changes by itself, where the adapter can listen
    :raises InvalidSettings: naming each wrong field
    """
    emission = registry.emission_of(connector.kind, contract)
    if emission is None:
        known = ", ".join(sorted(contract_id(one.contract) for one in registry.adapter_for(connector.kind).emits))
        raise InvalidSettings({"contract": [f"This adapter gives no {contract}. It gives {known}."]})
    if is_listened_to and not registry.can_listen(connector.kind, contract):
        raise InvalidSettings({"is_listened_to": [f"This adapter cannot listen to {contract}: give it a schedule."]})
    form = stream_form(connector.kind, contract, {} if options is None else options)
    if not form.is_valid():
        raise InvalidSettings(_errors_of(form))
    if not name.strip():
        raise InvalidSettings({"name": ["Say which of the source's collections or structures it is."]})
    saved = stream or Stream(connector=connector)
    saved.name, saved.contract, saved.label = name.strip(), contract, label.strip()
    saved.options, saved.is_enabled, saved.keeps_changes = form.cleaned_data, is_enabled, keeps_changes
    saved.is_listened_to = is_listened_to
    saved.freshness_s = freshness_s or int(emission.freshness.total_seconds())
    try:
        with transaction.atomic():
            saved.save()
    except IntegrityError as error:
        raise InvalidSettings({"name": [f"{name} is read into {contract} already."]}) from error
    StreamState.objects.bulk_create([StreamState(stream=saved)], ignore_conflicts=True)
    end_listening([saved.pk])
    keep_schedules_in_step(stream_ids=[saved.pk])
    return saved


class ReasonMissing(Exception):
    """Switching a connector off needs a reason: others will ask."""


@transaction.atomic
def switch_connector(*, connector: Connector, on: bool, reason: str, now: datetime) -> Connector:
    """
    Switch a connector off or on. Off, it is neither read nor delivered to; its data stays, and ages.

    :raises ReasonMissing: if it is switched off without a reason
    """
    connector = Connector.objects.select_for_update().get(pk=connector.pk)
    if not on:
        if not reason.strip():
            raise ReasonMissing("Say why it is switched off; others will ask.")
        move(connector, to=State.DISABLED, reason=reason.strip(), now=now)
    elif connector.state == State.DISABLED:
        move(connector, to=State.REGISTERED, reason="", now=now)
        settle_state(connector.pk, now=now)
        connector.refresh_from_db()
    stream_ids = list(connector.streams.values_list("pk", flat=True))
    keep_schedules_in_step(stream_ids=stream_ids)
    end_listening(stream_ids)
    return connector


def _errors_of(form: forms.Form) -> dict[str, list[str]]:
    return {field: [str(text) for text in texts] for field, texts in form.errors.items()}
