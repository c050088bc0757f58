import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulator import credentials
from simulator.app import create_app
from simulator.settings import Settings
from simulator.tablet import PushAnswer, PushTarget
from simulator.utility import Utility

BASE = "http://simulator.example"


class Clock:
    """02:15 on a night in November, until it is told otherwise."""

    def __init__(self) -> None:
        self.instant = datetime(2026, 11, 24, 1, 15, 0, 250_000, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.instant

    def advance(self, **span: float) -> datetime:
        self.instant += timedelta(**span)
        return self.instant


class Product:
    """The far end of the tablet's pushes: keeps what it got, answers as it is told."""

    def __init__(self) -> None:
        self.pushes: list[tuple[PushTarget, bytes]] = []
        self.answer = PushAnswer(status=200, body="")

    def __call__(self, target: PushTarget, body: bytes) -> PushAnswer:
        self.pushes.append((target, body))
        return self.answer


class Simulator:
    """One simulator, spoken to over HTTP without a socket."""

    def __init__(self, *, clock: Clock, product: Product, push_config: Path) -> None:
        self.clock = clock
        self.product = product
        self.push_config = push_config
        settings = Settings(
            push_config=push_config, run_in_background=False, slow_seconds=0.01, keep_alive_seconds=0.05
        )
        self.app = create_app(settings, clock=clock, sender=product)
        self.utility: Utility = self.app.state.utility

    def request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
                return await client.request(method, path, **arguments)

        return asyncio.run(send())

    def get(self, path: str, **arguments: Any) -> httpx.Response:
        return self.request("GET", path, **arguments)

    def post(self, path: str, **arguments: Any) -> httpx.Response:
        return self.request("POST", path, **arguments)

    def opcua(self, service: str, body: Any, *, verbose: bool = False) -> Any:
        headers = {"Authorization": f"Bearer {credentials.SCADA_BEARER_TOKEN}"}
        if verbose:
            headers["Accept"] = "application/json; encoding=verbose"
        answer = self.post(f"/opcua/{service}", json=body, headers=headers)
        assert answer.status_code == 200
        return answer.json()

    def gis(self, path: str = "", **parameters: str | int) -> httpx.Response:
        url = path if path.startswith("http") else f"/gis{path}"
        auth = (credentials.GIS_USERNAME, credentials.GIS_PASSWORD)
        return self.get(url, params=parameters or None, auth=auth)

    def maximo(self, path: str, **parameters: str) -> httpx.Response:
        headers = {"apikey": credentials.MAXIMO_API_KEY, "x-public-uri": f"{BASE}/maximo/api"}
        named = {name.replace("oslc_", "oslc."): value for name, value in parameters.items()}
        url = path if path.startswith("http") else f"/maximo/api{path}"
        return self.get(url, params=named or None, headers=headers)

    def cis(self, path: str, **parameters: str | int) -> httpx.Response:
        headers = {"X-Api-Key": credentials.CIS_API_KEY}
        return self.get(f"/cis/v1{path}", params=parameters or None, headers=headers)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def simulator(clock: Clock, tmp_path: Path) -> Simulator:
    return Simulator(clock=clock, product=Product(), push_config=tmp_path / "push.json")
