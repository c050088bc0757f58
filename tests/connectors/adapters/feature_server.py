"""A server of OGC API - Features on a mocked wire, which the tests may spoil."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import responses

from connectors.adapters.ogc_api_features.adapter import OgcApiFeaturesAdapter
from connectors.adapters.ogc_api_features.settings import FeatureStreamForm, OgcApiFeaturesForm
from connectors.protocols.adapter import Mode, Page, SourceStream
from connectors.protocols.egress import EgressPolicy
from connectors.protocols.http import HttpSession

PAYLOADS = Path(__file__).parents[1] / "payloads" / "ogc"
BASE = "https://gis.example/net/ogcapi"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
PART_2 = "http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/crs"
PART_3 = "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/features-filter"
NOW = datetime(2026, 11, 22, 2, 15, tzinfo=UTC)

Answer = tuple[int, dict[str, str], str]


def adapter_for(base: str, **config: Any) -> OgcApiFeaturesAdapter:
    form = OgcApiFeaturesForm({"base_url": base, **config})
    assert form.is_valid(), form.errors
    http = HttpSession(egress=EgressPolicy(), now=lambda: NOW, sleep=lambda seconds: None)
    return OgcApiFeaturesAdapter(form.cleaned_data, http)


def stream(contract: str = "network-element/1", name: str = "network", **options: Any) -> SourceStream:
    form = FeatureStreamForm(options)
    assert form.is_valid(), form.errors
    return SourceStream(name=name, contract=contract, options=json.loads(json.dumps(form.cleaned_data)))


def recorded(path: str) -> Any:
    return json.loads((PAYLOADS / f"{path}.json").read_text())


def breaker(number: int, modified: str | None = "2026-10-01T00:00:00Z") -> dict[str, Any]:
    return {
        "type": "Feature",
        "id": f"SW-{number}",
        "geometry": {"type": "Point", "coordinates": [11.4 + number / 10_000, 53.6]},
        "properties": {
            "kind": "breaker",
            "name": f"Switch {number}",
            "nominal_kv": 20.0,
            "from_node": f"N-{number}",
            "to_node": f"N-{number}-a",
            "normally_open": False,
            "zone": "ZONE-1",
            "modified": modified,
        },
    }


class Server:
    """A server with one collection, whose pages the test may spoil."""

    def __init__(self, wire: responses.RequestsMock, features: list[dict[str, Any]]) -> None:
        self.features = features
        self.classes: list[str] = []
        self.crs: list[str] = []
        self.extent: list[float] | None = None
        self.queryables: dict[str, Any] = {}
        self.counts = True
        self.asked: list[dict[str, str]] = []
        self.spoil: Callable[[int, dict[str, Any]], Any] = lambda number, page: page
        wire.get(BASE, json=self._landing())
        wire.add_callback("GET", BASE + "/conf", lambda request: self._json({"conformsTo": self.classes}))
        wire.add_callback("GET", BASE + "/what", lambda request: self._json(self._collections()))
        wire.add_callback("GET", BASE + "/ask", lambda request: self._json({"properties": self.queryables}))
        wire.add_callback("GET", BASE + "/things", self._items)

    def _json(self, answer: Any, **headers: str) -> Answer:
        return 200, headers, json.dumps(answer)

    def _landing(self) -> dict[str, Any]:
        links = [{"rel": "conformance", "href": "ogcapi/conf"}, {"rel": "data", "href": BASE + "/what"}]
        return {"title": "The GIS", "links": links}

    def _collections(self) -> dict[str, Any]:
        entry: dict[str, Any] = {
            "id": "network",
            "title": "Network",
            "crs": ["#/crs"],
            "links": [
                {"rel": "items", "type": "text/html", "href": BASE + "/page.html"},
                {"rel": "items", "type": "application/geo+json", "href": BASE + "/things"},
                {"rel": "http://www.opengis.net/def/rel/ogc/1.0/queryables", "href": BASE + "/ask"},
            ],
        }
        if self.extent:
            entry["extent"] = {"spatial": {"bbox": [self.extent]}}
        return {"collections": [entry, {"id": "tiles", "links": []}], "crs": self.crs}

    def _items(self, request: Any) -> Answer:
        query = {name: values[0] for name, values in parse_qs(urlsplit(request.url).query).items()}
        self.asked.append(query)
        start, limit = int(query.get("from", 0)), int(query["limit"])
        part = self.features[start : start + limit]
        page: dict[str, Any] = {"type": "FeatureCollection", "features": part, "links": []}
        if self.counts:
            page["numberMatched"] = len(self.features)
        if start + limit < len(self.features):
            href = f"{BASE}/things?from={start + limit}&limit={limit}"
            page["links"].append({"rel": "next", "href": href})
        answer = self.spoil(len(self.asked), page)
        return answer if isinstance(answer, tuple) else self._json(answer)


TENS: dict[str, Any] = {"page_size": 10}


def read(
    gis: OgcApiFeaturesAdapter,
    one: SourceStream | None = None,
    *,
    cursor: Any = None,
    mode: Mode = Mode.FULL,
) -> list[Page]:
    return list(gis.fetch(one or stream(**TENS), cursor=cursor, mode=mode))


def ids(pages: list[Page]) -> list[str]:
    return [record.id for page in pages for record in page.records]
