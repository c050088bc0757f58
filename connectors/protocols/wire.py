"""The one place that turns the wire's errors into those named by the reaction they call for."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests
import urllib3

from connectors.protocols.egress import EgressRefused
from connectors.protocols.errors import (
    BadConfig,
    ContractBroken,
    SourceError,
    Throttled,
    Unauthorized,
    Unreachable,
)

LONGEST_WAIT = timedelta(days=1)
EXCERPT = 120
WINDOW = 16_384
"""How much of an answer is searched for secrets before it is cut to an excerpt, so that none is cut in two."""

WORDS_OF_ERROR = ("description", "detail", "message", "error_description", "title", "error")


class RequestRefused(ContractBroken):
    """A 4xx to one request, which may be of this request's making alone."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


def host_of(url: str) -> str:
    """The host and port of a URL, for a sentence; never its path, query or user info."""
    return urlsplit(url).netloc.rpartition("@")[2] or "The address"


def origin_of(url: str) -> tuple[str, str, int]:
    """Scheme, host and port (RFC 6454 §4)."""
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    return scheme, (parts.hostname or "").lower(), parts.port or {"http": 80, "https": 443}.get(scheme, 0)


def same_origin(one: str, other: str) -> bool:
    return origin_of(one) == origin_of(other)


def translate(error: Exception, url: str, *, seconds: float) -> SourceError | None:
    """What went wrong while talking to a source; `None`: not an error of the wire, so a bug of ours."""
    host = host_of(url)
    match error:
        case SourceError():
            return error
        case EgressRefused():
            return BadConfig(
                f"Connecting to {host} is not allowed: it is at {', '.join(error.addresses)}, which is in no "
                "network that your organisation allows. Check the address, or have the network allowed."
            )
        case requests.exceptions.SSLError() | urllib3.exceptions.SSLError():
            return BadConfig(
                f"No secure connection to {host}: {_tls_reason(error)}. "
                "Check the address, or give the certificate authority that signed its certificate."
            )
        case (
            requests.exceptions.InvalidURL()
            | requests.exceptions.MissingSchema()
            | requests.exceptions.InvalidSchema()
            | urllib3.exceptions.LocationValueError()
        ):
            return BadConfig("The address is not a web address that can be asked. Write it as https://host/path.")
        case requests.exceptions.InvalidHeader() | UnicodeEncodeError():
            return BadConfig(f"A key or header for {host} holds a character that no header may. Enter it again.")
        case requests.exceptions.ConnectTimeout() | urllib3.exceptions.ConnectTimeoutError():
            return Unreachable(f"{host} took no connection within {seconds:g} s.")
        case requests.exceptions.Timeout() | urllib3.exceptions.TimeoutError() | TimeoutError():
            return Unreachable(f"{host} did not answer within {seconds:g} s.")
        case requests.exceptions.ContentDecodingError() | urllib3.exceptions.DecodeError():
            return ContractBroken(f"{host} sent an answer that cannot be unpacked.")
        case requests.exceptions.ConnectionError() if _caused_by(error, urllib3.exceptions.NameResolutionError):
            return Unreachable(f"The name {host} is not known. Check it, and that name service works here.")
        case requests.exceptions.ConnectionError() if _caused_by(error, urllib3.exceptions.NewConnectionError):
            return Unreachable(f"{host} refuses connections.")
        case requests.exceptions.RequestException() | urllib3.exceptions.HTTPError() | OSError():
            return Unreachable(f"The connection to {host} broke before the answer was whole.")
    return None


def never_sent(error: Exception) -> bool:
    """Whether the request surely did not reach the source, so that it may be sent again whatever it does."""
    return isinstance(error, requests.exceptions.ConnectTimeout) or _caused_by(
        error, urllib3.exceptions.NewConnectionError
    )


def _caused_by(error: BaseException, kind: type[BaseException]) -> bool:
    inner: Any = error.args[0] if error.args else None
    return isinstance(inner, kind) or isinstance(getattr(inner, "reason", None), kind)


def _tls_reason(error: Exception) -> str:
    if found := re.search(r"certificate verify failed: ([^(]+?)\s*\(", str(error)):
        return found[1]
    if "doesn't match" in str(error) or "Hostname mismatch" in str(error):
        return "the certificate is for another host"
    return "it does not speak TLS as we do"


def refusal(
    status: int, headers: Mapping[str, str], body: bytes, url: str, *, now: datetime, secrets: Iterable[str]
) -> SourceError:
    """What a status outside those that the caller can use means."""
    host = host_of(url)
    said = said_by(body, secrets)
    match status:
        case 401:
            return Unauthorized(f"{host} does not accept our credentials{said}.")
        case 403:
            return Unauthorized(f"{host} accepts our credentials but forbids this{said}.")
        case 429:
            return Throttled(f"{host} asks us to slow down.", retry_at=retry_at(headers, now))
        case 503 if "Retry-After" in headers:
            return Throttled(f"{host} is not available for now.", retry_at=retry_at(headers, now))
        case 408 | 425:
            return Unreachable(f"{host} answered {status} {_phrase(status)}{said}.")
        case _ if status >= 500:
            return Unreachable(f"{host} has an error of its own: it answered {status} {_phrase(status)}{said}.")
    return RequestRefused(
        f"{host} answered {status} {_phrase(status)} to {urlsplit(url).path or '/'}{said}.", status=status
    )


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "(not a status that HTTP knows)"


def retry_at(headers: Mapping[str, str], now: datetime) -> datetime | None:
    """
    When the source wants to be asked again (RFC 9110 §10.2.3), on our clock and at most a day ahead.

    A date counts from the source's own `Date`, where it sends one: its clock may be wrong, its wait is not.
    """
    text = headers.get("Retry-After", "").strip()
    if text.isdecimal():
        wait = timedelta(seconds=min(int(text), LONGEST_WAIT.total_seconds()))
    elif (until := http_date(text)) is not None:
        wait = until - (http_date(headers.get("Date", "")) or now)
    else:
        return None
    return now + min(max(wait, timedelta(0)), LONGEST_WAIT)


def http_date(text: str) -> datetime | None:
    """An HTTP date (RFC 9110 §5.6.7); `None` if it is none."""
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def clock_skew(date: str, asked_at: datetime, answered_at: datetime) -> timedelta | None:
    """
    How far the clock behind a Date header (RFC 9110 §6.6.1) is ahead of ours, as far as its whole seconds tell: not at
    all, if it may have been read between our question and the answer. `None` without a date.
    """
    said = http_date(date)
    if said is None:
        return None
    ahead, behind = said - answered_at, asked_at - (said + timedelta(seconds=1))
    return max(ahead, timedelta()) - max(behind, timedelta())


def excerpt(body: bytes, secrets: Iterable[str], *, length: int = EXCERPT) -> str:
    """The beginning of an answer, printable and without our secrets, for a sentence."""
    text = body[:WINDOW].decode("utf-8", "replace")
    for secret in filter(None, secrets):
        text = text.replace(secret, "•••")
    text = re.sub(r"\s+", " ", "".join(c if c.isprintable() else " " for c in text)).strip()
    return text if len(text) <= length else text[: length - 1] + "…"


def said_by(body: bytes, secrets: Iterable[str]) -> str:
    """What the source says about an error, in the shapes that servers use (RFC 9457, OGC, FastAPI, PI Web API)."""
    try:
        answer: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    for _ in range(2):
        if isinstance(answer, dict):
            answer = next(
                (answer[word] for word in (*WORDS_OF_ERROR, "Error", "Errors", "Message") if answer.get(word)),
                "",
            )
    if isinstance(answer, list):
        answer = "; ".join(sentence for sentence in answer if isinstance(sentence, str))
    words = excerpt(answer.encode(), secrets) if isinstance(answer, str) else ""
    return f" (it says: {words.rstrip('.')})" if words else ""
