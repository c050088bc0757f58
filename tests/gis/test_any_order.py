"""In whatever order, how often and in whichever pages the network lands: it ends as if it had landed at once."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.contracts.base import contract_id
from connectors.contracts.network_element import NetworkElement
from connectors.contracts.reading import SwitchState
from connectors.contracts.zone import Zone as ZoneRecord
from connectors.contracts.zone import ZoneLevel
from connectors.landing import Landed, Landing, SeenKeys
from connectors.models import Lease, SeenPage
from customer.services.counting import recount
from gis.models import ElementAlias, Network, SwitchPosition, Zone
from gis.models import NetworkElement as ElementRow
from gis.positions import PositionReport
from gis.services.aliases import aliases_for
from gis.services.landing import land_network_elements, land_zones, retire_network_elements
from gis.services.network import follow_network
from gis.services.positions import apply_switch_positions
from tests.gis.networks import (
    Truth,
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
from tests.gis.test_changes_equal_rebuild import the_network_says

pytestmark = pytest.mark.usefixtures("scope")

NODES = [f"n{number}" for number in range(7)]
POINTS = [point for at, node in enumerate(NODES) for point in customers(node, normal=at % 3, critical=at % 2)]


@st.composite
def networks(draw: st.DrawFn) -> list[NetworkElement]:
    node = st.sampled_from(NODES)
    switches = draw(st.lists(st.tuples(node, node, st.booleans()), min_size=2, max_size=10))
    return [
        *(source(f"S{at}", one) for at, one in enumerate(draw(st.lists(node, min_size=1, max_size=2)))),
        *(switch(f"Q{at}", one, other, is_open=is_open) for at, (one, other, is_open) in enumerate(switches)),
        *(busbar(f"B{at}", one) for at, one in enumerate(NODES)),
    ]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(elements=networks(), data=st.data())
def test_any_order_and_repetition_ends_in_the_same_network(
    elements: list[NetworkElement], data: st.DataObject, now: datetime
) -> None:
    landing = make_landing(contract=contract_id(NetworkElement), now=now)
    scada = make_landing(contract="reading/1", now=now, connector="SCADA")
    names = [element.external_id for element in elements]
    moved = data.draw(st.dictionaries(st.sampled_from(names), st.booleans(), max_size=4), label="moved")
    again = data.draw(st.lists(st.sampled_from(elements), max_size=8), label="landing again")
    order = data.draw(st.permutations([*elements, *again]), label="order")
    size = data.draw(st.integers(1, len(order)), label="size of a page")

    with transaction.atomic():
        aliases_for(names=names[::2], landing=scada)
        for at in range(0, len(order), size):
            page = land_network_elements(order[at : at + size], landing)
            if data.draw(st.booleans(), label="followed at once"):
                _follow(landing, page.touched, moved, now)
        aliases_for(names=names, landing=scada)
        _follow(landing, ids_of_elements().values(), moved, now)
        land_customers(POINTS, now=now)

        truth = Truth.planned(elements, POINTS)
        truth.opened = {
            element.external_id for element in elements if moved.get(element.external_id, element.normally_open)
        }
        the_network_says(truth, ids_of_elements())
        assert dict(ElementAlias.objects.values_list("external_id", "element__external_id")) == {
            name: name for name in names
        }
        assert land_network_elements(elements, landing) == Landed(unchanged=len(elements))
        assert not Network.objects.get().is_due
        transaction.set_rollback(True)


def _follow(landing: Landing, touched: Any, moved: dict[str, bool], now: datetime) -> None:
    """As the wiring does: the positions of elements that were read before they landed reach them now."""
    follow_network(change_of(landing, NetworkElement, touched))
    ids = ids_of_elements()
    apply_switch_positions(
        positions=[
            PositionReport(
                element_id=ids[name],
                state=SwitchState.OPEN if is_open else SwitchState.CLOSED,
                source_time=now + timedelta(seconds=at),
            )
            for at, (name, is_open) in enumerate(moved.items())
            if name in ids
        ],
        now=now,
    )
    recount(now=now)


FEEDER = [source("S", "bus"), switch("Q1", "bus", "a"), line("L", "a", "b"), switch("Q2", "b", "c")]
CUSTOMERS = [*customers("a", normal=1), *customers("b", normal=2), *customers("c", normal=1, critical=1)]


def test_an_element_that_is_gone_conducts_no_more_until_it_is_back(now: datetime) -> None:
    land_network(FEEDER, now=now)
    land_customers(CUSTOMERS, now=now)
    landing = make_landing(contract=contract_id(NetworkElement), now=now)
    aliases_for(names=["L", "Q2"], landing=make_landing(contract="alarm/1", now=now, connector="SCADA"))
    ids = ids_of_elements()
    opened = PositionReport(element_id=ids["Q2"], state=SwitchState.OPEN, source_time=now)
    apply_switch_positions(positions=[opened], now=now)

    gone = retire_network_elements(landing, seen(landing, "S", "Q1", "Q2"))
    assert list(gone) == [ids["L"]]
    assert Network.objects.get().is_due
    follow_network(change_of(landing, NetworkElement, gone))
    recount(now=now)

    present = [one for one in FEEDER if one.external_id != "L"]
    truth = Truth.planned(present, CUSTOMERS)
    truth.opened.add("Q2")
    the_network_says(truth, {name: pk for name, pk in ids.items() if name != "L"})
    assert dict(ElementAlias.objects.values_list("external_id", "element_id")) == {"L": ids["L"], "Q2": ids["Q2"]}

    land_network(FEEDER, now=now)

    truth = Truth.planned(FEEDER, CUSTOMERS)
    truth.opened.add("Q2")
    assert ids_of_elements() == ids
    the_network_says(truth, ids)


def test_a_switch_that_is_gone_and_back_stands_where_it_stood(now: datetime) -> None:
    land_network(FEEDER, now=now)
    landing = make_landing(contract=contract_id(NetworkElement), now=now)
    ids = ids_of_elements()
    opened = PositionReport(element_id=ids["Q2"], state=SwitchState.OPEN, source_time=now)
    apply_switch_positions(positions=[opened], now=now)
    gone = retire_network_elements(landing, seen(landing, "S", "Q1", "L"))
    follow_network(change_of(landing, NetworkElement, gone))
    closed = PositionReport(element_id=ids["Q2"], state=SwitchState.CLOSED, source_time=now + timedelta(seconds=1))

    assert not apply_switch_positions(positions=[closed], now=now), "what is not in the network changes no supply"
    land_network(FEEDER, now=now)
    land_customers(CUSTOMERS, now=now)

    assert not SwitchPosition.objects.get().is_open
    the_network_says(Truth.planned(FEEDER, CUSTOMERS), ids)


def test_a_name_goes_over_to_the_same_element_of_a_newer_system(now: datetime) -> None:
    land_network(FEEDER, now=now)
    scada = make_landing(contract="alarm/1", now=now, connector="SCADA")
    aliases_for(names=["Q1", "Q2", "breaker 2"], landing=scada)
    ids = ids_of_elements()
    ElementAlias.objects.filter(external_id="breaker 2").update(element_id=ids["Q2"])
    newer = make_landing(contract=contract_id(NetworkElement), now=now, connector="newer GIS")
    landed = land_network_elements(FEEDER, newer)
    follow_network(change_of(newer, NetworkElement, landed.touched))
    meant = ElementAlias.objects.values_list("external_id", "element_id")
    assert dict(meant) == {"Q1": ids["Q1"], "Q2": ids["Q2"], "breaker 2": ids["Q2"]}

    old = make_landing(contract=contract_id(NetworkElement), now=now)
    gone = retire_network_elements(old, seen(old, "Q1"))
    follow_network(change_of(old, NetworkElement, gone))

    newer_ids = dict(ElementRow.objects.filter(connector_id=newer.connector_id).values_list("external_id", "pk"))
    assert dict(meant.all()) == {"Q1": ids["Q1"], "Q2": newer_ids["Q2"], "breaker 2": ids["Q2"]}


def test_zones_land_twice_and_in_any_order_alike(now: datetime) -> None:
    landing = make_landing(contract=contract_id(ZoneRecord), now=now)
    company = ZoneRecord(external_id="C", name="Company", level=ZoneLevel.COMPANY)
    area = ZoneRecord(external_id="A", name="Area", level=ZoneLevel.FEEDER_AREA, parent="C")

    land_zones([area], landing)
    land_zones([company, area], landing)

    rows = list(Zone.objects.order_by("pk").values())
    assert [row["parent_id"] for row in rows] == [rows[1]["id"], None]
    assert land_zones([company, area], landing) == Landed(unchanged=2)
    assert list(Zone.objects.order_by("pk").values()) == rows


def seen(landing: Landing, *external_ids: str) -> SeenKeys:
    lease = Lease.objects.create(
        stream_id=landing.stream_id,
        fence=1,
        mode="FULL",
        trigger="SCHEDULE",
        started_at=landing.now,
        expires_at=landing.now,
    )
    SeenPage.objects.create(lease=lease, number=0, external_ids=list(external_ids))
    return SeenKeys(lease_id=lease.pk)
