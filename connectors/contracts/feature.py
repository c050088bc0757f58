from typing import Any, ClassVar

from connectors.contracts.base import Geometry, Name, Record


class Feature(Record, frozen=True, kw_only=True):
    """A geographic feature of a collection, with its properties as the source gives them (RFC 7946 §3.2)."""

    contract_name: ClassVar[str] = "feature"
    contract_version: ClassVar[str] = "1"

    collection: Name
    geometry: Geometry | None = None
    properties: dict[str, Any] = {}
