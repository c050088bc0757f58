"""Collections of an OGC API - Features server: the poles of `feature_server` as they are, and lines of a network."""

import random
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import parse_qs

import orjson

from connectors.adapters.ogc_api_features.adapter import OgcApiFeaturesAdapter
from connectors.protocols.adapter import SourceStream
from tests.benchmarks.adapters.source import Answer, Question, Source
from tests.benchmarks.feature_server import JSON, STAMP, Collection, feature

FEATURES, LINES = 100_000, 50_000
PAGE_SIZE = 1_000


class Features:
    """Pages are made for the address at which they are first asked for."""

    def __init__(self, features: int, *, make: Callable[[int, random.Random], dict[str, Any]]) -> None:
        self.features, self.make = features, make
        self.collection: Collection | None = None

    def __call__(self, question: Question) -> Answer:
        if self.collection is None:
            self.collection = Collection(question.base, self.features, PAGE_SIZE, self.make)
        found = self.collection.answer(question.path, int(parse_qs(question.query).get("offset", ["0"])[0]))
        content, media_type = found or (None, JSON)
        if content is None:
            return Answer(b"{}", status=404)
        return Answer(content if isinstance(content, bytes) else orjson.dumps(content), media_type)


def line(number: int, chance: random.Random) -> dict[str, Any]:
    """A line of a distribution network, in CRS84, with what a network element needs."""
    start = chance.uniform(9, 10), chance.uniform(47, 48)
    corners = [[round(start[0] + step * 0.001, 7), round(start[1] + step * 0.0007, 7)] for step in range(4)]
    return {
        "type": "Feature",
        "id": f"L-{number}",
        "geometry": {"type": "LineString", "coordinates": corners},
        "properties": {
            "name": f"Line {number}",
            "kind": "line",
            "nominal_kv": 20,
            "from_node": f"N-{number}",
            "to_node": f"N-{number + 1}",
            "normally_open": False,
            "zone": f"Z-{number % 50}",
            "modified": STAMP,
        },
    }


NETWORK = Source(
    name="adapter-ogc-api-features-network",
    what="network elements",
    adapter=OgcApiFeaturesAdapter,
    path="",
    settings={"sign_in": "NONE"},
    stream=SourceStream(name="poles", contract="network-element/1", options={"modified_property": "modified"}),
    records=LINES,
    make=partial(Features, make=line),
)

FEATURE = Source(
    name="adapter-ogc-api-features",
    what="features",
    adapter=OgcApiFeaturesAdapter,
    path="",
    settings={"sign_in": "NONE"},
    stream=SourceStream(name="poles", contract="feature/1", options={"modified_property": "modified"}),
    records=FEATURES,
    make=partial(Features, make=feature),
)
