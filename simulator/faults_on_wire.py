"""The door of each system: injected faults first, then who may come in."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simulator.utility import Utility

FAULT_KEY = "simulator.fault"
GARBAGE = "<html><head><title>Maintenance</title></head><body><h1>We will be back soon</h1></body></html>"


@dataclass(frozen=True)
class System:
    """
    :param refusal: an answer with this status and sentence, in the system's own form.
    :param open_paths: where credentials are not asked for, because they are got there.
    """

    name: str
    prefix: str
    is_admitted: Callable[[Request, Utility], bool]
    refusal: Callable[[int, str], Response]
    open_paths: frozenset[str] = frozenset()

    def serves(self, path: str) -> bool:
        return path == self.prefix or path.startswith(f"{self.prefix}/")


def fault_of(request: Request) -> str | None:
    """The injected fault that a handler itself has to act out: `truncated` or `repeated`."""
    fault: str | None = request.scope.get(FAULT_KEY)
    return fault


class Doors:
    """ASGI middleware around all systems."""

    def __init__(self, app: ASGIApp, *, utility: Utility, systems: Sequence[System]) -> None:
        self._app = app
        self._utility = utility
        self._systems = systems

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        system = self._system_of(scope)
        if system is None:
            await self._app(scope, receive, send)
            return
        fault = self._utility.faults.take(system.name)
        if fault == "slow":
            await asyncio.sleep(self._utility.settings.slow_seconds)
        answer = self._injected_answer(system, fault)
        if answer is None:
            request = Request(scope, receive)
            if scope["path"] not in system.open_paths and not system.is_admitted(request, self._utility):
                answer = system.refusal(401, "Credentials are missing or wrong.")
        if answer is not None:
            await answer(scope, receive, send)
            return
        scope[FAULT_KEY] = fault
        await self._app(scope, receive, _cut(send) if fault == "cut" else send)

    def _system_of(self, scope: Scope) -> System | None:
        if scope["type"] != "http":
            return None
        return next((system for system in self._systems if system.serves(scope["path"])), None)

    def _injected_answer(self, system: System, fault: str | None) -> Response | None:
        if fault == "500":
            return system.refusal(500, "Something went wrong (injected).")
        if fault == "401":
            return system.refusal(401, "These credentials are not valid any more (injected).")
        if fault == "429":
            answer = system.refusal(429, "Too many requests (injected).")
            answer.headers["Retry-After"] = str(self._utility.settings.retry_after_seconds)
            return answer
        if fault == "garbage":
            return HTMLResponse(GARBAGE)
        return None


def _cut(send: Send) -> Send:
    """Half of the body, and a length that says this is all of it."""
    start: list[Message] = []
    body = bytearray()

    async def cutting(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.append(message)
            return
        body.extend(message.get("body", b""))
        if message.get("more_body", False):
            return
        half = bytes(body[: len(body) // 2])
        headers = [(name, value) for name, value in start[0]["headers"] if name.lower() != b"content-length"]
        headers.append((b"content-length", str(len(half)).encode()))
        await send({**start[0], "headers": headers})
        await send({**message, "body": half})

    return cutting
