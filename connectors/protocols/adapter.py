"""What an adapter is: one system's dialect, and nothing of ours but the contracts."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from functools import partial
from typing import Any, ClassVar, Protocol, runtime_checkable

from django.forms import Form

from connectors.contracts.base import OutboundRecord, Record
from connectors.protocols.http import HttpSession

Cursor = dict[str, Any]
"""A position in a source that JSON can keep; its content is the adapter's own business."""


class Family(StrEnum):
    MAPPING = "MAPPING"
    TELEMETRY = "TELEMETRY"
    ASSET = "ASSET"
    WORK = "WORK"
    CUSTOMER = "CUSTOMER"
    DIRECTORY = "DIRECTORY"
    COLLABORATION = "COLLABORATION"
    ALERTING = "ALERTING"


class Mode(StrEnum):
    FULL = "FULL"
    INCREMENTAL = "INCREMENTAL"
    EVENT = "EVENT"


@dataclass(frozen=True, kw_only=True)
class Emission:
    """A contract that an adapter can emit, the modes in which it can, and how old its facts may grow."""

    contract: type[Record]
    modes: tuple[Mode, ...]
    freshness: timedelta


@dataclass(frozen=True, kw_only=True)
class SourceStream:
    """
    One thing that a source can be asked for: a collection, a set of tags, an object structure.

    :param name: the source's own name of it, unique within a connector and contract
    :param contract: the contract id that its records are read into, such as `alarm/1`
    :param options: cleaned data of the adapter's `stream_form`
    """

    name: str
    contract: str
    label: str = ""
    modes: tuple[Mode, ...] = (Mode.FULL,)
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Page:
    """
    Raw records, and where to go on after them.

    :param records: raw records, each of which `parse` reads
    :param cursor: handed back to `fetch`, it continues after this page; the cursor of the last page is where the
        next incremental read starts. `None`: the source cannot be resumed here.
    :param complete: true on the last page only, and only with proof that the whole of the source was read
    :param incomplete_reason: on a last page that is not complete, a sentence that says why
    :param remark: on a complete page, a sentence on what even a whole read could not bring; it stands on the run
    :param total: how many records the whole read will bring, if the source says
    :param fingerprint: if given, pages with the same one hold the same records, which are then not read again. It
        covers everything that `parse` looks at, but for the adapter's version and the stream's options
    :param gone: keys, as `external_id` has them, of what the source says that it no longer has. It is the later word:
        a record on this page with such a key does not land. A record that came back after it was deleted has its key
        left out, or stands on a later page. A key that never landed is nothing
    """

    records: Sequence[Any]
    cursor: Cursor | None = None
    complete: bool = False
    incomplete_reason: str = ""
    remark: str = ""
    total: int | None = None
    fingerprint: bytes | None = None
    gone: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What a source answered when asked whether it is there. Every text is for a person."""

    summary: str
    product: str = ""
    product_version: str = ""
    findings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What a system answered to a delivery. `already_done`: it had the effect before this attempt."""

    reference: str = ""
    already_done: bool = False
    detail: str = ""


class Adapter(Protocol):
    """
    Built anew for each use from cleaned configuration and the hardened session; holds no state between uses.

    It has no loop over retries, no logging, no database and no clock but its source's. Errors are those of
    `connectors.protocols.errors`; anything else is a bug. `version` rises when `parse` reads the same otherwise.
    """

    kind: ClassVar[str]
    label: ClassVar[str]
    version: ClassVar[str]
    family: ClassVar[Family]
    config_form: ClassVar[type[Form]]
    stream_form: ClassVar[type[Form]]
    emits: ClassVar[tuple[Emission, ...]]
    accepts: ClassVar[tuple[type[OutboundRecord], ...]]

    def __init__(self, config: Mapping[str, Any], http: HttpSession) -> None: ...

    def probe(self) -> Probe:
        """Ask the source who it is and what we may do there; writes nothing."""

    def discover(self) -> Iterator[SourceStream]:
        """What is there to sync."""

    def fetch(self, stream: SourceStream, *, cursor: Cursor | None, mode: Mode) -> Iterator[Page]:
        """Raw records from `cursor` on; `cursor=None` starts a full read, or the first incremental one."""

    def parse(self, raw: Any, stream: SourceStream) -> Record | None:
        """
        Read one raw record; pure. `None`: no record of this contract (a marker, another kind), which is not an error.

        :raises BadRecord: if it cannot be read
        """

    def reader(self, stream: SourceStream) -> Callable[[Any], Record | None]:
        """`parse` for many records of one stream, for adapters that can prepare it; see `ReadsMany`."""
        return partial(self.parse, stream=stream)

    def deliver(self, record: OutboundRecord) -> Receipt:
        """Hand one outbound record to the source; repeating a delivery must not repeat its effect."""


@runtime_checkable
class ReadsMany(Protocol):
    """A reader that can also read a page's records together, faster than one by one."""

    def __call__(self, raw: Any, /) -> Record | None: ...

    def many(self, raw: Sequence[Any]) -> Sequence[Record | None] | None:
        """
        What each of them is read as. `None`: not all are of the kind that can be read together, or one is to be set
        aside, so they are to be read one by one.
        """


@runtime_checkable
class Listens(Protocol):
    """
    What an adapter adds that can be told by its source, for emissions with `Mode.EVENT`. These are to be read for
    changes (`Mode.INCREMENTAL`) as well: so a listener catches up before it goes live.
    """

    def listen(self, stream: SourceStream, *, cursor: Cursor | None) -> Generator[Page | None]:
        """
        What the source tells of by itself, for as long as it is listened to; closing it takes leave of the source.

        The first page comes as soon as the source has promised to tell, and holds no records. Then the listener reads
        what changed before, from that page's cursor or else its own, so that nothing falls between. Each later page is
        what the source told; it has landed when the next one is asked for, and may be acknowledged then. A page
        without records is a sign of life, which proves what we hold. A cursor says from where to read for changes
        after a break; `None` in its place: from where it was. `None` in place of a page: the source is there, and has
        proved nothing; it is given every few seconds at least, so that one can stop. An end asks to be listened to
        anew.

        :param cursor: where a read for changes would begin
        :raises CannotListen: if the source does not tell by itself: it is to be polled
        :raises Interrupted: if something may have been missed: listen anew, and catch up
        """
