"""A collection of an OGC API - Features server: the poles of `feature_server`."""

from urllib.parse import parse_qs

import orjson

from connectors.adapters.ogc_api_features.adapter import OgcApiFeaturesAdapter
from connectors.protocols.adapter import SourceStream
from tests.benchmarks.adapters.source import Answer, Question, Source
from tests.benchmarks.feature_server import JSON, Collection

FEATURES = 100_000
PAGE_SIZE = 1_000


class Poles:
    """Pages are made for the address at which they are first asked for."""

    def __init__(self, features: int) -> None:
        self.features = features
        self.collection: Collection | None = None

    def __call__(self, question: Question) -> Answer:
        if self.collection is None:
            self.collection = Collection(question.base, self.features, PAGE_SIZE)
        found = self.collection.answer(question.path, int(parse_qs(question.query).get("offset", ["0"])[0]))
        content, media_type = found or (None, JSON)
        if content is None:
            return Answer(b"{}", status=404)
        return Answer(content if isinstance(content, bytes) else orjson.dumps(content), media_type)


FEATURE = Source(
    name="adapter-ogc-api-features",
    what="features",
    adapter=OgcApiFeaturesAdapter,
    path="",
    settings={"sign_in": "NONE"},
    stream=SourceStream(name="poles", contract="feature/1", options={"modified_property": "modified"}),
    records=FEATURES,
    make=Poles,
)
