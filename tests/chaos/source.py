"""
A GIS that flaps: a server of OGC API - Features over a file of features, in the weather that another file tells of.

`python -m tests.chaos.source PORT FOLDER`

Both files are read again when they change, so that a source that was killed comes back as it was:
`features.json` is `{collection: [feature]}`, `weather.json` is `{"troubles": {trouble: share of requests}, "seed"}`.
"""

import asyncio
import random
import re
import sys
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import uvicorn
from starlette.requests import Request
from starlette.responses import Response

GEOJSON, JSON = "application/geo+json", "application/json"
FEATURES, WEATHER = "features.json", "weather.json"
SINCE = re.compile(r"modified >= TIMESTAMP\('([^']+)'\)")

TROUBLES = ("refuse", "throttle", "break", "truncate", "dawdle", "repeat", "halve")
"""
What a bad moment brings: 503, 429, a connection closed midway, half of a document, an answer that takes seconds,
a page before this one once more, a page that says that it is the last.
"""


@dataclass
class Kept:
    """The content of a JSON file, as it is now."""

    path: Path
    _written_ns: int = 0
    _content: dict[str, Any] = field(default_factory=dict)

    def read(self) -> dict[str, Any]:
        written_ns = self.path.stat().st_mtime_ns
        if written_ns != self._written_ns:
            self._content, self._written_ns = orjson.loads(self.path.read_bytes()), written_ns
        return self._content


class Source:
    """Counts at `/asked` how often each collection was asked for whole, and for changes, from its first page on."""

    def __init__(self, base: str, folder: Path) -> None:
        self.base = base
        self.features, self.weather = Kept(folder / FEATURES), Kept(folder / WEATHER)
        self.asked: Counter[str] = Counter()
        self.chance = random.Random(self.weather.read()["seed"])

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope)
        trouble = "" if request.url.path == "/asked" else self._trouble()
        match trouble:
            case "refuse":
                answer = Response(status_code=503)
            case "throttle":
                answer = Response(status_code=429, headers={"Retry-After": "1"})
            case _:
                answer = self._answer(request, trouble)
        if trouble == "dawdle":
            await asyncio.sleep(self.chance.uniform(0.5, 3))
        if trouble == "truncate":
            answer = Response(answer.body[: len(answer.body) // 2], media_type=answer.media_type)
        if trouble == "break":
            await send({"type": "http.response.start", "status": 200, "headers": answer.raw_headers})
            await send({"type": "http.response.body", "body": answer.body[: len(answer.body) // 2], "more_body": True})
            raise ConnectionAbortedError("This is what the weather asks for.")
        await answer(scope, receive, send)

    def _trouble(self) -> str:
        troubles: dict[str, float] = self.weather.read()["troubles"]
        [drawn] = self.chance.choices([*troubles, ""], [*troubles.values(), 1 - sum(troubles.values())])
        return drawn

    def _answer(self, request: Request, trouble: str) -> Response:
        steps = request.url.path.strip("/").split("/")
        match steps:
            case [""]:
                return _json({"title": "Poles and lines", "links": self._links()})
            case ["asked"]:
                return _json(self.asked)
            case ["conformance"]:
                return _json({"conformsTo": ["http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core"]})
            case ["collections"]:
                return _json({"collections": [self._collection(name) for name in self.features.read()], "links": []})
            case ["collections", name, "items"] if name in self.features.read():
                return self._page(name, dict(request.query_params), trouble)
        return Response(status_code=404)

    def _links(self) -> list[dict[str, str]]:
        relations = {"conformance": "conformance", "data": "collections"}
        return [{"rel": rel, "type": JSON, "href": f"{self.base}/{path}"} for rel, path in relations.items()]

    def _collection(self, name: str) -> dict[str, Any]:
        items = {"rel": "items", "type": GEOJSON, "href": f"{self.base}/collections/{name}/items"}
        return {"id": name, "title": name.title(), "links": [items]}

    def _page(self, name: str, query: dict[str, str], trouble: str) -> Response:
        """In the order of the ids and after one of them, so that what comes and goes meanwhile hides nothing."""
        limit = int(query.get("limit", 10))
        found = self.features.read()[name]
        if "filter" in query:
            asked = SINCE.fullmatch(query["filter"])
            if asked is None:
                return Response(status_code=400)
            since = datetime.fromisoformat(asked[1])
            found = [one for one in found if datetime.fromisoformat(one["properties"]["modified"]) >= since]
        begin = bisect_right(found, query.get("after", ""), key=itemgetter("id"))
        if "after" not in query:
            self.asked[f"{name} {'changes' if 'filter' in query else 'whole'}"] += 1
        end = begin + limit
        features = found[max(0, begin - limit) : begin or end] if trouble == "repeat" else found[begin:end]
        page = {
            "type": "FeatureCollection",
            "numberMatched": len(found),
            "numberReturned": len(features),
            "features": features,
            "links": [],
        }
        if end < len(found) and trouble != "halve":
            following = urlencode({**query, "after": found[end - 1]["id"]})
            href = f"{self.base}/collections/{name}/items?{following}"
            page["links"] = [{"rel": "next", "type": GEOJSON, "href": href}]
        return _json(page, GEOJSON)


def _json(content: Any, media_type: str = JSON) -> Response:
    return Response(orjson.dumps(content), media_type=media_type)


def main(port: int, folder: Path) -> None:
    source = Source(f"http://127.0.0.1:{port}", folder)
    uvicorn.run(source, host="127.0.0.1", port=port, log_level="critical", lifespan="off")


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
