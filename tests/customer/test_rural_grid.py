"""The demo grid: what each switch feeds, held against a truth that shares no code with the product."""

import time
from datetime import datetime, timedelta

import pytest

from connectors.contracts.network_element import ElementKind
from connectors.contracts.reading import SwitchState
from customer.queries import Impact, impact, service_points_fed_by, service_points_off
from customer.services.counting import recount
from gis.models import Network, SwitchOpening
from gis.positions import PositionReport
from gis.services.positions import apply_switch_positions
from tests.gis.networks import Truth, ids_of_elements, land_customers, land_network, rural_grid

SWITCHES = (ElementKind.BREAKER, ElementKind.LOAD_BREAK_SWITCH)

pytestmark = pytest.mark.usefixtures("scope")


def test_of_every_medium_and_high_voltage_switch_the_impact_is_the_truth(now: datetime) -> None:
    elements, points = rural_grid()
    land_network(elements, now=now)
    land_customers(points, now=now)
    ids = ids_of_elements()
    truth = Truth.planned(elements, points)
    switches = [one for one in elements if one.kind in SWITCHES and (one.nominal_voltage_v or 0) >= 20_000]
    assert len(switches) == 294

    impacts = impact([ids[one.external_id] for one in switches])

    assert {one.external_id: impacts[ids[one.external_id]] for one in switches} == {
        one.external_id: Impact(*truth.impact(one.external_id)) for one in switches
    }
    assert max(one.total for one in impacts.values()) == 1_337


def test_a_move_of_any_switch_is_cheap(now: datetime) -> None:
    elements, points = rural_grid()
    land_network(elements, now=now)
    land_customers(points, now=now)
    ids = ids_of_elements()
    truth = Truth.planned(elements, points)
    closed_tie = next(one.external_id for one in elements if one.normally_open)
    feeder = "SW-10918"
    assert truth.impact(feeder)[0] == 1_337
    moves = [
        (feeder, SwitchState.OPEN, truth.impact(feeder)[0]),
        (feeder, SwitchState.CLOSED, 0),
        (closed_tie, SwitchState.CLOSED, 0),
        (closed_tie, SwitchState.OPEN, 0),
    ]
    for seconds, (name, state, off) in enumerate(moves, start=1):
        started = time.perf_counter()
        apply_switch_positions(
            positions=[PositionReport(element_id=ids[name], state=state, source_time=now + timedelta(seconds=seconds))],
            now=now,
        )
        recount(now=now)
        print(name, state, off, Network.objects.get().version, round((time.perf_counter() - started) * 1000, 1), "ms")
        assert service_points_off().count() == off

    opening = SwitchOpening.objects.get(element__external_id=feeder)
    assert set(opening.nodes) == truth.fed(feeder)
    assert service_points_fed_by(ids[feeder]).count() == moves[0][2]
