"""The simulator's ArcGIS: what it answers, and with which awkwardness."""

from typing import Any

import pytest

from simulator import credentials
from simulator.arcgis.layers import LAYERS, global_id, object_id
from simulator.gis.features import FeatureRecords
from tests.simulator.conftest import BASE, Clock, Simulator

SERVICE = "/arcgis/rest/services/Electric/Network/FeatureServer"
REFERER = "https://client.example"
APP = {
    "client_id": credentials.ARCGIS_CLIENT_ID,
    "client_secret": credentials.ARCGIS_CLIENT_SECRET,
    "grant_type": "client_credentials",
}
USER = {"username": credentials.GIS_USERNAME, "password": credentials.GIS_PASSWORD}


def app_token(simulator: Simulator) -> str:
    token: str = simulator.post("/arcgis/sharing/rest/oauth2/token", data=APP).json()["access_token"]
    return token


@pytest.fixture
def headers(simulator: Simulator) -> dict[str, str]:
    return {"X-Esri-Authorization": f"Bearer {app_token(simulator)}"}


def query(simulator: Simulator, headers: dict[str, str], layer: str = "0", **form: str) -> Any:
    answer = simulator.post(f"{SERVICE}/{layer}/query", data={"where": "1=1", "f": "json", **form}, headers=headers)
    assert answer.status_code == 200
    return answer.json()


def object_ids(body: Any) -> list[int]:
    return [feature["attributes"]["OBJECTID"] for feature in body["features"]]


def inject(simulator: Simulator, fault: str, **more: int) -> None:
    answer = simulator.post("/faults", json={"system": "arcgis", "fault": fault, "seconds": 60, **more})
    assert answer.status_code == 200, answer.text


def test_object_ids_are_unique_and_above_32_bits() -> None:
    records = FeatureRecords().collections
    for layer in LAYERS.values():
        numbers = [object_id(key) for key, one in records[layer.collection].items() if layer.holds(one)]

        assert len(set(numbers)) == len(numbers)
        assert min(numbers) > 2**31


def test_a_refusal_comes_with_http_200(simulator: Simulator) -> None:
    without = simulator.get(SERVICE)
    wrong = simulator.get(SERVICE, headers={"Authorization": "Bearer wrong"})

    assert (without.status_code, wrong.status_code) == (200, 200)
    assert without.json() == {"error": {"code": 499, "message": "Token Required", "details": []}}
    assert wrong.json() == {"error": {"code": 498, "message": "Invalid token.", "details": []}}


def test_a_token_runs_out(simulator: Simulator, headers: dict[str, str], clock: Clock) -> None:
    assert "layers" in simulator.get(SERVICE, headers=headers).json()
    clock.advance(minutes=5)

    assert simulator.get(SERVICE, headers=headers).json()["error"]["code"] == 498


def test_a_users_token_is_good_from_its_referer_alone(simulator: Simulator) -> None:
    form = {**USER, "client": "referer", "referer": REFERER}
    answer = simulator.post("/arcgis/sharing/rest/generateToken", data=form).json()
    token = {"X-Esri-Authorization": f"Bearer {answer['token']}"}

    here = simulator.get(SERVICE, headers={**token, "Referer": REFERER}).json()
    elsewhere = simulator.get(SERVICE, headers=token).json()

    assert answer["expires"] == 1_795_483_200_250  # 02:20:00.25 by the utility's clock
    assert "layers" in here
    assert elsewhere["error"]["code"] == 498


@pytest.mark.parametrize(
    ("path", "form", "said"),
    [
        ("oauth2/token", {**APP, "client_secret": "wrong"}, "Invalid client_id"),
        ("oauth2/token", {**APP, "grant_type": "password"}, "Unsupported grant_type."),
        ("generateToken", {**USER, "password": "wrong"}, "Unable to generate token."),
        ("generateToken", USER, "Unable to generate token."),
    ],
)
def test_no_token_for_wrong_credentials(simulator: Simulator, path: str, form: dict[str, str], said: str) -> None:
    error = simulator.post(f"/arcgis/sharing/rest/{path}", data=form).json()["error"]

    assert (error["code"], error["message"]) == (400, said)


def test_services_lie_in_a_folder(simulator: Simulator, headers: dict[str, str]) -> None:
    root = simulator.get("/arcgis/rest/services", headers=headers).json()
    folder = simulator.get("/arcgis/rest/services/Electric", headers=headers).json()

    assert (root["folders"], root["services"]) == (["Electric"], [])
    assert [entry["type"] for entry in folder["services"]] == ["FeatureServer", "MapServer"]
    assert simulator.get("/arcgis/rest/info").json()["authInfo"]["tokenServicesUrl"] == (
        f"{BASE}/arcgis/sharing/rest/generateToken"
    )


def test_layers_are_of_different_ages(simulator: Simulator, headers: dict[str, str]) -> None:
    devices, lines, zones = (simulator.get(f"{SERVICE}/{number}", headers=headers).json() for number in range(3))

    assert devices["advancedQueryCapabilities"] == {"supportsPagination": True, "supportsOrderBy": True}
    assert lines["advancedQueryCapabilities"] == {"supportsPagination": False, "supportsOrderBy": True}
    assert "objectIdField" not in zones
    assert "advancedQueryCapabilities" not in zones


def test_a_page_holds_no_more_than_the_layer_gives(simulator: Simulator, headers: dict[str, str]) -> None:
    sorted_by_id = {"orderByFields": "OBJECTID", "resultRecordCount": "5000"}

    first = query(simulator, headers, **sorted_by_id)
    second = query(simulator, headers, **sorted_by_id, resultOffset="1000")

    assert first["exceededTransferLimit"] is True
    assert len(object_ids(first)) == len(object_ids(second)) == 1000
    assert object_ids(first) == sorted(object_ids(first))
    assert object_ids(first)[-1] < object_ids(second)[0]
    assert query(simulator, headers, returnCountOnly="true") == {"count": 5998}


def test_ids_are_not_cut(simulator: Simulator, headers: dict[str, str]) -> None:
    assert len(query(simulator, headers, returnIdsOnly="true")["objectIds"]) == 5998


def test_coordinates_are_metres_unless_degrees_are_asked_for(simulator: Simulator, headers: dict[str, str]) -> None:
    one = {"where": "assetid = 'SW-10770'"}

    metres, degrees = query(simulator, headers, **one), query(simulator, headers, **one, outSR="4326")

    assert metres["spatialReference"] == {"wkid": 102100, "latestWkid": 3857}
    assert metres["features"][0]["geometry"]["x"] == pytest.approx(1_270_112.5, abs=1)
    assert degrees["features"][0]["geometry"] == {"x": 11.4096149, "y": 53.6414371}


def test_geojson_has_its_flag_among_the_properties(simulator: Simulator, headers: dict[str, str]) -> None:
    body = query(simulator, headers, f="geojson", resultRecordCount="2")

    assert body["properties"] == {"exceededTransferLimit": True}
    assert body["features"][0]["id"] == body["features"][0]["properties"]["OBJECTID"]


@pytest.mark.parametrize(
    ("layer", "form", "said"),
    [
        ("0", {"where": "colour = 'red'"}, "There is no queryable colour."),
        ("0", {"where": "kva > '"}, "Cannot read the filter"),
        ("0", {"orderByFields": "colour"}, "'orderByFields' parameter is invalid"),
        ("0", {"resultOffset": "-1"}, "'resultOffset' parameter is invalid"),
        ("0", {"f": "html"}, "'f' parameter is invalid"),
        ("1", {"resultRecordCount": "10"}, "Pagination is not supported."),
        ("2", {"orderByFields": "OBJECTID"}, "'orderByFields' parameter is invalid"),
        ("2", {"f": "geojson"}, "'f' parameter is invalid"),
    ],
)
def test_a_wrong_question_is_refused(
    simulator: Simulator, headers: dict[str, str], layer: str, form: dict[str, str], said: str
) -> None:
    error = query(simulator, headers, layer, **form)["error"]

    assert (error["code"], error["message"]) == (400, "Cannot perform query. Invalid query parameters.")
    assert said in error["details"][0]


def test_what_was_edited_since(simulator: Simulator, headers: dict[str, str]) -> None:
    simulator.post("/edits", json={"system": "gis", "id": "SW-10770", "set": {"name": "Renamed"}})

    body = query(simulator, headers, where="last_edited_date >= TIMESTAMP '2026-11-24 01:15:00'")

    (attributes,) = (feature["attributes"] for feature in body["features"])
    assert (attributes["assetid"], attributes["last_edited_date"]) == ("SW-10770", 1_795_482_900_250)


def extract(simulator: Simulator, headers: dict[str, str], generation: int, **form: str) -> Any:
    gens = f'[{{"id":0,"serverGen":{generation}}}]'
    data = {"layers": "0", "layerServerGens": gens, "returnUpdates": "true", "outSR": "4326", **form}
    return simulator.post(f"{SERVICE}/extractChanges", data=data, headers=headers).json()


def generations(simulator: Simulator, headers: dict[str, str]) -> dict[str, int]:
    service = simulator.get(SERVICE, headers=headers).json()
    entry: dict[str, int] = service["changeTrackingInfo"]["layerServerGens"][0]
    return entry


def test_changes_come_by_a_job_that_is_done_before_it_has_a_result(
    simulator: Simulator, headers: dict[str, str]
) -> None:
    before = generations(simulator, headers)["serverGen"]
    simulator.post("/edits", json={"system": "gis", "id": "SW-10770", "set": {"name": "Renamed"}})
    simulator.post("/edits", json={"system": "gis", "id": "BUS-1", "remove": True})

    job = extract(simulator, headers, before, returnDeletes="true")["statusUrl"]
    looks = [simulator.get(job, headers=headers).json() for _ in range(3)]
    result = simulator.get(looks[2]["resultUrl"]).json()

    assert [(look["status"], bool(look.get("resultUrl"))) for look in looks] == [
        ("InProgress", False),
        ("Completed", False),
        ("Completed", True),
    ]
    assert result["layerServerGens"] == [{"id": 0, "serverGen": before + 1}]
    (edits,) = result["edits"]
    assert [one["attributes"]["name"] for one in edits["features"]["updates"]] == ["Renamed"]
    assert edits["features"]["deleteIds"] == [global_id("BUS-1")]


def test_purged_changes_cannot_be_asked_for(simulator: Simulator, headers: dict[str, str]) -> None:
    before = generations(simulator, headers)["serverGen"]
    simulator.post("/edits", json={"system": "gis", "id": "SW-10770", "set": {"name": "Renamed"}})
    inject(simulator, "purged", times=1)

    now = generations(simulator, headers)

    assert now == {"id": 0, "minServerGen": before + 1, "serverGen": before + 1}
    assert "older than the oldest" in extract(simulator, headers, before)["error"]["message"]


def test_generations_of_other_layers_are_refused(simulator: Simulator, headers: dict[str, str]) -> None:
    assert "do not match" in extract(simulator, headers, 1000, layers="0,1")["error"]["message"]


def test_faults_of_a_layer(simulator: Simulator, headers: dict[str, str]) -> None:
    page = {"orderByFields": "OBJECTID", "resultRecordCount": "10"}
    good = query(simulator, headers, **page)
    after = f"OBJECTID > {object_ids(good)[-1]}"

    inject(simulator, "short", times=1)
    short = query(simulator, headers, **page)
    inject(simulator, "truncated", times=1)
    truncated = query(simulator, headers, **page)
    inject(simulator, "repeated", times=1)
    repeated = query(simulator, headers, **page, where=after)

    assert (object_ids(short), short["exceededTransferLimit"]) == (object_ids(good)[:5], True)
    assert (object_ids(truncated), "exceededTransferLimit" in truncated) == (object_ids(good)[:5], False)
    assert object_ids(repeated) == object_ids(good)
