"""The CIS: a plain JSON service with two ways to page and two ways to sign in."""

import base64
import binascii
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator import auth, credentials
from simulator.cis.accounts import CustomerRecord
from simulator.faults_on_wire import fault_of
from simulator.utility import Utility

DEFAULT_PAGE = 100
MAX_PAGE = 500
TOKEN_PATH = "/cis/oauth/token"  # noqa: S105 - an address


class InvalidRequest(Exception):
    """A parameter is wrong. Says which."""


class CisTokens:
    """Access tokens handed out, and until when they hold. Dropped when they have run out."""

    def __init__(self, *, lifetime: timedelta) -> None:
        self.lifetime = lifetime
        self._until: dict[str, datetime] = {}

    def issue(self, *, now: datetime) -> str:
        self._until = {token: until for token, until in self._until.items() if until > now}
        token = secrets.token_urlsafe(24)
        self._until[token] = now + self.lifetime
        return token

    def holds(self, token: str | None, *, now: datetime) -> bool:
        return token is not None and token in self._until and self._until[token] > now


class CisRoutes:
    def __init__(self, utility: Utility) -> None:
        self._utility = utility
        self._tokens = CisTokens(lifetime=utility.settings.token_lifetime)

    def routes(self) -> list[Route]:
        return [
            Route(TOKEN_PATH, self.token, methods=["POST"]),
            Route("/cis/v1/service-points", self.by_page),
            Route("/cis/v1/service-points-by-cursor", self.by_cursor),
            Route("/cis/v1/service-points/{point}", self.one),
        ]

    def is_admitted(self, request: Request, utility: Utility) -> bool:
        if auth.matches(request.headers.get("x-api-key"), credentials.CIS_API_KEY):
            return True
        with utility.lock:
            return self._tokens.holds(auth.bearer_token(request), now=utility.now())

    async def token(self, request: Request) -> Response:
        """RFC 6749 §4.4 and §5.2; the client signs in by Basic or in the form."""
        if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return _oauth_error("invalid_request", "The request is a form.")
        form = {name: values[-1] for name, values in parse_qs((await request.body()).decode(errors="replace")).items()}
        pair = auth.basic_pair(request) or (form.get("client_id", ""), form.get("client_secret", ""))
        is_known = auth.matches(pair[0], credentials.CIS_CLIENT_ID)
        if not (auth.matches(pair[1], credentials.CIS_CLIENT_SECRET) and is_known):
            answer = _oauth_error("invalid_client", "The client is unknown or its secret wrong.", status=401)
            answer.headers["WWW-Authenticate"] = 'Basic realm="cis"'
            return answer
        if "grant_type" not in form:
            return _oauth_error("invalid_request", "grant_type is missing.")
        if form["grant_type"] != "client_credentials":
            return _oauth_error("unsupported_grant_type", "Only client_credentials.")
        with self._utility.lock:
            token = self._tokens.issue(now=self._utility.now())
        body = {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": int(self._tokens.lifetime.total_seconds()),
            "scope": "service-points:read",
        }
        return JSONResponse(body, headers={"Cache-Control": "no-store", "Pragma": "no-cache"})

    async def by_page(self, request: Request) -> Response:
        try:
            _check_names(request, {"page", "per_page", "updated_since"})
            number = _number(request, "page", default=1, maximum=None)
            size = _number(request, "per_page", default=DEFAULT_PAGE, maximum=MAX_PAGE)
            records = self._records(request)
        except InvalidRequest as error:
            return refusal(400, str(error))
        fault = fault_of(request)
        start = (number - 1) * size
        if fault == "repeated":
            start = 0
        page = records[start : start + size]
        if fault == "truncated":
            page = page[: len(page) // 2]
        pages = -(-len(records) // size)
        body = {"data": page, "page": number, "perPage": size, "total": len(records), "totalPages": pages}
        return JSONResponse(body)

    async def by_cursor(self, request: Request) -> Response:
        try:
            _check_names(request, {"limit", "cursor", "updated_since"})
            size = _number(request, "limit", default=DEFAULT_PAGE, maximum=MAX_PAGE)
            start = _read_cursor(request.query_params.get("cursor"))
            records = self._records(request)
        except InvalidRequest as error:
            return refusal(400, str(error))
        fault = fault_of(request)
        page = records[start : start + size]
        end = start if fault == "repeated" else start + size
        following = _cursor(end) if end < len(records) else None
        if fault == "truncated":
            page, following = page[: len(page) // 2], None
        return JSONResponse({"items": page, "nextCursor": following, "total": len(records)})

    async def one(self, request: Request) -> Response:
        with self._utility.lock:
            record = self._utility.customers.by_id.get(request.path_params["point"])
        return refusal(404, "There is no such service point.") if record is None else JSONResponse(record)

    def _records(self, request: Request) -> list[CustomerRecord]:
        since = _updated_since(request.query_params.get("updated_since"))
        with self._utility.lock:
            return self._utility.customers.updated_since(since)


def refusal(status: int, message: str) -> Response:
    codes = {400: "INVALID_REQUEST", 401: "UNAUTHORIZED", 404: "NOT_FOUND", 429: "RATE_LIMITED"}
    error = {"code": codes.get(status, "INTERNAL_ERROR"), "message": message}
    headers: Mapping[str, str] = {}
    if status == 401:
        headers = {"WWW-Authenticate": 'Bearer realm="cis", error="invalid_token"'}
    return JSONResponse({"error": error}, status_code=status, headers=headers)


def _oauth_error(code: str, description: str, *, status: int = 400) -> JSONResponse:
    body: Mapping[str, Any] = {"error": code, "error_description": description}
    return JSONResponse(body, status_code=status, headers={"Cache-Control": "no-store"})


def _check_names(request: Request, known: set[str]) -> None:
    unknown = sorted(set(request.query_params) - known)
    if unknown:
        raise InvalidRequest(f"Unknown parameter {', '.join(unknown)}; known are {', '.join(sorted(known))}.")


def _number(request: Request, name: str, *, default: int, maximum: int | None) -> int:
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdecimal()) or int(text) < 1 or (maximum is not None and int(text) > maximum):
        limit = "" if maximum is None else f", up to {maximum}"
        raise InvalidRequest(f"{name} is a whole number, 1 or more{limit}.")
    return int(text)


def _updated_since(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        since = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidRequest("updated_since is an RFC 3339 instant.") from error
    if since.tzinfo is None:
        raise InvalidRequest("updated_since needs a time zone.")
    return since


def _cursor(start: int) -> str:
    return base64.urlsafe_b64encode(f"sp:{start}".encode()).decode().rstrip("=")


def _read_cursor(text: str | None) -> int:
    if text is None:
        return 0
    try:
        kind, _, start = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().partition(":")
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest("cursor is not one of ours.") from error
    if kind != "sp" or not start.isdecimal():
        raise InvalidRequest("cursor is not one of ours.")
    return int(start)
