"""What is measured of an adapter: a source that answers from memory, and a read of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from connectors.protocols.adapter import Adapter, Cursor, Mode, SourceStream


class Question(NamedTuple):
    """A request; `base` is the address of the server that it came to."""

    base: str
    path: str
    query: str
    body: bytes


class Answer(NamedTuple):
    content: bytes
    media_type: str = "application/json"
    status: int = 200
    headers: Mapping[str, str] = {}


@dataclass(frozen=True, kw_only=True)
class Source:
    """
    :param what: the records that it has, in the plural
    :param path: of the adapter's `base_url` on the server
    :param settings: of the adapter, beside the address and those that nobody touches
    :param records: how many the read brings
    :param make: makes what answers questions; it may take its time, since each answer is made once and kept
    """

    name: str
    what: str
    adapter: type[Adapter]
    path: str
    settings: Mapping[str, Any]
    stream: SourceStream
    records: int
    make: Callable[[int], Callable[[Question], Answer]]
    cursor: Cursor | None = None
    mode: Mode = Mode.FULL
    headers: Mapping[str, str] = field(default_factory=dict)
