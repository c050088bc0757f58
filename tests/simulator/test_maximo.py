from typing import Any

import pytest

from simulator import credentials
from simulator.utility import Utility
from tests.simulator.conftest import BASE, Clock, Simulator

ORDERS = "/os/mxapiwodetail"
ASSETS = "/os/mxapiasset"
CREWS = "/os/mxapiamcrew"


def members(simulator: Simulator, path: str, **parameters: str) -> list[dict[str, Any]]:
    answer = simulator.maximo(path, lean="1", **{"oslc_select": "*", **parameters})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["member"])


def test_the_key_is_asked_for_in_its_header(simulator: Simulator) -> None:
    nobody = simulator.get("/maximo/api/whoami")
    somebody = simulator.maximo("/whoami")

    assert nobody.status_code == 401
    assert nobody.json()["Error"]["reasonCode"] == "BMXAA7901E"
    assert nobody.json()["Error"]["statusCode"] == "401"
    assert somebody.json()["personid"] == "FABRIC"
    assert simulator.maximo("/systeminfo").status_code == 200


def test_without_the_public_address_links_lead_to_a_door_that_is_shut(simulator: Simulator) -> None:
    key = {"apikey": credentials.MAXIMO_API_KEY}

    plain = simulator.get(f"/maximo/api{ASSETS}?lean=1", headers=key).json()
    public = simulator.maximo(ASSETS, lean="1").json()

    assert plain["member"][0]["href"].startswith(f"{BASE}/maximo/oslc/os/mxapiasset/")
    shut = simulator.get(plain["responseInfo"]["nextPage"]["href"], headers=key)
    assert shut.status_code == 401
    assert public["member"][0]["href"].startswith(f"{BASE}/maximo/api/os/mxapiasset/")
    assert simulator.maximo(public["responseInfo"]["nextPage"]["href"]).status_code == 200


def test_assets_are_the_switches_and_transformers_and_two_stray_ones(simulator: Simulator) -> None:
    assets: list[dict[str, Any]] = []
    url = f"{ASSETS}?lean=1&oslc.select=*&oslc.pageSize=200"
    while url:
        body = simulator.maximo(url).json()
        assets += body["member"]
        url = body["responseInfo"].get("nextPage", {}).get("href", "")

    by_number = {asset["assetnum"]: asset for asset in assets}
    assert len(assets) == len(by_number) == 520
    assert by_number["0010770"]["gisid"] == "SW-10770"
    assert by_number["0010770"]["installdate"] == "2003-12-30T01:00:00+01:00"
    assert by_number["T000003"]["gisid"] == "TR-3"
    assert "gisid" not in by_number["0090001"]
    assert by_number["0090002"]["gisid"] == "SW-99999"


def test_without_a_page_size_the_server_pages_all_the_same(simulator: Simulator) -> None:
    body = simulator.maximo(ASSETS, lean="1", collectioncount="1").json()

    assert len(body["member"]) == 200
    assert body["responseInfo"]["totalCount"] == 520
    assert body["responseInfo"]["totalPages"] == 3
    assert "nextPage" in body["responseInfo"]
    assert simulator.maximo(ASSETS, lean="1", count="1").json() == {"totalCount": 520}


def test_without_a_selection_there_is_only_the_address(simulator: Simulator) -> None:
    body = simulator.maximo(CREWS, lean="1").json()

    assert [list(member) for member in body["member"]] == [["href"]] * 6
    crew = simulator.maximo(body["member"][0]["href"], lean="1").json()
    assert crew["amcrew"] == "CREW-1"


def test_without_lean_names_have_prefixes(simulator: Simulator) -> None:
    body = simulator.maximo(CREWS, oslc_select="amcrew").json()

    assert sorted(body) == ["oslc:responseInfo", "rdfs:member"]
    assert body["rdfs:member"][0]["spi:amcrew"] == "CREW-1"


def test_an_emergency_order_moves_with_the_clock(simulator: Simulator, clock: Clock) -> None:
    simulator.post("/scenarios/hv-fault", json={"element": "SW-10770"})
    seen = []
    for seconds in (0, 15, 30, 30):
        clock.advance(seconds=seconds)
        order = members(simulator, ORDERS, oslc_where='worktype="EM"', internalvalues="1")[0]
        crew = members(simulator, CREWS, oslc_where='amcrew="CREW-1"')[0]
        assignment = order["assignment"][0]
        seen.append((order["status"], order["status_maxvalue"], order["statusdate"][11:19], assignment["status"]))
        assert crew["fieldstatus"] == {"DISPATCH": "DISPATCHED"}.get(order["status"], order["status"])

    assert seen == [
        ("DISPATCH", "APPR", "02:15:00", "ASSIGNED"),
        ("ENROUTE", "INPRG", "02:15:15", "ENROUTE"),
        ("ONSITE", "INPRG", "02:15:45", "ONSITE"),
        ("WORKING", "INPRG", "02:16:15", "STARTED"),
    ]
    clock.advance(seconds=60)
    simulator.post("/scenarios/restore")
    order = members(simulator, ORDERS, oslc_where='worktype="EM"', internalvalues="1")[0]
    assert (order["status"], order["status_maxvalue"], order["actfinish"]) == (
        "COMP",
        "COMP",
        "2026-11-24T02:17:15+01:00",
    )
    crew = members(simulator, CREWS, oslc_where='amcrew="CREW-1"')[0]
    assert crew["fieldstatus"] == "AVAILABLE"
    assert "wonum" not in crew


def test_a_crew_on_its_way_is_seen_to_move(simulator: Simulator, clock: Clock) -> None:
    simulator.post("/scenarios/hv-fault", json={"element": "SW-10770"})
    places = []
    for seconds in (15, 10, 10, 10):
        clock.advance(seconds=seconds)
        crew = members(simulator, CREWS, oslc_where='amcrew="CREW-1"')[0]
        places.append((crew["longitudex"], crew["latitudey"], crew["positiondate"][11:19]))

    assert [place[2] for place in places] == ["02:15:15", "02:15:25", "02:15:35", "02:15:45"]
    assert places[0][:2] == (11.4102, 53.6551)
    assert places[-1][:2] == (11.4096149, 53.6414371)
    assert places[0][1] > places[1][1] > places[2][1] > places[3][1]


def test_each_order_gets_a_crew_even_when_all_are_busy(simulator: Simulator) -> None:
    for _ in range(6):
        simulator.post("/scenarios/hv-fault")

    crews = [order["amcrew"] for order in members(simulator, ORDERS, oslc_where='worktype="EM"')]

    assert crews == ["CREW-1", "CREW-2", "CREW-3", "CREW-4", "CREW-1", "CREW-2"]


def test_changes_since_an_instant_are_found_by_changedate(simulator: Simulator, clock: Clock) -> None:
    clock.advance(seconds=60)
    simulator.post("/scenarios/hv-fault", json={"element": "SW-10770"})

    found = members(
        simulator,
        ORDERS,
        oslc_where='changedate>="2026-11-24T02:16:00+01:00" and status in ["DISPATCH","APPR"]',
    )
    none = members(simulator, ORDERS, oslc_where='changedate>"2026-11-24T02:16:00+01:00"')

    assert [order["wonum"] for order in found] == ["WO20001"]
    assert none == []


def test_orders_can_be_asked_for_by_what_a_status_means(simulator: Simulator) -> None:
    simulator.post("/scenarios/hv-fault", json={"element": "SW-10770"})

    found = members(simulator, ORDERS, domaininternalwhere="status=APPR", internalvalues="1")

    assert {order["status"] for order in found} == {"APPR", "DISPATCH"}
    assert {order["status_maxvalue"] for order in found} == {"APPR"}


def test_order_by_sorts_by_several_fields(simulator: Simulator) -> None:
    orders = members(simulator, ORDERS, oslc_orderBy="+wopriority,-wonum", oslc_select="wopriority,wonum")

    keys = [(order["wopriority"], -int(order["wonum"][2:])) for order in orders]
    assert len(keys) > 20
    assert keys == sorted(keys)
    assert set(orders[0]) == {"href", "wopriority", "wonum"}


def test_a_selection_reaches_into_children(simulator: Simulator) -> None:
    simulator.post("/scenarios/hv-fault", json={"element": "SW-10770"})

    order = members(
        simulator, ORDERS, oslc_where='wonum="WO20001"', oslc_select="wonum,assignment{amcrew,craft},nothing"
    )[0]

    del order["href"]
    assert order == {"wonum": "WO20001", "assignment": [{"amcrew": "CREW-1", "craft": "LINE"}]}


def test_nulls_are_dropped_unless_they_are_asked_for(simulator: Simulator) -> None:
    where = 'assetnum="0090001"'

    assert "gisid" not in members(simulator, ASSETS, oslc_where=where)[0]
    assert members(simulator, ASSETS, oslc_where=where, _dropnulls="0")[0]["gisid"] is None


@pytest.mark.parametrize(
    ("where", "matched"),
    [
        ('gisid!="*"', 1),
        ('gisid="*" and assettype="TRANSFORMER"', 92),
        ('description="%Feeder%"', 0),
        ('description="Breaker MV1.101 Switch 7"', 1),
        ('assettype!="BREAKER" and status="OPERATING"', 282),
        ('changedate<"2024-02-01T00:00:00+01:00" and assettype in ["TRANSFORMER"]', 5),
    ],
)
def test_where_reads_the_forms_that_clients_write(simulator: Simulator, where: str, matched: int) -> None:
    answer = simulator.maximo(ASSETS, lean="1", count="1", oslc_where=where)

    assert answer.json() == {"totalCount": matched}


@pytest.mark.parametrize(
    "parameters",
    [
        {"oslc_pageSize": "501"},
        {"oslc_pageSize": "0"},
        {"oslc_orderBy": "changedate"},
        {"oslc_orderBy": " changedate"},
        {"oslc_orderBy": "+colour"},
        {"oslc_where": "status='OPERATING'"},
        {"oslc_where": 'colour="red"'},
        {"oslc_where": 'status="OPERATING" or status="X"'},
        {"oslc_where": 'changedate>="yesterday"'},
        {"oslc_where": "status in [OPERATING]"},
        {"oslc_where": 'description>"2" and changedate>=7'},
        {"oslc_select": "a}"},
        {"pageno": "0"},
    ],
)
def test_a_query_that_cannot_be_read_is_an_error_in_its_form(simulator: Simulator, parameters: dict[str, str]) -> None:
    answer = simulator.maximo(ASSETS, lean="1", **parameters)

    assert answer.status_code == 400
    error = answer.json()["Error"]
    assert error["message"].startswith(error["reasonCode"])


def test_a_bare_plus_in_the_address_is_a_blank_and_an_error(simulator: Simulator) -> None:
    assert simulator.maximo(f"{ASSETS}?lean=1&oslc.orderBy=+changedate").status_code == 400
    assert simulator.maximo(f"{ASSETS}?lean=1&oslc.orderBy=%2Bchangedate").status_code == 200


def test_what_is_not_there_is_not_found(simulator: Simulator) -> None:
    assert simulator.maximo("/os/mxapisr", lean="1").status_code == 404
    assert simulator.maximo(f"{ASSETS}/_nothing", lean="1").json()["Error"]["statusCode"] == "404"


def test_no_stamp_lies_in_the_future(simulator: Simulator, clock: Clock) -> None:
    simulator.post("/scenarios/hv-fault", json={"element": "SW-10770"})
    utility: Utility = simulator.utility

    clock.advance(seconds=22)
    utility.advance()

    assert all(order.status_at <= clock() for order in utility.work.orders.values())
    assert all(state.changed_at <= clock() for state in utility.work.crew_states(now=clock()))
