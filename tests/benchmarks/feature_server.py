"""
A static OGC API - Features server for benchmarks: point features with ten properties, in pages that were made before.

`python -m tests.benchmarks.feature_server PORT FEATURES [PAGE_SIZE]`
"""

import random
import sys
from collections.abc import Callable
from typing import Any

import orjson
import uvicorn
from starlette.requests import Request
from starlette.responses import Response

GEOJSON, JSON = "application/geo+json", "application/json"
MATERIALS = ("wood", "steel", "concrete", "composite")
STAMP = "2024-05-01T10:00:00Z"


def feature(number: int, chance: random.Random) -> dict[str, Any]:
    """A pole of a distribution network, in CRS84."""
    return {
        "type": "Feature",
        "id": f"pole-{number}",
        "geometry": {
            "type": "Point",
            "coordinates": [round(chance.uniform(9, 10), 7), round(chance.uniform(47, 48), 7)],
        },
        "properties": {
            "name": f"Pole {number}",
            "kind": "POLE",
            "height_m": round(chance.uniform(6, 14), 1),
            "material": MATERIALS[number % len(MATERIALS)],
            "installed": "1987-04-12",
            "owner": "Network operator",
            "status": "IN_SERVICE",
            "modified": STAMP,
            "circuit": f"F-{number % 500}",
            "remark": "inspected, found in order",
        },
    }


class Collection:
    """All pages as bytes, so that what is measured is who reads them."""

    def __init__(
        self,
        base: str,
        features: int,
        page_size: int,
        make: Callable[[int, random.Random], dict[str, Any]] = feature,
    ) -> None:
        self.base = base
        chance = random.Random(1)
        made = [make(number, chance) for number in range(features)]
        self.pages = {
            offset: self._page(made[offset : offset + page_size], offset, features, page_size)
            for offset in range(0, max(features, 1), page_size)
        }

    def _page(self, features: list[dict[str, Any]], offset: int, total: int, page_size: int) -> bytes:
        items = f"{self.base}/collections/poles/items"
        links = [{"rel": "self", "type": GEOJSON, "href": f"{items}?offset={offset}&limit={page_size}"}]
        if offset + page_size < total:
            following = f"{items}?offset={offset + page_size}&limit={page_size}"
            links.append({"rel": "next", "type": GEOJSON, "href": following})
        return orjson.dumps(
            {
                "type": "FeatureCollection",
                "numberMatched": total,
                "numberReturned": len(features),
                "features": features,
                "links": links,
            }
        )

    def answer(self, path: str, offset: int) -> tuple[Any, str] | None:
        match path.strip("/"):
            case "":
                return self._landing(), JSON
            case "conformance":
                return {"conformsTo": ["http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core"]}, JSON
            case "api":
                return {"openapi": "3.0.0", "info": {"title": "Poles", "version": "1"}, "paths": {}}, JSON
            case "collections":
                return {"collections": [self._collection()], "links": []}, JSON
            case "collections/poles":
                return self._collection(), JSON
            case "collections/poles/items":
                return self.pages.get(offset), GEOJSON
        return None

    def _landing(self) -> dict[str, Any]:
        relations = {"conformance": "conformance", "data": "collections", "service-desc": "api"}
        links = [{"rel": rel, "type": JSON, "href": f"{self.base}/{path}"} for rel, path in relations.items()]
        return {"title": "Poles", "links": links}

    def _collection(self) -> dict[str, Any]:
        return {
            "id": "poles",
            "title": "Poles",
            "extent": {"spatial": {"bbox": [[9, 47, 10, 48]]}},
            "links": [{"rel": "items", "type": GEOJSON, "href": f"{self.base}/collections/poles/items"}],
        }

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope)
        found = self.answer(request.url.path, int(request.query_params.get("offset", 0)))
        if found is None or found[0] is None:
            await Response(status_code=404)(scope, receive, send)
            return
        content, media_type = found
        body = content if isinstance(content, bytes) else orjson.dumps(content)
        await Response(body, media_type=media_type)(scope, receive, send)


def main(port: int, features: int, page_size: int = 1_000) -> None:
    uvicorn.run(
        Collection(f"http://127.0.0.1:{port}", features, page_size),
        host="127.0.0.1",
        port=port,
        log_level="error",
        lifespan="off",
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
