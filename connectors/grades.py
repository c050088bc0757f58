"""
The grades of adapters: what bronze, silver and gold ask for, what an adapter claims, and what it backs.

Some of it can be looked at in the adapter itself, some the contract suite tries (`connectors.testing`), and some has to
be proven by a test of the adapter's own, which its page names under `proof`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from connectors.contracts.base import contract_id
from connectors.dossiers import DossierBroken, Page, page_of, records_of
from connectors.protocols.adapter import Adapter, Mode

SUITE = "tried by the contract suite"
NO_PROOF = "its page names no test under proof"


class Grade(StrEnum):
    BRONZE = "bronze"
    SILVER = "silver"
    GOLD = "gold"


@dataclass(frozen=True, kw_only=True)
class Backing:
    """Whether an adapter backs a criterion, and by what; or what is missing."""

    holds: bool
    said: str


Look = Callable[[type[Adapter], Page], Backing]


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """One thing that a grade asks for. `look` finds out whether an adapter has it."""

    key: str
    grade: Grade
    title: str
    look: Look


@dataclass(frozen=True, kw_only=True)
class Report:
    """
    What one adapter backs.

    :ivar claimed: the grade on its page; `None` if it claims none, or one that there is not
    :ivar backed: the highest grade all of whose criteria, and those of the grades below it, hold
    """

    claimed: Grade | None
    backed: Grade | None
    lines: tuple[tuple[Criterion, Backing], ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """What the claimed grade asks for and the adapter does not back, as sentences."""
        asked = _up_to(self.claimed or Grade.BRONZE)
        said = tuple(
            f"{criterion.title}: {backing.said}."
            for criterion, backing in self.lines
            if criterion.grade in asked and not backing.holds
        )
        return said if self.claimed else (f"Its page claims no grade. Write one of {', '.join(Grade)} as grade.", *said)


def grades_of(adapter: type[Adapter]) -> Report:
    """What an adapter claims and what it backs. Nothing leaves the process."""
    try:
        page = page_of(adapter)
    except DossierBroken:
        page = Page()
    lines = tuple((criterion, criterion.look(adapter, page)) for criterion in CRITERIA)
    failing = {criterion.grade for criterion, backing in lines if not backing.holds}
    backed = [grade for grade in Grade if not failing & set(_up_to(grade))]
    claimed = page.front.get("grade")
    return Report(
        claimed=Grade(claimed) if claimed in set(Grade) else None, backed=backed[-1] if backed else None, lines=lines
    )


def _up_to(grade: Grade) -> tuple[Grade, ...]:
    ordered = tuple(Grade)
    return ordered[: ordered.index(grade) + 1]


def _has_a_plain_form(adapter: type[Adapter], page: Page) -> Backing:
    bare = [
        name
        for form in (adapter.config_form, adapter.stream_form)
        for name, field in form.base_fields.items()
        if not field.label or not field.help_text
    ]
    if bare:
        return Backing(holds=False, said=f"no label or no help text on {', '.join(bare)}")
    count = len(adapter.config_form.base_fields) + len(adapter.stream_form.base_fields)
    return Backing(holds=True, said=f"{count} settings, each explained")


def _has_samples(adapter: type[Adapter], page: Page) -> Backing:
    try:
        found = records_of(adapter)
    except DossierBroken as error:
        return Backing(holds=False, said=str(error).rstrip("."))
    missing = sorted({contract_id(one.contract) for one in adapter.emits} - found.keys())
    if missing:
        return Backing(holds=False, said=f"no captured record for {', '.join(missing)}")
    return Backing(holds=True, said=f"captured records of {len(found)} contracts are read")


def _has_a_true_page(adapter: type[Adapter], page: Page) -> Backing:
    try:
        front = page_of(adapter).front
    except DossierBroken as error:
        return Backing(holds=False, said=str(error).rstrip("."))
    true = {
        "kind": adapter.kind,
        "label": adapter.label,
        "emits": sorted(contract_id(one.contract) for one in adapter.emits),
        "accepts": sorted(contract_id(one) for one in adapter.accepts),
    }
    said = {key: sorted(map(str, value)) if isinstance(value := front.get(key), list) else value for key in true}
    wrong = [key for key in true if said[key] != true[key]]
    if wrong:
        return Backing(holds=False, said=f"its page says otherwise than the adapter: {', '.join(wrong)}")
    return Backing(holds=True, said="its page says what the adapter does")


def _tells_changes(adapter: type[Adapter], page: Page) -> Backing:
    told = [contract_id(one.contract) for one in adapter.emits if set(one.modes) != {Mode.FULL}]
    if not told and adapter.emits:
        return Backing(holds=False, said="everything can only be read whole")
    return Backing(holds=True, said=f"{', '.join(told) or 'nothing is read'}")


def _by_engine(adapter: type[Adapter], page: Page) -> Backing:
    return Backing(holds=True, said="by the engine, for every stream that is read")


def _by_suite(adapter: type[Adapter], page: Page) -> Backing:
    return Backing(holds=True, said=SUITE)


def _proven(key: str) -> Look:
    def look(adapter: type[Adapter], page: Page) -> Backing:
        test = page.proofs.get(key, "")
        return Backing(holds=bool(test), said=test or NO_PROOF)

    return look


def _tested_with_peer(adapter: type[Adapter], page: Page) -> Backing:
    peer, test = page.front.get("peer"), page.proofs.get("peer", "")
    if not peer:
        return Backing(holds=False, said="its page names no peer")
    return Backing(holds=bool(test), said=f"{peer}: {test}" if test else NO_PROOF)


CRITERIA = (
    Criterion(key="form", grade=Grade.BRONZE, title="A form that explains each setting", look=_has_a_plain_form),
    Criterion(key="probe", grade=Grade.BRONZE, title="A test of the connection, in plain words", look=_by_suite),
    Criterion(key="samples", grade=Grade.BRONZE, title="Captured records that are read", look=_has_samples),
    Criterion(key="page", grade=Grade.BRONZE, title="A page of documentation", look=_has_a_true_page),
    Criterion(key="resumes", grade=Grade.SILVER, title="Goes on where it was broken off", look=_proven("resumes")),
    Criterion(key="set-aside", grade=Grade.SILVER, title="Sets bad records aside with the reason", look=_by_suite),
    Criterion(key="throttling", grade=Grade.SILVER, title="Waits when it is asked to", look=_by_suite),
    Criterion(key="peer", grade=Grade.SILVER, title="Tested with a peer", look=_tested_with_peer),
    Criterion(key="dry-run", grade=Grade.GOLD, title="Says what a read would do", look=_by_engine),
    Criterion(
        key="changes", grade=Grade.GOLD, title="Reads changes where its source can tell them", look=_tells_changes
    ),
    Criterion(key="redaction", grade=Grade.GOLD, title="Shows no secret in any message", look=_by_suite),
    Criterion(
        key="foreign-server",
        grade=Grade.GOLD,
        title="Tested with a server we did not write",
        look=_proven("foreign-server"),
    ),
)
