"""Whatever happened, in whatever order it is told and told again: everybody who is off is off by one outage."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, example, given, note, settings
from hypothesis import strategies as st

from connectors.contracts.reading import SwitchState
from outage.models import Evidence, Outage, Status, TimelineEntry
from tests.gis.networks import Truth
from tests.outage.pretend import PretendUtility, off, ring, ring_customers

BEGINS_AT = datetime(2026, 11, 24, 1, 15, tzinfo=UTC)
BETWEEN_MOVES = timedelta(minutes=3)
PULSE = timedelta(milliseconds=100)


@dataclass(frozen=True)
class Move:
    """A switch trips, or is closed again. The alarm of a pulse was over at once, that of another when it is closed."""

    switch: str
    is_trip: bool
    is_pulse: bool
    at: datetime

    def __repr__(self) -> str:
        verb = ("trips for a moment" if self.is_pulse else "trips") if self.is_trip else "is closed"
        return f"{self.switch} {verb} at {self.at:%H:%M}"


@dataclass(frozen=True)
class Telling:
    """What the position of a switch or its alarm says of a move."""

    move: Move
    is_position: bool

    def __repr__(self) -> str:
        return f"{'position' if self.is_position else 'alarm'}: {self.move!r}"

    def land(self, utility: PretendUtility) -> None:
        move = self.move
        if self.is_position:
            utility.position(move.switch, SwitchState.OPEN if move.is_trip else SwitchState.CLOSED, at=move.at)
        elif move.is_pulse:
            utility.notify(
                utility.notification(move.switch, active=True, at=move.at),
                utility.notification(move.switch, active=False, at=move.at + PULSE),
            )
        else:
            utility.alarm(move.switch, active=move.is_trip, at=move.at)


Night = tuple[Sequence[Move], Sequence[Telling]]


@st.composite
def moves_of(draw: st.DrawFn, switches: Sequence[str]) -> Sequence[Move]:
    """A night in which switches trip and are closed again."""
    tripped: dict[str, bool] = {}
    moves = []
    for number, switch in enumerate(draw(st.lists(st.sampled_from(switches), min_size=1, max_size=6))):
        is_trip = switch not in tripped
        is_pulse = draw(st.booleans()) if is_trip else tripped.pop(switch)
        if is_trip:
            tripped[switch] = is_pulse
        moves.append(Move(switch, is_trip, is_pulse, BEGINS_AT + number * BETWEEN_MOVES))
    return moves


def tellings_of(move: Move) -> list[Telling]:
    alarms = [Telling(move, is_position=False)] if move.is_trip or not move.is_pulse else []
    return [Telling(move, is_position=True), *alarms]


@st.composite
def shuffled_nights(draw: st.DrawFn) -> Night:
    """Two feeders that do not feed each other. Everything is told in any order, some of it twice."""
    moves = draw(moves_of(("FEEDER", "OTHER")))
    tellings = [telling for move in moves for telling in tellings_of(move)]
    repeated = draw(st.lists(st.sampled_from(tellings), max_size=4))
    return moves, draw(st.permutations([*tellings, *repeated]))


@st.composite
def nested_nights(draw: st.DrawFn) -> Night:
    """
    One switch feeds the other, and a third none of them. Of each switch, position and alarm come in either order, and
    one move after the other; between the switches there is no order.
    """
    moves = draw(moves_of(("FEEDER", "SECTION", "OTHER")))
    queues = [
        [telling for move in moves if move.switch == switch for telling in draw(st.permutations(tellings_of(move)))]
        for switch in sorted({move.switch for move in moves})
    ]
    tellings: list[Telling] = []
    while any(queues):
        tellings.append(draw(st.sampled_from([queue for queue in queues if queue])).pop(0))
    for _ in range(draw(st.integers(0, 3))):
        told = draw(st.integers(0, len(tellings) - 1))
        tellings.insert(draw(st.integers(told + 1, len(tellings))), tellings[told])
    return moves, tellings


def pulse_after_a_late_clear() -> Night:
    """The alarm of a pulse comes before the clear of the trip before it: to the alarm's row it is that clear."""
    verbs = ((True, True), (False, True), (True, False), (False, False), (True, True))
    first, closed, second, closed_again, third = moves = [
        Move("FEEDER", is_trip, is_pulse, BEGINS_AT + number * BETWEEN_MOVES)
        for number, (is_trip, is_pulse) in enumerate(verbs)
    ]
    position, alarm = (partial(Telling, is_position=is_position) for is_position in (True, False))
    return moves, [
        position(first),
        alarm(second),
        position(closed),
        alarm(third),
        position(second),
        alarm(first),
        position(closed_again),
        alarm(closed_again),
        position(third),
    ]


def check(night: Night, now: datetime) -> None:
    moves, tellings = night
    note("\n".join(map(repr, tellings)))
    with transaction.atomic():
        utility = PretendUtility(now)
        utility.network(ring())
        utility.customers(ring_customers())

        for telling in tellings:
            telling.land(utility)

        assert off() == truly_off(moves)
        assert_each_trip_is_told_once(moves)
        before = everything()
        for telling in tellings:
            telling.land(utility)
        assert everything() == before
        transaction.set_rollback(True)


def examples(number: int) -> settings:
    """The same nights each time. Take `derandomize` away to look for others."""
    return settings(
        max_examples=number,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )


@pytest.mark.usefixtures("scope")
@given(night=st.one_of(shuffled_nights(), nested_nights()))
@example(night=pulse_after_a_late_clear())
@examples(10)
def test_in_any_order_everybody_who_is_off_is_off_by_one_outage(night: Night, now: datetime) -> None:
    check(night, now)


@pytest.mark.long
@pytest.mark.usefixtures("scope")
@given(night=st.one_of(shuffled_nights(), nested_nights()))
@examples(100)
def test_in_a_hundred_orders_everybody_who_is_off_is_off_by_one_outage(night: Night, now: datetime) -> None:
    check(night, now)


def truly_off(moves: Sequence[Move]) -> set[str]:
    truth = Truth.planned(ring(), ring_customers())
    for move in moves:
        (truth.opened.add if move.is_trip else truth.opened.remove)(move.switch)
    supplied = truth.supplied()
    return {point.external_id for point in truth.points if point.node not in supplied}


def assert_each_trip_is_told_once(moves: Sequence[Move]) -> None:
    trips = Counter(move.switch for move in moves if move.is_trip)
    outages = list(Outage.objects.order_by("pk"))
    for switch, count in Counter(one.element.external_id for one in outages).items():
        assert count <= trips[switch]
    assert [one.number for one in outages] == [f"2026-{number:04d}" for number in range(1, len(outages) + 1)]
    is_closed = {move.switch: not move.is_trip for move in moves}
    assert {one.element.external_id for one in outages if one.status != Status.RESTORED} >= {
        switch for switch, closed in is_closed.items() if not closed
    }


def everything() -> list[list[Any]]:
    return [
        list(Outage.objects.order_by("pk").values()),
        list(Evidence.objects.order_by("pk").values()),
        list(TimelineEntry.objects.order_by("pk").values()),
    ]
