"""A layer of an ArcGIS Server: the poles of `feature_server`, in GeoJSON and as ArcGIS writes them."""

import random
from typing import Any
from urllib.parse import parse_qsl

import orjson

from connectors.adapters.arcgis_enterprise.adapter import ArcgisEnterpriseAdapter
from connectors.protocols.adapter import SourceStream
from tests.benchmarks.adapters.source import Answer, Question, Source
from tests.benchmarks.feature_server import feature

SERVICE = "/rest/services/Poles/FeatureServer"
PAGE_SIZE = 1_000
FEATURES = 100_000
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


class Layer:
    def __init__(self, features: int) -> None:
        chance = random.Random(1)
        self.poles = [_pole(number, chance) for number in range(1, features + 1)]

    def __call__(self, question: Question) -> Answer:
        form = dict(parse_qsl(question.body.decode()))
        if not question.path.endswith("/query"):
            return Answer(orjson.dumps(LAYER))
        if "returnCountOnly" in form:
            return Answer(orjson.dumps({"count": len(self.poles)}))
        _, _, last = form["where"].partition("OBJECTID > ")
        start = int(last or 0)
        page, has_more = self.poles[start : start + PAGE_SIZE], start + PAGE_SIZE < len(self.poles)
        return Answer(orjson.dumps((_collection if form["f"] == "geojson" else _feature_set)(page, has_more)))


def _collection(poles: list[dict[str, Any]], has_more: bool) -> dict[str, Any]:
    flags = {"properties": {"exceededTransferLimit": True}} if has_more else {}
    return {"type": "FeatureCollection", **flags, "features": poles}


def _feature_set(poles: list[dict[str, Any]], has_more: bool) -> dict[str, Any]:
    found = [
        {
            "attributes": pole["properties"],
            "geometry": dict(zip("xy", pole["geometry"]["coordinates"], strict=True)),
        }
        for pole in poles
    ]
    flags = {"exceededTransferLimit": True} if has_more else {}
    return {"spatialReference": {"wkid": 4326}, "features": found, **flags}


def _pole(number: int, chance: random.Random) -> dict[str, Any]:
    made = feature(number, chance)
    own = {
        "OBJECTID": number,
        "GlobalID": f"{{00000000-0000-4000-8000-{number:012X}}}",
        "last_edited_date": 1_714_557_600_000 + number * 997,
    }
    return {**made, "id": number, "properties": {**own, **made["properties"]}}


def _source(name: str, geometry_format: str) -> Source:
    options = {"geometry_format": geometry_format, "modified_property": "last_edited_date"}
    return Source(
        name=name,
        what="features",
        adapter=ArcgisEnterpriseAdapter,
        path=SERVICE,
        settings={"sign_in": "NONE"},
        stream=SourceStream(name="Poles/FeatureServer/0", contract="feature/1", options=options),
        records=FEATURES,
        make=Layer,
    )


GEOJSON = _source("adapter-arcgis-enterprise", "GEOJSON")
ESRI_JSON = _source("adapter-arcgis-enterprise-json", "JSON")
