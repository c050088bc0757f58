"""What a dry run found and what a change changed, read from how their rows keep it. Console, GraphQL and command line
tell it from here."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Columns = Mapping[str, Any] | None


@dataclass(frozen=True)
class ColumnChange:
    """One column of one row. A value is as JSON has it; `None`: empty, or the row was not there."""

    column: str
    before: Any
    after: Any

    @property
    def before_text(self) -> str:
        return _text(self.before)

    @property
    def after_text(self) -> str:
        return _text(self.after)

    def __str__(self) -> str:
        return f"{self.column}: {self.before_text} → {self.after_text}"


@dataclass(frozen=True)
class Difference:
    """What a read would change in one row. `kind` is a `ChangeKind`."""

    table: str
    external_id: str
    kind: str
    columns: tuple[ColumnChange, ...]


@dataclass(frozen=True)
class SetAside:
    """A record that a read would set aside: `path` is where the offending field is, if it is known."""

    external_id: str
    reason: str
    path: str


@dataclass(frozen=True)
class TouchedOutage:
    id: int
    number: str


@dataclass(frozen=True)
class Report:
    """
    What a dry run found: the first differences of `differences_total`, the first records set aside, and whom it would
    concern: open outages, external ids of work orders, how many customers.
    """

    differences: tuple[Difference, ...]
    differences_total: int
    set_aside: tuple[SetAside, ...]
    outages: tuple[TouchedOutage, ...]
    work_orders: tuple[str, ...]
    customers: int

    @property
    def touches(self) -> bool:
        return bool(self.outages or self.work_orders or self.customers)

    @property
    def differences_beyond(self) -> int:
        """How many there are that are not told one by one."""
        return self.differences_total - len(self.differences)


def report_of(kept: Mapping[str, Any] | None) -> Report | None:
    """
    :param kept: a run's `report`
    """
    if kept is None:
        return None
    touches = kept["touches"]
    return Report(
        differences=tuple(
            Difference(
                table=one["table"],
                external_id=one["external_id"],
                kind=one["kind"],
                columns=columns_of(one["before"], one["after"]),
            )
            for one in kept["differences"]
        ),
        differences_total=kept["differences_total"],
        set_aside=tuple(SetAside(**one) for one in kept["set_aside"]),
        outages=tuple(TouchedOutage(**one) for one in touches["outages"]),
        work_orders=tuple(touches["work_orders"]),
        customers=touches["customers"],
    )


def columns_of(before: Columns, after: Columns) -> tuple[ColumnChange, ...]:
    """Each column that either side names."""
    before, after = before or {}, after or {}
    return tuple(ColumnChange(name, before.get(name), after.get(name)) for name in dict.fromkeys([*before, *after]))


def _text(value: Any) -> str:
    if value is None:
        return "—"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
