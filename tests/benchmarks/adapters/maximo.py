"""Maximo: assets as equipment, page by page along its links."""

import random
from typing import Any
from urllib.parse import parse_qs

import orjson

from connectors.adapters.maximo.adapter import MaximoAdapter
from connectors.protocols.adapter import SourceStream
from tests.benchmarks.adapters.source import Answer, Question, Source

STRUCTURE = "mxapiasset"
ASSETS = 50_000
STATES = {"OPERATING": "Operating", "NOT READY": "Not ready", "ACTIVE": "Active"}


class Maximo:
    def __init__(self, assets: int) -> None:
        chance = random.Random(1)
        self.assets = [_asset(number, chance) for number in range(assets)]

    def __call__(self, question: Question) -> Answer:
        asked = {name: values[0] for name, values in parse_qs(question.query).items()}
        size, start = int(asked["oslc.pageSize"]), int(asked.get("start", 0))
        page = self.assets[start : start + size]
        base = f"{question.base}{question.path}"
        told: dict[str, Any] = {"totalCount": len(self.assets), "pagenum": start // size + 1}
        if start + size < len(self.assets):
            told["nextPage"] = {"href": f"{base}?oslc.pageSize={size}&start={start + size}&lean=1"}
        members = [{"href": f"{base}/_{one['assetnum']}", **one} for one in page]
        return Answer(orjson.dumps({"member": members, "href": base, "responseInfo": told}))


def _asset(number: int, chance: random.Random) -> dict[str, Any]:
    status = chance.choice(list(STATES))
    return {
        "assetnum": f"{number:07d}",
        "siteid": "RURAL",
        "description": f"Breaker LV1.{number % 400:03d} Switch {number}",
        "status": status,
        "status_description": STATES[status],
        "status_maxvalue": "OPERATING",
        "location": f"LV1.{number % 400:03d}",
        "changedate": f"2024-11-{chance.randrange(1, 29):02d}T{chance.randrange(24):02d}:00:00+01:00",
        "gisid": f"SW-{number}",
        "_rowstamp": str(chance.randrange(10**9)),
    }


EQUIPMENT = Source(
    name="adapter-maximo",
    what="assets",
    adapter=MaximoAdapter,
    path="/maximo/api",
    settings={"sign_in": "API_KEY", "api_key": "bench", "page_size": 1_000},
    stream=SourceStream(name=STRUCTURE, contract="equipment/1"),
    records=ASSETS,
    make=Maximo,
)
