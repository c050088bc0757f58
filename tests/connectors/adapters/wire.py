"""The wire that adapters are tested on: nothing leaves the process."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import responses
from django.forms import Form
from requests import PreparedRequest
from starlette.applications import Starlette

from connectors.protocols.adapter import Adapter
from connectors.protocols.egress import EgressPolicy
from connectors.protocols.http import HttpLimits, HttpSession
from simulator.app import create_app
from simulator.settings import Settings
from simulator.utility import Utility

BASE = "http://utility.example"
ANYWHERE = re.compile(rf"{re.escape(BASE)}/.*")


class Clock:
    """02:15 on a night in November, until it is told otherwise."""

    def __init__(self) -> None:
        self.instant = datetime(2026, 11, 24, 1, 15, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.instant

    def advance(self, **span: float) -> datetime:
        self.instant += timedelta(**span)
        return self.instant

    def sleep(self, seconds: float) -> None:
        self.advance(seconds=seconds)


def session(*, retries: int = 0) -> HttpSession:
    """The product's own session, in no hurry and without pauses."""
    return HttpSession(
        egress=EgressPolicy(),
        now=lambda: datetime(2026, 11, 24, 1, 15, tzinfo=UTC),
        limits=HttpLimits(retries=retries, requests_per_second=1_000_000, burst=1_000_000),
    )


def settings_of(form: type[Form], **changes: Any) -> dict[str, Any]:
    """The cleaned settings of a form that was left as it comes, but for some fields."""
    data = {
        name: field.prepare_value(field.initial)
        for name, field in form.base_fields.items()
        if field.initial not in (None, False) and not callable(field.initial)
    }
    filled = form(data={**data, **changes})
    assert filled.is_valid(), filled.errors
    return filled.cleaned_data


def build(adapter: type[Adapter], **changes: Any) -> Any:
    return adapter(settings_of(adapter.config_form, **changes), session())


class PretendUtility:
    """The simulator, a fresh one, on the other end of the wire."""

    def __init__(self, **settings: Any) -> None:
        self.clock = Clock()
        self.app: Starlette = create_app(
            Settings(run_in_background=False, slow_seconds=0.01, keep_alive_seconds=0.05, **settings),
            clock=self.clock,
        )
        self.utility: Utility = self.app.state.utility
        self.asked: list[str] = []
        self.verbs: list[str] = []
        self.bodies: list[bytes] = []
        self.knows_not = ""  # the end of a path, which is not found
        self.loses_the_answer_of = ""  # the end of a path: what it asks for is done, and its next answer never arrives

    def answer(self, request: PreparedRequest) -> tuple[int, dict[str, str], bytes]:
        body = request.body or b""
        content = body.encode() if isinstance(body, str) else bytes(body)
        self.asked.append(request.path_url)
        self.verbs.append(request.method or "GET")
        self.bodies.append(content)
        url = request.url or ""

        if self.knows_not and request.path_url.endswith(self.knows_not):
            return 404, {}, b""

        async def send() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app=self.app)) as client:
                return await client.request(
                    request.method or "GET", url, headers=dict(request.headers), content=content
                )

        answer = asyncio.run(send())
        if self.loses_the_answer_of and request.path_url.endswith(self.loses_the_answer_of):
            self.loses_the_answer_of = ""
            return 502, {}, b""
        kept = {n: v for n, v in answer.headers.items() if n not in ("content-length", "content-encoding")}
        return answer.status_code, kept, answer.content

    def services(self) -> list[str]:
        """The last part of each path that was asked for since the last look."""
        asked = [path.partition("?")[0].rpartition("/")[2] for path in self.asked]
        self.asked.clear()
        return asked

    def fault(self, system: str, fault: str, **more: Any) -> None:
        async def send() -> None:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
                body = {"system": system, "fault": fault, "seconds": 60, **more}
                (await client.post("/faults", json=body)).raise_for_status()

        asyncio.run(send())


@contextmanager
def pretend_utility(**settings: Any) -> Iterator[PretendUtility]:
    pretend = PretendUtility(**settings)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for method in (responses.GET, responses.POST, responses.PATCH):
            mock.add_callback(method, url=ANYWHERE, callback=pretend.answer)
        yield pretend
