from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from connectors.contracts.base import contract_id
from connectors.contracts.network_element import NetworkElement
from connectors.contracts.reading import SwitchState
from gis.models import DeadRange, Network, SwitchOpening, SwitchPosition
from gis.positions import PositionReport
from gis.queries import nodes_fed_by, unsupplied_nodes
from gis.services.landing import land_network_elements
from gis.services.positions import apply_switch_positions
from organisation.scope import Scope
from tests.gis.networks import busbar, ids_of_elements, land_network, line, make_landing, source, switch

OPEN, CLOSED, INTERMEDIATE = SwitchState.OPEN, SwitchState.CLOSED, SwitchState.INTERMEDIATE

FEEDER = [
    source("S", "bus"),
    busbar("B", "bus"),
    switch("Q1", "bus", "a"),
    line("L1", "a", "b"),
    switch("Q2", "b", "c"),
    line("L2", "c", "d"),
]
RING = [
    source("S", "bus"),
    switch("Q1", "bus", "a"),
    switch("Q2", "bus", "b"),
    switch("TIE", "a", "b", is_open=True),
]

Report = Callable[..., bool]


@pytest.fixture
def report(scope: Scope, now: datetime) -> Report:
    """Reports positions as (name, state, seconds after 02:15)."""

    def apply(*moves: tuple[str, SwitchState, int]) -> bool:
        ids = ids_of_elements()
        return apply_switch_positions(
            positions=[
                PositionReport(element_id=ids[name], state=state, source_time=now + timedelta(seconds=seconds))
                for name, state, seconds in moves
            ],
            now=now + timedelta(minutes=10),
        )

    return apply


def off() -> set[str]:
    return set(unsupplied_nodes())


def openings() -> list[tuple[str, set[str], bool]]:
    return [
        (one.element.external_id, set(one.nodes), one.closed_at is not None)
        for one in SwitchOpening.objects.select_related("element").order_by("opened_at", "pk")
    ]


def test_a_feeder_that_opens_loses_what_it_fed_and_gets_it_back_without_a_new_numbering(
    report: Report, now: datetime
) -> None:
    land_network(FEEDER, now=now)
    version = Network.objects.get().version

    assert report(("Q1", OPEN, 1))
    assert off() == {"a", "b", "c", "d"}
    assert openings() == [("Q1", {"a", "b", "c", "d"}, False)]

    assert report(("Q1", CLOSED, 2))
    assert off() == set()
    assert openings() == [("Q1", {"a", "b", "c", "d"}, True)]
    assert SwitchOpening.objects.get().closed_at == now + timedelta(seconds=2)
    assert Network.objects.get().version == version
    assert not DeadRange.objects.exists()


def test_each_device_of_one_batch_is_charged_with_what_it_fed_at_its_own_moment(report: Report, now: datetime) -> None:
    land_network(FEEDER, now=now)

    report(("Q1", OPEN, 2), ("Q2", OPEN, 1))

    assert openings() == [("Q2", {"c", "d"}, False), ("Q1", {"a", "b"}, False)]


def test_a_device_behind_one_that_is_open_is_charged_with_nobody(report: Report, now: datetime) -> None:
    land_network(FEEDER, now=now)

    report(("Q1", OPEN, 1), ("Q2", OPEN, 2))

    assert openings() == [("Q1", {"a", "b", "c", "d"}, False), ("Q2", set(), False)]


def test_what_another_open_device_feeds_stays_off(report: Report, now: datetime) -> None:
    land_network(FEEDER, now=now)
    report(("Q1", OPEN, 1), ("Q2", OPEN, 2))

    report(("Q1", CLOSED, 3))

    assert off() == {"c", "d"}


def test_a_tie_that_closes_takes_over_and_its_feeder_then_loses_nobody(report: Report, now: datetime) -> None:
    land_network(RING, now=now)
    ids = ids_of_elements()

    report(("TIE", CLOSED, 1))
    assert nodes_fed_by(ids["Q1"]) == []

    report(("Q1", OPEN, 2))
    assert off() == set()
    assert openings() == [("Q1", set(), False)]
    assert set(nodes_fed_by(ids["Q2"])) == {"a", "b"}
    assert nodes_fed_by(ids["TIE"]) == ["a"]


def test_a_tie_brings_supply_back_to_a_part_that_lost_it(report: Report, now: datetime) -> None:
    land_network(RING, now=now)

    report(("Q1", OPEN, 1), ("TIE", CLOSED, 2))

    assert off() == set()
    assert openings() == [("Q1", {"a"}, False)]


def test_both_ends_of_a_ring_in_one_batch_charge_the_second_with_all(report: Report, now: datetime) -> None:
    land_network([*RING[:3], line("L", "a", "b")], now=now)

    report(("Q1", OPEN, 1), ("Q2", OPEN, 2))

    assert openings() == [("Q1", set(), False), ("Q2", {"a", "b"}, False)]
    assert off() == {"a", "b"}


def test_an_older_position_and_a_repeated_one_change_nothing(report: Report, now: datetime) -> None:
    land_network(FEEDER, now=now)
    report(("Q1", OPEN, 5))

    assert not report(("Q1", CLOSED, 4))
    assert not report(("Q1", CLOSED, 5))
    assert not report(("Q1", OPEN, 5), ("Q1", OPEN, 6))

    assert off() == {"a", "b", "c", "d"}
    assert openings() == [("Q1", {"a", "b", "c", "d"}, False)]
    assert SwitchPosition.objects.get().source_time == now + timedelta(seconds=6)


def test_a_device_under_way_keeps_its_last_position(report: Report, now: datetime) -> None:
    land_network(FEEDER, now=now)

    assert not report(("Q1", INTERMEDIATE, 1))
    assert off() == set()
    report(("Q1", OPEN, 2))
    assert not report(("Q1", INTERMEDIATE, 3))

    assert off() == {"a", "b", "c", "d"}
    position = SwitchPosition.objects.get()
    assert (position.state, position.is_open) == (INTERMEDIATE, True)


def test_a_device_under_way_of_which_nothing_else_is_known_stands_as_planned(report: Report, now: datetime) -> None:
    land_network(RING, now=now)

    assert not report(("TIE", INTERMEDIATE, 1))
    assert SwitchPosition.objects.get().is_open is None
    assert report(("TIE", CLOSED, 2))


def test_a_source_that_opens_is_charged_with_all_that_it_alone_fed(report: Report, now: datetime) -> None:
    land_network(FEEDER, now=now)

    report(("S", OPEN, 1))
    assert off() == {"bus", "a", "b", "c", "d"}

    report(("S", CLOSED, 2))
    assert off() == set()


def test_a_closing_between_parts_without_supply_numbers_nothing_anew(report: Report, now: datetime) -> None:
    land_network([source("S", "bus"), line("L", "x", "y"), switch("Q", "y", "z", is_open=True)], now=now)
    version = Network.objects.get().version

    assert report(("Q", CLOSED, 1))

    assert Network.objects.get().version == version
    assert off() == {"x", "y", "z"}


def test_a_switch_that_is_open_when_the_network_is_numbered_closes_into_it(report: Report, now: datetime) -> None:
    land_network(FEEDER, now=now)
    report(("Q1", OPEN, 1))
    land_network([*FEEDER, line("L3", "d", "e")], now=now)
    assert off() == {"a", "b", "c", "d", "e"}

    report(("Q1", CLOSED, 2))

    assert off() == set()
    assert openings() == [("Q1", {"a", "b", "c", "d"}, True)]


def test_a_position_read_before_its_new_network_is_followed_is_charged_in_it(report: Report, now: datetime) -> None:
    land_network(FEEDER, now=now)
    landing = make_landing(contract=contract_id(NetworkElement), now=now)
    land_network_elements([line("L3", "d", "e")], landing)
    assert Network.objects.get().is_due

    report(("Q1", OPEN, 1))

    assert openings() == [("Q1", {"a", "b", "c", "d", "e"}, False)]
    assert not Network.objects.get().is_due
