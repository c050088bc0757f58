"""OAuth 2.0 client credentials (RFC 6749 §4.4)."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote_plus

from connectors.protocols import wire
from connectors.protocols.errors import BadConfig, ContractBroken, SourceError, Unauthorized
from connectors.protocols.http import HttpSession, Response

MARGIN = timedelta(seconds=30)
"""A token is not used in its last seconds: it must last until the request arrives."""

UNSTATED_LIFE = timedelta(minutes=5)


@dataclass
class _Token:
    value: str
    expires_at: datetime
    uses: int = 0


@dataclass(frozen=True, kw_only=True)
class ClientCredentials:
    """
    The session keeps the token until shortly before it expires;
    a 401 to a token used before gets a new one, once.

    :param in_body: send the client's id and secret in the form rather than by Basic (§2.3.1)
    """

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str = ""
    in_body: bool = False

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self.client_secret,)

    def headers(self, http: HttpSession) -> Mapping[str, str]:
        token: _Token | None = http.memory.get(self)
        if token is None or token.expires_at <= http.now():
            token = http.memory[self] = self._ask_for_token(http)
        token.uses += 1
        return {"Authorization": f"Bearer {token.value}"}

    def renew(self, http: HttpSession) -> bool:
        token: _Token | None = http.memory.pop(self, None)
        return token is not None and token.uses > 1

    def _ask_for_token(self, http: HttpSession) -> _Token:
        form = {"grant_type": "client_credentials"}
        headers = {}
        if self.scope:
            form["scope"] = self.scope
        if self.in_body:
            form |= {"client_id": self.client_id, "client_secret": self.client_secret}
        else:
            pair = f"{quote_plus(self.client_id)}:{quote_plus(self.client_secret)}"
            headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        # Asking twice for a token does no harm.
        response = http.post(
            self.token_url, data=form, headers=headers, idempotent=True, accept_status=(400, 401, 403, 404)
        )
        if response.status != 200:
            raise self._refusal(http, response)
        answer = http.json(response)
        if not isinstance(answer, dict) or not isinstance(answer.get("access_token"), str):
            raise ContractBroken(f"{wire.host_of(self.token_url)} answered without a token (RFC 6749 §5.1).")
        if str(answer.get("token_type", "bearer")).lower() != "bearer":
            raise ContractBroken(f"{wire.host_of(self.token_url)} gives tokens of a kind that is not Bearer.")
        return _Token(answer["access_token"], http.now() + _life(answer.get("expires_in")))

    def _refusal(self, http: HttpSession, response: Response) -> SourceError:
        """The errors of RFC 6749 §5.2, by who must act."""
        host = wire.host_of(self.token_url)
        try:
            answer: Any = http.json(response)
        except ContractBroken:
            answer = None
        code = answer.get("error") if isinstance(answer, dict) else None
        match code:
            case "invalid_client":
                return Unauthorized(f"{host} does not accept our client id and secret. Enter them again.")
            case "unauthorized_client" | "access_denied":
                return Unauthorized(f"{host} does not let this client ask for tokens. Ask its administrator.")
            case "invalid_scope":
                return BadConfig(f"{host} does not know the scope “{self.scope}”, or refuses it.", field="scope")
            case "invalid_request" | "invalid_grant" | "unsupported_grant_type":
                return BadConfig(
                    f"{host} gives no token by client credentials ({code}). Check the token address.",
                    field="token_url",
                )
        if response.status in (401, 403):
            return Unauthorized(f"{host} does not accept our client id and secret. Enter them again.")
        return BadConfig(f"{host} gives no token at this address. Check the token address.", field="token_url")


def _life(expires_in: object) -> timedelta:
    """How long to use a token; `expires_in` is a number that some servers send as text."""
    try:
        seconds = float(expires_in)  # type: ignore[arg-type] # whatever the server sent: refused below
    except (TypeError, ValueError):
        return UNSTATED_LIFE
    life = timedelta(seconds=max(0.0, min(seconds, 86_400.0)))
    return max(life - MARGIN, life / 2)
