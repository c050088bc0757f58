"""However switches move, the network says what a walk from its sources would."""

from datetime import datetime, timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.contracts.network_element import NetworkElement
from connectors.contracts.reading import SwitchState
from connectors.contracts.service_point import ServicePoint
from customer.queries import Impact, impact, service_points_fed_by, service_points_off
from customer.services.counting import recount
from gis.models import SwitchOpening
from gis.positions import PositionReport
from gis.queries import nodes_fed_by, unsupplied_nodes
from gis.services.network import renumber
from gis.services.positions import apply_switch_positions
from tests.gis.networks import (
    Truth,
    busbar,
    customers,
    ids_of_elements,
    land_customers,
    land_network,
    source,
    switch,
)

Moves = list[list[tuple[int, bool]]]


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[NetworkElement], list[ServicePoint], Moves]:
    """A meshed network, customers on it, and batches of moves of its devices."""
    nodes = [f"n{number}" for number in range(draw(st.integers(2, 9)))]
    node = st.sampled_from(nodes)
    sources = [source(f"S{at}", one) for at, one in enumerate(draw(st.lists(node, min_size=1, max_size=2)))]
    switches = [
        switch(f"Q{at}", one, other, is_open=is_open)
        for at, (one, other, is_open) in enumerate(
            draw(st.lists(st.tuples(node, node, st.booleans()), min_size=1, max_size=14))
        )
    ]
    elements = sources + switches + [busbar(f"B{at}", one) for at, one in enumerate(nodes)]
    points = [point for at, one in enumerate(nodes) for point in customers(one, normal=at % 3, critical=at % 2)]
    move = st.tuples(st.integers(0, len(sources) + len(switches) - 1), st.booleans())
    return elements, points, draw(st.lists(st.lists(move, min_size=1, max_size=3), min_size=1, max_size=6))


@pytest.mark.usefixtures("scope")
@given(case=cases())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_after_any_moves_supply_and_impact_are_as_if_walked_anew(
    case: tuple[list[NetworkElement], list[ServicePoint], Moves], now: datetime
) -> None:
    elements, points, batches = case
    with transaction.atomic():
        land_network(elements, now=now)
        land_customers(points, now=now)
        truth = Truth.planned(elements, points)
        ids = ids_of_elements()
        at = now
        for batch in batches:
            reports, charged = [], []
            for device, is_open in batch:
                at += timedelta(seconds=1)
                name = elements[device].external_id
                if is_open and name not in truth.opened:
                    charged.append((ids[name], truth.fed(name)))
                (truth.opened.add if is_open else truth.opened.discard)(name)
                state = SwitchState.OPEN if is_open else SwitchState.CLOSED
                reports.append(PositionReport(element_id=ids[name], state=state, source_time=at))
            known = SwitchOpening.objects.count()

            apply_switch_positions(positions=reports[::-1], now=now)
            recount(now=now)

            made = SwitchOpening.objects.order_by("opened_at")[known:]
            assert [(one.element_id, set(one.nodes)) for one in made] == charged
            the_network_says(truth, ids)
        renumber(now=now)
        recount(now=now)
        the_network_says(truth, ids)
        transaction.set_rollback(True)


def the_network_says(truth: Truth, ids: dict[str, int]) -> None:
    off = truth.nodes - truth.supplied()
    assert set(unsupplied_nodes()) == off
    assert {point.external_id for point in service_points_off()} == {
        point.external_id for point in truth.points if point.node in off
    }
    names = [element.external_id for element in truth.elements]
    impacts = impact([ids[name] for name in names])
    for name in names:
        assert impacts[ids[name]] == Impact(*truth.impact(name)), name
        if name not in truth.opened:
            fed = truth.fed(name)
            assert set(nodes_fed_by(ids[name])) == fed
            assert {point.external_id for point in service_points_fed_by(ids[name])} == {
                point.external_id for point in truth.points if point.node in fed
            }
