"""The one hardened HTTP session through which every adapter talks to its source."""

import time
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar, overload
from urllib.parse import urljoin, urlsplit

import msgspec
import orjson
import requests
from requests.structures import CaseInsensitiveDict

from connectors.protocols import wire
from connectors.protocols.egress import EgressPolicy
from connectors.protocols.errors import BadConfig, ContractBroken, SourceError, Throttled, Unreachable
from connectors.protocols.pace import TokenBucket
from connectors.protocols.transport import GuardedAdapter, tls_context

T = TypeVar("T")

USER_AGENT = "utility-connectors/1.0"
REDIRECTS = frozenset({301, 302, 303, 307, 308})
REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
PASSING = frozenset({502, 503, 504})
HARMLESS_HEADERS = frozenset({"accept", "accept-language", "cache-control", "user-agent"})
"""What may follow a redirect to another origin; any other header could be a credential."""


class ResponseTooLarge(ContractBroken):
    """The answer is larger than we take; a smaller page may help."""


class NotAsPromised(ContractBroken):
    """The answer is JSON, of another shape than its type."""


class Auth(Protocol):
    """Proves to a source who we are. See `connectors.protocols.credentials` and `.oauth2`."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not show in any message."""

    def headers(self, http: "HttpSession") -> Mapping[str, str]: ...

    def renew(self, http: "HttpSession") -> bool:
        """After a 401: drop what may have run out; whether asking again can help."""


@dataclass(frozen=True, kw_only=True)
class HttpLimits:
    """Seconds, bytes and counts that no source can make us exceed."""

    connect_timeout: float = 5
    read_timeout: float = 30
    total_timeout: float = 120
    response_bytes: int = 64 * 1024 * 1024
    retries: int = 2
    backoff: float = 0.25
    redirects: int = 5
    pool_size: int = 8
    requests_per_second: float = 100
    burst: int = 400
    longest_pause: float = 10


@dataclass(frozen=True, kw_only=True)
class Response:
    """An answer, read whole. `url` is where it came from after redirects."""

    status: int
    url: str = field(repr=False)
    headers: CaseInsensitiveDict[str] = field(default_factory=CaseInsensitiveDict, repr=False)
    content: bytes = field(default=b"", repr=False)

    @property
    def date(self) -> datetime | None:
        """The source's own clock when it answered, if it says."""
        return wire.http_date(self.headers.get("Date", ""))

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", "replace")


class HttpSession:
    """
    Errors are those of `connectors.protocols.errors`; their messages hold no secret, query or user info.

    No cookies, no proxies or netrc from the environment. `memory` is where auth objects keep what lives as
    long as the session, such as a token. `sleep` waits so many seconds, which a source may need to work for us.
    """

    def __init__(
        self,
        *,
        egress: EgressPolicy,
        now: Callable[[], datetime],
        limits: HttpLimits | None = None,
        ca_bundle: str | None = None,
        pace: TokenBucket | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.limits = limits or HttpLimits()
        self.now = now
        self.memory: dict[Hashable, Any] = {}
        self.clock_skew: timedelta | None = None
        self._secrets: set[str] = set()
        self.sleep = sleep
        self._pace = pace or TokenBucket(self.limits.requests_per_second, self.limits.burst)
        self._adapter = GuardedAdapter(egress=egress, tls=tls_context(ca_bundle), pool_size=self.limits.pool_size)

    def __enter__(self) -> "HttpSession":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._adapter.close()

    def get(self, url: str, **options: Any) -> Response:
        return self.request("GET", url, **options)

    def post(self, url: str, **options: Any) -> Response:
        return self.request("POST", url, **options)

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        data: Mapping[str, str] | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        auth: Auth | None = None,
        timeout: float | None = None,
        idempotent: bool | None = None,
        accept_status: Collection[int] = (),
    ) -> Response:
        """
        Ask, and read the answer whole.

        :param json: sent as JSON; msgspec structs and datetimes too
        :param timeout: seconds without a byte until we give up, if not the session's
        :param idempotent: whether it may be sent twice; by default what RFC 9110 §9.2.2 says of the method
        :param accept_status: statuses beside 2xx that the caller wants to see rather than have raised
        """
        sent = dict(headers or {})
        if json is not None:
            data = msgspec.json.encode(json)
            sent.setdefault("Content-Type", "application/json")
        ask = _Ask(
            method=method.upper(),
            url=_checked(_with_params(url, params)),
            data=data,
            headers=sent,
            auth=auth,
            timeout=timeout or self.limits.read_timeout,
            repeatable=method.upper() in REPEATABLE if idempotent is None else idempotent,
        )
        if auth is not None:
            self._secrets.update(auth.secrets)
        response = self._follow(ask)
        if response.status == 401 and auth is not None and auth.renew(self):
            response = self._follow(ask)
        if 200 <= response.status < 300 or response.status in accept_status:
            return response
        raise self.refusal(response)

    def refusal(self, response: Response) -> SourceError:
        """What an answer means whose status the caller cannot use; also one that came inside another answer."""
        return wire.refusal(
            response.status,
            response.headers,
            response.content,
            response.url,
            now=self.now(),
            secrets=self._secrets,
        )

    def quote(self, text: str) -> str:
        """What a source said, without our secrets and short enough for a sentence."""
        return wire.excerpt(text.encode(), self._secrets)

    @overload
    def json(self, response: Response) -> Any: ...
    @overload
    def json(self, response: Response, type: type[T]) -> T: ...
    def json(self, response: Response, type: Any = None) -> Any:  # noqa: A002 - as msgspec calls it
        """
        :raises ContractBroken: if the answer is not JSON, or not of the type
        """
        content = response.content.removeprefix(b"\xef\xbb\xbf")
        try:
            return orjson.loads(content) if type is None else msgspec.json.decode(content, type=type)
        except msgspec.ValidationError as error:
            raise NotAsPromised(
                f"{wire.host_of(response.url)} answered JSON of another shape than promised: {error}."
            ) from error
        except (orjson.JSONDecodeError, msgspec.DecodeError, UnicodeDecodeError) as error:
            start = wire.excerpt(content, self._secrets, length=80)
            what = "a web page" if start.startswith("<") else "something else"
            raise ContractBroken(
                f"{wire.host_of(response.url)} answered {what} where JSON was expected"
                + (f"; it begins: {start}" if start else ", an empty answer.")
            ) from error

    def without_secrets(self, text: str) -> str:
        """What a source says, for a sentence: printable, short, and without our secrets."""
        return wire.excerpt(text.encode(errors="replace"), self._secrets)

    def _follow(self, ask: "_Ask") -> Response:
        """Send, and follow redirects by hand: each is checked, none takes a credential to another origin."""
        for _ in range(self.limits.redirects + 1):
            response = self._send(ask)
            target = response.headers.get("Location", "")
            if response.status not in REDIRECTS or not target:
                return response
            ask = ask.redirected(response.status, _checked(urljoin(ask.url, target)))
        raise ContractBroken(f"{wire.host_of(ask.url)} redirects in a circle. Check the address.")

    def _send(self, ask: "_Ask") -> Response:
        """Send once, or again where the failure deserves it and nothing can happen twice."""
        authorisation = dict(ask.auth.headers(self)) if ask.auth is not None else {}
        if ask.auth is not None:
            self._secrets.update(ask.auth.secrets)
            # A scheme before it, as in `Bearer …`, is no secret: what follows is, wherever it shows.
            self._secrets.update(value.rpartition(" ")[2] for value in authorisation.values())
        for attempt in range(self.limits.retries + 1):
            last = attempt == self.limits.retries
            self._wait_for_turn(ask.url)
            try:
                response = self._exchange(ask, authorisation)
            except Exception as error:
                translated = wire.translate(error, ask.url, seconds=ask.timeout)
                if translated is None:
                    raise
                worth_it = isinstance(translated, Unreachable) and not isinstance(error, _TIMEOUTS)
                if last or not worth_it or not (ask.repeatable or wire.never_sent(error)):
                    # The wire's own error quotes the URL with its query: it must not travel in a traceback.
                    raise translated from None
            else:
                passing = response.status in PASSING and "Retry-After" not in response.headers
                if last or not passing or not ask.repeatable:
                    return response
            self.sleep(self.limits.backoff * 2**attempt)
        raise AssertionError("the last attempt returns or raises")

    def _wait_for_turn(self, url: str) -> None:
        wait = self._pace.take(longest=self.limits.longest_pause)
        if wait > self.limits.longest_pause:
            raise Throttled(
                f"{wire.host_of(url)} is asked as often as this connector's limit allows.",
                retry_at=self.now() + timedelta(seconds=wait),
            )
        if wait > 0:
            self.sleep(wait)

    def _exchange(self, ask: "_Ask", authorisation: Mapping[str, str]) -> Response:
        deadline = time.monotonic() + self.limits.total_timeout
        defaults = {
            "User-Agent": USER_AGENT,
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
            "Cache-Control": "no-cache",
        }
        request = requests.Request(
            ask.method,
            ask.url,
            data=ask.data,
            headers=CaseInsensitiveDict({**defaults, **ask.headers, **authorisation}),
        ).prepare()
        asked_at = self.now()
        raw = self._adapter.send(request, stream=True, timeout=(self.limits.connect_timeout, ask.timeout), verify=True)
        try:
            content = self._read(raw, ask.url, deadline)
        except BaseException:
            raw.close()
            raise
        raw.raw.release_conn()
        self.clock_skew = wire.clock_skew(raw.headers.get("Date", ""), asked_at, self.now()) or self.clock_skew
        return Response(status=raw.status_code, url=ask.url, headers=raw.headers, content=content)

    def _read(self, raw: requests.Response, url: str, deadline: float) -> bytes:
        """The body, unpacked, within the limits of size and time. A slow trickle ends at the deadline."""
        limit = self.limits.response_bytes
        parts: list[bytes] = []
        size = 0
        while part := raw.raw.read1(65_536, decode_content=True):
            size += len(part)
            if size > limit:
                raise ResponseTooLarge(
                    f"{wire.host_of(url)} sent an answer of more than {limit / 1_048_576:.3g} MiB. "
                    "Ask for smaller pages."
                )
            if time.monotonic() > deadline:
                raise Unreachable(
                    f"{wire.host_of(url)} sends so slowly that the answer was not whole "
                    f"after {self.limits.total_timeout:g} s."
                )
            parts.append(part)
        return b"".join(parts)


_TIMEOUTS = (requests.exceptions.ReadTimeout, Unreachable)
"""What took its full time already: asking again would double it."""


@dataclass(frozen=True, kw_only=True)
class _Ask:
    method: str
    url: str
    data: Mapping[str, str] | bytes | None
    headers: Mapping[str, str]
    auth: Auth | None
    timeout: float
    repeatable: bool

    def redirected(self, status: int, target: str) -> "_Ask":
        """
        The request that follows a redirect (RFC 9110 §15.4).

        :raises BadConfig: where following would send a body or a downgraded request to whoever asks for it
        """
        here, there = wire.host_of(self.url), wire.host_of(target)
        abroad = not wire.same_origin(self.url, target)
        if self.url.lower().startswith("https:") and not target.lower().startswith("https:"):
            raise BadConfig(f"{here} redirects to an address without TLS. Ask its administrator, or enter it so.")
        changes: dict[str, Any] = {"url": target}
        if self.method not in ("GET", "HEAD"):
            if status == 303:
                changes |= {"method": "GET", "data": None, "repeatable": True}
            elif abroad or status in (301, 302):
                raise BadConfig(f"{here} has moved to {there}. Enter the new address in the settings.")
        if abroad:
            kept = {name: value for name, value in self.headers.items() if name.lower() in HARMLESS_HEADERS}
            changes |= {"headers": kept, "auth": None}
        return replace(self, **changes)


def _with_params(url: str, params: Mapping[str, Any] | None) -> str:
    if not params:
        return url
    try:
        return requests.Request("GET", url, params=params).prepare().url or url
    except requests.exceptions.RequestException as error:
        raise wire.translate(error, url, seconds=0) or error from None


def _checked(url: str) -> str:
    """
    :raises BadConfig: if it is no URL that may be asked
    """
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - reading it is what validates it
    except ValueError:
        raise BadConfig("The address is not a web address. Write it as https://host/path.") from None
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
        raise BadConfig("The address must begin with https:// or http:// and name a host.")
    if parts.username is not None or parts.password is not None:
        raise BadConfig("The address must not hold a user name or password. Enter them in their own fields.")
    return url
