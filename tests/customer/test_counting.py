from datetime import datetime, timedelta

import pytest

from connectors.contracts.base import Position, contract_id
from connectors.contracts.reading import SwitchState
from connectors.contracts.service_point import ServicePoint as ServicePointRecord
from connectors.contracts.service_point import ServicePriority
from connectors.landing import Landed
from customer.models import CumulativeCounts, ServicePoint
from customer.queries import (
    Impact,
    NotCounted,
    impact,
    off_among,
    service_points_fed_by,
    service_points_off,
    service_points_unplaced,
)
from customer.services.counting import follow_service_points, recount
from customer.services.landing import land_service_points
from gis.models import NetworkElement, SwitchPosition
from gis.positions import PositionReport
from gis.services.network import renumber
from gis.services.positions import apply_switch_positions
from organisation.models import Organisation
from organisation.scope import Scope, acting_for
from tests.gis.networks import (
    busbar,
    change_of,
    customers,
    ids_of_elements,
    land_customers,
    land_network,
    line,
    make_landing,
    source,
    switch,
)

pytestmark = pytest.mark.usefixtures("scope")

ELEMENTS = [
    source("S", "bus"),
    busbar("B", "bus"),
    switch("Q1", "bus", "a"),
    line("L1", "a", "b"),
    busbar("N", "b"),
    switch("Q2", "b", "c"),
    switch("TIE", "c", "bus", is_open=True),
    line("island", "x", "y"),
]
POINTS = [
    *customers("a", normal=1),
    *customers("b", normal=2, critical=1),
    *customers("c", normal=1, critical=1),
    *customers("x", normal=1),
    *customers("nowhere", critical=1),
]


def land_all(now: datetime) -> dict[str, int]:
    land_network(ELEMENTS, now=now)
    land_customers(POINTS, now=now)
    return ids_of_elements()


def move(name: str, state: SwitchState, at: datetime) -> None:
    element_id = ids_of_elements()[name]
    apply_switch_positions(positions=[PositionReport(element_id=element_id, state=state, source_time=at)], now=at)
    recount(now=at)


def impacts() -> dict[str, tuple[int, int]]:
    ids = ids_of_elements()
    found = impact(list(ids.values()))
    return {name: (found[pk].total, found[pk].critical) for name, pk in ids.items()}


def test_impact_is_what_an_element_alone_feeds(now: datetime) -> None:
    land_all(now)

    assert impacts() == {
        "S": (6, 2),
        "B": (6, 2),
        "Q1": (6, 2),
        "L1": (5, 2),
        "N": (5, 2),
        "Q2": (2, 1),
        "TIE": (0, 0),
        "island": (0, 0),
    }


def test_what_is_off_already_is_not_lost_again(now: datetime) -> None:
    land_all(now)

    move("Q2", SwitchState.OPEN, now + timedelta(seconds=1))
    assert impacts() == {
        "S": (4, 1),
        "B": (4, 1),
        "Q1": (4, 1),
        "L1": (3, 1),
        "N": (3, 1),
        "Q2": (0, 0),
        "TIE": (0, 0),
        "island": (0, 0),
    }

    move("Q1", SwitchState.OPEN, now + timedelta(seconds=2))
    assert set(impacts().values()) == {(0, 0)}

    move("Q1", SwitchState.CLOSED, now + timedelta(seconds=3))
    move("TIE", SwitchState.CLOSED, now + timedelta(seconds=4))
    assert impacts()["TIE"] == (2, 1)


def test_an_opened_device_is_charged_with_what_it_fed(now: datetime) -> None:
    ids = land_all(now)
    fed = {"b/0", "b/1", "b/2", "c/0", "c/1", "a/0"}
    assert {point.external_id for point in service_points_fed_by(ids["Q1"])} == fed

    move("Q2", SwitchState.OPEN, now + timedelta(seconds=1))
    move("Q1", SwitchState.OPEN, now + timedelta(seconds=2))

    assert {point.external_id for point in service_points_fed_by(ids["Q1"])} == fed - {"c/0", "c/1"}
    assert {point.external_id for point in service_points_fed_by(ids["Q2"])} == {"c/0", "c/1"}
    assert not service_points_fed_by(ids["L1"]).exists()
    assert not service_points_fed_by(ids["TIE"]).exists()


def test_off_is_whom_no_source_reaches_and_an_unknown_node_is_neither(now: datetime) -> None:
    land_all(now)
    points = dict(ServicePoint.objects.values_list("external_id", "pk"))
    assert {point.external_id for point in service_points_off()} == {"x/0"}

    move("Q2", SwitchState.OPEN, now + timedelta(seconds=1))

    assert {point.external_id for point in service_points_off()} == {"c/0", "c/1", "x/0"}
    asked = [points[name] for name in ("a/0", "c/0", "x/0", "nowhere/0")]
    assert off_among(asked) == {points["c/0"], points["x/0"]}
    assert off_among([]) == set()


def test_service_points_on_no_known_node_are_a_finding(now: datetime) -> None:
    land_all(now)
    land_customers([ServicePointRecord(external_id="homeless")], now=now)

    assert {point.external_id for point in service_points_unplaced()} == {"homeless", "nowhere/0"}

    NetworkElement.objects.filter(external_id="island").update(retired_at=now)
    assert {point.external_id for point in service_points_unplaced()} == {"homeless", "nowhere/0", "x/0"}


def test_a_node_may_land_after_its_service_points(now: datetime) -> None:
    land_customers(POINTS, now=now)
    land_network(ELEMENTS, now=now)

    assert impacts()["Q1"] == (6, 2)


def test_a_point_that_moves_or_is_gone_is_counted_where_it_is(now: datetime) -> None:
    ids = land_all(now)
    land_customers([ServicePointRecord(external_id="a/0", node="c", priority=ServicePriority.CRITICAL)], now=now)
    assert (impacts()["Q1"], impacts()["Q2"]) == ((6, 3), (3, 2))

    landing = make_landing(contract=contract_id(ServicePointRecord), now=now, connector="CIS")
    ServicePoint.objects.filter(external_id="a/0").update(retired_at=now)
    follow_service_points(change_of(landing, ServicePointRecord, []))

    assert impacts()["Q2"] == (2, 1)
    assert not service_points_fed_by(ids["Q2"]).filter(external_id="a/0").exists()


def test_counting_again_without_a_new_numbering_does_nothing(now: datetime) -> None:
    land_all(now)
    pages = set(CumulativeCounts.objects.values_list("pk", flat=True))

    assert not recount(now=now)

    assert set(CumulativeCounts.objects.values_list("pk", flat=True)) == pages


def test_a_numbering_without_counts_is_refused_not_answered_with_nobody(now: datetime) -> None:
    ids = land_all(now)
    renumber(now=now)

    with pytest.raises(NotCounted):
        impact([ids["Q1"]])

    recount(now=now)
    assert impact([ids["Q1"]]) == {ids["Q1"]: Impact(6, 2)}


def test_an_element_that_retired_feeds_nobody(now: datetime) -> None:
    ids = land_all(now)
    NetworkElement.objects.filter(external_id="Q2").update(retired_at=now)
    renumber(now=now)
    recount(now=now)

    assert impact([ids["Q2"], ids["L1"]]) == {ids["Q2"]: Impact(0, 0), ids["L1"]: Impact(3, 1)}


def test_impact_is_one_statement(now: datetime, django_assert_num_queries: object) -> None:
    ids = land_all(now)

    with django_assert_num_queries(1):  # type: ignore[operator]  # a fixture without a type
        impact(list(ids.values()))


def test_a_neighbours_network_and_customers_are_not_ours(now: datetime, neighbour: Organisation) -> None:
    ids = land_all(now)

    with acting_for(Scope(organisation_id=neighbour.pk)):
        assert impact([ids["Q1"]]) == {ids["Q1"]: Impact(0, 0)}
        land_network([source("S", "bus"), switch("Q1", "bus", "a")], now=now)
        land_customers(customers("a", normal=1), now=now)
        theirs = ids_of_elements()
        assert impact([theirs["Q1"]]) == {theirs["Q1"]: Impact(1, 0)}
        move("Q1", SwitchState.OPEN, now)
        assert SwitchPosition._base_manager.count() == 1

    assert impacts()["Q1"] == (6, 2)
    assert {point.external_id for point in service_points_off()} == {"x/0"}


def test_service_points_land_twice_alike(now: datetime) -> None:
    landing = make_landing(contract=contract_id(ServicePointRecord), now=now, connector="CIS")
    record = ServicePointRecord(
        external_id="SP-1",
        name="Pumping station",
        node="N-1",
        customer_class="industrial",
        priority=ServicePriority.CRITICAL,
        priority_reason="Sewage",
        account_number="77",
        position=Position(longitude=11.4, latitude=53.6),
    )

    first = land_service_points([record], landing)
    again = land_service_points([record], landing)

    assert (first.created, list(first.touched)) == (1, [ServicePoint.objects.get().pk])
    assert again == Landed(unchanged=1)
    row = ServicePoint.objects.get()
    assert (row.node, row.priority, row.priority_reason) == ("N-1", "CRITICAL", "Sewage")
    assert (row.account_number, row.longitude, row.latitude) == ("77", 11.4, 53.6)
