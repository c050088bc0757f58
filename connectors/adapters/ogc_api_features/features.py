"""From a GeoJSON feature to a record; pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from connectors.adapters.ogc_api_features.settings import SKIP, names_in, options_of
from connectors.contracts.base import Record, contract_id
from connectors.contracts.feature import Feature
from connectors.contracts.network_element import NetworkElement
from connectors.contracts.zone import Zone
from connectors.protocols.adapter import SourceStream
from connectors.protocols.convert import to_record
from connectors.protocols.crs import to_crs84
from connectors.protocols.errors import BadRecord
from connectors.protocols.geojson import SourceFeature, feature_id
from connectors.protocols.moments import parse_moment

NULL, EMPTY = msgspec.Raw(b"null"), msgspec.Raw(b"{}")
OBJECT = ord("{")
LONGEST_KEY = 400
YES = {"open": True, "closed": False, "yes": True, "no": False, "y": True, "n": False}


class PlainFeatures:
    """
    Reads features of any kind as they are, in CRS84: what is passed on unparsed needs no look at its members. A
    geometry that is none shows when it is placed on the Earth.
    """

    def __init__(self, stream: SourceStream) -> None:
        options = options_of(stream)
        self.collection = stream.name
        self.id_property, self.id_prefix = options["id_property"], options["id_prefix"]
        self.modified_property, self.zone = options["modified_property"], ZoneInfo(options["time_zone"])

    def __call__(self, raw: SourceFeature) -> Feature:
        key = feature_id(raw, self.id_property)
        if key is None:
            raise BadRecord("it has no id", path=self.id_property or "id")
        if raw.properties != NULL and memoryview(raw.properties)[0] != OBJECT:
            raise BadRecord("its properties are not an object", external_id=key, path="properties")
        key = f"{self.collection}/{self.id_prefix}{key}"
        if len(key) > LONGEST_KEY:
            raise BadRecord("its id is too long", external_id=key[:LONGEST_KEY], path="external_id")
        return Feature(
            external_id=key,
            source_time=self._modified(raw, key),
            collection=self.collection,
            geometry=None if raw.geometry == NULL else raw.geometry,
            properties=EMPTY if raw.properties == NULL else raw.properties,
        )

    def _modified(self, raw: SourceFeature, key: str) -> datetime | None:
        if not self.modified_property:
            return None
        try:
            return parse_moment(raw.property(self.modified_property), self.zone)
        except ValueError as error:
            raise BadRecord.of(key, error, path="source_time") from error


def read_feature(raw: Any, stream: SourceStream) -> Record | None:
    """
    :param raw: a feature, or `{"crs", "feature"}` where its coordinates are not in CRS84
    :raises BadRecord: if it does not fit the stream's contract
    """
    options = options_of(stream)
    wrapped = isinstance(raw, dict) and raw.keys() == {"crs", "feature"}
    feature, crs = (raw["feature"], raw["crs"]) if wrapped else (raw, None)
    try:
        feature = feature.parsed() if isinstance(feature, SourceFeature) else feature
    except ValueError as error:
        raise BadRecord("it is not JSON", external_id=str(feature.id)) from error
    key = _key_of(feature, options["id_property"])
    if key is None:
        raise BadRecord("it has no id", path=options["id_property"] or "id")
    key = options["id_prefix"] + key
    try:
        geometry = to_crs84(feature.get("geometry"), crs, swap_axes=options["swap_axes"])
    except ValueError as error:
        raise BadRecord.of(key, error, path="geometry") from error
    properties = feature.get("properties") or {}
    if not isinstance(properties, dict):
        raise BadRecord("its properties are not an object", external_id=key, path="properties")
    common = {
        "external_id": key,
        "source_time": properties.get(options["modified_property"]),
        "geometry": geometry,
    }
    zone = ZoneInfo(options["time_zone"])
    if stream.contract == contract_id(Feature):
        # Features of all collections share one space of keys.
        whole = {
            "external_id": f"{stream.name}/{key}",
            "collection": stream.name,
            "properties": properties,
        }
        return to_record(Feature, common | whole, zone=zone)
    common["name"] = properties.get(options["name_property"])
    if stream.contract == contract_id(Zone):
        level = _word(options, "level_property", "levels", properties, key)
        fields = {"level": level, "parent": properties.get(options["parent_property"])}
        common["name"] = common["name"] or key
        return None if level == SKIP else to_record(Zone, common | fields, zone=zone)
    kind = _word(options, "kind_property", "kinds", properties, key)
    if kind == SKIP:
        return None
    fields = {"kind": kind, **_element_fields(options, properties, key)}
    return to_record(NetworkElement, common | fields, zone=zone)


def _key_of(feature: Any, id_property: str) -> str | None:
    members = feature.get("properties") if id_property else feature
    value = members.get(id_property or "id") if isinstance(members, dict) else None
    return None if value is None or value == "" else str(value)


def _word(options: Mapping[str, Any], name: str, table: str, properties: Mapping[str, Any], key: str) -> str:
    """Our word for the source's, by one of the tables."""
    path = f"properties.{options[name]}"
    value = properties.get(options[name])
    if value is None or value == "":
        raise BadRecord(f"{options[name]} is missing", external_id=key, path=path)
    word: str | None = options[table].get(str(value).strip().lower())
    if word is None:
        raise BadRecord(f"“{value}” is not in the table of {table}", external_id=key, path=path)
    return word


def _element_fields(options: Mapping[str, Any], properties: Mapping[str, Any], key: str) -> dict[str, Any]:
    voltage = properties.get(options["voltage_property"])
    if voltage is not None and voltage != "":
        try:
            voltage = float(voltage) * (1_000 if options["voltage_unit"] == "kV" else 1)
        except (TypeError, ValueError) as error:
            raise BadRecord.of(key, error, path=f"properties.{options['voltage_property']}") from error
    ends = [properties.get(name) for name in names_in(options["terminal_properties"])]
    is_open = properties.get(options["normally_open_property"])
    return {
        "nominal_voltage_v": voltage,
        "terminals": tuple(str(end) for end in ends if end is not None and end != ""),
        "normally_open": YES.get(is_open.strip().lower(), is_open) if isinstance(is_open, str) else is_open,
        "zone": properties.get(options["zone_property"]),
    }
