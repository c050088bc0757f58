"""OGC API Features: Part 1 (core, GeoJSON, OpenAPI), Part 2 (CRS), Part 3 (queryables, CQL2 text)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator import auth, credentials
from simulator.faults_on_wire import fault_of
from simulator.gis.features import Feature, stamp
from simulator.gis.query import (
    CRS84,
    CRS_LIST,
    EPSG_4326,
    InvalidParameter,
    bounds,
    cursor,
    latitude_first,
    read_items_query,
)
from simulator.utility import Utility

GEOJSON = "application/geo+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
QUERYABLES_REL = "http://www.opengis.net/def/rel/ogc/1.0/queryables"

CONFORMS_TO = (
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30",
    "http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/crs",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/queryables",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/filter",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/features-filter",
    "http://www.opengis.net/spec/cql2/1.0/conf/cql2-text",
    "http://www.opengis.net/spec/cql2/1.0/conf/basic-cql2",
)
TEXT: Mapping[str, Any] = {"type": "string"}
INSTANT: Mapping[str, Any] = {"type": "string", "format": "date-time"}


@dataclass(frozen=True)
class Collection:
    id: str
    title: str
    queryables: Mapping[str, Mapping[str, Any]]
    # What `datetime` is about.
    time_property: str | None
    geometry: str

    @property
    def instants(self) -> frozenset[str]:
        return frozenset(name for name, kind in self.queryables.items() if kind.get("format") == "date-time")


COLLECTIONS = {
    collection.id: collection
    for collection in (
        Collection(
            id="network",
            title="Electrical network, planned state",
            queryables={
                "id": {**TEXT, "x-ogc-role": "id"},
                "kind": TEXT,
                "name": TEXT,
                "nominal_kv": {"type": "number"},
                "from_node": TEXT,
                "to_node": TEXT,
                "normally_open": {"type": "boolean"},
                "subnet": TEXT,
                "substation": TEXT,
                "zone": TEXT,
                "installed": {**INSTANT, "x-ogc-role": "primary-instant"},
                "modified": INSTANT,
            },
            time_property="installed",
            geometry="geometry-any",
        ),
        Collection(
            id="zones",
            title="Zones and service territories",
            queryables={
                "id": {**TEXT, "x-ogc-role": "id"},
                "name": TEXT,
                "level": TEXT,
                "parent": TEXT,
                "modified": INSTANT,
            },
            time_property=None,
            geometry="geometry-polygon",
        ),
    )
}


class GisRoutes:
    def __init__(self, utility: Utility) -> None:
        self._utility = utility

    def routes(self) -> list[Route]:
        return [
            Route("/gis", self.landing),
            Route("/gis/conformance", self.conformance),
            Route("/gis/api", self.api),
            Route("/gis/collections", self.collections),
            Route("/gis/collections/{collection}", self.collection),
            Route("/gis/collections/{collection}/queryables", self.queryables),
            Route("/gis/collections/{collection}/items", self.items),
            Route("/gis/collections/{collection}/items/{feature:path}", self.item),
        ]

    async def landing(self, request: Request) -> Response:
        base = _base(request)
        links = [
            _link(base, "self", "application/json"),
            _link(f"{base}/api", "service-desc", OPENAPI),
            _link(f"{base}/conformance", "conformance", "application/json"),
            _link(f"{base}/collections", "data", "application/json"),
        ]
        return _answer({"title": "Rural Grid Utility GIS", "links": links})

    async def conformance(self, request: Request) -> Response:
        return _answer({"conformsTo": list(CONFORMS_TO)})

    async def api(self, request: Request) -> Response:
        paths = {
            path: {"get": {"responses": {"200": {"description": "OK"}}}}
            for path in ("/", "/conformance", "/collections")
        }
        for collection in COLLECTIONS:
            paths[f"/collections/{collection}/items"] = {"get": {"responses": {"200": {"description": "OK"}}}}
        document = {
            "openapi": "3.0.3",
            "info": {"title": "Rural Grid Utility GIS", "version": "1.0"},
            "servers": [{"url": _base(request)}],
            "paths": paths,
        }
        return _answer(document, media_type=OPENAPI)

    async def collections(self, request: Request) -> Response:
        # The list of reference systems stands once, and each collection points at it: Part 2, 6.2.1.
        entries = [self._description(request, collection, crs=["#/crs"]) for collection in COLLECTIONS.values()]
        links = [_link(f"{_base(request)}/collections", "self", "application/json")]
        return _answer({"links": links, "crs": list(CRS_LIST), "collections": entries})

    async def collection(self, request: Request) -> Response:
        collection = COLLECTIONS.get(request.path_params["collection"])
        if collection is None:
            return _problem(404, "NotFound", "There is no such collection.")
        return _answer(self._description(request, collection, crs=list(CRS_LIST)))

    async def queryables(self, request: Request) -> Response:
        collection = COLLECTIONS.get(request.path_params["collection"])
        if collection is None:
            return _problem(404, "NotFound", "There is no such collection.")
        schema = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": f"{_base(request)}/collections/{collection.id}/queryables",
            "type": "object",
            "title": collection.title,
            "properties": {
                "geometry": {"format": collection.geometry, "x-ogc-role": "primary-geometry"},
                **collection.queryables,
            },
            "additionalProperties": False,
        }
        return _answer(schema, media_type="application/schema+json")

    async def items(self, request: Request) -> Response:
        collection = COLLECTIONS.get(request.path_params["collection"])
        if collection is None:
            return _problem(404, "NotFound", "There is no such collection.")
        try:
            query = read_items_query(
                dict(request.query_params),
                queryables=frozenset(collection.queryables),
                instants=collection.instants,
            )
            with self._utility.lock:
                features = list(self._utility.features.collections[collection.id].values())
                now = self._utility.now()
            matching = query.matching(features, time_property=collection.time_property)
        except InvalidParameter as error:
            return _problem(400, "InvalidParameterValue", str(error))
        fault = fault_of(request)
        page = matching[query.offset : query.offset + query.limit]
        # The standard allows it, and offset paging does it: a full last page leads to an empty one.
        has_next = len(page) == query.limit
        if fault == "truncated":
            page, has_next = page[: len(page) // 2], False
        url = f"{_base(request)}/collections/{collection.id}/items"
        links = [
            _link(_with_parameters(url, dict(request.query_params)), "self", GEOJSON),
            _link(f"{_base(request)}/collections/{collection.id}", "collection", "application/json"),
        ]
        if has_next:
            offset = query.offset if fault == "repeated" else query.offset + query.limit
            parameters = {**request.query_params, "limit": str(query.limit), "cursor": cursor(offset=offset)}
            links.append(_link(_with_parameters(url, parameters), "next", GEOJSON))
        body = {
            "type": "FeatureCollection",
            "timeStamp": stamp(now),
            "numberMatched": len(matching),
            "numberReturned": len(page),
            "links": links,
            "features": [_in_crs(feature, query.crs) for feature in page],
        }
        return _answer(body, media_type=GEOJSON, headers={"Content-Crs": f"<{query.crs}>"})

    async def item(self, request: Request) -> Response:
        collection = COLLECTIONS.get(request.path_params["collection"])
        unknown = sorted(set(request.query_params) - {"crs", "f"})
        if unknown:
            return _problem(400, "InvalidParameterValue", f"Unknown parameter {', '.join(unknown)}.")
        crs = request.query_params.get("crs", CRS84)
        if crs not in CRS_LIST:
            return _problem(400, "InvalidParameterValue", f"crs is one of {', '.join(CRS_LIST)}.")
        with self._utility.lock:
            held = self._utility.features.collections[collection.id] if collection else {}
            feature = held.get(request.path_params["feature"])
        if collection is None or feature is None:
            return _problem(404, "NotFound", "There is no such feature.")
        url = f"{_base(request)}/collections/{collection.id}"
        links = [
            _link(f"{url}/items/{quote(feature['id'], safe='')}", "self", GEOJSON),
            _link(url, "collection", "application/json"),
        ]
        body = {**_in_crs(feature, crs), "links": links}
        return _answer(body, media_type=GEOJSON, headers={"Content-Crs": f"<{crs}>"})

    def _description(self, request: Request, collection: Collection, *, crs: list[str]) -> dict[str, Any]:
        with self._utility.lock:
            features = list(self._utility.features.collections[collection.id].values())
        boxes = [bounds(feature["geometry"]) for feature in features if feature["geometry"] is not None]
        extent: dict[str, Any] = {}
        if boxes:
            west, south, east, north = zip(*boxes, strict=True)
            box = [min(west), min(south), max(east), max(north)]
            extent["spatial"] = {"bbox": [box], "crs": CRS84}
        if collection.time_property is not None:
            times = [feature["properties"][collection.time_property] for feature in features]
            extent["temporal"] = {"interval": [[min(times, default=None), None]]}
        url = f"{_base(request)}/collections/{collection.id}"
        return {
            "id": collection.id,
            "title": collection.title,
            "itemType": "feature",
            "extent": extent,
            "crs": crs,
            "storageCrs": CRS84,
            "links": [
                _link(url, "self", "application/json"),
                _link(f"{url}/items", "items", GEOJSON),
                _link(f"{url}/queryables", QUERYABLES_REL, "application/schema+json"),
            ],
        }


def is_admitted(request: Request) -> bool:
    return auth.matches(auth.bearer_token(request), credentials.GIS_BEARER_TOKEN) or auth.is_basic(
        request, user=credentials.GIS_USERNAME, password=credentials.GIS_PASSWORD
    )


def refusal(status: int, description: str) -> Response:
    code = {401: "Unauthorized", 429: "TooManyRequests"}.get(status, "ServerError")
    answer = _problem(status, code, description)
    if status == 401:
        answer.headers["WWW-Authenticate"] = 'Basic realm="gis", Bearer realm="gis"'
    return answer


def _in_crs(feature: Feature, crs: str) -> Feature:
    geometry = feature["geometry"]
    if crs != EPSG_4326 or geometry is None:
        return feature
    return {**feature, "geometry": {**geometry, "coordinates": latitude_first(geometry["coordinates"])}}


def _base(request: Request) -> str:
    return f"{request.base_url}gis"


def _with_parameters(url: str, parameters: Mapping[str, str]) -> str:
    return f"{url}?{urlencode(parameters)}" if parameters else url


def _link(href: str, rel: str, media_type: str) -> dict[str, str]:
    return {"href": href, "rel": rel, "type": media_type}


def _answer(
    body: Mapping[str, Any],
    *,
    media_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> Response:
    return JSONResponse(body, media_type=media_type, headers=headers)


def _problem(status: int, code: str, description: str) -> Response:
    return JSONResponse({"code": code, "description": description}, status_code=status)
