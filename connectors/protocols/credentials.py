"""How a request proves who we are. No credential shows in a repr, and none leaves its origin."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Bearer:
    """RFC 6750 §2.1."""

    token: str = field(repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self.token,)

    def headers(self, http: object) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def renew(self, http: object) -> bool:
        return False


@dataclass(frozen=True)
class Basic:
    """RFC 7617, in UTF-8."""

    username: str
    password: str = field(repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self.password, self._encoded)

    @property
    def _encoded(self) -> str:
        return b64encode(f"{self.username}:{self.password}".encode()).decode()

    def headers(self, http: object) -> Mapping[str, str]:
        return {"Authorization": f"Basic {self._encoded}"}

    def renew(self, http: object) -> bool:
        return False


@dataclass(frozen=True)
class HeaderKey:
    """An API key in a header of the source's choosing, such as `apikey` or `X-API-Key`."""

    header: str
    key: str = field(repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self.key,)

    def headers(self, http: object) -> Mapping[str, str]:
        return {self.header: self.key}

    def renew(self, http: object) -> bool:
        return False
