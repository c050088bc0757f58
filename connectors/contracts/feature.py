from functools import partial
from typing import ClassVar

import msgspec

from connectors.contracts.base import JsonObject, Name, Record


class Feature(Record, frozen=True, kw_only=True):
    """
    A geographic feature of a collection, with its properties as the source gives them (RFC 7946 §3.2). `geometry` is a
    GeoJSON geometry object (RFC 7946 §3.1) in CRS84: longitude, latitude.
    """

    contract_name: ClassVar[str] = "feature"
    contract_version: ClassVar[str] = "1"

    collection: Name
    geometry: JsonObject | None = None
    properties: JsonObject = msgspec.field(default_factory=partial(msgspec.Raw, b"{}"))
