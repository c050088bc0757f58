"""
A server that answers each question as it did the first time, from memory; compressed for those who take that.

`python -m tests.benchmarks.adapters.static_server NAME PORT`
"""

import gzip
import sys
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.requests import Request
from starlette.responses import Response

from tests.benchmarks.adapters.catalogue import SOURCES
from tests.benchmarks.adapters.source import Answer, Question

SMALLEST = 500
"""Bytes below which nothing is compressed, as servers have it."""


class StaticServer:
    def __init__(self, answer: Callable[[Question], Answer]) -> None:
        self._answer = answer
        self._kept: dict[tuple[Question, bool], Answer] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        question = Question(
            base=f"http://{request.headers['host']}",
            path=request.url.path,
            query=request.url.query,
            body=await request.body(),
        )
        kept = self._kept_answer(question, compressed="gzip" in request.headers.get("accept-encoding", ""))
        response = Response(kept.content, kept.status, dict(kept.headers), kept.media_type)
        await response(scope, receive, send)

    def _kept_answer(self, question: Question, *, compressed: bool) -> Answer:
        key = question, compressed
        if key not in self._kept:
            answer = self._answer(question)
            self._kept[key] = _gzipped(answer) if compressed and len(answer.content) >= SMALLEST else answer
        return self._kept[key]


def _gzipped(answer: Answer) -> Answer:
    headers = {**answer.headers, "Content-Encoding": "gzip"}
    return answer._replace(content=gzip.compress(answer.content, 6), headers=headers)


def main(name: str, port: int) -> None:
    source = SOURCES[name]
    app = StaticServer(source.make(source.records))
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", lifespan="off", date_header=False)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
