"""ArcGIS Server by the GeoServices REST API, with the tokens of its portal. Refusals come with HTTP 200."""

import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator import auth, credentials
from simulator.arcgis.descriptions import describe_layer, describe_service
from simulator.arcgis.layers import LAYERS, Layer, esri_geometry, written
from simulator.arcgis.query import WEB_MERCATOR, WGS84, Found, InvalidQuery, Query, esri_error, read_query
from simulator.arcgis.tokens import ArcgisTokens
from simulator.arcgis.tracking import ChangeTracking
from simulator.faults_on_wire import fault_of
from simulator.gis.features import Feature
from simulator.utility import Utility

PREFIX = "/arcgis"
SERVICE = "Electric/Network"
SERVICE_PATH = f"{PREFIX}/rest/services/{SERVICE}/FeatureServer"
RESULTS = f"{PREFIX}/rest/directories/arcgisoutput"
LOOKS_UNTIL_DONE = 2

Form = Mapping[str, str]
Handler = Callable[["ArcgisRoutes", Request, Form], Awaitable[Response]]


def _guarded(handler: Handler) -> Callable[["ArcgisRoutes", Request], Awaitable[Response]]:
    """Parameters from the address or the body, and a token, or a refusal."""

    @wraps(handler)
    async def guard(self: "ArcgisRoutes", request: Request) -> Response:
        form = await _form(request)
        return self.refused(request, form) or await handler(self, request, form)

    return guard


class ArcgisRoutes:
    def __init__(self, utility: Utility) -> None:
        self._utility = utility
        self._tokens = ArcgisTokens(lifetime=utility.settings.token_lifetime)
        self._tracking = ChangeTracking()
        self._tracking.look(utility.features.collections)
        self._jobs: dict[str, tuple[int, dict[str, Any]]] = {}

    def routes(self) -> list[Route]:
        services = f"{PREFIX}/rest/services"
        both = ["GET", "POST"]
        return [
            Route(f"{PREFIX}/sharing/rest/oauth2/token", self.app_token, methods=["POST"]),
            Route(f"{PREFIX}/sharing/rest/generateToken", self.user_token, methods=["POST"]),
            Route(f"{PREFIX}/rest/info", self.info, methods=both),
            Route(services, self.directory, methods=both),
            Route(f"{services}/Electric", self.folder, methods=both),
            Route(SERVICE_PATH, self.service, methods=both),
            Route(f"{SERVICE_PATH}/extractChanges", self.extract_changes, methods=["POST"]),
            Route(f"{SERVICE_PATH}/jobs/{{job}}", self.job, methods=both),
            Route(f"{SERVICE_PATH}/{{layer:int}}", self.layer, methods=both),
            Route(f"{SERVICE_PATH}/{{layer:int}}/query", self.query, methods=both),
            Route(f"{RESULTS}/{{job}}.json", self.result),
        ]

    def refused(self, request: Request, form: Form) -> Response | None:
        with self._utility.lock:
            self._tracking.look(self._utility.features.collections)
            code = self._tokens.refusal(request, form, now=self._utility.now())
        if fault_of(request) == "purged":
            self._tracking.purge()
        return None if code is None else refusal(code, "Token Required" if code == 499 else "Invalid token.")

    async def app_token(self, request: Request) -> Response:
        """OAuth 2.0 client credentials: `expires_in` is in seconds."""
        form = await _form(request)
        is_known = auth.matches(form.get("client_id"), credentials.ARCGIS_CLIENT_ID)
        if not (auth.matches(form.get("client_secret"), credentials.ARCGIS_CLIENT_SECRET) and is_known):
            error = {"code": 400, "error": "invalid_client_id", "error_description": "Invalid client_id"}
            return JSONResponse({"error": {**error, "message": "Invalid client_id", "details": []}})
        if form.get("grant_type") != "client_credentials":
            return refusal(400, "Unsupported grant_type.")
        with self._utility.lock:
            token = self._tokens.issue(now=self._utility.now())
        return JSONResponse({"access_token": token, "expires_in": int(self._tokens.lifetime.total_seconds())})

    async def user_token(self, request: Request) -> Response:
        """`generateToken`: `expires` is a moment, in milliseconds since 1970."""
        form = await _form(request)
        is_known = auth.matches(form.get("username"), credentials.GIS_USERNAME)
        if not (auth.matches(form.get("password"), credentials.GIS_PASSWORD) and is_known):
            return JSONResponse(esri_error(400, "Unable to generate token.", "Invalid username or password."))
        if form.get("client") != "referer" or not form.get("referer"):
            return JSONResponse(esri_error(400, "Unable to generate token.", "'referer' must be specified."))
        with self._utility.lock:
            now = self._utility.now()
            token = self._tokens.issue(now=now, referer=form["referer"])
        expires = int((now + self._tokens.lifetime).timestamp() * 1_000)
        return JSONResponse({"token": token, "expires": expires, "ssl": False})

    async def info(self, request: Request) -> Response:
        address = f"{_base(request)}/sharing/rest/generateToken"
        about = {"isTokenBasedSecurity": True, "tokenServicesUrl": address}
        return JSONResponse({"currentVersion": 11.2, "fullVersion": "11.2.0", "authInfo": about})

    @_guarded
    async def directory(self, request: Request, form: Form) -> Response:
        return JSONResponse({"currentVersion": 11.2, "folders": ["Electric"], "services": []})

    @_guarded
    async def folder(self, request: Request, form: Form) -> Response:
        kinds = ("FeatureServer", "MapServer")
        listed = [{"name": SERVICE, "type": kind} for kind in kinds]
        return JSONResponse({"currentVersion": 11.2, "folders": [], "services": listed})

    @_guarded
    async def service(self, request: Request, form: Form) -> Response:
        return JSONResponse(describe_service(oldest=self._tracking.oldest, newest=self._tracking.newest))

    @_guarded
    async def layer(self, request: Request, form: Form) -> Response:
        layer = LAYERS.get(request.path_params["layer"])
        return refusal(404, "Layer not found") if layer is None else JSONResponse(describe_layer(layer))

    @_guarded
    async def query(self, request: Request, form: Form) -> Response:
        layer = LAYERS.get(request.path_params["layer"])
        if layer is None:
            return refusal(404, "Layer not found")
        with self._utility.lock:
            features = list(self._utility.features.collections[layer.collection].values())
        try:
            query = read_query(form, layer)
            found = query.found(layer, features)
        except InvalidQuery as error:
            return JSONResponse(esri_error(400, "Cannot perform query. Invalid query parameters.", str(error)))
        if query.asks_for == "returnCountOnly":
            return JSONResponse({"count": len(found)})
        if query.asks_for == "returnIdsOnly":
            ids = [row["OBJECTID"] for row, _ in found] or None
            return JSONResponse({"objectIdFieldName": "OBJECTID", "objectIds": ids})
        if fault_of(request) == "repeated":
            found = read_query({**form, "where": "1=1"}, layer).found(layer, features)
        page = found[query.offset : query.offset + query.size]
        has_more = query.offset + len(page) < len(found)
        if fault_of(request) in ("short", "truncated"):
            page = page[: len(page) // 2]
            has_more = fault_of(request) == "short"
        return JSONResponse(_page(page, query, layer, has_more=has_more))

    @_guarded
    async def extract_changes(self, request: Request, form: Form) -> Response:
        """Answers with a job, asked for or not."""
        try:
            layers = [LAYERS[int(number)] for number in form["layers"].strip("[]").split(",")]
            since = {int(entry["id"]): int(entry["serverGen"]) for entry in json.loads(form["layerServerGens"])}
        except (KeyError, TypeError, ValueError):
            return refusal(400, "Unable to extract changes. Invalid layers or layerServerGens.")
        if set(since) != {layer.number for layer in layers} or not all(layer.is_modern for layer in layers):
            return refusal(400, "The layers and the layerServerGens do not match.")
        if min(since.values()) < self._tracking.oldest:
            return refusal(400, "The server generation is older than the oldest that is kept.")
        edits = [self._edits(layer, since[layer.number], form) for layer in layers]
        generations = [{"id": layer.number, "serverGen": self._tracking.newest} for layer in layers]
        job = secrets.token_hex(8)
        self._jobs[job] = (
            0,
            {
                "layerServerGens": generations,
                "transportType": "esriTransportTypeUrl",
                "responseType": "esriDataChangesResponseTypeEdits",
                "edits": edits,
            },
        )
        return JSONResponse({"statusUrl": f"{_base(request)}/rest/services/{SERVICE}/FeatureServer/jobs/{job}"})

    def _edits(self, layer: Layer, since: int, form: Form) -> dict[str, Any]:
        changed, gone = self._tracking.changed_since(layer, since)
        rows = list(layer.rows(changed)) if form.get("returnUpdates") == "true" else []
        in_mercator = form.get("outSR", WEB_MERCATOR) != WGS84
        updates = [_esri_feature(row, feature, layer, in_mercator=in_mercator) for row, feature in rows]
        edits: dict[str, Any] = {"adds": [], "updates": updates}
        if form.get("returnDeletes") == "true":
            edits["deleteIds"] = gone
        return {"id": layer.number, "features": edits}

    @_guarded
    async def job(self, request: Request, form: Form) -> Response:
        """At first without a result, though it says that it is completed."""
        job = request.path_params["job"]
        if job not in self._jobs:
            return refusal(404, "Job not found")
        looks, result = self._jobs[job]
        self._jobs[job] = (looks + 1, result)
        if looks == 0:
            return JSONResponse({"status": "InProgress"})
        address = f"{request.base_url}{RESULTS.removeprefix('/')}/{job}.json" if looks >= LOOKS_UNTIL_DONE else ""
        return JSONResponse({"status": "Completed", "resultUrl": address})

    async def result(self, request: Request) -> Response:
        """Laid down where the address alone admits."""
        known = self._jobs.get(request.path_params["job"])
        return JSONResponse(known[1]) if known else JSONResponse({}, status_code=404)


def refusal(code: int, message: str) -> Response:
    """With HTTP 200, but for the gateway in front, which asks to slow down in HTTP."""
    if code == 401:
        code, message = 498, "Invalid token."
    return JSONResponse(esri_error(code, message), status_code=429 if code == 429 else 200)


def _page(page: Found, query: Query, layer: Layer, *, has_more: bool) -> dict[str, Any]:
    if query.is_geojson:
        features = [
            {
                "type": "Feature",
                "id": row["OBJECTID"],
                "geometry": feature["geometry"],
                "properties": written(row, layer),
            }
            for row, feature in page
        ]
        flags = {"properties": {"exceededTransferLimit": True}} if has_more else {}
        return {"type": "FeatureCollection", **flags, "features": features}
    reference = {"wkid": 102100, "latestWkid": 3857} if query.in_mercator else {"wkid": 4326, "latestWkid": 4326}
    answer = {
        "objectIdFieldName": "OBJECTID",
        "globalIdFieldName": "GlobalID",
        "geometryType": layer.geometry_type,
        "spatialReference": reference,
        "fields": [{"name": name, "type": kind, "alias": name} for name, kind in layer.fields.items()],
        "features": [_esri_feature(row, one, layer, in_mercator=query.in_mercator) for row, one in page],
    }
    return answer | ({"exceededTransferLimit": True} if has_more else {})


def _esri_feature(row: Mapping[str, Any], feature: Feature, layer: Layer, *, in_mercator: bool) -> dict[str, Any]:
    geometry = esri_geometry(feature["geometry"], in_mercator=in_mercator)
    attributes = written(row, layer)
    return {"attributes": attributes} if geometry is None else {"attributes": attributes, "geometry": geometry}


async def _form(request: Request) -> Form:
    body = (await request.body()).decode(errors="replace") if request.method == "POST" else ""
    return {**request.query_params, **dict(parse_qsl(body))}


def _base(request: Request) -> str:
    return f"{request.base_url}{PREFIX.removeprefix('/')}"
