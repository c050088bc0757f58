"""The session's judgement of answers, with the wire mocked."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import requests
import responses

from connectors.protocols.credentials import Basic, Bearer, HeaderKey
from connectors.protocols.egress import EgressPolicy
from connectors.protocols.errors import (
    BadConfig,
    ContractBroken,
    SourceError,
    Throttled,
    Unauthorized,
    Unreachable,
)
from connectors.protocols.http import HttpLimits, HttpSession, Response
from connectors.protocols.pace import TokenBucket
from connectors.protocols.wire import RequestRefused

NOW = datetime(2026, 11, 22, 2, 15, tzinfo=UTC)
URL = "https://source.example/things"


@pytest.fixture
def wire() -> Any:
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def http(pauses: list[float]) -> HttpSession:
    return HttpSession(egress=EgressPolicy(), now=lambda: NOW, sleep=pauses.append)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ContractBroken),
        (401, Unauthorized),
        (403, Unauthorized),
        (404, ContractBroken),
        (408, Unreachable),
        (418, ContractBroken),
        (422, ContractBroken),
        (429, Throttled),
        (500, Unreachable),
        (501, Unreachable),
        (502, Unreachable),
        (503, Unreachable),
        (504, Unreachable),
        (599, Unreachable),
    ],
)
def test_each_status_calls_for_its_reaction(wire: Any, http: HttpSession, status: int, kind: type[SourceError]) -> None:
    wire.get(URL, status=status)

    with pytest.raises(kind, match=r"^source\.example "):
        http.get(URL)


def test_a_status_that_the_caller_asked_to_see_is_not_raised(wire: Any, http: HttpSession) -> None:
    wire.get(URL, status=404)

    assert http.get(URL, accept_status={404}).status == 404


def test_the_refused_request_says_which_status(wire: Any, http: HttpSession) -> None:
    wire.get(URL, status=422, json={"detail": "limit is too high."})

    with pytest.raises(RequestRefused) as caught:
        http.get(URL + "?apikey=s3cret")

    assert caught.value.status == 422
    assert str(caught.value) == (
        "source.example answered 422 Unprocessable Entity to /things (it says: limit is too high)."
    )


@pytest.mark.parametrize(("status", "attempts"), [(500, 1), (502, 3), (503, 3), (504, 3), (404, 1)])
def test_what_passes_by_itself_is_asked_for_again_a_few_times(
    wire: Any, http: HttpSession, pauses: list[float], status: int, attempts: int
) -> None:
    wire.get(URL, status=status)

    with pytest.raises(SourceError):
        http.get(URL)

    assert len(wire.calls) == attempts
    assert pauses == [0.25, 0.5][: attempts - 1]


def test_a_passing_error_is_forgotten(wire: Any, http: HttpSession) -> None:
    wire.get(URL, status=502)
    wire.get(URL, json=[1])

    assert http.json(http.get(URL)) == [1]


def test_what_may_have_had_its_effect_is_not_sent_again(wire: Any, http: HttpSession) -> None:
    wire.post(URL, status=502)
    wire.post(URL + "/safe", status=502)

    with pytest.raises(Unreachable):
        http.post(URL, json={})
    with pytest.raises(Unreachable):
        http.post(URL + "/safe", json={}, idempotent=True)

    assert len(wire.calls) == 1 + 3


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "17"}, 17),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "Sun, 22 Nov 2026 02:16:00 GMT"}, 60),
        # The source's clock is an hour fast: what it means is a minute.
        ({"Retry-After": "Sun, 22 Nov 2026 03:16:00 GMT", "Date": "Sun, 22 Nov 2026 03:15:00 GMT"}, 60),
        ({"Retry-After": "Sun, 22 Nov 2026 01:00:00 GMT"}, 0),
        ({"Retry-After": "99999999999"}, 86_400),
    ],
)
def test_the_source_says_when_to_come_again(
    wire: Any, http: HttpSession, pauses: list[float], status: int, headers: dict[str, str], wait: int
) -> None:
    wire.get(URL, status=status, headers=headers)

    with pytest.raises(Throttled) as caught:
        http.get(URL)

    assert caught.value.retry_at == NOW + timedelta(seconds=wait)
    assert pauses == []
    assert len(wire.calls) == 1


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "soon"}])
def test_throttling_without_a_usable_time_has_none(wire: Any, http: HttpSession, headers: dict[str, str]) -> None:
    wire.get(URL, status=429, headers=headers)

    with pytest.raises(Throttled) as caught:
        http.get(URL)

    assert caught.value.retry_at is None


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://source.example/", "must begin with https:// or http://"),
        ("file:///etc/passwd", "must begin with https:// or http://"),
        ("source.example", "must begin with https:// or http://"),
        ("https:///path", "name a host"),
        ("https://user:s3cret@source.example/", "must not hold a user name or password"),
        ("https://source.example:99999/", "not a web address"),
        ("https://[::1/", "not a web address"),
    ],
)
def test_an_address_that_cannot_be_asked_is_a_wrong_setting(http: HttpSession, url: str, message: str) -> None:
    with pytest.raises(BadConfig, match=re.escape(message)) as caught:
        http.get(url)

    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("raised", "kind", "message"),
    [
        (requests.exceptions.ReadTimeout(), Unreachable, "did not answer within 30 s"),
        (requests.exceptions.ConnectTimeout(), Unreachable, "did not answer|took no connection"),
        (requests.exceptions.ConnectionError("apikey=s3cret"), Unreachable, "broke before the answer"),
        (requests.exceptions.SSLError("certificate verify failed: expired (_ssl.c:1)"), BadConfig, "expired"),
        (requests.exceptions.InvalidURL(), BadConfig, "not a web address"),
    ],
)
def test_each_failure_of_the_wire_calls_for_its_reaction(
    wire: Any, http: HttpSession, raised: Exception, kind: type[SourceError], message: str
) -> None:
    wire.get(URL, body=raised)

    with pytest.raises(kind, match=message) as caught:
        http.get(URL + "?apikey=s3cret")

    assert "s3cret" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_bug_is_not_taken_for_an_error_of_the_source(wire: Any, http: HttpSession) -> None:
    wire.get(URL, body=ZeroDivisionError())

    with pytest.raises(ZeroDivisionError):
        http.get(URL)


def test_a_key_with_a_line_break_is_a_wrong_setting(http: HttpSession) -> None:
    with pytest.raises(BadConfig, match="holds a character that no header may"):
        http.get(URL, auth=HeaderKey("X-API-Key", "s3cret\nX-Other: 1"))


@pytest.mark.parametrize("position", [0, 100, 119])
def test_no_part_of_a_long_secret_shows_either(wire: Any, http: HttpSession, position: int) -> None:
    secret = "s3cret-" * 200
    wire.get(URL, status=400, json={"detail": " " + "x" * position + secret})

    with pytest.raises(ContractBroken) as caught:
        http.get(URL, auth=Bearer(secret))

    assert "s3cret" not in str(caught.value)


class Thing(msgspec.Struct):
    name: str


def test_json_is_read_with_and_without_a_type(wire: Any, http: HttpSession) -> None:
    wire.get(URL, body=b'\xef\xbb\xbf{"name": "SW-1"}')
    response = http.get(URL)

    assert http.json(response) == {"name": "SW-1"}
    assert http.json(response, Thing) == Thing(name="SW-1")


def test_json_of_another_shape_breaks_the_contract(wire: Any, http: HttpSession) -> None:
    wire.get(URL, json={"name": 7})

    with pytest.raises(ContractBroken, match=r"Expected `str`, got `int` - at `\$\.name`"):
        http.json(http.get(URL), Thing)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "answered something else where JSON was expected, an empty answer."),
        (
            b"<html>\n <title>Sign in</title>",
            "answered a web page where JSON was expected; it begins: <html> <title>",
        ),
        (b"\x00\xff\x10{", "answered something else where JSON was expected"),
        (b'{"a": NaN}', "where JSON was expected"),
        (b"token s3cret is wrong", "it begins: token ••• is wrong"),
    ],
)
def test_what_is_not_json_is_shown_briefly_and_without_our_secrets(
    wire: Any, http: HttpSession, body: bytes, message: str
) -> None:
    wire.get(URL, body=body)
    response = http.get(URL, auth=Bearer("s3cret"))

    with pytest.raises(ContractBroken) as caught:
        http.json(response)

    assert message in str(caught.value)
    assert len(str(caught.value)) < 250
    assert "s3cret" not in str(caught.value)


def test_a_source_that_repeats_our_secret_in_an_error_does_not_give_it_away(wire: Any, http: HttpSession) -> None:
    wire.get(URL, status=403, json={"error": {"message": "key s3cret may not"}})

    with pytest.raises(Unauthorized, match="forbids this") as caught:
        http.get(URL, auth=HeaderKey("X-API-Key", "s3cret"))

    assert "key ••• may not" in str(caught.value)


@pytest.mark.parametrize("auth", [Bearer("s3cret"), Basic("user", "s3cret"), HeaderKey("X-API-Key", "s3cret")])
def test_no_secret_shows_in_a_repr(wire: Any, http: HttpSession, auth: Any) -> None:
    wire.get(URL)

    assert "s3cret" not in repr(auth)
    assert "s3cret" not in repr(http.get(URL + "?key=s3cret", auth=auth))


def test_credentials_are_sent_as_their_standards_say(wire: Any, http: HttpSession) -> None:
    wire.get(URL)

    http.get(URL, auth=Bearer("abc"))
    http.get(URL, auth=Basic("Jürgen", "pä:ss"))
    http.get(URL, auth=HeaderKey("apikey", "k"))

    sent = [call.request.headers for call in wire.calls]
    assert sent[0]["Authorization"] == "Bearer abc"
    assert sent[1]["Authorization"] == "Basic SsO8cmdlbjpww6Q6c3M="
    assert sent[2]["apikey"] == "k"


def test_a_body_in_json_may_hold_what_our_contracts_hold(wire: Any, http: HttpSession) -> None:
    wire.post(URL)

    http.post(URL, json={"at": NOW, "thing": Thing(name="x")})

    assert wire.calls[0].request.body == b'{"at":"2026-11-22T02:15:00Z","thing":{"name":"x"}}'
    assert wire.calls[0].request.headers["Content-Type"] == "application/json"


def test_the_sources_own_clock_can_be_read(wire: Any, http: HttpSession) -> None:
    wire.get(URL, headers={"Date": "Sun, 22 Nov 2026 02:14:58 GMT"})

    assert http.get(URL).date == NOW - timedelta(seconds=2)
    assert Response(status=200, url=URL).date is None


def test_a_redirect_to_an_address_without_tls_is_not_followed(wire: Any, http: HttpSession) -> None:
    wire.get(URL, status=302, headers={"Location": "http://source.example/things"})

    with pytest.raises(BadConfig, match="redirects to an address without TLS"):
        http.get(URL)


def test_requests_keep_to_the_pace_and_a_long_wait_is_not_slept() -> None:
    seconds = [0.0]
    pauses: list[float] = []

    def sleep(pause: float) -> None:
        pauses.append(pause)
        seconds[0] += pause

    limits = HttpLimits(longest_pause=1)
    fast = TokenBucket(rate=2, burst=2, clock=lambda: seconds[0])
    slow = TokenBucket(rate=0.01, burst=1, clock=lambda: seconds[0])
    with responses.RequestsMock() as wire:
        wire.get(URL)
        http = HttpSession(egress=EgressPolicy(), now=lambda: NOW, limits=limits, pace=fast, sleep=sleep)
        for _ in range(4):
            http.get(URL)
        http = HttpSession(egress=EgressPolicy(), now=lambda: NOW, limits=limits, pace=slow, sleep=sleep)
        http.get(URL)
        with pytest.raises(Throttled, match="as often as this connector's limit allows") as caught:
            http.get(URL)

    assert pauses == [0.5, 0.5]
    assert caught.value.retry_at == NOW + timedelta(seconds=100)


def test_what_is_no_certificate_is_a_wrong_setting() -> None:
    for bundle in ("/no/such/file", "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----"):
        with pytest.raises(BadConfig, match="certificate authority cannot be read") as caught:
            HttpSession(egress=EgressPolicy(), now=lambda: NOW, ca_bundle=bundle)

        assert caught.value.field == "ca_bundle"
