"""A JSON service of a customer information system: service points in numbered pages, mapped field by field."""

import random
from typing import Any
from urllib.parse import parse_qs

import orjson

from connectors.adapters.rest_json.adapter import RestJsonAdapter
from connectors.protocols.adapter import SourceStream
from tests.benchmarks.adapters.source import Answer, Question, Source

POINTS = 50_000
PAGE_SIZE = 1_000
CLASSES = ("residential", "agricultural", "commercial", "industrial")
MAPPING = {
    "external_id": "servicePointId",
    "source_time": "updatedAt",
    "name": "name",
    "node": "connectivityNode",
    "customer_class": "customerClass",
    "priority": "priority",
    "priority_reason": "priorityReason",
    "account_number": "account.number",
    "position": "location.{longitude: lon, latitude: lat}",
}


class CustomerInformation:
    def __init__(self, points: int) -> None:
        chance = random.Random(1)
        self.points = [_point(number, chance) for number in range(points)]

    def __call__(self, question: Question) -> Answer:
        page = int(parse_qs(question.query)["page"][0])
        found = self.points[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
        return Answer(orjson.dumps({"data": found, "total": len(self.points), "page": page}))


def _point(number: int, chance: random.Random) -> dict[str, Any]:
    critical = number % 100 == 0
    return {
        "servicePointId": f"SP-{number}",
        "updatedAt": f"2026-11-{chance.randrange(1, 22):02d}T{chance.randrange(24):02d}:00:00Z",
        "name": f"LV1.{number % 400:03d} Load {number}",
        "connectivityNode": f"N-{number}",
        "customerClass": chance.choice(CLASSES),
        "priority": "CRITICAL" if critical else "NORMAL",
        "priorityReason": "home dialysis" if critical else None,
        "account": {"number": f"{chance.randrange(10**9):09d}", "status": "active"},
        "location": {"lon": round(chance.uniform(9, 10), 6), "lat": round(chance.uniform(47, 48), 6)},
    }


SERVICE_POINTS = Source(
    name="adapter-rest-json",
    what="service points",
    adapter=RestJsonAdapter,
    path="",
    settings={"sign_in": "NONE"},
    stream=SourceStream(
        name="service-points",
        contract="service-point/1",
        options={
            "records": "data",
            "total": "total",
            "paging": "PAGE",
            "page_size": PAGE_SIZE,
            "updated": "updatedAt",
            "mapping": MAPPING,
        },
    ),
    records=POINTS,
    make=CustomerInformation,
)
