"""The page for people. All assets are served from here, and nothing runs inline."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.page.drawing import Situation, drawing
from simulator.utility import Utility

HERE = Path(__file__).parent
ASSETS = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/assets/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/assets/drawing.js": ("drawing.js", "text/javascript; charset=utf-8"),
    "/assets/page.css": ("page.css", "text/css; charset=utf-8"),
}
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'none'"


class PageRoutes:
    def __init__(self, utility: Utility) -> None:
        self._situation = Situation(utility)
        self._files = {path: ((HERE / name).read_bytes(), kind) for path, (name, kind) in ASSETS.items()}

    def routes(self) -> list[Route]:
        return [
            *(Route(path, self.asset) for path in self._files),
            Route("/state", self.state),
            Route("/grid.json", self.grid),
        ]

    async def asset(self, request: Request) -> Response:
        content, kind = self._files[request.url.path]
        headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"}
        return Response(content, media_type=kind, headers=headers)

    async def state(self, request: Request) -> Response:
        return JSONResponse(self._situation.as_json(), headers={"Cache-Control": "no-store"})

    async def grid(self, request: Request) -> Response:
        return JSONResponse(drawing())
