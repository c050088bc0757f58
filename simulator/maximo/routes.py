"""Maximo Manage's REST API, read side, lean JSON, with the traits that trip clients."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator import auth, credentials
from simulator.faults_on_wire import fault_of
from simulator.maximo.records import (
    OBJECT_STRUCTURES,
    ORGANISATION,
    SITE,
    STATUS_DESCRIPTIONS,
    ObjectStructure,
    Row,
    whole_seconds,
)
from simulator.maximo.where import (
    QueryError,
    Selection,
    parse_internal_where,
    parse_select,
    parse_where,
    sort_rows,
)
from simulator.settings import UTILITY_ZONE
from simulator.utility import Utility

AUTO_PAGE = 200
MAX_PAGE = 500
API_PREFIX = "/maximo/api"
CHILDREN = frozenset({"assignment"})


class MaximoRoutes:
    def __init__(self, utility: Utility) -> None:
        self._utility = utility

    def routes(self) -> list[Route]:
        return [
            Route(f"{API_PREFIX}/whoami", self.whoami),
            Route(f"{API_PREFIX}/systeminfo", self.systeminfo),
            Route(f"{API_PREFIX}/apimeta", self.apimeta),
            Route(f"{API_PREFIX}/os/{{structure}}", self.many),
            Route(f"{API_PREFIX}/os/{{structure}}/{{rest_id}}", self.one),
        ]

    async def whoami(self, request: Request) -> Response:
        body = {
            "userName": "fabric",
            "displayName": "Integration user",
            "personid": "FABRIC",
            "defaultSite": SITE,
            "insertOrg": ORGANISATION,
            "langcode": "EN",
            "baseLang": "EN",
        }
        return JSONResponse(body)

    async def systeminfo(self, request: Request) -> Response:
        apps = [{"installedversion": "9.0.0", "productname": "IBM Maximo Manage (simulated)"}]
        return JSONResponse({"appServer": "simulator", "apps": apps, "serverTimezone": "+01:00"})

    async def apimeta(self, request: Request) -> Response:
        names = [{"osName": name.upper(), "href": f"{_base(request)}/os/{name}"} for name in OBJECT_STRUCTURES]
        return JSONResponse(names)

    async def many(self, request: Request) -> Response:
        structure = OBJECT_STRUCTURES.get(request.path_params["structure"].lower())
        if structure is None:
            return refusal(404, "The object structure was not found.")
        parameters = request.query_params
        try:
            rows = self._matching(structure, parameters)
            if parameters.get("count") == "1":
                return JSONResponse({"totalCount": len(rows)})
            size, number = _page_size(parameters), _page_number(parameters)
            selection = parse_select(parameters["oslc.select"]) if "oslc.select" in parameters else None
        except QueryError as error:
            return refusal(400, str(error))
        fault = fault_of(request)
        page = rows[(number - 1) * size : number * size]
        has_next = number * size < len(rows)
        if fault == "truncated":
            page, has_next = page[: len(page) // 2], False
        url = f"{_base(request)}/os/{structure.name}"
        info: dict[str, Any] = {"href": f"{url}?{urlencode(parameters)}", "pagenum": number}
        if has_next:
            following = number if fault == "repeated" else number + 1
            info["nextPage"] = {"href": f"{url}?{urlencode({**parameters, 'pageno': following})}"}
        if number > 1:
            info["previousPage"] = {"href": f"{url}?{urlencode({**parameters, 'pageno': number - 1})}"}
        if parameters.get("collectioncount") == "1":
            info |= {"totalCount": len(rows), "totalPages": -(-len(rows) // size)}
        members = [_shown(request, structure, row, selection) for row in page]
        return _answer(request, {"member": members, "responseInfo": info})

    async def one(self, request: Request) -> Response:
        structure = OBJECT_STRUCTURES.get(request.path_params["structure"].lower())
        if structure is None:
            return refusal(404, "The object structure was not found.")
        try:
            selection = parse_select(request.query_params.get("oslc.select", "*"))
        except QueryError as error:
            return refusal(400, str(error))
        for row in self._rows(structure):
            if structure.rest_id(row) == request.path_params["rest_id"]:
                return _answer(request, _shown(request, structure, row, selection))
        return refusal(404, "The record does not exist.")

    def _rows(self, structure: ObjectStructure) -> list[Row]:
        self._utility.advance()
        with self._utility.lock:
            return structure.rows(self._utility)

    def _matching(self, structure: ObjectStructure, parameters: Mapping[str, str]) -> list[Row]:
        rows = self._rows(structure)
        for row in rows:
            for name in structure.dates & row.keys():
                row[name] = row[name] and whole_seconds(row[name])
        attributes = frozenset(rows[0]) - CHILDREN if rows else frozenset()
        if "oslc.where" in parameters:
            test = parse_where(parameters["oslc.where"], attributes=attributes, dates=structure.dates)
            rows = [row for row in rows if test(row)]
        if "domaininternalwhere" in parameters:
            by_meaning = parse_internal_where(
                parameters["domaininternalwhere"], internal_values=structure.internal_values
            )
            rows = [row for row in rows if by_meaning(row)]
        if "oslc.orderBy" in parameters:
            rows = sort_rows(rows, parameters["oslc.orderBy"], attributes=attributes)
        return rows


def is_admitted(request: Request) -> bool:
    """The key counts at the API route only: the other one wants a session, as where single sign-on is on."""
    if not request.url.path.startswith(API_PREFIX):
        return False
    return auth.matches(request.headers.get("apikey"), credentials.MAXIMO_API_KEY)


REASONS = {400: "BMXAA8727E", 401: "BMXAA7901E", 404: "BMXAA8721E", 429: "BMXAA9549E", 500: "BMXAA8313E"}


def refusal(status: int, sentence: str) -> Response:
    code = REASONS.get(status, REASONS[500])
    error = {
        "reasonCode": code,
        "message": f"{code} - {sentence}",
        "statusCode": str(status),
        "extendedError": {"moreInfo": {"href": f"oslc/error/messages/{code}"}},
    }
    return JSONResponse({"Error": error}, status_code=status)


def _base(request: Request) -> str:
    return request.headers.get("x-public-uri", f"{request.base_url}maximo/oslc").rstrip("/")


def _page_size(parameters: Mapping[str, str]) -> int:
    text = parameters.get("oslc.pageSize", str(AUTO_PAGE))
    if not (text.isascii() and text.isdecimal()) or int(text) < 1:
        raise QueryError("oslc.pageSize is a whole number, 1 or more.")
    if int(text) > MAX_PAGE:
        raise QueryError(f"The page size {text} is above the maximum of {MAX_PAGE} (mxe.oslc.maxpagesize).")
    return int(text)


def _page_number(parameters: Mapping[str, str]) -> int:
    text = parameters.get("pageno", "1")
    if not (text.isascii() and text.isdecimal()) or int(text) < 1:
        raise QueryError("pageno is a whole number, 1 or more.")
    return int(text)


def _shown(request: Request, structure: ObjectStructure, row: Row, selection: Selection | None) -> Row:
    shown: Row = {"href": f"{_base(request)}/os/{structure.name}/{structure.rest_id(row)}"}
    if selection is None:
        return shown
    keeps_nulls = request.query_params.get("_dropnulls") == "0"
    with_meaning = request.query_params.get("internalvalues") == "1"
    own = {name: value for name, value in row.items() if name not in CHILDREN}
    shown |= _attributes(own, selection.attributes, structure, with_meaning=with_meaning, keeps_nulls=keeps_nulls)
    for child in CHILDREN & row.keys():
        if selection.attributes is not None and child not in selection.children:
            continue
        wanted = selection.children.get(child)
        parts = [
            _attributes(part, wanted, None, with_meaning=with_meaning, keeps_nulls=keeps_nulls)
            for part in row[child] or []
        ]
        if parts:
            shown[child] = parts
    return shown


def _attributes(
    row: Row,
    wanted: tuple[str, ...] | None,
    structure: ObjectStructure | None,
    *,
    with_meaning: bool,
    keeps_nulls: bool,
) -> Row:
    shown: Row = {}
    for name in row if wanted is None else wanted:
        # An attribute that the object has not is left out without a word, as Maximo does.
        value = row.get(name)
        if name not in row or (value is None and not keeps_nulls):
            continue
        shown[name] = _local(value) if isinstance(value, datetime) else value
        if name == "status" and isinstance(value, str):
            shown["status_description"] = STATUS_DESCRIPTIONS[value]
            if with_meaning:
                meanings = structure.internal_values if structure else {}
                shown["status_maxvalue"] = meanings.get(value, value)
    return shown


def _local(moment: datetime) -> str:
    return whole_seconds(moment).astimezone(UTILITY_ZONE).isoformat()


def _answer(request: Request, body: Row) -> Response:
    if request.query_params.get("lean") == "1":
        return JSONResponse(body)
    return JSONResponse(_prefixed(body))


SHORT_NAMES = {
    "member": "rdfs:member",
    "responseInfo": "oslc:responseInfo",
    "href": "rdf:about",
    "nextPage": "oslc:nextPage",
    "previousPage": "oslc:previousPage",
    "pagenum": "oslc:pagenum",
    "totalCount": "oslc:totalCount",
    "totalPages": "oslc:totalPages",
}


def _prefixed(value: Any) -> Any:
    if isinstance(value, list):
        return [_prefixed(part) for part in value]
    if isinstance(value, dict):
        return {SHORT_NAMES.get(name, f"spi:{name}"): _prefixed(part) for name, part in value.items()}
    return value
