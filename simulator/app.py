"""Puts one simulator together."""

import contextlib
import threading
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from simulator.arcgis import routes as arcgis
from simulator.cis import routes as cis
from simulator.control import ControlRoutes
from simulator.errors import Refused
from simulator.faults_on_wire import Doors, System
from simulator.gis import routes as gis
from simulator.maximo import routes as maximo
from simulator.opcua import routes as opcua
from simulator.page.routes import PageRoutes
from simulator.pi import routes as pi
from simulator.settings import Clock, Settings, system_clock
from simulator.tablet import Send, send
from simulator.utility import Utility


def create_app(settings: Settings | None = None, *, clock: Clock = system_clock, sender: Send = send) -> Starlette:
    """
    A simulator with a state of its own; `app.state.utility` is that state.

    :param clock: gives the present instant, with a time zone.
    :param sender: how the tablet's pushes leave; tests put their own here.
    """
    settings = settings or Settings()
    utility = Utility(settings=settings, clock=clock, sender=sender)
    customers = cis.CisRoutes(utility)
    systems = (
        System("scada", "/opcua", lambda request, _: opcua.is_admitted(request), opcua.refusal),
        System("pi", "/piwebapi", lambda request, _: pi.is_admitted(request), pi.refusal),
        System("gis", "/gis", lambda request, _: gis.is_admitted(request), gis.refusal),
        # It looks for a token itself: with none it refuses in another way than with one that has run out.
        System("arcgis", arcgis.PREFIX, lambda request, _: True, arcgis.refusal),
        System("maximo", "/maximo", lambda request, _: maximo.is_admitted(request), maximo.refusal),
        System("cis", "/cis", customers.is_admitted, cis.refusal, open_paths=frozenset({cis.TOKEN_PATH})),
    )
    app = Starlette(
        routes=[
            *PageRoutes(utility).routes(),
            *ControlRoutes(utility).routes(),
            *opcua.OpcUaRoutes(utility).routes(),
            *pi.PiRoutes(utility).routes(),
            *gis.GisRoutes(utility).routes(),
            *arcgis.ArcgisRoutes(utility).routes(),
            *maximo.MaximoRoutes(utility).routes(),
            *customers.routes(),
        ],
        middleware=[Middleware(Doors, utility=utility, systems=systems)],
        exception_handlers={Refused: _refused},
        lifespan=_lifespan,
    )
    app.state.utility = utility
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    utility: Utility = app.state.utility
    if not utility.settings.run_in_background:
        yield
        return
    pusher = threading.Thread(
        target=utility.tablet.run, kwargs={"on_tick": utility.advance}, name="tablet", daemon=True
    )
    pusher.start()
    try:
        yield
    finally:
        # Not waited for: a push on its way to a product that is going down may take its whole time-out.
        utility.tablet.stop()


async def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, Refused):
        raise error
    return JSONResponse({"error": error.message}, status_code=error.status)
