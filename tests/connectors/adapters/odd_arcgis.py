"""Layers of ArcGIS on a mocked wire: recorded ones, and one that the tests may spoil."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import responses
from requests import PreparedRequest

from connectors.adapters.arcgis_enterprise.adapter import ArcgisEnterpriseAdapter
from connectors.protocols.adapter import Mode, Page, SourceStream
from tests.connectors.adapters.arcgis import stream
from tests.connectors.adapters.wire import build

PAYLOADS = Path(__file__).parents[1] / "payloads" / "arcgis"
ROOT = "https://gis.example/server/rest/services"
SERVICE = f"{ROOT}/Grid/FeatureServer"
PATH = "Grid/FeatureServer/0"
KEY = "4p1-k3y"

Answer = dict[str, Any]


def recorded(name: str) -> Any:
    return json.loads((PAYLOADS / f"{name}.json").read_text())


def arcgis() -> ArcgisEnterpriseAdapter:
    adapter: ArcgisEnterpriseAdapter = build(ArcgisEnterpriseAdapter, base_url=ROOT, sign_in="BEARER", token=KEY)
    adapter.rest.http.sleep = lambda seconds: None
    return adapter


def features(**options: Any) -> SourceStream:
    options = {"id_property": "", "modified_property": "", "geometry_format": "JSON", **options}
    return stream(PATH, "feature/1", **options)


def read(one: SourceStream | None = None, *, cursor: Any = None, mode: Mode = Mode.FULL) -> list[Page]:
    return list(arcgis().fetch(one or features(), cursor=cursor, mode=mode))


class OddServer:
    """One layer of 25 poles that the test may spoil; it answers every condition alike unless told otherwise."""

    def __init__(self, wire: responses.RequestsMock, **described: Any) -> None:
        self.described: Answer = {
            "type": "Feature Layer",
            "name": "Poles",
            "capabilities": "Query",
            "fields": [
                {"name": "OBJECTID", "type": "esriFieldTypeOID"},
                {"name": "EditDate", "type": "esriFieldTypeDate"},
            ],
            "objectIdField": "OBJECTID",
            "maxRecordCount": 10,
            "advancedQueryCapabilities": {"supportsPagination": True, "supportsOrderBy": True},
            **described,
        }
        self.service: Answer = {"layers": [{"id": 0}]}
        self.asked: list[dict[str, str]] = []
        self.date = ""
        self.pole: Callable[[int], Answer] = lambda number: {"OBJECTID": number, "EditDate": 1_700_000_000_000}
        self.spoil: Callable[[Answer], Answer] = lambda page: page
        wire.add_callback("POST", SERVICE, lambda request: self.answer(self.service))
        wire.add_callback("POST", f"{SERVICE}/0", lambda request: self.answer(self.described))
        wire.add_callback("POST", f"{SERVICE}/0/query", self.query)

    def answer(self, body: Answer) -> tuple[int, dict[str, str], str]:
        return 200, {"Date": self.date} if self.date else {}, json.dumps(body)

    def query(self, request: PreparedRequest) -> tuple[int, dict[str, str], str]:
        form = dict(parse_qsl(str(request.body)))
        if "returnCountOnly" in form:
            return self.answer({"count": 25})
        self.asked.append(form)
        last = int(form["where"].rpartition("> ")[2]) if "OBJECTID > " in form["where"] else 0
        numbers = range(last + 1, min(last + 10, 25) + 1)
        found = [{"attributes": self.pole(number), "geometry": {"x": 11.4, "y": 53.6}} for number in numbers]
        more = {"exceededTransferLimit": True} if last + 10 < 25 else {}
        reference = {"spatialReference": {"wkid": 4326}}
        return self.answer(self.spoil({"features": found, **reference, **more}))


def replay(wire: responses.RequestsMock, described: str, page: str) -> int:
    """
    A recorded layer answers every question with its one recorded page.

    :return: how many features there are
    """
    answer = recorded(page)
    object_id = next(one["name"] for one in recorded(described)["fields"] if one["type"] == "esriFieldTypeOID")
    listed = [one["attributes"][object_id] for one in answer["features"]]

    def query(request: PreparedRequest) -> tuple[int, dict[str, str], str]:
        form = dict(parse_qsl(str(request.body)))
        if "returnCountOnly" in form:
            return 200, {}, json.dumps({"count": len(listed)})
        if "returnIdsOnly" in form:
            return 200, {}, json.dumps({"objectIdFieldName": object_id, "objectIds": listed})
        return 200, {}, json.dumps({**answer, "exceededTransferLimit": False})

    wire.post(f"{SERVICE}/0", json=recorded(described))
    wire.add_callback("POST", f"{SERVICE}/0/query", query)
    return len(listed)
