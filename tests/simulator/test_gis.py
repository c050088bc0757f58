from itertools import pairwise
from typing import Any

import pytest

from simulator import credentials
from simulator.gis.zones import hull
from tests.simulator.conftest import BASE, Clock, Simulator

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
EPSG_4326 = "http://www.opengis.net/def/crs/EPSG/0/4326"
ITEMS = "/collections/network/items"


def links(body: Any) -> dict[str, str]:
    return {link["rel"]: link["href"] for link in body["links"]}


def ids(body: Any) -> list[str]:
    return [feature["id"] for feature in body["features"]]


def test_everything_is_found_from_the_landing_page(simulator: Simulator) -> None:
    landing = simulator.gis().json()
    conformance = simulator.gis(links(landing)["conformance"]).json()
    collections = simulator.gis(links(landing)["data"]).json()

    assert simulator.gis(links(landing)["service-desc"]).headers["content-type"].startswith("application/vnd.oai")
    assert "http://www.opengis.net/spec/cql2/1.0/conf/cql2-text" in conformance["conformsTo"]
    assert [collection["id"] for collection in collections["collections"]] == ["network", "zones"]
    network = collections["collections"][0]
    assert network["crs"] == ["#/crs"]
    assert collections["crs"] == [CRS84, EPSG_4326]
    assert simulator.gis("/collections/network").json()["crs"] == [CRS84, EPSG_4326]
    assert network["extent"]["spatial"]["bbox"] == [[11.3854, 53.6099, 11.4311, 53.6599]]
    assert simulator.gis(links(network)["items"]).json()["numberMatched"] == 11389


def test_queryables_say_which_time_is_which(simulator: Simulator) -> None:
    network = simulator.gis("/collections/network/queryables").json()["properties"]

    assert network["installed"]["x-ogc-role"] == "primary-instant"
    assert network["modified"] == {"type": "string", "format": "date-time"}


def test_the_whole_network_is_read_by_its_next_links(simulator: Simulator) -> None:
    seen: list[str] = []
    body = simulator.gis(ITEMS, limit=1000).json()
    while True:
        seen.extend(ids(body))
        assert body["numberMatched"] == 11389
        if "next" not in links(body):
            break
        body = simulator.gis(links(body)["next"]).json()

    assert len(seen) == len(set(seen)) == 11389


def test_a_full_last_page_leads_to_an_empty_one(simulator: Simulator) -> None:
    last = simulator.gis("/collections/zones/items", limit=100).json()

    empty = simulator.gis(links(last)["next"]).json()

    assert last["numberMatched"] == last["numberReturned"] == 100
    assert empty["features"] == []
    assert "next" not in links(empty)


def test_a_limit_above_the_maximum_is_no_error(simulator: Simulator) -> None:
    assert simulator.gis(ITEMS, limit=100_000).json()["numberReturned"] == 1000


@pytest.mark.parametrize(
    "parameters",
    [
        {"limit": 0},
        {"limit": "many"},
        {"offset": 10},
        {"cursor": "nonsense"},
        {"modified": "2026"},
        {"crs": "http://www.opengis.net/def/crs/EPSG/0/25832"},
        {"bbox": "1,2,3"},
        {"bbox": "1,9,3,4"},
        {"datetime": "yesterday"},
        {"datetime": "../.."},
        {"datetime": "2026-01-01T00:00:00"},
        {"filter": "modified >"},
        {"filter": "colour = 'red'"},
        {"filter": "kind = 'line'", "filter-lang": "cql-text"},
        {"f": "html"},
    ],
)
def test_a_wrong_parameter_is_refused(simulator: Simulator, parameters: dict[str, str | int]) -> None:
    answer = simulator.gis(ITEMS, **parameters)

    assert answer.status_code == 400
    assert answer.json()["code"] == "InvalidParameterValue"


def test_what_changed_is_asked_for_by_filter(simulator: Simulator, clock: Clock) -> None:
    since = "modified >= TIMESTAMP('2026-01-01T00:00:00Z')"
    before = simulator.gis(ITEMS, filter=since, **{"filter-lang": "cql2-text"}).json()

    simulator.post("/edits", json={"system": "gis", "id": "SW-10770", "set": {"name": "Renamed"}})

    after = simulator.gis(ITEMS, filter=since).json()
    assert before["numberMatched"] == 0
    assert ids(after) == ["SW-10770"]


def test_datetime_is_about_installation_and_not_about_change(simulator: Simulator) -> None:
    simulator.post("/edits", json={"system": "gis", "id": "SW-10770", "set": {"name": "Renamed"}})

    future = simulator.gis(ITEMS, datetime="2026-01-01T00:00:00Z/..").json()
    past = simulator.gis(ITEMS, datetime="../2003-12-30T00:00:00Z", filter="id = 'SW-10770'").json()
    zones = simulator.gis("/collections/zones/items", datetime="2090-01-01T00:00:00Z/..").json()

    assert future["numberMatched"] == 0
    assert ids(past) == ["SW-10770"]
    assert zones["numberMatched"] == 100


@pytest.mark.parametrize(
    ("text", "matched"),
    [
        ("kind = 'breaker' AND nominal_kv >= 20", 104),
        ("kind IN ('breaker', 'load_break_switch') AND normally_open = TRUE", 6),
        ("NOT (kind = 'line' OR kind = 'node') AND nominal_kv > 20.5", 8),
        ("modified IS NULL", 2),
        ("modified IS NOT NULL", 11387),
        ("substation <> 'none'", 20),
        ("kind not in ('line','node','busbar','transformer','breaker','load_break_switch')", 1),
        ("installed < DATE('1998-01-03')", 1),
    ],
)
def test_filters_select_what_they_say(simulator: Simulator, text: str, matched: int) -> None:
    assert simulator.gis(ITEMS, filter=text, limit=1).json()["numberMatched"] == matched


def test_rows_without_a_stamp_or_a_place_are_there(simulator: Simulator) -> None:
    placeless = simulator.gis(f"{ITEMS}/BUS-217").json()
    elsewhere = simulator.gis(ITEMS, bbox="0,0,1,1").json()

    assert placeless["geometry"] is None
    assert ids(elsewhere) == ["BUS-217", "BUS-9001"]
    assert simulator.gis(f"{ITEMS}/LN-17").json()["properties"]["modified"] is None


def test_epsg_4326_is_latitude_first_in_answers_and_boxes(simulator: Simulator) -> None:
    plain = simulator.gis(f"{ITEMS}/SW-10770")
    swapped = simulator.gis(f"{ITEMS}/SW-10770", crs=EPSG_4326)
    box = "53.64143,11.40961,53.64144,11.40962"
    found = simulator.gis(ITEMS, bbox=box, crs=EPSG_4326, **{"bbox-crs": EPSG_4326}, limit=1000)

    assert plain.headers["content-crs"] == f"<{CRS84}>"
    assert plain.json()["geometry"]["coordinates"] == [11.4096149, 53.6414371]
    assert swapped.headers["content-crs"] == found.headers["content-crs"] == f"<{EPSG_4326}>"
    assert swapped.json()["geometry"]["coordinates"] == [53.6414371, 11.4096149]
    places = {feature["id"]: feature["geometry"] for feature in found.json()["features"]}
    assert places["SW-10770"]["coordinates"] == [53.6414371, 11.4096149]


def test_zones_form_one_tree_and_every_feature_has_one(simulator: Simulator) -> None:
    zones = {feature["id"]: feature for feature in simulator.gis("/collections/zones/items").json()["features"]}
    held = simulator.utility.features.collections["network"].values()

    path = ["ZONE-LV2.107"]
    while parent := zones[path[-1]]["properties"]["parent"]:
        path.append(parent)

    assert [zones[zone]["properties"]["level"] for zone in path] == [
        "low_voltage_area",
        "feeder_area",
        "substation",
        "company",
    ]
    assert {feature["properties"]["zone"] for feature in held} <= set(zones)
    for zone in zones.values():
        ring = zone["geometry"]["coordinates"][0]
        assert ring[0] == ring[-1]
        assert sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(ring)) > 0


@pytest.mark.parametrize("points", [[(1.0, 2.0)], [(1.0, 2.0), (2.0, 3.0)], [(0.0, 0.0), (1.0, 1.0), (2.0, 2.0)]])
def test_a_zone_without_an_area_is_widened(points: list[tuple[float, float]]) -> None:
    ring = hull(points)

    assert len(ring) == 5
    assert ring[0] == ring[-1]


def test_what_is_not_there_is_not_found(simulator: Simulator) -> None:
    assert simulator.gis("/collections/pipes").status_code == 404
    assert simulator.gis("/collections/pipes/items").status_code == 404
    assert simulator.gis(f"{ITEMS}/SW-0").json()["code"] == "NotFound"


def test_basic_and_bearer_both_open_the_gis(simulator: Simulator) -> None:
    bearer = simulator.get("/gis", headers={"Authorization": f"Bearer {credentials.GIS_BEARER_TOKEN}"})
    nobody = simulator.get("/gis")

    assert bearer.status_code == 200
    assert (nobody.status_code, nobody.json()["code"]) == (401, "Unauthorized")
    assert nobody.headers["www-authenticate"].startswith("Basic")
    assert links(bearer.json())["self"] == f"{BASE}/gis"
