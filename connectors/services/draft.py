"""
A connection as it stands in a form that nobody has saved: tested, looked at, and saved with what was chosen.

What is typed is used and not kept. Each asking is in the trail, with its address and without its secrets, and there is
a bound to how many there may be: a form that asks any address is a way to try doors.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from connectors import registry, secrets
from connectors.models import Connector, DraftRequest
from connectors.protocols.adapter import SourceStream
from connectors.protocols.errors import BadConfig, SourceError, Unreachable
from connectors.protocols.http import HttpLimits
from connectors.services.connection import Tested, answers
from connectors.services.preview import NothingToPreview, Preview, Wanted, first_records, source_of
from connectors.services.probe import Clock, answer_to, refused
from connectors.services.settings import (
    InvalidSettings,
    cleaned_settings,
    origins_in,
    save_connector,
    save_stream,
)
from organisation.models import Organisation
from organisation.scope import acting_for, current_scope

MOST_ASKED = 10
WITHIN = timedelta(minutes=1)
PATIENCE = HttpLimits(read_timeout=15, total_timeout=20, retries=0)
"""Somebody waits: a source that needs longer is not asked again by itself."""
LONGEST_DISCOVERY = timedelta(seconds=60)
UNNAMED = "This connection"


class AskedTooOften(Exception):
    """So many unsaved connections were asked of late that this one has to wait. The message is for a person."""


@dataclass(frozen=True, kw_only=True)
class Draft:
    """
    What a form says of a connection.

    :ivar settings: the adapter form's fields, as a form's data or a plain mapping; secrets among them
    :ivar connector_id: the stored connector that is being changed: a secret that is left empty is the stored one,
        unless an address leads elsewhere
    """

    kind: str
    name: str
    settings: Any
    connector_id: int | None = None


def examine_draft(draft: Draft, *, clock: Clock) -> Tested:
    """
    Ask a source who it is and what it has, with settings that are not saved. Nothing is written there, and nothing is
    kept here but that it was asked. The scope is carried.

    :raises InvalidSettings: naming each wrong field, before anything is asked
    :raises AskedTooOften: before anything is asked
    """
    connector, request = _begin(draft, now=clock())
    try:
        with registry.building(connector, now=clock, limits=PATIENCE) as adapter:
            tested = answers(connector, answer_to(adapter.probe), lambda: _in_time(adapter.discover(), clock))
    except BadConfig as error:
        tested = answers(connector, refused(error), lambda: ())
    _end(request, tested.points[0].said)
    return tested


def preview_draft(draft: Draft, wanted: Wanted, *, clock: Clock) -> Preview:
    """
    Read the first page of a stream, with settings that are not saved. The scope is carried.

    :raises InvalidSettings: naming each wrong field, before anything is asked
    :raises AskedTooOften: before anything is asked
    :raises NothingToPreview: if its records come by themselves
    :raises SourceError: as the adapter's
    """
    source = source_of(draft.kind, wanted)
    connector, request = _begin(draft, now=clock(), stream=wanted.name)
    try:
        with registry.building(connector, now=clock, limits=PATIENCE) as adapter:
            found = first_records(adapter, source)
    except (SourceError, NothingToPreview) as refusal:
        _end(request, str(refusal))
        raise
    _end(request, f"Its first page has {found.read} records that can be read, and {found.bad} that cannot.")
    return found


@transaction.atomic
def save_draft(draft: Draft, *, streams: Sequence[Wanted], now: datetime) -> Connector:
    """
    Save a connection together with what is to be read of it: all of it, or nothing.

    :raises InvalidSettings: naming each wrong field; `streams` for one that cannot be read
    """
    known = None if draft.connector_id is None else Connector.objects.get(pk=draft.connector_id)
    saved = save_connector(kind=draft.kind, name=draft.name, settings=draft.settings, now=now, connector=known)
    for wanted in streams:
        try:
            save_stream(
                connector=saved,
                name=wanted.name,
                contract=wanted.contract,
                label=wanted.label,
                options=wanted.options,
            )
        except InvalidSettings as error:
            raise InvalidSettings({"streams": [f"{wanted.label or wanted.name}: {error}"]}) from error
    return saved


def _begin(draft: Draft, *, now: datetime, stream: str = "") -> tuple[Connector, DraftRequest]:
    """The connection as an object that is not stored, and the note that it is asked."""
    with acting_for(current_scope()):
        known = None if draft.connector_id is None else Connector.objects.get(pk=draft.connector_id)
        plain, secret = cleaned_settings(draft.kind, draft.settings, connector=known)
        if DraftRequest.objects.filter(asked_at__gt=now - WITHIN).count() >= MOST_ASKED:
            raise AskedTooOften(
                f"{MOST_ASKED} unsaved connections were asked within a minute. Wait a minute, then try again."
            )
        noted = _noted(
            DraftRequest(
                connector=known,
                kind=draft.kind,
                stream=stream,
                addresses=[f"{scheme}://{host}:{port}" for scheme, host, port in origins_in(plain).values()],
                asked_at=now,
            )
        )
        connector = Connector(
            organisation=Organisation.objects.get(pk=current_scope().organisation_id),
            kind=draft.kind,
            name=draft.name.strip() or UNNAMED,
            config=plain,
            secrets=secrets.encrypt(secret),
        )
    return connector, noted


def _end(request: DraftRequest, answer: str) -> None:
    request.answer = answer
    _noted(request)


def _noted(request: DraftRequest) -> DraftRequest:
    """Saved, with a reason by which the trail says what was asked, and where."""
    what = (
        f"{'Preview' if request.stream else 'Test'} of {request.kind} at {', '.join(request.addresses) or 'no address'}"
    )
    with acting_for(current_scope().because(what)):
        request.save()
    return request


def _in_time(found: Iterable[SourceStream], clock: Clock) -> Iterator[SourceStream]:
    """
    :raises Unreachable: if it takes too long to wait for
    """
    latest = clock() + LONGEST_DISCOVERY
    for one in found:
        yield one
        if clock() > latest:
            raise Unreachable("It takes long to say what it has. Save the connection, then press Find what it has.")
