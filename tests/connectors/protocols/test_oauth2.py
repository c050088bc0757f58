"""OAuth 2.0 client credentials (RFC 6749 §4.4)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import responses

from connectors.protocols.egress import EgressPolicy
from connectors.protocols.errors import BadConfig, ContractBroken, SourceError, Unauthorized
from connectors.protocols.http import HttpSession
from connectors.protocols.oauth2 import ClientCredentials

TOKENS = "https://idp.example/token"
URL = "https://source.example/things"
CLIENT = ClientCredentials(token_url=TOKENS, client_id="we", client_secret="s3 cret", scope="read")


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 11, 22, 2, 15, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def http(clock: Clock) -> HttpSession:
    return HttpSession(egress=EgressPolicy(), now=clock, sleep=lambda seconds: None)


@pytest.fixture
def wire() -> Any:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def give(wire: Any, *tokens: str, **more: Any) -> None:
    for token in tokens:
        wire.post(TOKENS, json={"access_token": token, "token_type": "bearer", "expires_in": 300, **more})


def sent(wire: Any, url: str) -> list[Any]:
    return [call.request for call in wire.calls if call.request.url == url]


def test_one_token_serves_until_shortly_before_it_expires(wire: Any, http: HttpSession, clock: Clock) -> None:
    give(wire, "one", "two")
    wire.get(URL)

    http.get(URL, auth=CLIENT)
    clock.time += timedelta(seconds=269)
    http.get(URL, auth=CLIENT)
    clock.time += timedelta(seconds=1)
    http.get(URL, auth=CLIENT)

    used = [request.headers["Authorization"] for request in sent(wire, URL)]
    assert used == ["Bearer one", "Bearer one", "Bearer two"]
    asked = sent(wire, TOKENS)
    assert asked[0].body == "grant_type=client_credentials&scope=read"
    assert asked[0].headers["Authorization"] == "Basic d2U6czMrY3JldA=="  # we:s3+cret, form-encoded first (§2.3.1)
    assert len(asked) == 2


def test_the_client_can_be_named_in_the_form(wire: Any, http: HttpSession) -> None:
    give(wire, "one")
    wire.get(URL)

    http.get(URL, auth=ClientCredentials(token_url=TOKENS, client_id="we", client_secret="s", in_body=True))

    request = sent(wire, TOKENS)[0]
    assert request.body == "grant_type=client_credentials&client_id=we&client_secret=s"
    assert "Authorization" not in request.headers


def test_a_token_that_was_used_before_is_renewed_once(wire: Any, http: HttpSession) -> None:
    give(wire, "old", "new")
    wire.get(URL)
    wire.get(URL, status=401)
    wire.get(URL, json={"fine": True})

    http.get(URL, auth=CLIENT)
    response = http.get(URL, auth=CLIENT)

    assert http.json(response) == {"fine": True}
    used = [request.headers["Authorization"] for request in sent(wire, URL)]
    assert used == ["Bearer old", "Bearer old", "Bearer new"]


def test_a_token_does_not_show_where_the_source_repeats_it(wire: Any, http: HttpSession) -> None:
    give(wire, "t0ken")
    wire.get(URL, status=403, json={"message": "t0ken lacks a role"})

    with pytest.raises(Unauthorized, match="••• lacks a role"):
        http.get(URL, auth=CLIENT)


def test_a_fresh_token_that_is_refused_is_not_renewed(wire: Any, http: HttpSession) -> None:
    give(wire, "fresh")
    wire.get(URL, status=401)

    with pytest.raises(Unauthorized, match=r"source\.example does not accept our credentials"):
        http.get(URL, auth=CLIENT)

    assert len(sent(wire, URL)) == 1


@pytest.mark.parametrize("expires_in", ["300", None, "soon", -5, 1e99])
def test_odd_lifetimes_are_taken_with_caution(wire: Any, http: HttpSession, expires_in: Any) -> None:
    give(wire, "one", expires_in=expires_in)
    wire.get(URL)

    http.get(URL, auth=CLIENT)

    assert sent(wire, URL)[0].headers["Authorization"] == "Bearer one"


@pytest.mark.parametrize(
    ("status", "answer", "kind", "field"),
    [
        (400, {"error": "invalid_client"}, Unauthorized, None),
        (401, {"error": "invalid_client"}, Unauthorized, None),
        (401, {}, Unauthorized, None),
        (400, {"error": "unauthorized_client"}, Unauthorized, None),
        (400, {"error": "invalid_scope"}, BadConfig, "scope"),
        (400, {"error": "unsupported_grant_type"}, BadConfig, "token_url"),
        (400, {"error": "invalid_request"}, BadConfig, "token_url"),
        (404, {}, BadConfig, "token_url"),
    ],
)
def test_each_refusal_of_a_token_says_who_must_act(
    wire: Any, http: HttpSession, status: int, answer: Any, kind: type[SourceError], field: str | None
) -> None:
    wire.post(TOKENS, status=status, json=answer)

    with pytest.raises(kind, match=r"^idp\.example ") as caught:
        http.get(URL, auth=CLIENT)

    assert getattr(caught.value, "field", None) == field
    assert "s3 cret" not in str(caught.value)
    assert sent(wire, URL) == []


@pytest.mark.parametrize("answer", [{}, [], {"access_token": 7}, {"access_token": "t", "token_type": "mac"}])
def test_an_answer_without_a_bearer_token_breaks_the_contract(wire: Any, http: HttpSession, answer: Any) -> None:
    wire.post(TOKENS, json=answer)

    with pytest.raises(ContractBroken):
        http.get(URL, auth=CLIENT)
