"""
A static PI Web API for benchmarks: a data server whose tags have values that were made before.

`python -m tests.benchmarks.pi_server PORT TAGS VALUES`
"""

import sys
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

SERVER = "\\\\PIServers[BENCH]"
START = datetime(2026, 11, 20, tzinfo=UTC)
END = START + timedelta(days=1)


class DataServer:
    """What each tag answers as bytes, so that what is measured is who reads them."""

    def __init__(self, tags: int, values: int) -> None:
        self.tags = {f"I1DP{number}": f"\\\\BENCH\\TAG-{number:06d}.MW" for number in range(tags)}
        self.items = {key: self._item(key, path, values) for key, path in self.tags.items()}
        headers = {"Date": format_datetime(END, usegmt=True), "Content-Type": "application/json; charset=utf-8"}
        self.headers = headers

    def _item(self, key: str, path: str, values: int) -> bytes:
        step = (END - START) / values
        recorded = [self._value(START + step * number, number) for number in range(values)]
        return orjson.dumps({"WebId": key, "Path": path, "Links": {}, "Items": recorded, "UnitsAbbreviation": "MW"})

    def _value(self, at: datetime, number: int) -> dict[str, Any]:
        return {
            "Timestamp": f"{at:%Y-%m-%dT%H:%M:%S.%f}1Z",
            "Value": round(7.25 + number * 0.013, 3),
            "UnitsAbbreviation": "MW",
            "Good": True,
            "Questionable": False,
            "Substituted": False,
            "Annotated": False,
        }

    async def server(self, request: Request) -> Response:
        return self._answer({"WebId": "I1DS", "Name": "BENCH"})

    async def points(self, request: Request) -> Response:
        start, count = (int(request.query_params[name]) for name in ("startIndex", "maxCount"))
        page = list(self.tags.items())[start : start + count]
        return self._answer({"Links": {}, "Items": [{"WebId": key, "Path": path} for key, path in page]})

    async def batch(self, request: Request) -> Response:
        asked = orjson.loads(await request.body())
        parts = [b'"%s":%s' % (name.encode(), self._part(one["Resource"])) for name, one in asked.items()]
        return Response(b"{" + b",".join(parts) + b"}", status_code=207, headers=self.headers)

    def _part(self, resource: str) -> bytes:
        items = b",".join(self.items[key] for key in parse_qs(urlsplit(resource).query)["webId"])
        return b'{"Status":200,"Headers":{},"Content":{"Links":{},"Items":[' + items + b"]}}"

    def _answer(self, body: Any) -> Response:
        return Response(orjson.dumps(body), headers=self.headers)


def main(port: int, tags: int, values: int) -> None:
    server = DataServer(tags, values)
    routes = [
        Route("/piwebapi/dataservers", server.server),
        Route("/piwebapi/dataservers/I1DS/points", server.points),
        Route("/piwebapi/batch", server.batch, methods=["POST"]),
    ]
    uvicorn.run(Starlette(routes=routes), host="127.0.0.1", port=port, log_level="warning", date_header=False)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
