"""Tokens of ArcGIS: by OAuth 2.0 client credentials, and by generateToken for a user."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.protocols import wire
from connectors.protocols.arcgis.faults import Fault, fault_in
from connectors.protocols.errors import BadConfig, ContractBroken, SourceError, Unauthorized
from connectors.protocols.http import HttpSession, Response

HEADER = "X-Esri-Authorization"
"""Understood wherever `Authorization` is, and left alone by a web server that signs users in by itself."""

REFERER = "https://utility-connectors"
"""What a user's token is bound to: sent when asking for it and with each request, else 498."""

APP_MINUTES, USER_MINUTES = 120, 60
MARGIN = timedelta(minutes=5)
"""A token is replaced so long before it runs out, as Esri's own clients do."""


@dataclass
class _Token:
    value: str
    expires_at: datetime
    uses: int = 0


@dataclass(frozen=True, kw_only=True)
class ArcgisToken(ABC):
    """
    The session keeps the token until shortly before it expires, and then puts a new one in its place. A 498 or 499
    to a token used before gets a new one, once.
    """

    token_url: str

    def address(self, http: HttpSession) -> str:
        """Where the token is asked for."""
        return self.token_url

    @property
    @abstractmethod
    def secrets(self) -> tuple[str, ...]: ...

    @property
    @abstractmethod
    def form(self) -> dict[str, str]:
        """What is posted to the token address."""

    @abstractmethod
    def read(self, answer: Mapping[str, Any], now: datetime) -> tuple[Any, Any]:
        """
        The token of an answer, and how many seconds it lasts; whatever the server put there.

        :param now: the server's time
        """

    def headers(self, http: HttpSession) -> Mapping[str, str]:
        token: _Token | None = http.memory.get(self)
        if token is None or token.expires_at <= http.now():
            token = http.memory[self] = self._ask_for_token(http)
        token.uses += 1
        return {"Referer": REFERER, HEADER: f"Bearer {token.value}"}

    def renew(self, http: HttpSession) -> bool:
        token: _Token | None = http.memory.pop(self, None)
        return token is not None and token.uses > 1

    def _ask_for_token(self, http: HttpSession) -> _Token:
        token_url = self.address(http)
        # Asking twice for a token does no harm.
        response = http.post(
            token_url,
            data={**self.form, "f": "json"},
            headers={"Referer": REFERER},
            idempotent=True,
            accept_status=(400, 401, 403, 404),
        )
        answer = self._answer(http, response)
        fault = fault_in(answer)
        if fault is not None or response.status != 200:
            raise self._refusal(fault, http, response)
        value, seconds = self.read(answer, response.date or http.now())
        if not isinstance(value, str) or not value:
            raise ContractBroken(f"{wire.host_of(response.url)} answered without a token. Check the token address.")
        return _Token(value, http.now() + _life(seconds))

    def _answer(self, http: HttpSession, response: Response) -> dict[str, Any]:
        try:
            answer = http.json(response)
        except ContractBroken:
            answer = None
        if not isinstance(answer, dict):
            if response.status in (401, 403):
                raise self._refusal(None, http, response)
            raise BadConfig(
                f"{wire.host_of(response.url)} gives no token at this address. Check the token address.",
                field="token_url",
            )
        return answer

    def _refusal(self, fault: Fault | None, http: HttpSession, response: Response) -> SourceError:
        """ArcGIS answers 400 to a wrong password and to a wrong question alike."""
        host = wire.host_of(response.url)
        if response.status == 404 or (fault is not None and fault.code == 404):
            return BadConfig(f"{host} gives no token at this address. Check the token address.", field="token_url")
        said = http.without_secrets(fault.words) if fault is not None else ""
        return Unauthorized(f"{host} gives us no token{f' (it says: {said})' if said else ''}. {self.advice}")

    @property
    @abstractmethod
    def advice(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class AppToken(ArcgisToken):
    """`/sharing/rest/oauth2/token` of the portal with the client credentials of an app (RFC 6749 §4.4)."""

    client_id: str
    client_secret: str = field(repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self.client_secret,)

    @property
    def form(self) -> dict[str, str]:
        return {
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "grant_type": "client_credentials",
            "expiration": str(APP_MINUTES),
        }

    def read(self, answer: Mapping[str, Any], now: datetime) -> tuple[Any, Any]:
        return answer.get("access_token"), answer.get("expires_in")

    @property
    def advice(self) -> str:
        return "Enter the client id and secret of the app again, or ask the portal's administrator."


@dataclass(frozen=True, kw_only=True)
class UserToken(ArcgisToken):
    """
    `generateToken` of a portal, or of a server that stands alone, for a user.

    :param token_url: may be empty; then the server says where, at `info_url`, its `/rest/info`
    """

    info_url: str
    username: str
    password: str = field(repr=False)

    def address(self, http: HttpSession) -> str:
        """
        :raises BadConfig: if the server sends us to another one: the password goes there only if a person says so
        """
        if self.token_url:
            return self.token_url
        answer = http.json(http.get(self.info_url, params={"f": "json"}))
        match answer:
            case {"authInfo": {"tokenServicesUrl": str() as address}} if address:
                if wire.same_origin(address, self.info_url):
                    return address
                raise BadConfig(
                    f"{wire.host_of(self.info_url)} has its tokens given by {wire.host_of(address)}. If that is right, "
                    f"enter {address} as the token address.",
                    field="token_url",
                )
        raise BadConfig(
            f"{wire.host_of(self.info_url)} does not say where it gives tokens. Enter the token address, such as "
            "https://gis.example.org/portal/sharing/rest/generateToken.",
            field="token_url",
        )

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self.password,)

    @property
    def form(self) -> dict[str, str]:
        return {
            "username": self.username,
            "password": self.password,
            "client": "referer",
            "referer": REFERER,
            "expiration": str(USER_MINUTES),
        }

    def read(self, answer: Mapping[str, Any], now: datetime) -> tuple[Any, Any]:
        """`expires` is a moment by the server's clock, in milliseconds since 1970."""
        try:
            expires_at = datetime.fromtimestamp(float(answer["expires"]) / 1_000, UTC)
        except (KeyError, TypeError, ValueError, OverflowError, OSError):
            return answer.get("token"), None
        return answer.get("token"), (expires_at - now).total_seconds()

    @property
    def advice(self) -> str:
        return "Enter the user name and password again, or ask the administrator whether the user may sign in."


@dataclass(frozen=True)
class FixedToken:
    """An API key, or a token that somebody made for long."""

    token: str = field(repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self.token,)

    def headers(self, http: object) -> Mapping[str, str]:
        return {"Referer": REFERER, HEADER: f"Bearer {self.token}"}

    def renew(self, http: object) -> bool:
        return False


def _life(seconds: Any) -> timedelta:
    """How long to use a token; a number that some servers send as text."""
    try:
        life = timedelta(seconds=max(0.0, min(float(seconds), 86_400.0)))
    except (TypeError, ValueError):
        return MARGIN
    return max(life - MARGIN, life / 2)
