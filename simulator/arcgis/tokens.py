"""Tokens of the pretend ArcGIS: for an app, and for a user from one referer."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.requests import Request

from simulator import auth

HEADER = "x-esri-authorization"


@dataclass(frozen=True)
class _Token:
    until: datetime
    referer: str | None


class ArcgisTokens:
    """Handed out, and until when they hold. Dropped when they have run out."""

    def __init__(self, *, lifetime: timedelta) -> None:
        self.lifetime = lifetime
        self._held: dict[str, _Token] = {}

    def issue(self, *, now: datetime, referer: str | None = None) -> str:
        """
        :param referer: the only one from which the token is good; `None`: any
        """
        self._held = {token: one for token, one in self._held.items() if one.until > now}
        token = secrets.token_urlsafe(48)
        self._held[token] = _Token(now + self.lifetime, referer)
        return token

    def refusal(self, request: Request, form: Mapping[str, str], *, now: datetime) -> int | None:
        """The code with which a request is refused: 499 without a token, 498 with one that does not hold."""
        given = _given(request, form)
        if given is None:
            return 499
        held = self._held.get(given)
        if held is None or held.until <= now:
            return 498
        return 498 if held.referer is not None and request.headers.get("referer") != held.referer else None


def _given(request: Request, form: Mapping[str, str]) -> str | None:
    scheme, _, token = request.headers.get(HEADER, "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip()
    return auth.bearer_token(request) or form.get("token")
