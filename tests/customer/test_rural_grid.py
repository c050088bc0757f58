"""The demo grid: what each switch feeds, held against a truth that shares no code with the product."""

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

OPEN, CLOSED = SwitchState.OPEN, SwitchState.CLOSED
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


def test_a_feeder_trips_and_a_tie_closes_as_the_truth_says(now: datetime) -> None:
    elements, points = rural_grid()
    land_network(elements, now=now)
    land_customers(points, now=now)
    ids = ids_of_elements()
    truth = Truth.planned(elements, points)
    feeder, tie = "SW-10918", next(one.external_id for one in elements if one.normally_open)
    fed = truth.fed(feeder)
    moves = [(feeder, OPEN), (feeder, CLOSED), (tie, CLOSED), (tie, OPEN)]
    off, versions = [], []

    for seconds, (name, state) in enumerate(moves, start=1):
        at = now + timedelta(seconds=seconds)
        report = PositionReport(element_id=ids[name], state=state, source_time=at)
        assert apply_switch_positions(positions=[report], now=now)
        recount(now=now)
        off.append(service_points_off().count())
        versions.append(Network.objects.get().version)

    assert off == [1_337, 0, 0, 0]
    assert versions == [1, 1, 2, 3]  # only a mesh changes who feeds whom
    assert set(SwitchOpening.objects.get(element_id=ids[feeder]).nodes) == fed
    assert service_points_fed_by(ids[feeder]).count() == 1_337
