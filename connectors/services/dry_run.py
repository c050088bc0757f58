"""
What a read would do: the same code, with the transaction of each page rolled back. Its report is kept with the run; of
what else it wrote, outbound messages included, nothing is left.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from connectors.landing import Change, Landing
from connectors.services import changes, pages
from connectors.services.pages import Rejection

MOST_SHOWN = 100
MOST_TOLD_APART = 100_000
"""Customers are counted once each, up to here."""


@dataclass
class Report:
    """
    :ivar differences: the first of the rows that would change, as `RecordChange` has them
    :ivar touched: open outages by id, external ids of work orders, and ids of service points that would be concerned
    """

    differences: list[dict[str, Any]] = field(default_factory=list)
    differences_total: int = 0
    set_aside: list[dict[str, str]] = field(default_factory=list)
    outages: dict[int, str] = field(default_factory=dict)
    work_orders: set[str] = field(default_factory=set)
    customers: set[int] = field(default_factory=set)

    def look(self, landing: Landing, contract: str, ids: Sequence[int]) -> None:
        """Within the transaction that changed these rows, before it is rolled back."""
        room = MOST_SHOWN - len(self.differences)
        total, first = changes.first_of(stream_id=landing.stream_id, at=landing.now, limit=room)
        self.differences_total += total
        self.differences += first
        reach = pages.contract_wiring().reach
        if reach is None or not ids:
            return
        change = Change(
            contract=contract,
            connector_id=landing.connector_id,
            stream_id=landing.stream_id,
            ids=tuple(ids),
            now=landing.now,
        )
        reached = reach(change)
        self.outages |= reached.outages
        self.work_orders |= reached.work_orders
        if len(self.customers) < MOST_TOLD_APART:
            self.customers |= reached.customers

    def reject(self, rejections: Sequence[Rejection]) -> None:
        room = MOST_SHOWN - len(self.set_aside)
        shown = rejections[: max(0, room)]
        self.set_aside += [{"external_id": one.external_id, "reason": one.reason, "path": one.path} for one in shown]

    def as_json(self) -> dict[str, Any]:
        told = asdict(self)
        return {
            "differences": told["differences"],
            "differences_total": told["differences_total"],
            "set_aside": told["set_aside"],
            "touches": {
                "outages": [{"id": pk, "number": number} for pk, number in sorted(self.outages.items())],
                "work_orders": sorted(self.work_orders),
                "customers": len(self.customers),
            },
        }
