"""Sources that fail, each in its own way, and tell everything that they were sent. Nothing leaves the process."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import requests
import responses
from requests import PreparedRequest

from connectors.protocols.egress import EgressPolicy
from connectors.protocols.errors import SourceError, Throttled, Unauthorized, Unreachable
from connectors.protocols.http import HttpLimits, HttpSession

NOW = datetime(2026, 11, 24, 1, 15, tzinfo=UTC)
RETRY_AFTER_S = 120
ANYWHERE = re.compile(".*")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")

Answer = tuple[int, Mapping[str, str], str | Exception]


@dataclass(frozen=True, kw_only=True)
class Failure:
    """
    One way in which a source fails.

    :ivar named: the error that it has to become; `SourceError` where several are right
    """

    name: str
    answer: Callable[[PreparedRequest], Answer]
    named: type[SourceError] = SourceError


@dataclass
class Wire:
    """What was asked of the failing source."""

    asked: list[str] = field(default_factory=list)


def _status(status: int, **headers: str) -> Callable[[PreparedRequest], Answer]:
    """An answer that repeats what was sent, as careless servers and debugging proxies do."""

    def answer(request: PreparedRequest) -> Answer:
        told = f"You sent {request.method} {request.url} with {dict(request.headers)} and {request.body!r}."
        return status, {"Content-Type": "text/plain", **headers}, told

    return answer


def _body(text: str, content_type: str = "application/json") -> Callable[[PreparedRequest], Answer]:
    return lambda request: (200, {"Content-Type": content_type}, text)


def _broken(error: type[requests.RequestException]) -> Callable[[PreparedRequest], Answer]:
    def answer(request: PreparedRequest) -> Answer:
        return 0, {}, error(f"{request.url} with {dict(request.headers)}", request=request)

    return answer


FAILURES = (
    Failure(name="does not answer", answer=_broken(requests.ConnectionError), named=Unreachable),
    Failure(name="answers too late", answer=_broken(requests.ReadTimeout), named=Unreachable),
    Failure(name="has a fault of its own", answer=_status(500), named=Unreachable),
    Failure(name="refuses our credentials", answer=_status(401), named=Unauthorized),
    Failure(
        name="asks us to wait",
        answer=_status(429, **{"Retry-After": str(RETRY_AFTER_S)}),
        named=Throttled,
    ),
    Failure(name="forbids it", answer=_status(403)),
    Failure(name="has nothing there", answer=_status(404)),
    Failure(name="shows a web page", answer=_body("<html><body>Welcome</body></html>", "text/html")),
    Failure(name="breaks off", answer=_body('{"value": [')),
    Failure(name="speaks of something else", answer=_body('{"hello": ["world"], "items": 7, "value": {"a": 1}}')),
)


@contextmanager
def failing(failure: Failure) -> Iterator[Wire]:
    """Every address answers with the failure."""
    wire = Wire()

    def answer(request: PreparedRequest) -> Answer:
        wire.asked.append(f"{request.method} {request.url}")
        return failure.answer(request)

    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for method in METHODS:
            mock.add_callback(method, ANYWHERE, callback=answer)
        yield wire


def session() -> HttpSession:
    """The product's own session, which tries once, at a quarter past two."""
    return HttpSession(
        egress=EgressPolicy(),
        now=lambda: NOW,
        sleep=lambda seconds: None,
        limits=HttpLimits(retries=0, requests_per_second=1_000_000, burst=1_000_000),
    )
