"""The plan of a round, which its seed and number decide; and how a round is played."""

import random
import time
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import psycopg

from tests.chaos.desk import Desk
from tests.chaos.historian import Historian
from tests.chaos.product import Product, TookTooLong, wait_until
from tests.chaos.source import TROUBLES
from tests.chaos.source_process import SourceProcess
from tests.chaos.truth import Truth
from tests.chaos.witness import Witness

VICTIMS = {
    "worker": 3,
    "pool": 2,
    "listener": 3,
    "beat": 2,
    "web": 2,
    "valkey": 2,
    "postgresql": 3,
    "backend": 2,
    "everything": 0.5,
}
"""How often each is drawn, in proportion."""

PATIENCE_S = 180


class RoundFailed(Exception):
    """Something did not hold; the message names the round, its victims, and what it was."""


@dataclass(frozen=True)
class Plan:
    """
    :param victims: what is killed, one after the other
    :param waits: before each kill and after the last one, in seconds
    :param troubles: the share of requests that each trouble of the source befalls
    :param breaks_source: the source too is killed, and comes back
    """

    seed: int
    number: int
    victims: tuple[str, ...]
    waits: tuple[float, ...]
    troubles: dict[str, float]
    breaks_source: bool

    @classmethod
    def of(cls, *, seed: int, number: int, victims: tuple[str, ...] = ()) -> "Plan":
        """
        :param victims: these, rather than one or two at random
        """
        chance = random.Random(f"{seed} {number}")
        drawn = tuple(chance.choices([*VICTIMS], [*VICTIMS.values()], k=chance.choice((1, 1, 2))))
        kinds = chance.sample(TROUBLES, chance.randint(0, len(TROUBLES)))
        return cls(
            seed=seed,
            number=number,
            victims=victims or drawn,
            waits=tuple(chance.uniform(0.2, 2.5) for _ in (*(victims or drawn), "the last")),
            troubles={kind: round(chance.uniform(0.01, 0.06), 3) for kind in kinds},
            breaks_source=chance.random() < 0.3,
        )

    def __str__(self) -> str:
        source = "; ".join(
            (", ".join(f"{kind} {share:.0%}" for kind, share in self.troubles.items()) or "whole",)
            + (("killed too",) if self.breaks_source else ())
        )
        return f"round {self.number}: {' and '.join(self.victims)} killed; source: {source}"


@dataclass(kw_only=True)
class Stage:
    """All that takes part."""

    product: Product
    source: SourceProcess
    historian: Historian
    truth: Truth
    desk: Desk
    witness: Witness


def play(plan: Plan, stage: Stage) -> None:
    """
    Change the source, start reads, kill, let it all come to rest, and look.

    :raises RoundFailed: naming everything that does not hold
    """
    chance = random.Random(f"{plan.seed} {plan.number} played")
    try:
        with stage.historian.moving(f"{plan.seed} {plan.number} moving"):
            _storm(plan, stage, chance)
        if "everything" in plan.victims:
            # Started anew, the system may be found elsewhere.
            stage.desk.close()
        _calm(stage)
    except (TookTooLong, psycopg.Error) as error:
        raise RoundFailed("\n  ".join([str(plan), str(error), *_unheard(stage)])) from error
    findings = stage.witness.findings(stage.truth, stage.desk.edits, stage.desk.runs)
    findings += stage.witness.unheard(stage.historian.moves())
    if findings:
        raise RoundFailed("\n  ".join([str(plan), *findings]))


def _storm(plan: Plan, stage: Stage, chance: random.Random) -> None:
    stage.truth.change(chance)
    stage.desk.schedule(on=True)
    stage.source.weather(plan.troubles, seed=plan.number)
    stage.desk.sync(chance.choice(list(stage.witness.streams.values())), chance.choice(("FULL", "INCREMENTAL")))
    for victim, wait in zip(plan.victims, plan.waits, strict=False):
        stage.desk.edit()
        time.sleep(wait)
        stage.product.kill(victim, chance)
        stage.truth.change(chance)
        stage.desk.edit()
    if plan.breaks_source:
        stage.source.restart()
    _look_after_for(plan.waits[-1], stage.product)
    stage.source.weather({}, seed=plan.number)


def _look_after_for(seconds: float, product: Product) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        product.look_after()
        time.sleep(0.1)


def _calm(stage: Stage) -> None:
    """Until all runs, every schedule has fired, and everything has been read whole after the last change."""
    wait_until(stage.product.look_after, "everything runs and answers again", within_s=PATIENCE_S)
    began = stage.witness.now()
    before = stage.source.asked()
    # A full read that ends now may have begun before the last change; the one after it began after it.
    for number in ("a full read", "a full read after the last change"):
        ended = {
            name: wait_until(
                partial(_full_read_after, stage.witness, stream, began), f"{number} of {name}", within_s=PATIENCE_S
            )
            for name, stream in stage.witness.streams.items()
        }
        began = max(ended.values())
    for schedule in (f"{name} {kind}" for name in stage.witness.streams for kind in ("whole", "changes")):
        is_fired = partial(_asked_more, stage.source, schedule, before[schedule])
        wait_until(is_fired, f"the schedule of {schedule} fires", within_s=PATIENCE_S)
    wait_until(lambda: stage.desk.schedule(on=False), "schedules can be switched off", within_s=PATIENCE_S)
    _listen_to_the_end(stage)
    try:
        wait_until(lambda: not stage.witness.restless(), "everything comes to rest", within_s=PATIENCE_S)
    except TookTooLong as error:
        raise TookTooLong(f"{error} ({stage.witness.restless()})") from error


def _listen_to_the_end(stage: Stage) -> None:
    """Until it is listened to again without anything that polls, and what happens then is heard, too."""
    wait_until(stage.witness.is_listening, "the historian is listened to", within_s=PATIENCE_S)
    stage.historian.move(random.Random(stage.desk.edits.asked[-1]))
    moves = stage.historian.moves()
    wait_until(lambda: not stage.witness.unheard(moves), "every move of a switch is heard", within_s=PATIENCE_S)


def _unheard(stage: Stage) -> list[str]:
    try:
        return stage.witness.unheard(stage.historian.moves())
    except psycopg.Error:
        return []


def _asked_more(source: SourceProcess, what: str, before: int) -> bool:
    return source.asked()[what] > before


def _full_read_after(witness: Witness, stream: int, moment: datetime) -> datetime | None:
    """When it ended."""
    ended = witness.full_read_at(stream)
    return ended if ended is not None and ended > moment else None
