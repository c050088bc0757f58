"""The GIS's records as ArcGIS keeps them: one layer for each kind of geometry, with an object id and a GlobalID."""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from math import log, pi, radians, tan
from typing import Any

from simulator.gis.features import Feature

Row = Mapping[str, Any]
"""A feature's attributes, with dates in ISO 8601."""

FIELDS = {
    "OBJECTID": "esriFieldTypeOID",
    "GlobalID": "esriFieldTypeGlobalID",
    "assetid": "esriFieldTypeString",
    "name": "esriFieldTypeString",
    "last_edited_date": "esriFieldTypeDate",
}
NETWORK_FIELDS = FIELDS | {
    "kind": "esriFieldTypeString",
    "nominal_kv": "esriFieldTypeDouble",
    "from_node": "esriFieldTypeString",
    "to_node": "esriFieldTypeString",
    # ArcGIS has no Boolean: 0 or 1.
    "normally_open": "esriFieldTypeSmallInteger",
    "zone": "esriFieldTypeString",
    "installed": "esriFieldTypeDate",
}
ZONE_FIELDS = FIELDS | {"level": "esriFieldTypeString", "parent": "esriFieldTypeString"}
EARTH_RADIUS_M = 6_378_137.0


@dataclass(frozen=True)
class Layer:
    """
    :param is_modern: pages, gives GeoJSON, and tracks edits; a layer of an old server does none of it
    """

    number: int
    name: str
    collection: str
    geometry_type: str
    fields: Mapping[str, str]
    holds: Callable[[Feature], bool]
    most_records: int = 1_000
    pages: bool = True
    sorts: bool = True
    is_modern: bool = True

    @property
    def date_fields(self) -> frozenset[str]:
        return frozenset(name for name, kind in self.fields.items() if kind == "esriFieldTypeDate")

    def rows(self, features: Iterable[Feature]) -> Iterator[tuple[Row, Feature]]:
        """Features of the layer with their attributes, in the order of the register, which is that of no field."""
        for feature in features:
            if self.holds(feature):
                yield _attributes(feature, self.fields), feature


def _is_line(feature: Feature) -> bool:
    return bool(feature["properties"]["kind"] == "line")


LAYERS = {
    layer.number: layer
    for layer in (
        Layer(0, "Devices", "network", "esriGeometryPoint", NETWORK_FIELDS, lambda feature: not _is_line(feature)),
        Layer(1, "Lines", "network", "esriGeometryPolyline", NETWORK_FIELDS, _is_line, pages=False),
        Layer(
            2,
            "Zones",
            "zones",
            "esriGeometryPolygon",
            ZONE_FIELDS,
            lambda feature: True,
            most_records=50,
            pages=False,
            sorts=False,
            is_modern=False,
        ),
    )
}


@cache
def object_id(feature_id: str) -> int:
    """Stable, unsorted, with gaps, and above what 32 bits hold."""
    return 4_000_000_000 + uuid.uuid5(uuid.NAMESPACE_URL, feature_id).int % 1_000_000_007


@cache
def global_id(feature_id: str) -> str:
    return f"{{{str(uuid.uuid5(uuid.NAMESPACE_OID, feature_id)).upper()}}}"


def _attributes(feature: Feature, fields: Mapping[str, str]) -> Row:
    properties = feature["properties"]
    own = {
        "OBJECTID": object_id(feature["id"]),
        "GlobalID": global_id(feature["id"]),
        "assetid": feature["id"],
        "last_edited_date": properties["modified"],
    }
    row = {name: own[name] if name in own else properties.get(name) for name in fields}
    if "normally_open" in row:
        row["normally_open"] = int(bool(row["normally_open"]))
    return row


def written(row: Row, layer: Layer) -> dict[str, Any]:
    """Attributes as they go on the wire: dates in milliseconds since 1970."""
    return {
        name: _milliseconds(value) if name in layer.date_fields and value is not None else value
        for name, value in row.items()
    }


def _milliseconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1_000)


def esri_geometry(geometry: Mapping[str, Any] | None, *, in_mercator: bool) -> dict[str, Any] | None:
    """
    :param in_mercator: in metres of the web's projection, in which the layers are stored
    """
    if geometry is None:
        return None
    place = _mercator if in_mercator else list
    coordinates = geometry["coordinates"]
    if geometry["type"] == "Point":
        x, y = place(coordinates)
        return {"x": x, "y": y}
    if geometry["type"] == "LineString":
        return {"paths": [[place(position) for position in coordinates]]}
    # A ring that bounds an area is clockwise, other than in GeoJSON.
    return {"rings": [[place(position) for position in reversed(ring)] for ring in coordinates]}


def _mercator(position: Iterable[float]) -> list[float]:
    longitude, latitude = position
    return [EARTH_RADIUS_M * radians(longitude), EARTH_RADIUS_M * log(tan(pi / 4 + radians(latitude) / 2))]
