"""The board as a page shows it: rows in their groups, filtered as asked, and the figures above them."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from connectors.freshness import Freshness
from outage.console.reading import Board, Fact, Row, Source, read_board, worst_sources
from outage.console.standing import GROUPS, Group, Standing, crew_words, is_overdue, standing, steps, weakest
from outage.models import Status

SOURCE_SLOTS = 6


@dataclass(frozen=True)
class BoardRow:
    outage: Row
    standing: Standing
    oldest: Fact | None
    crew_words: str
    is_overdue: bool
    steps: tuple[str, ...]
    version: str

    @property
    def stage(self) -> str:
        return self.outage.status.label

    @property
    def zone(self) -> str:
        return self.outage.location.zones[0] if self.outage.location.zones else ""

    @property
    def around(self) -> str:
        """The zone around the row's own zone."""
        return self.outage.location.zones[1] if len(self.outage.location.zones) > 1 else ""

    @property
    def has_crew_yet(self) -> bool:
        return self.outage.status not in (Status.DETECTED, Status.CONFIRMED)

    def fits(self, text: str) -> bool:
        shown = (
            self.outage.number,
            self.outage.element,
            self.outage.location.name or "",
            self.outage.crew.name or "",
            self.outage.crew.work_order_number or "",
            *self.outage.location.zones,
        )
        return any(text in one.lower() for one in shown)


@dataclass(frozen=True)
class Filters:
    group: str = ""
    zone: str = ""
    critical: bool = False
    text: str = ""

    @classmethod
    def of(cls, given: Mapping[str, str]) -> "Filters":
        group = given.get("group", "")
        return cls(
            group=group if group in GROUPS else "",
            zone=given.get("zone", ""),
            critical=given.get("critical", "") == "1",
            text=given.get("text", "").strip().lower(),
        )

    def fit(self, row: BoardRow) -> bool:
        return (
            (not self.group or row.standing.group == self.group)
            and (not self.zone or self.zone in row.outage.location.zones)
            and (not self.critical or row.outage.critical_customers_off > 0)
            and (not self.text or row.fits(self.text))
        )


@dataclass(frozen=True)
class Section:
    group: Group
    title: str
    means: str
    rows: tuple[BoardRow, ...]


@dataclass(frozen=True)
class BoardPage:
    """What the template draws."""

    sections: tuple[Section, ...]
    counts: dict[str, int]
    zones: tuple[str, ...]
    largest: int
    board: Board
    overdue: tuple[BoardRow, ...]
    stale: int
    unavailable: int
    now: datetime

    @property
    def is_cut(self) -> int:
        """How many outages there are beyond the rows shown."""
        return self.board.totals.standing - len(self.board.rows)

    @property
    def shown(self) -> int:
        return sum(len(section.rows) for section in self.sections)

    @property
    def doubtful(self) -> int:
        return self.stale + self.unavailable

    @property
    def uncounted(self) -> int:
        """Open outages of which nobody knows yet whom they put off."""
        return sum(row.is_open and not row.is_charged for row in self.board.rows)

    @property
    def with_customers_off(self) -> int:
        return sum(row.customers_off > 0 for row in self.board.rows)

    @property
    def longest_overdue(self) -> datetime | None:
        passed = [row.outage.restoration.estimated_at for row in self.overdue]
        return min((one for one in passed if one is not None), default=None)

    @property
    def sources(self) -> tuple[Source, ...]:
        return self.board.sources[:SOURCE_SLOTS]

    @property
    def more_sources(self) -> tuple[Source, ...]:
        return self.board.sources[SOURCE_SLOTS:]

    @property
    def more_in_trouble(self) -> int:
        return len(worst_sources(self.more_sources))


def board_page(*, now: datetime, filters: Filters) -> BoardPage:
    """The board with every row in its place. Within a group the worst stand first, as they were read."""
    board = read_board(now=now)
    rows = [board_row(row, now=now) for row in board.rows]
    shown = [row for row in rows if filters.fit(row)]
    stale = sum(one.freshness == Freshness.STALE for one in board.sources)
    unavailable = sum(one.freshness == Freshness.UNAVAILABLE for one in board.sources)
    return BoardPage(
        sections=tuple(_sections(shown)),
        counts={group: sum(row.standing.group == group for row in rows) for group in GROUPS},
        zones=tuple(sorted({row.zone for row in rows if row.zone})),
        largest=max((row.outage.customers_off for row in rows), default=0),
        board=board,
        overdue=tuple(row for row in rows if row.is_overdue),
        stale=stale,
        unavailable=unavailable,
        now=now,
    )


def board_row(row: Row, *, now: datetime) -> BoardRow:
    why = standing(row, now=now)
    oldest = weakest(row.inputs(), now=now)
    said = (
        row.status,
        row.is_charged,
        row.customers_affected,
        row.customers_off,
        row.critical_customers_off,
        row.element,
        row.location.zones,
        row.crew.name,
        row.crew.status,
        row.restoration.estimated_at,
        why,
    )
    return BoardRow(
        outage=row,
        standing=why,
        oldest=oldest,
        crew_words=crew_words(row),
        is_overdue=is_overdue(row, now=now),
        steps=steps(row.status),
        version=hashlib.sha256(repr(said).encode()).hexdigest()[:12],
    )


def _sections(rows: Iterable[BoardRow]) -> Iterable[Section]:
    rows = list(rows)
    for group, (title, means) in GROUPS.items():
        found = tuple(row for row in rows if row.standing.group == group)
        if found:
            yield Section(group=group, title=title, means=means, rows=found)
