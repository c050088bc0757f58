"""Sources that push: what each line is answered, and what the door says to whom it does not know."""

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from connectors import registry
from connectors.models import (
    Connector,
    ConnectorToken,
    OutboxItem,
    RejectedRecord,
    Run,
    State,
    Stream,
    StreamState,
)
from connectors.services.push import NotPushed, accept_lines
from connectors.services.tokens import (
    UnableToIssueConnectorToken,
    issue_connector_token,
    revoke_connector_token,
)
from gis.models import Zone
from organisation.models import Organisation
from organisation.scope import Scope, acting_for
from tests.connectors.engine.scripted import REFUSED_NAME, UNKNOWN_NAME, Clock, Domain

CONTRACT = "restoration-estimate/1"


@pytest.fixture
def tablets(scope: Scope) -> Connector:
    return Connector.objects.create(kind="push", name="Tablets", config={"contracts": [CONTRACT]})


def estimate(key: str, note: str = "", **values: Any) -> dict[str, Any]:
    return {
        "external_id": key,
        "source_time": "2026-11-24T02:20:00+01:00",
        "work_order": "WO1",
        "estimated_at": "2026-11-24T04:30:00+01:00",
        "note": note,
        **values,
    }


def ndjson(*lines: Any) -> bytes:
    return b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)


def push(tablets: Connector, clock: Clock, *lines: Any) -> list[dict[str, Any]]:
    answers = accept_lines(connector_id=tablets.pk, contract=CONTRACT, body=ndjson(*lines), clock=clock)
    return [json.loads(answer.as_json()) for answer in answers]


def test_each_line_is_answered_and_the_good_ones_land(tablets: Connector, clock: Clock) -> None:
    answers = push(
        tablets,
        clock,
        estimate("E1"),
        b'{"external_id": ',
        estimate("E2", source_time="soon"),
        estimate("E3", note=UNKNOWN_NAME),
        ["no object"],
        estimate("E4", note=REFUSED_NAME),
        estimate("E5"),
    )

    assert [(answer["line"], answer["status"]) for answer in answers] == [
        (1, "accepted"),
        *((line, "rejected") for line in range(2, 7)),
        (7, "accepted"),
    ]
    assert answers[1]["reason"].startswith("this line is not JSON: ")
    assert answers[2]["path"] == "source_time"
    assert (answers[3]["reason"], answers[3]["path"]) == ("nobody knows this zone", "name")
    assert answers[4]["reason"] == "a record is a JSON object"
    assert "division by zero" in answers[5]["reason"]
    assert sorted(Zone.objects.values_list("external_id", flat=True)) == ["E1", "E5"]
    run = Run.objects.get()
    assert (run.trigger, run.mode, run.status) == ("PUSH", "EVENT", "SUCCEEDED")
    assert (run.records, run.created, run.rejected) == (7, 2, 5)
    assert RejectedRecord.objects.filter(run=run).count() == 5
    assert RejectedRecord.objects.get(reason__startswith="this line").raw == '{"external_id": '
    state = StreamState.objects.get()
    assert (state.outcome, state.proved_at, state.attempted_at) == ("SUCCEEDED", clock(), clock())
    assert Connector.objects.get().state == State.ACTIVE


def test_pushing_again_changes_nothing_but_proves_it(tablets: Connector, clock: Clock) -> None:
    push(tablets, clock, estimate("E1"))
    Run.objects.all().delete()
    OutboxItem.objects.all().delete()
    clock.advance(60)

    assert push(tablets, clock, estimate("E1")) == [{"line": 1, "status": "accepted"}]

    assert not Run.objects.exists()
    assert not OutboxItem.objects.exists()
    assert StreamState.objects.get().proved_at == clock()


def test_an_empty_push_is_a_sign_of_life(tablets: Connector, clock: Clock) -> None:
    assert push(tablets, clock) == []

    assert StreamState.objects.get().proved_at == clock()


def test_what_the_settings_do_not_allow_is_not_taken(tablets: Connector, clock: Clock) -> None:
    with pytest.raises(NotPushed, match="Its settings say what may be pushed"):
        accept_lines(connector_id=tablets.pk, contract="alarm/1", body=b"", clock=clock)

    assert not Stream.objects.exists()


def test_what_is_switched_off_takes_nothing(tablets: Connector, clock: Clock) -> None:
    push(tablets, clock)
    Stream.objects.update(is_enabled=False)

    with pytest.raises(NotPushed, match="is switched off here"):
        push(tablets, clock, estimate("E1"))
    assert not Zone.objects.exists()


def address(tablets: Connector, contract: str = CONTRACT) -> str:
    return f"/registry/connectors/{tablets.uuid}/records/{contract}"


@pytest.fixture
def token(tablets: Connector) -> str:
    now = timezone.now()
    return issue_connector_token(connector=tablets, name="Tablets", expires_at=now + timedelta(days=1), now=now)[1]


def post(client: Client, where: str, token: str | None, body: bytes = b"", **options: Any) -> Any:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return client.post(where, body, **{"content_type": "application/x-ndjson", "headers": headers, **options})


def test_the_door_opens_with_the_connectors_token(
    client: Client, tablets: Connector, token: str, domain: Domain
) -> None:
    response = post(client, address(tablets), token, ndjson(estimate("E1"), b"{"))

    assert (response.status_code, response["Content-Type"]) == (200, "application/x-ndjson")
    assert [json.loads(line)["status"] for line in response.content.splitlines()] == ["accepted", "rejected"]
    assert [change.contract for change in domain.told] == [CONTRACT]


def test_without_a_good_token_the_door_stays_shut(client: Client, tablets: Connector, token: str) -> None:
    where = address(tablets)
    nobody = post(client, where, None)
    unknown = post(client, where, "uecc_unknown")
    malformed = client.post(where, b"", content_type="application/x-ndjson", headers={"Authorization": "Basic x"})
    revoke_connector_token(token=ConnectorToken.objects.get(), now=timezone.now())
    revoked = post(client, where, token, ndjson(estimate("E1")))

    realm = 'Bearer realm="Utility Enterprise Connectors"'
    assert (nobody.status_code, nobody["WWW-Authenticate"]) == (401, realm)
    assert unknown.status_code == 401
    assert unknown["WWW-Authenticate"].startswith(f'{realm}, error="invalid_token"')
    assert (malformed.status_code, malformed.json()["error"]) == (400, "invalid_request")
    assert (revoked.status_code, revoked.json()["error"]) == (401, "invalid_token")
    assert not Zone.objects.exists()


def test_a_token_opens_its_own_connector_only(
    client: Client, tablets: Connector, token: str, neighbour: Organisation
) -> None:
    other = Connector.objects.create(kind="push", name="Others", config={"contracts": [CONTRACT]})
    with acting_for(Scope(organisation_id=neighbour.pk)):
        theirs = Connector.objects.create(kind="push", name="Tablets", config={"contracts": [CONTRACT]})

    for foreign in (other.uuid, theirs.uuid, uuid4()):
        response = post(client, f"/registry/connectors/{foreign}/records/{CONTRACT}", token, ndjson(estimate("E1")))
        assert (response.status_code, response.json()["error"]) == (403, "insufficient_scope")
    assert not Zone.objects.exists()


def test_what_the_door_cannot_take_it_says(client: Client, tablets: Connector, token: str) -> None:
    unknown = post(client, address(tablets, "nonsense/1"), token)
    not_allowed = post(client, address(tablets, "alarm/1"), token)
    wrong_type = post(client, address(tablets), token, b"<xml/>", content_type="text/xml")
    too_much = post(client, address(tablets), token, b" " * (20 * 1024 * 1024 + 1))
    read = client.get(address(tablets), headers={"Authorization": f"Bearer {token}"})

    assert [one.status_code for one in (unknown, not_allowed, wrong_type, too_much, read)] == [404, 404, 415, 413, 405]
    assert read["Allow"] == "POST"


def test_the_door_needs_no_cookie_of_ours(tablets: Connector, token: str) -> None:
    strict = Client(enforce_csrf_checks=True)

    assert post(strict, address(tablets), token).status_code == 200


def test_a_token_lives_a_year_at_most_and_has_its_own_name(tablets: Connector, token: str) -> None:
    now = timezone.now()
    with pytest.raises(UnableToIssueConnectorToken, match="within a year"):
        issue_connector_token(connector=tablets, name="Long", expires_at=now + timedelta(days=400), now=now)
    with pytest.raises(UnableToIssueConnectorToken, match="named Tablets already"):
        issue_connector_token(connector=tablets, name="Tablets", expires_at=now + timedelta(days=1), now=now)

    stored = ConnectorToken.objects.get()
    assert token not in (stored.digest, stored.hint)
    assert token.startswith(stored.hint)


def test_contracts_are_published(client: Client) -> None:
    response = client.get("/contracts/restoration-estimate/1.json")

    assert (response.status_code, response["Content-Type"]) == (200, "application/schema+json")
    assert response.json()["title"] == CONTRACT
    assert client.get("/contracts/nonsense/1.json").status_code == 404


def test_every_source_that_pushes_is_known_as_one() -> None:
    assert [kind for kind in registry.adapters() if registry.is_pushed_to(kind)] == ["push"]
