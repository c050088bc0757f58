"""The simulator's PI Web API as a client reads it that we did not write (pi-web-api-python-sdk)."""

from collections.abc import Iterator

import httpx
import pytest
from pi_web_api import PIWebAPIClient
from pi_web_api.exceptions import PIWebAPIError
from pi_web_api.models import BatchSubrequest

from simulator import credentials
from tests.simulator.conftest import BASE, Clock, Simulator

SWITCH, PATH = "SW-10770", "\\\\RURAL-AF\\Grid"


@pytest.fixture
def client(simulator: Simulator) -> Iterator[PIWebAPIClient]:
    def answer(request: httpx.Request) -> httpx.Response:
        headers = dict(request.headers)
        got = simulator.request(request.method, str(request.url), content=request.read(), headers=headers)
        return httpx.Response(got.status_code, headers=got.headers, content=got.content)

    transport = httpx.MockTransport(answer)
    with PIWebAPIClient(
        f"{BASE}/piwebapi",
        token=credentials.PI_BEARER_TOKEN,
        headers={"X-Requested-With": "XMLHttpRequest"},
        http_transport=transport,
    ) as client:
        yield client


def frames(client: PIWebAPIClient) -> list[str]:
    database = client.asset_databases.get_by_path(PATH)
    found = client.request("GET", f"assetdatabases/{database.web_id}/eventframes").json()
    return [one["WebId"] for one in found["Items"]]


def test_it_finds_its_way_from_the_home_page_to_the_databases(client: PIWebAPIClient) -> None:
    [server] = client.asset_servers.list().items
    [database] = client.asset_servers.get_databases(server.web_id or "").items

    assert client.system.get_status().state == "Running"
    assert database.path == PATH
    assert client.asset_databases.get_by_path(PATH).name == "Grid"


def test_it_acknowledges_an_event_frame(client: PIWebAPIClient, simulator: Simulator, clock: Clock) -> None:
    simulator.post("/scenarios/hv-fault", json={"element": SWITCH})
    [key] = frames(client)
    before = client.event_frames.get(key)
    clock.advance(minutes=1)

    done = client.event_frames.acknowledge(key)

    after = client.event_frames.get(key)
    assert (done.status_code, done.body) == (204, None)
    assert (before.can_be_acknowledged, before.is_acknowledged) == (True, False)
    assert (after.is_acknowledged, after.acknowledged_by) == (True, "RURAL\\service")
    with pytest.raises(PIWebAPIError):
        client.event_frames.acknowledge(key)


def test_its_batches_are_understood_and_so_are_the_answers(client: PIWebAPIClient) -> None:
    database = BatchSubrequest(method="GET", resource=f"{BASE}/piwebapi/assetdatabases?path={PATH}")
    elements = BatchSubrequest(
        method="GET",
        resource=f"{BASE}/piwebapi/assetdatabases/{{0}}/elements?nameFilter={SWITCH}&searchFullHierarchy=true",
        parent_ids=["database"],
        parameters=["$.database.Content.WebId"],
    )

    answer = client.batch.execute({"database": database, "elements": elements})

    assert [answer[name].status for name in ("database", "elements")] == [200, 200]
    assert [one["Name"] for one in answer["elements"].content["Items"]] == [SWITCH]


def test_it_reads_what_is_recorded(client: PIWebAPIClient, simulator: Simulator, clock: Clock) -> None:
    [element] = client.request(
        "GET",
        f"assetdatabases/{client.asset_databases.get_by_path(PATH).web_id}/elements",
        params={"nameFilter": SWITCH, "searchFullHierarchy": "true"},
    ).json()["Items"]
    attributes = client.request("GET", f"elements/{element['WebId']}/attributes").json()["Items"]
    position = next(one["WebId"] for one in attributes if one["Name"] == "POS")
    clock.advance(minutes=1)
    simulator.post("/scenarios/hv-fault", json={"element": SWITCH})

    [stream] = client.stream_sets.get_recorded([position], start_time="2026-11-24T00:00:00Z").items

    assert stream.path == f"{element['Path']}|POS"
    assert [(one.good, one.value["Name"]) for one in stream.items] == [(True, "Closed"), (True, "Open")]
