"""The simulated world's own controls: scenarios, edits, faults, truth. For people, tests and the page."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.errors import Refused
from simulator.faults import FAULTS, SYSTEMS
from simulator.utility import PARTS, Utility


class ControlRoutes:
    def __init__(self, utility: Utility) -> None:
        self._utility = utility

    def routes(self) -> list[Route]:
        return [
            Route("/health", self.health),
            Route("/truth", self.truth),
            Route("/truth/impact/{element}", self.impact),
            Route("/scenarios/hv-fault", self.hv_fault, methods=["POST"]),
            Route("/scenarios/release", self.release, methods=["POST"]),
            Route("/scenarios/alarm", self.alarm, methods=["POST"]),
            Route("/scenarios/restore", self.restore, methods=["POST"]),
            Route("/scada/restart", self.restart_gateway, methods=["POST"]),
            Route("/edits", self.edit, methods=["POST"]),
            Route("/faults", self.faults, methods=["GET"]),
            Route("/faults", self.inject, methods=["POST"]),
            Route("/faults", self.clear, methods=["DELETE"]),
        ]

    async def health(self, request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def truth(self, request: Request) -> Response:
        return JSONResponse(self._utility.who_is_off(with_ids=request.query_params.get("ids") == "1"))

    async def impact(self, request: Request) -> Response:
        return JSONResponse(self._utility.impact(request.path_params["element"]))

    async def hv_fault(self, request: Request) -> Response:
        body = await _body(request, {"element", "parts"})
        element, parts = _text(body, "element"), _parts(body)
        return JSONResponse(self._utility.hv_fault(element, parts=parts))

    async def release(self, request: Request) -> Response:
        body = await _body(request, {"element", "parts", "late"})
        is_late = _flag(body, "late", default=False)
        return JSONResponse(self._utility.release(_needed(body, "element"), parts=_parts(body), is_late=is_late))

    async def alarm(self, request: Request) -> Response:
        body = await _body(request, {"element", "active", "time"})
        element, is_active = _needed(body, "element"), _flag(body, "active", default=True)
        return JSONResponse(self._utility.notify(element, is_active=is_active, at=_instant(body, "time")))

    async def restore(self, request: Request) -> Response:
        body = await _body(request, {"element"})
        return JSONResponse(self._utility.restore(_text(body, "element")))

    async def restart_gateway(self, request: Request) -> Response:
        await _body(request, set())
        return JSONResponse(self._utility.restart_gateway())

    async def edit(self, request: Request) -> Response:
        body = await _body(request, {"system", "id", "set", "remove"})
        system, record_id = _needed(body, "system"), _needed(body, "id")
        changes, removes = body.get("set"), _flag(body, "remove", default=False)
        if system not in {"gis", "cis"}:
            raise Refused("system is gis or cis.")
        if removes is (changes is not None):
            raise Refused("Give either set, an object of fields, or remove: true.")
        if changes is not None and not isinstance(changes, dict):
            raise Refused("set is an object of fields.")
        with self._utility.lock:
            records = self._utility.features if system == "gis" else self._utility.customers
            if changes is None:
                records.remove(record_id)
            else:
                records.edit(record_id, changes, now=self._utility.now())
        return JSONResponse({"system": system, "id": record_id, "removed": removes})

    async def faults(self, request: Request) -> Response:
        now = self._utility.now()
        active = [fault.as_json(now=now) for fault in self._utility.faults.active()]
        return JSONResponse({"faults": active, "systems": list(SYSTEMS), "kinds": list(FAULTS)})

    async def inject(self, request: Request) -> Response:
        body = await _body(request, {"system", "fault", "seconds", "times", "after"})
        # 500 is as good as "500": a person writes either.
        kind = str(body.get("fault")) if isinstance(body.get("fault"), int) else _needed(body, "fault")
        times = _number(body, "times") if body.get("times") is not None else None
        fault = self._utility.faults.inject(
            _needed(body, "system"),
            kind,
            seconds=_number(body, "seconds"),
            times=None if times is None else int(times),
            after=int(_number(body, "after")) if body.get("after") is not None else 0,
        )
        return JSONResponse(fault.as_json(now=self._utility.now()))

    async def clear(self, request: Request) -> Response:
        self._utility.faults.clear()
        return JSONResponse({"faults": []})


def _needed(body: Mapping[str, Any], name: str) -> str:
    value = _text(body, name)
    if value is None:
        raise Refused(f"{name} is missing.")
    return value


def _text(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise Refused(f"{name} is text.")
    return value


def _flag(body: Mapping[str, Any], name: str, *, default: bool) -> bool:
    value = body.get(name, default)
    if not isinstance(value, bool):
        raise Refused(f"{name} is true or false.")
    return value


def _number(body: Mapping[str, Any], name: str) -> float:
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused(f"{name} is a number.")
    return value


def _parts(body: Mapping[str, Any]) -> list[str]:
    parts = body.get("parts", list(PARTS))
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise Refused(f"parts is a list of one or more of {', '.join(PARTS)}.")
    return parts


def _instant(body: Mapping[str, Any], name: str) -> datetime | None:
    text = _text(body, name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refused(f"{name} is an ISO 8601 instant.") from error
    if moment.tzinfo is None:
        raise Refused(f"{name} needs a time zone.")
    return moment


async def _body(request: Request, known: set[str]) -> Mapping[str, Any]:
    """The JSON object sent; an empty one if nothing was."""
    raw = await request.body()
    try:
        body = json.loads(raw) if raw.strip() else {}
    except ValueError as error:
        raise Refused("The body is not JSON.") from error
    if not isinstance(body, dict):
        raise Refused("The body is a JSON object.")
    unknown = sorted(set(body) - known)
    if unknown:
        raise Refused(f"Unknown: {', '.join(unknown)}. Known: {', '.join(sorted(known))}.")
    return body
