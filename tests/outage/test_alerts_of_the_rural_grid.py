"""Alerts about outages of the demo grid: everybody whom the simulator's truth has off lies in the area."""

from collections.abc import Iterator

import pytest
import shapely

from connectors.cap.reading import children, read, texts
from connectors.cap.validation import faults_of
from connectors.contracts.base import Position
from connectors.contracts.cap_alert import AlertStatus
from connectors.contracts.network_element import ElementKind, NetworkElement
from connectors.contracts.service_point import ServicePoint
from connectors.contracts.zone import Zone, ZoneLevel
from gis.services.landing import land_zones
from organisation.models import Membership
from outage.alerts.area import MOST_PAIRS
from outage.models import IssuedAlert
from outage.services.alert_settings import save_alert_settings
from outage.services.alerts import issue_alert
from simulator.gis.zones import rural_zones
from simulator.grid import Element, LonLat, rural_grid
from simulator.truth import Truth
from tests.gis.networks import make_landing
from tests.outage.pretend import PretendUtility, the_outage

GRID = rural_grid()
SWITCHES = [
    element
    for element in GRID.switches
    if element.kind in ("breaker", "load_break_switch") and element.nominal_kv >= 20 and not element.is_normally_open
]


def switched_off_by(switch: Element) -> list[LonLat]:
    """Where those are who lose supply when it opens."""
    truth = Truth(GRID)
    truth.open(switch)
    return [GRID.service_points[name].position for name in truth.off()]


SAMPLE = sorted((one for one in SWITCHES[::40] if switched_off_by(one)), key=lambda one: len(switched_off_by(one)))
FEWEST, MOST = SAMPLE[0], SAMPLE[-1]


@pytest.fixture
def rural_utility(pretend: PretendUtility) -> PretendUtility:
    pretend.network(list(_network()))
    pretend.customers(list(_customers()))
    save_alert_settings(
        sender="alerts@rural-grid.example",
        status=AlertStatus.ACTUAL,
        languages=["en-GB", "de-DE"],
        web="",
        contact="",
        feed_is_public=False,
    )
    return pretend


@pytest.mark.parametrize("switch", [FEWEST, MOST], ids=["few", "many"])
@pytest.mark.parametrize("has_zones", [True, False], ids=["zones", "no zones"])
def test_whoever_is_off_lies_in_the_area(
    rural_utility: PretendUtility, coordinator: Membership, switch: Element, has_zones: bool
) -> None:
    if has_zones:
        land_zones(list(_zones()), make_landing(contract="zone/1", now=rural_utility.clock))
    rural_utility.trips(switch.id)
    rural_utility.opens(switch.id)

    issued = issue_alert(outage=the_outage(), reason="", actor=coordinator.user, now=rural_utility.clock)

    assert faults_of(bytes(issued.content)) == ()
    assert shapely.covers(_area(issued), shapely.MultiPoint(switched_off_by(switch)))
    assert len(bytes(issued.content)) < 100_000


def _area(issued: IssuedAlert) -> shapely.Geometry:
    infos = children(read(bytes(issued.content)), "info")
    areas = [children(info, "area")[0] for info in infos]
    assert len({tuple(texts(area, "polygon")) for area in areas}) == 1
    rings = [[tuple(map(float, pair.split(",")))[::-1] for pair in ring.split()] for ring in texts(areas[0], "polygon")]
    assert max(map(len, rings)) <= MOST_PAIRS
    return shapely.union_all([shapely.Polygon(ring) for ring in rings])


def _network() -> Iterator[NetworkElement]:
    for element in GRID.elements.values():
        yield NetworkElement(
            external_id=element.id,
            kind=ElementKind(element.kind.upper()),
            terminals=(element.from_node,) if element.to_node is None else (element.from_node, element.to_node),
            normally_open=element.is_normally_open,
            geometry=dict(element.geometry),
        )


def _customers() -> Iterator[ServicePoint]:
    for point in GRID.service_points.values():
        longitude, latitude = point.position
        at = Position(longitude=longitude, latitude=latitude)
        yield ServicePoint(external_id=point.id, node=point.node, position=at)


def _zones() -> Iterator[Zone]:
    for zone in rural_zones().by_id.values():
        yield Zone(
            external_id=zone.id,
            name=zone.name,
            level=ZoneLevel(zone.level.upper()),
            parent=zone.parent,
            geometry={"type": "Polygon", "coordinates": [[list(point) for point in zone.ring]]},
        )
