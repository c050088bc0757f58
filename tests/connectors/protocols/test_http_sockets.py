"""The session against real sockets: what a mock of the wire cannot show."""

import gzip
import socket
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connectors.protocols import egress
from connectors.protocols.credentials import Bearer, HeaderKey
from connectors.protocols.egress import EgressPolicy
from connectors.protocols.errors import BadConfig, ContractBroken, Unreachable
from connectors.protocols.http import HttpLimits, HttpSession, ResponseTooLarge
from tests.connectors.protocols.local_server import answers, serving

NOW = datetime(2026, 11, 22, 2, 15, tzinfo=UTC)
LOCAL = EgressPolicy.of(["127.0.0.1"])


def session(policy: EgressPolicy = LOCAL, *, ca_bundle: str | None = None, **limits: Any) -> HttpSession:
    quick = {"connect_timeout": 2, "read_timeout": 2, "total_timeout": 5, "backoff": 0.01} | limits
    return HttpSession(egress=policy, now=lambda: NOW, limits=HttpLimits(**quick), ca_bundle=ca_bundle)


def test_asks_as_itself_and_not_as_the_environment_wants(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login stranger password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with serving({"/": answers(200, b"{}")}) as server, session() as http:
        http.get(server.base + "/", params={"page": "1"})

    assert server.requests == [("GET", "/?page=1")]
    assert server.headers[0]["User-Agent"] == "utility-connectors/1.0"
    assert server.headers[0]["Cache-Control"] == "no-cache"
    assert "Authorization" not in server.headers[0]


def test_a_key_that_no_header_can_carry_is_a_wrong_setting() -> None:
    with (
        serving({"/": answers(200)}) as server,
        session() as http,
        pytest.raises(BadConfig, match="holds a character that no header may"),
    ):
        http.get(server.base + "/", auth=HeaderKey("X-API-Key", "ключ"))


def test_refuses_loopback_unless_it_is_allowed() -> None:
    with (
        serving({"/": answers(200)}) as server,
        session(EgressPolicy()) as http,
        pytest.raises(BadConfig, match=r"not allowed: it is at 127\.0\.0\.1"),
    ):
        http.get(server.base + "/")

    assert server.requests == []


def test_judges_the_address_that_it_connects_to_and_not_an_earlier_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolve = socket.getaddrinfo
    turns = iter(["93.184.216.34", "127.0.0.1", "127.0.0.1", "127.0.0.1"])
    connected: list[str] = []

    def rebinding(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        return resolve(next(turns) if host == "rebind.example" else host, port, *args, **kwargs)

    def connect(address: tuple[str, int], **options: Any) -> socket.socket:
        connected.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    monkeypatch.setattr(egress, "create_connection", connect)
    with session(EgressPolicy()) as http, pytest.raises(BadConfig, match=r"it is at 127\.0\.0\.1"):
        http.get("http://rebind.example/")

    assert connected == ["93.184.216.34"]


def test_of_several_addresses_connects_only_to_the_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve = socket.getaddrinfo

    def both(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host != "two.example":
            return resolve(host, port, *args, **kwargs)
        return resolve("127.0.0.2", port, *args, **kwargs) + resolve("127.0.0.1", port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", both)
    with (
        serving({"/": answers(200)}) as allowed,
        session() as http,
    ):
        http.get(f"http://two.example:{allowed.base.rpartition(':')[2]}/")

    assert len(allowed.requests) == 1


def test_follows_a_redirect_but_not_to_a_forbidden_address() -> None:
    with serving({"/": answers(200)}, host="127.0.0.2") as inside:
        pages = {
            "/": answers(302, Location="/there?x=1"),
            "/there": answers(200, b'{"here": true}'),
            "/out": answers(302, Location=inside.base + "/"),
        }
        with serving(pages) as server, session() as http:
            response = http.get(server.base + "/", auth=Bearer("s3cret"))
            with pytest.raises(BadConfig, match=r"it is at 127\.0\.0\.2"):
                http.get(server.base + "/out")

    assert http.json(response) == {"here": True}
    assert response.url == server.base + "/there?x=1"
    assert [headers["Authorization"] for headers in server.headers[:2]] == ["Bearer s3cret"] * 2
    assert inside.requests == []


def test_no_credential_follows_a_redirect_to_another_origin() -> None:
    with (
        serving({"/": answers(200)}) as other,
        serving({"/": answers(307, Location=other.base + "/")}) as server,
        session() as http,
    ):
        http.get(
            server.base + "/",
            auth=HeaderKey("X-API-Key", "s3cret"),
            headers={"X-Also": "s3cret", "Accept": "a/b"},
        )

    assert server.headers[0]["X-API-Key"] == "s3cret"
    assert other.headers[0]["Accept"] == "a/b"
    assert "s3cret" not in str(other.headers[0])


def test_a_body_is_not_sent_on_to_where_a_redirect_points() -> None:
    with (
        serving({"/": answers(200)}) as other,
        serving({"/": answers(307, Location=other.base + "/")}) as server,
        session() as http,
        pytest.raises(BadConfig, match="has moved to"),
    ):
        http.post(server.base + "/", json={"password": "s3cret"})

    assert other.requests == []


def test_a_circle_of_redirects_ends() -> None:
    with (
        serving({"/": answers(302, Location="/")}) as server,
        session(redirects=3) as http,
        pytest.raises(ContractBroken, match="redirects in a circle"),
    ):
        http.get(server.base + "/")

    assert len(server.requests) == 4


def test_an_answer_that_unpacks_to_more_than_the_limit_is_cut_off() -> None:
    bomb = gzip.compress(bytes(20 * 1024 * 1024))
    with (
        serving({"/": answers(200, bomb, Content_Encoding="gzip")}) as server,
        session(response_bytes=1024 * 1024) as http,
        pytest.raises(ResponseTooLarge, match="more than 1 MiB"),
    ):
        http.get(server.base + "/")

    assert len(bomb) < 1024 * 1024


def test_a_redirect_and_an_error_are_bounded_too() -> None:
    pages = {"/302": answers(302, bytes(300), Location="/"), "/500": answers(500, bytes(300))}
    with serving(pages) as server, session(response_bytes=200, retries=0) as http:
        for path in pages:
            with pytest.raises(ResponseTooLarge):
                http.get(server.base + path)


def test_a_trickle_ends_at_the_deadline() -> None:
    def trickle(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        for _ in range(100):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.05)

    with serving({"/": trickle}) as server, session(total_timeout=0.3) as http:
        started = time.monotonic()
        with pytest.raises(Unreachable, match=r"so slowly that the answer was not whole after 0\.3 s"):
            http.get(server.base + "/")

    assert time.monotonic() - started < 2
    assert len(server.requests) == 1


def test_a_silent_source_is_given_up_and_not_asked_again() -> None:
    with (
        serving({"/": lambda handler: time.sleep(1)}) as server,
        session(read_timeout=0.2) as http,
        pytest.raises(Unreachable, match=r"did not answer within 0\.2 s"),
    ):
        http.get(server.base + "/")

    assert len(server.requests) == 1


@pytest.mark.parametrize(("method", "times"), [("GET", 3), ("POST", 1)])
def test_a_cut_answer_is_asked_for_again_where_nothing_can_happen_twice(method: str, times: int) -> None:
    with (
        serving({"/": answers(200, b"{", Content_Length="9")}) as server,
        session() as http,
        pytest.raises(Unreachable, match="broke before the answer was whole"),
    ):
        http.request(method, server.base + "/")

    assert server.requests == [(method, "/")] * times


def test_a_refused_connection_is_tried_again_even_for_a_post() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{reserved.getsockname()[1]}/?apikey=s3cret"
        pauses: list[float] = []
        http = HttpSession(egress=LOCAL, now=lambda: NOW, sleep=pauses.append)
        with pytest.raises(Unreachable) as caught:
            http.post(url, json={})

    assert str(caught.value).endswith(" refuses connections.")
    assert "s3cret" not in str(caught.value)
    assert pauses == [0.25, 0.5]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[ssl.SSLContext, str]]:
    """Makes a server's TLS for an address, and the certificate that it is to be trusted by."""

    def make(address: str) -> tuple[ssl.SSLContext, str]:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "A utility's own authority")])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.now(UTC) - timedelta(days=1))
            .not_valid_after(datetime.now(UTC) + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False)
            .sign(key, hashes.SHA256())
        )
        pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        path = tmp_path_factory.mktemp("tls") / "server.pem"
        path.write_bytes(pem.encode() + private)
        context.load_cert_chain(path)
        return context, pem

    return make


def test_trusts_the_authority_that_it_was_given_and_no_other(
    authority: Callable[[str], tuple[ssl.SSLContext, str]],
) -> None:
    tls, own = authority("127.0.0.1")
    _, strange = authority("127.0.0.1")
    with serving({"/": answers(200, b"[]")}, tls=tls) as server:
        with session(ca_bundle=own) as http:
            assert http.json(http.get(server.base + "/")) == []
        for bundle in (None, strange):
            with session(ca_bundle=bundle) as http, pytest.raises(BadConfig, match="No secure connection"):
                http.get(server.base + "/")

    assert len(server.requests) == 1


def test_a_certificate_for_another_host_is_refused(
    authority: Callable[[str], tuple[ssl.SSLContext, str]],
) -> None:
    tls, own = authority("127.0.0.9")
    with (
        serving({"/": answers(200)}, tls=tls) as server,
        session(ca_bundle=own) as http,
        pytest.raises(BadConfig, match="No secure connection"),
    ):
        http.get(server.base + "/")

    assert server.requests == []
