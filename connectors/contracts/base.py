"""What every contract is made of: a frozen struct with a name and a major version."""

from datetime import datetime
from typing import Annotated, Any, ClassVar

import msgspec

Text = Annotated[str, msgspec.Meta(max_length=4_000)]
"""Free text of a source, bounded so that one record cannot fill a page."""

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=400)]
"""A name or key in the source's own words."""

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
"""A moment with its offset (ISO 8601); naive times are refused."""

Longitude = Annotated[float, msgspec.Meta(ge=-180, le=180)]
Latitude = Annotated[float, msgspec.Meta(ge=-90, le=90)]

JsonObject = Annotated[msgspec.Raw, msgspec.Meta(extra_json_schema={"type": "object"})]
"""A JSON object as the source wrote it: passed on to the database unparsed."""

Geometry = dict[str, Any]
"""A GeoJSON geometry object (RFC 7946 §3.1) in CRS84: longitude, latitude."""


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """A point in CRS84, degrees."""

    longitude: Longitude
    latitude: Latitude


# gc=False: a record refers to nothing that could refer back to it, and thousands come at once.
class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """
    One record on its way from a source system to a domain.

    `external_id` is the source's key, unique within one connector and contract, unless the contract is
    `keyed_by_moment`: then there is a record for each `source_time` of a key. `source_time` is when the source says
    that the record was true; `None` if it does not say.
    """

    contract_name: ClassVar[str]
    contract_version: ClassVar[str]
    keyed_by_moment: ClassVar[bool] = False

    external_id: Name
    source_time: Instant | None = None


class OutboundRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One record on its way from a domain to a source system."""

    contract_name: ClassVar[str]
    contract_version: ClassVar[str]


def contract_id(contract: type[Record] | type[OutboundRecord]) -> str:
    """The name by which a contract is stored and wired: `alarm/1`."""
    return f"{contract.contract_name}/{contract.contract_version}"
