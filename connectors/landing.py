"""The words between the engine and the domains: what a landing function is given and gives back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors.contracts.base import Record


@dataclass(frozen=True, kw_only=True)
class Landing:
    """
    Where a page of records comes from. `now` is when it lands; the transaction is the engine's.

    :param expects_new: all of the page is likely to be new to us: worth trying before anything is compared
    :param keeps_changes: what differs is written down, row by row, as `RecordChange`
    """

    organisation_id: int
    connector_id: int
    stream_id: int
    now: datetime
    expects_new: bool = False
    keeps_changes: bool = False


@dataclass(frozen=True, kw_only=True)
class SetAside:
    """A record that a domain could not take; `index` is its place in the page."""

    index: int
    reason: str
    path: str = ""


@dataclass(frozen=True, kw_only=True)
class Landed:
    """
    What a page changed. `touched` are the keys (primary keys of the domain's rows; of signals for readings) of what
    was created, updated or retired, for the contract's followers.
    """

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    retired: int = 0
    touched: Sequence[int] = ()
    set_aside: Sequence[SetAside] = ()


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a follower is told: rows of a contract that were touched or retired. It comes at least once."""

    contract: str
    connector_id: int
    stream_id: int
    ids: tuple[int, ...]
    now: datetime


@dataclass(frozen=True, kw_only=True)
class DeliveryReceipt:
    """What became of a delivery: `error` is empty if the system took it."""

    contract: str
    subject: str
    reference: str
    error: str
    now: datetime


Land = Callable[[Any, Landing], Landed]
Retire = Callable[[Landing, "Gone"], Sequence[int]]
Follow = Callable[[Change], object]
Settle = Callable[[DeliveryReceipt], object]


@dataclass(frozen=True, kw_only=True)
class SeenKeys:
    """The lease under whose `SeenPage` rows the keys of a complete full read stand; a sub-select, never a list."""

    lease_id: int


@dataclass(frozen=True, kw_only=True)
class GoneKeys:
    """Keys of which the source says that it has them no more."""

    external_ids: Sequence[str]


Gone = SeenKeys | GoneKeys
"""How it is known which of a stream's rows its source no longer has: it showed all others, or named these."""


@dataclass(frozen=True, kw_only=True)
class Wiring:
    """
    Which landing function serves a contract, what retires its rows, and who follows it, in this order.

    :ivar prepare: what `land` is given instead of the records; it is done while another page lands, without a database
    """

    contract: type[Record]
    land: Land
    prepare: Callable[[Sequence[Any]], Any] | None = None
    retire: Retire | None = None
    followers: tuple[Follow, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Reach:
    """
    Who is concerned by a change: open outages (primary key → number), work orders (external ids), and service points
    (primary keys).
    """

    outages: dict[int, str] = field(default_factory=dict)
    work_orders: set[str] = field(default_factory=set)
    customers: set[int] = field(default_factory=set)


@dataclass(frozen=True, kw_only=True)
class ContractWiring:
    """
    All of it; `config.wiring.WIRING` is the one that runs.

    :ivar reach: who would be concerned by a change, for dry runs
    """

    inbound: dict[str, Wiring] = field(default_factory=dict)
    receipts: dict[str, Settle] = field(default_factory=dict)
    reach: Callable[[Change], Reach] | None = None
