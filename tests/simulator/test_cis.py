import pytest

from simulator import credentials
from tests.simulator.conftest import Clock, Simulator

TOKEN = "/cis/oauth/token"
CLIENT = (credentials.CIS_CLIENT_ID, credentials.CIS_CLIENT_SECRET)
GRANT = {"grant_type": "client_credentials"}


def test_a_record_has_all_that_an_outage_needs(simulator: Simulator) -> None:
    record = simulator.cis("/service-points/SP-26").json()

    assert record == {
        "servicePointId": "SP-26",
        "name": "LV1.103 Load 1",
        "connectivityNode": "N-93",
        "customerClass": "agricultural",
        "priority": "CRITICAL",
        "priorityReason": "Poultry house ventilation",
        "account": {"number": "700000027", "holder": "Farm 27", "phone": None},
        "peakKw": record["peakKw"],
        "location": record["location"],
        "updatedAt": record["updatedAt"],
    }


def test_pages_by_number_hold_everyone_once(simulator: Simulator) -> None:
    first = simulator.cis("/service-points", per_page=500).json()
    seen = [record["servicePointId"] for record in first["data"]]
    for number in range(2, first["totalPages"] + 1):
        page = simulator.cis("/service-points", per_page=500, page=number).json()
        seen += [record["servicePointId"] for record in page["data"]]

    assert (first["total"], first["totalPages"], first["page"], first["perPage"]) == (5373, 11, 1, 500)
    assert len(seen) == len(set(seen)) == 5373
    assert simulator.cis("/service-points", per_page=500, page=12).json()["data"] == []


def test_pages_by_cursor_hold_everyone_once(simulator: Simulator) -> None:
    seen: list[str] = []
    parameters: dict[str, str | int] = {"limit": 500}
    while True:
        page = simulator.cis("/service-points-by-cursor", **parameters).json()
        seen += [record["servicePointId"] for record in page["items"]]
        if page["nextCursor"] is None:
            break
        parameters["cursor"] = page["nextCursor"]

    assert page["total"] == 5373
    assert len(seen) == len(set(seen)) == 5373


def test_what_changed_since_an_instant_includes_it(simulator: Simulator, clock: Clock) -> None:
    simulator.post("/edits", json={"system": "cis", "id": "SP-7", "set": {"priority": "CRITICAL"}})

    at = simulator.cis("/service-points", updated_since="2026-11-24T02:15:00.250+01:00").json()
    after = simulator.cis("/service-points", updated_since="2026-11-24T02:15:00.251+01:00").json()

    assert [record["servicePointId"] for record in at["data"]] == ["SP-7"]
    assert at["data"][0]["updatedAt"] == "2026-11-24T01:15:00.250Z"
    assert (after["data"], after["total"], after["totalPages"]) == ([], 0, 0)


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("/service-points", {"per_page": 501}),
        ("/service-points", {"page": 0}),
        ("/service-points", {"limit": 5}),
        ("/service-points", {"updated_since": "yesterday"}),
        ("/service-points", {"updated_since": "2026-11-24T00:00:00"}),
        ("/service-points-by-cursor", {"limit": "x"}),
        ("/service-points-by-cursor", {"cursor": "nonsense"}),
        ("/service-points-by-cursor", {"page": 1}),
    ],
)
def test_a_wrong_parameter_is_refused(simulator: Simulator, path: str, parameters: dict[str, str | int]) -> None:
    answer = simulator.cis(path, **parameters)

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "INVALID_REQUEST"


def test_a_token_opens_the_service_until_it_has_run_out(simulator: Simulator, clock: Clock) -> None:
    grant = simulator.post(TOKEN, data=GRANT, auth=CLIENT)
    bearer = {"Authorization": f"Bearer {grant.json()['access_token']}"}

    fresh = simulator.get("/cis/v1/service-points/SP-0", headers=bearer)
    clock.advance(seconds=300)
    old = simulator.get("/cis/v1/service-points/SP-0", headers=bearer)

    assert grant.json()["token_type"] == "Bearer"
    assert grant.json()["expires_in"] == 300
    assert grant.headers["cache-control"] == "no-store"
    assert fresh.status_code == 200
    assert old.status_code == 401
    assert old.headers["www-authenticate"] == 'Bearer realm="cis", error="invalid_token"'


def test_the_client_may_stand_in_the_form(simulator: Simulator) -> None:
    form = {**GRANT, "client_id": CLIENT[0], "client_secret": CLIENT[1]}

    assert simulator.post(TOKEN, data=form).status_code == 200


@pytest.mark.parametrize(
    ("form", "auth", "status", "error"),
    [
        (GRANT, ("utility-connectors", "wrong"), 401, "invalid_client"),
        (GRANT, None, 401, "invalid_client"),
        ({"grant_type": "password"}, CLIENT, 400, "unsupported_grant_type"),
        ({"scope": "x"}, CLIENT, 400, "invalid_request"),
        ({}, CLIENT, 400, "invalid_request"),
    ],
)
def test_a_grant_that_cannot_be_is_refused_in_the_form_of_rfc_6749(
    simulator: Simulator, form: dict[str, str], auth: tuple[str, str] | None, status: int, error: str
) -> None:
    answer = simulator.post(TOKEN, data=form, auth=auth)

    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_without_credentials_nobody_comes_in(simulator: Simulator) -> None:
    nobody = simulator.get("/cis/v1/service-points")
    wrong = simulator.get("/cis/v1/service-points", headers={"X-Api-Key": "no"})

    assert (nobody.status_code, wrong.status_code) == (401, 401)
    assert nobody.json()["error"]["code"] == "UNAUTHORIZED"


def test_nobody_in_it_is_real(simulator: Simulator) -> None:
    accounts = [record["account"] for record in simulator.utility.customers.by_id.values()]

    assert {account["holder"].split()[0] for account in accounts} == {"Household", "Business", "Farm"}
    assert all((account["phone"] or "+49 40 66969 ").startswith("+49 40 66969 ") for account in accounts)
