"""Who is asking: a bearer token (RFC 6750) or a signed-in session. Refusals are in the RFC's words."""

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from django.http import HttpRequest, JsonResponse

from organisation.middleware import ScopedRequest
from organisation.models import User
from organisation.queries import TokenExpired, find_token_holder
from organisation.scope import Scope, current_scope_or_none

REALM = 'Bearer realm="Utility Enterprise Connectors"'


@dataclass(frozen=True)
class Caller:
    user: User
    scope: Scope
    by_token: bool


class Refusal(Exception):
    """Nobody may enter with these credentials. `code` is empty if there were none at all (RFC 6750 §3.1)."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.message, self.code = message, code

    def response(self) -> JsonResponse:
        challenge = REALM + (f', error="{self.code}", error_description="{self.message}"' if self.code else "")
        return JsonResponse(
            {"errors": [{"message": self.message, "extensions": {"code": self.code.upper() or "UNAUTHENTICATED"}}]},
            status=400 if self.code == "invalid_request" else 401,
            headers={"WWW-Authenticate": challenge},
        )


def bearer_token(request: HttpRequest) -> str | None:
    """
    The token of the Authorization header (RFC 6750 §2.1); tokens in the body or the address are not accepted.

    :raises Refusal: if the header is malformed
    """
    header = request.headers.get("Authorization", "")
    if not header:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Refusal("Use the header Authorization: Bearer, followed by a token.", "invalid_request")
    return token.strip()


def identify(request: HttpRequest, *, now: datetime) -> Caller:
    """
    :raises Refusal: if nobody known is asking
    """
    token = bearer_token(request)
    if token is not None:
        try:
            holder = find_token_holder(token, now=now, request_id=cast(ScopedRequest, request).request_id)
        except TokenExpired as error:
            raise Refusal("The token has expired or was revoked.", "invalid_token") from error
        if holder is None:
            raise Refusal("The token is not known.", "invalid_token")
        return Caller(user=holder.user, scope=holder.scope, by_token=True)
    scope = current_scope_or_none()
    if scope is None or not isinstance(request.user, User):
        raise Refusal("Sign in, or send a bearer token.")
    return Caller(user=request.user, scope=scope, by_token=False)
