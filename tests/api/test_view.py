import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from organisation.models import ApiToken, Membership
from organisation.scope import acting_for
from outage.graphql.page import OutagePage
from tests.api.conftest import Ask
from tests.conftest import scope_for

pytestmark = pytest.mark.django_db


def post(body: Any, **options: Any) -> Any:
    text = body if isinstance(body, str) else json.dumps(body)
    return Client().post("/graphql", text, content_type=options.pop("content_type", "application/json"), **options)


def test_without_credentials_it_says_how_to_come_in() -> None:
    response = post({"query": "{ __typename }"})
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (
        401,
        'Bearer realm="Utility Enterprise Connectors"',
    )


def test_an_unknown_token_is_refused_in_the_words_of_rfc_6750() -> None:
    response = post({"query": "{ __typename }"}, headers={"Authorization": "Bearer uec_nobody"})
    assert response.status_code == 401
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    "change", [{"revoked_at": timezone.now()}, {"expires_at": timezone.now() - timedelta(seconds=1)}]
)
def test_a_token_that_is_no_longer_good_is_refused(token: str, coordinator: Membership, change: dict[str, Any]) -> None:
    with acting_for(scope_for(coordinator)):
        ApiToken.objects.update(**change)

    response = post({"query": "{ __typename }"}, headers={"Authorization": f"Bearer {token}"})

    assert response.status_code == 401
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]


def test_a_member_who_was_switched_off_takes_the_token_along(token: str, coordinator: Membership) -> None:
    with acting_for(scope_for(coordinator)):
        Membership.objects.update(is_active=False)
    assert post({"query": "{ __typename }"}, headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_a_session_needs_the_csrf_token(coordinator: Membership) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(coordinator.user)
    body = json.dumps({"query": "{ __typename }"})

    refused = client.post("/graphql", body, content_type="application/json")
    client.cookies["csrftoken"] = "a" * 32
    accepted = client.post("/graphql", body, content_type="application/json", headers={"X-CSRFToken": "a" * 32})

    assert (refused.status_code, accepted.status_code, accepted.json()) == (
        403,
        200,
        {"data": {"__typename": "Query"}},
    )


def test_get_is_not_taken() -> None:
    response = Client().get("/graphql", {"query": "{ __typename }"})
    assert (response.status_code, response.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("{", "application/json"),
        ("[]", "application/json"),
        ('{"query": 1}', "application/json"),
        ('{"query": "{ __typename }", "variables": []}', "application/json"),
        ('{"query": "{ __typename }"}', "text/plain"),
        (json.dumps({"query": "#" * 30_000}), "application/json"),
    ],
)
def test_what_is_no_graphql_request_is_refused_with_what_to_send(token: str, body: str, content_type: str) -> None:
    response = post(body, content_type=content_type, headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == 400
    assert len(response.json()["errors"][0]["message"]) > 10


def test_a_token_may_do_less_than_its_owner(ask: Ask, coordinator: Membership) -> None:
    with acting_for(scope_for(coordinator)):
        ApiToken.objects.update(scopes=["connectors:read"])

    answer = ask("{ outages { totalCount } }", expect_errors=True)

    assert answer["errors"][0]["extensions"] == {"code": "INSUFFICIENT_SCOPE", "scope": "operations:read"}


def test_a_bug_is_not_told_to_the_client(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: OutagePage) -> None:
        raise ZeroDivisionError("a secret of ours")

    monkeypatch.setattr(OutagePage, "build", fail)

    answer = ask("{ outages { totalCount } }", expect_errors=True)

    assert "secret" not in json.dumps(answer)
    assert answer["errors"][0]["extensions"]["code"] == "INTERNAL"


def test_health_tells_that_it_is_ready() -> None:
    assert Client().get("/health/live").json() == {"status": "ok"}
    assert Client().get("/health/ready").json() == {
        "status": "ok",
        "checks": {"database": "ok", "broker": "ok"},
    }
