"""The first records of a stream as they would be read: nothing is written, here or at the source."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from connectors import registry
from connectors.contracts.base import Record
from connectors.models import Connector
from connectors.protocols.adapter import Adapter, Mode, Page, SourceStream
from connectors.services import pages
from connectors.services.probe import Clock
from connectors.services.settings import InvalidSettings, stream_form
from organisation.scope import acting_for, current_scope

MOST_SHOWN = 10


class NothingToPreview(Exception):
    """The stream cannot be read on demand. The message is for a person."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """
    A stream to look at, stored or just found.

    :ivar options: of the adapter's stream form; those left out are as the form has them
    """

    name: str
    contract: str
    label: str = ""
    options: dict[str, Any] = {}


@dataclass(frozen=True, kw_only=True)
class Mapped:
    """A record as it would land. `raw` is what the source sent, as text; `fields` leaves out what is not set."""

    fields: dict[str, Any]
    raw: str


@dataclass(frozen=True, kw_only=True)
class Preview:
    """
    What the first page of a stream holds.

    :ivar records: the first that could be read
    :ivar set_aside: the first that could not, with reason and path of the field
    :ivar read, bad, ignored: how many there are of each on the page; ignored are none of the contract
    :ivar total: how many records the whole read would bring, if the source says
    """

    records: tuple[Mapped, ...]
    set_aside: tuple[pages.Rejection, ...]
    read: int
    bad: int
    ignored: int
    total: int | None
    incomplete_reason: str = ""


def preview(*, connector_id: int, wanted: Wanted, clock: Clock) -> Preview:
    """
    Read the first page of a stream. The scope is carried, and no transaction is open meanwhile.

    :raises NothingToPreview: if its records come by themselves
    :raises InvalidSettings: if the stream's options are wrong, by field
    :raises SourceError: as the adapter's
    """
    adapter, source = _asked(connector_id, wanted, clock)
    return first_records(adapter, source)


def first_records(adapter: Adapter, source: SourceStream) -> Preview:
    """
    What the first page of a source's stream holds.

    :raises NothingToPreview: if its records come by themselves
    :raises SourceError: as the adapter's
    """
    return _read(adapter, source, _first_page(adapter, source))


def sample(*, connector_id: int, wanted: Wanted, clock: Clock) -> Sequence[Any]:
    """
    The first records of a stream as its source sends them.

    :raises: as `preview`
    """
    adapter, source = _asked(connector_id, wanted, clock)
    return list(_first_page(adapter, source).records[:MOST_SHOWN])


def try_on(records: Sequence[Any], *, connector_id: int, wanted: Wanted, clock: Clock) -> Preview:
    """
    Read records that somebody has; the source is not asked.

    :raises InvalidSettings: if the stream's options are wrong, by field
    """
    adapter, source = _asked(connector_id, wanted, clock)
    return _read(adapter, source, Page(records=records))


def _asked(connector_id: int, wanted: Wanted, clock: Clock) -> tuple[Adapter, SourceStream]:
    with acting_for(current_scope()):
        connector = Connector.objects.select_related("organisation").get(pk=connector_id)
    return registry.build(connector, now=clock), source_of(connector.kind, wanted)


def _first_page(adapter: Adapter, source: SourceStream) -> Page:
    mode = next((mode for mode in source.modes if mode is not Mode.EVENT), None)
    if mode is None:
        raise NothingToPreview("This source pushes: its records come by themselves, and there is no page to look at.")
    return _first(adapter.fetch(source, cursor=None, mode=mode))


def _read(adapter: Adapter, source: SourceStream, page: Page) -> Preview:
    read = pages.read_page(adapter.reader(source), page.records)
    shown = list(zip(read.records, read.indexes, strict=True))[:MOST_SHOWN]
    return Preview(
        records=tuple(Mapped(fields=_fields(record), raw=pages.raw_text(page.records[at])) for record, at in shown),
        set_aside=tuple(read.rejections[:MOST_SHOWN]),
        read=len(read.records),
        bad=len(read.rejections),
        ignored=len(page.records) - len(read.records) - len(read.rejections),
        total=page.total,
        incomplete_reason=page.incomplete_reason,
    )


def _first(fetched: Iterator[Page]) -> Page:
    try:
        return next(fetched, None) or Page(records=())
    finally:
        if isinstance(fetched, Generator):
            fetched.close()


def source_of(kind: str, wanted: Wanted) -> SourceStream:
    """
    A wanted stream in the words of an adapter.

    :raises InvalidSettings: if its options are wrong, by field
    """
    modes = registry.modes_of(kind, wanted.contract)
    if not modes:
        raise InvalidSettings({"contract": [f"This adapter gives no {wanted.contract}."]})
    form = stream_form(kind, wanted.contract, dict(wanted.options))
    if not form.is_valid():
        raise InvalidSettings({name: [str(text) for text in texts] for name, texts in form.errors.items()})
    return SourceStream(
        name=wanted.name, contract=wanted.contract, label=wanted.label, modes=modes, options=form.cleaned_data
    )


def _fields(record: Record) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(record))
    return {name: value for name, value in told.items() if value not in (None, "", [], {})}
