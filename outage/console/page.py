"""The page of one outage: its title as a sentence, its stages, the moves that it may make, and what each touches."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from outage import lifecycle
from outage.console.reading import Page, PageRead, TimelineEntry, read_page
from outage.console.standing import STAGES, Standing, crew_words, is_overdue, standing, steps
from outage.models import Cause, Status, TimelineKind

VERBS: dict[Status, str] = {
    Status.CONFIRMED: "Confirm",
    Status.DISPATCHED: "Record dispatch",
    Status.REPAIRING: "Start repair",
    Status.PARTIALLY_RESTORED: "Partly restored",
    Status.RESTORED: "Restored",
    Status.VERIFIED: "Verify",
    Status.CLOSED: "Close",
    Status.CANCELLED: "Dismiss",
}
BACKWARD = {
    (Status.PARTIALLY_RESTORED, Status.REPAIRING): "Back to repair",
    (Status.PARTIALLY_RESTORED, Status.DISPATCHED): "Back to dispatch",
    (Status.PARTIALLY_RESTORED, Status.CONFIRMED): "Back to confirmed",
    (Status.RESTORED, Status.PARTIALLY_RESTORED): "Not all are back",
    (Status.RESTORED, Status.CONFIRMED): "Off again",
}
ASKS_CAUSE = (Status.CONFIRMED, Status.CLOSED)


@dataclass(frozen=True)
class Move:
    """
    A legal move: what its button says, and what it would touch.

    :ivar is_next: the usual next one, for the page's one filled button
    """

    to: Status
    verb: str
    touches: str
    is_next: bool
    asks_cause: bool

    @property
    def loses(self) -> bool:
        return self.to == Status.CANCELLED


@dataclass(frozen=True)
class Stage:
    label: str
    step: str
    at: datetime | None


@dataclass(frozen=True)
class OutagePage:
    """What the template draws."""

    outage: Page
    standing: Standing
    title: str
    stages: tuple[Stage, ...]
    moves: tuple[Move, ...]
    is_overdue: bool
    crew_words: str
    etag: str
    now: datetime

    @property
    def cause(self) -> str:
        return Cause(self.outage.cause).label.lower()

    @property
    def critical_off(self) -> int:
        return sum(one.is_off for one in self.outage.critical)

    @property
    def timeline(self) -> Iterable[tuple[TimelineEntry, str]]:
        """Each entry with its symbol."""
        return ((entry, _SYMBOLS.get(entry.kind, "info")) for entry in self.outage.timeline)


_SYMBOLS: dict[str, str] = {
    TimelineKind.DETECTED: "node",
    TimelineKind.TRANSITION: "arrow",
    TimelineKind.ALARM: "bell",
    TimelineKind.IMPACT: "home",
    TimelineKind.CREW: "crew",
    TimelineKind.ESTIMATE: "tablet",
    TimelineKind.ALERT: "cap",
    TimelineKind.NOTE: "msg",
}


def outage_page(key: str, *, now: datetime) -> OutagePage | None:
    """One outage with everything; `None` if this organisation has none of that number or id."""
    read = read_page(key, now=now)
    return None if read is None else _page(read, now=now)


def _page(read: PageRead, *, now: datetime) -> OutagePage:
    outage = read.outage
    return OutagePage(
        outage=outage,
        standing=standing(outage, now=now),
        title=title(outage),
        stages=tuple(_stages(outage)),
        moves=tuple(moves(outage)),
        is_overdue=is_overdue(outage, now=now),
        crew_words=crew_words(outage),
        etag=read.etag,
        now=now,
    )


def title(outage: Page) -> str:
    """What has happened, as a sentence."""
    kind = (outage.location.kind or "element").replace("_", " ").lower()
    what = f"{kind} {outage.element}"
    if outage.status == Status.CANCELLED:
        return f"Dismissed: {what}"
    if not outage.is_charged:
        return f"{kind.capitalize()} {outage.element} is off, its customers are not counted yet"
    if not outage.customers_affected:
        return f"{kind.capitalize()} {outage.element} tripped, and nobody lost supply"
    if not outage.customers_off:
        return f"All {_customers(outage.customers_affected)} behind {what} are back"
    if outage.customers_off < outage.customers_affected:
        return f"{outage.customers_off:,} of {_customers(outage.customers_affected)} are off behind {what}"
    verb = "is" if outage.customers_off == 1 else "are"
    return f"{_customers(outage.customers_off)} {verb} off behind {what}"


def moves(outage: Page) -> Iterable[Move]:
    """The legal moves from here, the usual next one first."""
    for place, to in enumerate(lifecycle.possible(outage.status)):
        yield Move(
            to=to,
            verb=BACKWARD.get((outage.status, to), VERBS[to]),
            touches=touches(outage, to),
            is_next=place == 0,
            asks_cause=to in ASKS_CAUSE,
        )


def touches(outage: Page, to: Status) -> str:
    """Before it counts: what the move would change, with the people behind it."""
    off = f"{_customers(outage.customers_off)} off, {outage.critical_customers_off} critical"
    match to:
        case Status.RESTORED if outage.customers_off:
            still = _customers(outage.customers_off)
            return f"{still} still stand as off by the network. This records them as back, on your word."
        case Status.RESTORED:
            return "Nobody stands as off any more. This records that supply is back."
        case Status.CANCELLED:
            return f"The outage leaves the board and is final. Until now it claimed {off}."
        case Status.CLOSED:
            return f"Counts become final: {_customers(outage.customers_affected)} were affected."
        case Status.VERIFIED:
            return f"You vouch that all {_customers(outage.customers_affected)} have supply."
        case Status.DISPATCHED:
            who = (
                f"Crew {outage.crew.name} is {crew_words(outage)}." if outage.crew.name else "No crew is assigned yet."
            )
            return f"{who} {off}."
        case Status.REPAIRING:
            who = f"Crew {outage.crew.name} is {crew_words(outage)}." if outage.crew.name else "No crew is known."
            return f"{who} {off}."
        case Status.PARTIALLY_RESTORED:
            back = outage.customers_affected - outage.customers_off
            return f"{back:,} of {_customers(outage.customers_affected)} are back by the network; {off}."
        case _:
            return f"{off}. Everyone who reads the board takes it as real."


def _customers(number: int) -> str:
    return f"{number:,} customer" if number == 1 else f"{number:,} customers"


def _stages(outage: Page) -> Iterable[Stage]:
    reached: dict[str, datetime] = {}
    for entry in outage.timeline:
        if entry.to_status and entry.to_status not in reached:
            reached[entry.to_status] = entry.at
    reached.setdefault(Status.DETECTED, outage.detected_at)
    marks = steps(outage.status, tuple(reached))
    for stage, step in zip(STAGES, marks, strict=True):
        yield Stage(label=stage.label, step=step or "f", at=reached.get(stage) if step in ("d", "c") else None)
