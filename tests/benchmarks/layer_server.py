"""
A static ArcGIS layer for benchmarks: the poles of `feature_server`, in pages that were made before.

`python -m tests.benchmarks.layer_server PORT FEATURES`
"""

import random
import sys
from typing import Any
from urllib.parse import parse_qsl

import orjson
import uvicorn
from starlette.requests import Request
from starlette.responses import Response

from tests.benchmarks.feature_server import feature

SERVICE = "/rest/services/Poles/FeatureServer"
PAGE_SIZE = 1_000
FIELDS = {
    "OBJECTID": "esriFieldTypeOID",
    "GlobalID": "esriFieldTypeGlobalID",
    "last_edited_date": "esriFieldTypeDate",
}
LAYER = {
    "type": "Feature Layer",
    "name": "Poles",
    "capabilities": "Query",
    "objectIdField": "OBJECTID",
    "globalIdField": "GlobalID",
    "fields": [{"name": name, "type": kind} for name, kind in FIELDS.items()],
    "maxRecordCount": PAGE_SIZE,
    "supportedQueryFormats": "JSON, geoJSON",
    "advancedQueryCapabilities": {"supportsPagination": True, "supportsOrderBy": True},
}


class Pages:
    """All pages of one format as bytes, by the object id that they come after."""

    def __init__(self, features: int) -> None:
        chance = random.Random(1)
        made = [_pole(number, chance) for number in range(1, features + 1)]
        self.count = features
        self.geojson = self._pages(made, self._collection)
        self.json = self._pages(made, self._answer)

    def _pages(self, made: list[dict[str, Any]], write: Any) -> dict[int, bytes]:
        starts = range(0, len(made), PAGE_SIZE)
        return {
            start: orjson.dumps(write(made[start : start + PAGE_SIZE], start + PAGE_SIZE < len(made)))
            for start in starts
        }

    def _collection(self, made: list[dict[str, Any]], has_more: bool) -> dict[str, Any]:
        flags = {"properties": {"exceededTransferLimit": True}} if has_more else {}
        return {"type": "FeatureCollection", **flags, "features": made}

    def _answer(self, made: list[dict[str, Any]], has_more: bool) -> dict[str, Any]:
        found = [
            {
                "attributes": one["properties"],
                "geometry": dict(zip("xy", one["geometry"]["coordinates"], strict=True)),
            }
            for one in made
        ]
        flags = {"exceededTransferLimit": True} if has_more else {}
        return {"spatialReference": {"wkid": 4326}, "features": found, **flags}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        form = dict(parse_qsl((await request.body()).decode()))
        await Response(self._body(request.url.path, form), media_type="application/json")(scope, receive, send)

    def _body(self, path: str, form: dict[str, str]) -> bytes:
        if not path.endswith("/query"):
            return orjson.dumps(LAYER)
        if "returnCountOnly" in form:
            return orjson.dumps({"count": self.count})
        _, _, last = form["where"].partition("OBJECTID > ")
        return (self.geojson if form["f"] == "geojson" else self.json)[int(last or 0)]


def _pole(number: int, chance: random.Random) -> dict[str, Any]:
    made = feature(number, chance)
    own = {
        "OBJECTID": number,
        "GlobalID": f"{{00000000-0000-4000-8000-{number:012X}}}",
        "last_edited_date": 1_714_557_600_000,
    }
    return {**made, "id": number, "properties": {**own, **made["properties"]}}


if __name__ == "__main__":
    uvicorn.run(Pages(int(sys.argv[2])), host="127.0.0.1", port=int(sys.argv[1]), log_level="error", lifespan="off")
