"""A JSON service on a mocked wire, whose answers the tests may spoil."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import responses

from connectors.adapters.rest_json.adapter import RestJsonAdapter
from connectors.adapters.rest_json.settings import RestJsonForm, RestStreamForm
from connectors.protocols.adapter import Mode, Page, SourceStream
from connectors.protocols.egress import EgressPolicy
from connectors.protocols.http import HttpSession

PAYLOADS = Path(__file__).parents[1] / "payloads" / "rest"
BASE = "https://cis.example/v1"
POINTS = BASE + "/service-points"
NOW = datetime(2026, 11, 22, 2, 15, tzinfo=UTC)

MAPPING = """
external_id = servicePointId
source_time = updatedAt
name = name
node = connectivityNode
customer_class = customerClass
priority = priority
priority_reason = priorityReason
account_number = account.number
position = location.{longitude: lon, latitude: lat}
"""

BY_PAGE: dict[str, Any] = {
    "records": "data",
    "total": "total",
    "paging": "PAGE",
    "page_size": 10,
    "since_parameter": "updated_since",
    "updated": "updatedAt",
    "mapping": MAPPING,
}

BY_CURSOR: dict[str, Any] = BY_PAGE | {
    "records": "items",
    "paging": "NEXT",
    "size_parameter": "limit",
    "next_page": "nextCursor",
    "cursor_parameter": "cursor",
}


def adapter_for(**config: Any) -> RestJsonAdapter:
    form = RestJsonForm({"base_url": BASE, **config})
    assert form.is_valid(), form.errors
    http = HttpSession(egress=EgressPolicy(), now=lambda: NOW, sleep=lambda seconds: None)
    return RestJsonAdapter(form.cleaned_data, http)


def stream(options: dict[str, Any], contract: str = "service-point/1") -> SourceStream:
    form = RestStreamForm(options, contract=contract)
    assert form.is_valid(), form.errors
    cleaned = json.loads(json.dumps(form.cleaned_data))
    return SourceStream(name="service-points", contract=contract, options=cleaned)


def captured(name: str) -> Any:
    return json.loads((PAYLOADS / f"{name}.json").read_text())


def point(number: int, updated: str | None = "2026-10-01T00:00:00Z") -> dict[str, Any]:
    return {
        "servicePointId": f"SP-{number}",
        "connectivityNode": f"N-{number}",
        "priority": None,
        "location": {"lon": 11.4, "lat": 53.6},
        "account": {"number": number},
        "updatedAt": updated,
    }


class Service:
    """Service points by page and by cursor, whose answers the test may spoil."""

    def __init__(self, wire: responses.RequestsMock) -> None:
        self.points = [point(number) for number in range(25)]
        self.asked: list[dict[str, str]] = []
        self.largest_page = 100
        self.spoil: Callable[[int, dict[str, Any]], Any] = lambda number, answer: answer
        wire.add_callback("GET", POINTS, self._answer)

    def _answer(self, request: Any) -> Any:
        query = {name: values[0] for name, values in parse_qs(urlsplit(request.url).query).items()}
        self.asked.append(query)
        by_page = "per_page" in query
        size = min(int(query.get("per_page", query.get("limit", 10))), self.largest_page)
        start = (int(query["page"]) - 1) * size if by_page else int(query.get("cursor", 0))
        part, end = self.points[start : start + size], start + size
        answer: dict[str, Any] = {"data": part, "items": part, "total": len(self.points)}
        if not by_page:
            answer["nextCursor"] = end if end < len(self.points) else None
        spoilt = self.spoil(len(self.asked), answer)
        return spoilt if isinstance(spoilt, tuple) else (200, {}, json.dumps(spoilt))


def read(options: dict[str, Any], *, cursor: Any = None, mode: Mode = Mode.FULL) -> list[Page]:
    return list(adapter_for().fetch(stream(options), cursor=cursor, mode=mode))


def ids(pages: list[Page]) -> list[str]:
    return [record["servicePointId"] for page in pages for record in page.records]


ALL = [f"SP-{number}" for number in range(25)]
