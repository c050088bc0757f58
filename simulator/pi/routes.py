"""The PI Web API over HTTP, with the traits that trip clients."""

import json
from email.utils import format_datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator import auth, credentials
from simulator.faults_on_wire import fault_of
from simulator.pi.archive import Archive
from simulator.pi.batch import Unreadable, answer_batch
from simulator.pi.frames import FrameLog
from simulator.pi.query import Query
from simulator.pi.resources import PREFIX, Resources
from simulator.pi.subscriptions import Subscriptions
from simulator.utility import Utility

LARGEST_BODY = 4 * 1024 * 1024


class PiRoutes:
    def __init__(self, utility: Utility) -> None:
        self._utility = utility
        self._archive = Archive(utility)
        self._subscriptions = Subscriptions(self._archive)
        self._frame_log = FrameLog(utility.scada)

    def routes(self) -> list[Route]:
        return [
            Route(f"{PREFIX}/batch", self.batch, methods=["POST"]),
            Route(PREFIX, self.resource),
            Route(f"{PREFIX}/{{path:path}}", self.resource, methods=["GET", "POST", "PATCH"]),
        ]

    async def resource(self, request: Request) -> Response:
        if (refused := _forged(request)) is not None:
            return refused
        query = Query(request.query_params.multi_items())
        with self._utility.lock:
            status, body = self._resources(request).ask(request.method, request.path_params.get("path", ""), query)
        return self._answer(status, body)

    async def batch(self, request: Request) -> Response:
        if (refused := _forged(request)) is not None:
            return refused
        raw = await request.body()
        if len(raw) > LARGEST_BODY:
            return refusal(413, "The request is larger than the maximum allowed.")
        try:
            with self._utility.lock:
                return self._answer(207, answer_batch(json.loads(raw), self._resources(request).ask))
        except (ValueError, Unreadable) as error:
            return refusal(400, str(error))

    def _resources(self, request: Request) -> Resources:
        self._utility.advance()
        self._archive.observe(self._utility.now())
        fault = fault_of(request)
        if fault == "forgotten":
            self._subscriptions.forget()
        pair = auth.basic_pair(request)
        user = pair[0] if pair else "service"
        return Resources(self._utility, self._archive, self._subscriptions, self._frame_log, user=user, fault=fault)

    def _answer(self, status: int, body: Any) -> Response:
        date = format_datetime(self._utility.now().replace(microsecond=0), usegmt=True)
        headers = {"Date": date}
        return Response(status_code=204, headers=headers) if status == 204 else JSONResponse(body, status, headers)


def _forged(request: Request) -> Response | None:
    """The refusal of a request that another site could have made a browser send."""
    if request.method == "GET" or "x-requested-with" in request.headers:
        return None
    return refusal(400, "A custom header 'X-Requested-With' is required to prevent CSRF attacks.")


def is_admitted(request: Request) -> bool:
    return auth.matches(auth.bearer_token(request), credentials.PI_BEARER_TOKEN) or auth.is_basic(
        request, user=credentials.PI_USERNAME, password=credentials.PI_PASSWORD
    )


def refusal(status: int, sentence: str) -> Response:
    headers = {"WWW-Authenticate": 'Bearer, Basic realm="pi"'} if status == 401 else None
    return JSONResponse({"Errors": [sentence]}, status_code=status, headers=headers)
