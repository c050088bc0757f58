"""From a feature to a record, by an administrator's mapping; pure."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from connectors.contracts.base import Record, contract_id
from connectors.contracts.feature import Feature
from connectors.contracts.network_element import NetworkElement
from connectors.contracts.service_point import ServicePoint
from connectors.contracts.zone import Zone
from connectors.protocols.adapter import SourceStream
from connectors.protocols.convert import to_record
from connectors.protocols.errors import BadRecord
from connectors.protocols.features.mapping import SKIP, names_in
from connectors.protocols.geojson import SourceFeature, SourceFeatures, feature_id
from connectors.protocols.moments import parse_moment

NULL, EMPTY = msgspec.Raw(b"null"), msgspec.Raw(b"{}")
OBJECT = ord("{")
LONGEST_KEY = 400
YES = {"open": True, "closed": False, "yes": True, "no": False, "y": True, "n": False}

Options = Mapping[str, Any]
"""The cleaned data of a `FeatureMappingForm`."""

ToCrs84 = Callable[[Any], dict[str, Any] | None]
"""Brings a geometry to GeoJSON in CRS84; a ValueError says why it cannot."""

ToMoment = Callable[[object, tzinfo], datetime | None]
"""Reads a time as the source writes it; a ValueError says why it cannot."""


class PlainFeatures:
    """
    Reads features of any kind as they are, in CRS84: what is passed on unparsed needs no look at its members. A
    geometry that is none shows when it is placed on the Earth.

    :param otherwise: reads what is no `SourceFeature`
    """

    def __init__(
        self,
        stream: SourceStream,
        options: Options,
        *,
        otherwise: Callable[[Any], Record | None],
        moment: ToMoment = parse_moment,
    ) -> None:
        self.collection = stream.name
        self.id_property, self.id_prefix = options["id_property"], options["id_prefix"]
        self.modified_property, self.zone = options["modified_property"], ZoneInfo(options["time_zone"])
        self.moment, self.otherwise = moment, otherwise

    def __call__(self, raw: Any) -> Record | None:
        return self._plain(raw) if isinstance(raw, SourceFeature) else self.otherwise(raw)

    def _plain(self, raw: SourceFeature) -> Feature:
        key = feature_id(raw, self.id_property)
        if key is None:
            raise BadRecord("it has no id", path=self.id_property or "id")
        if raw.properties != NULL and memoryview(raw.properties)[0] != OBJECT:
            raise BadRecord("its properties are not an object", external_id=key, path="properties")
        key = collection_key(self.collection, self.id_prefix + key)
        if len(key) > LONGEST_KEY:
            raise BadRecord("its id is too long", external_id=key[:LONGEST_KEY], path="external_id")
        return Feature(
            external_id=key,
            source_time=self._modified(raw, key),
            collection=self.collection,
            geometry=None if raw.geometry == NULL else raw.geometry,
            properties=EMPTY if raw.properties == NULL else raw.properties,
        )

    def many(self, raw: Sequence[Any]) -> Sequence[Feature] | None:
        """What each would be read as, if none of them is to be set aside; `None`: look at them one by one."""
        names = filter(None, (self.modified_property, self.id_property))
        if not isinstance(raw, SourceFeatures) or not raw.look_up(*names):
            return None
        keys, prefix = raw.ids(self.id_property), f"{self.collection}/{self.id_prefix}"
        longest, moments = LONGEST_KEY - len(prefix), self._moments(raw)
        if moments is None or any(key is None or len(key) > longest for key in keys):
            return None
        return [
            Feature(
                external_id=f"{prefix}{key}",
                source_time=moment,
                collection=self.collection,
                geometry=None if one.geometry == NULL else one.geometry,
                properties=EMPTY if one.properties == NULL else one.properties,
            )
            for one, key, moment in zip(raw, keys, moments, strict=True)
        ]

    def _moments(self, features: SourceFeatures) -> Sequence[datetime | None] | None:
        """When each was last changed; `None` if one does not say so readably."""
        if not self.modified_property:
            return [None] * len(features)
        found = features.moments(self.modified_property, lambda value: self.moment(value, self.zone))
        moments = [one for one in found if not isinstance(one, ValueError)]
        return moments if len(moments) == len(features) else None

    def _modified(self, raw: SourceFeature, key: str) -> datetime | None:
        if not self.modified_property:
            return None
        try:
            return self.moment(raw.property(self.modified_property), self.zone)
        except ValueError as error:
            raise BadRecord.of(key, error, path="source_time") from error


def unwrapped(raw: Any) -> tuple[Any, str | None]:
    """
    The parsed feature of a raw record, and the reference system of its coordinates (`None`: CRS84).

    :param raw: a feature, or `{"crs", "feature"}` where its coordinates are not in CRS84
    :raises BadRecord: if it cannot be parsed
    """
    wrapped = isinstance(raw, dict) and raw.keys() == {"crs", "feature"}
    feature, crs = (raw["feature"], raw["crs"]) if wrapped else (raw, None)
    try:
        return (feature.parsed() if isinstance(feature, SourceFeature) else feature), crs
    except ValueError as error:
        raise BadRecord("it is not JSON", external_id=str(feature.id)) from error


def to_feature_record(
    feature: Any, stream: SourceStream, options: Options, *, to_crs84: ToCrs84, moment: ToMoment | None = None
) -> Record | None:
    """
    :param feature: with the members `id`, `geometry` and `properties`
    :param moment: reads the time of the last change, where that is not written in ISO 8601
    :return: a record of the stream's contract; `None` for what a table of the mapping skips
    :raises BadRecord: if it does not fit the contract
    """
    key = _key_of(feature, options["id_property"])
    if key is None:
        raise BadRecord("it has no id", path=options["id_property"] or "id")
    key = options["id_prefix"] + key
    zone = ZoneInfo(options["time_zone"])
    properties = feature.get("properties") or {}
    if not isinstance(properties, dict):
        raise BadRecord("its properties are not an object", external_id=key, path="properties")
    path = "geometry"
    try:
        geometry = to_crs84(feature.get("geometry"))
        path = "source_time"
        changed = properties.get(options["modified_property"])
        changed = moment(changed, zone) if moment is not None else changed
    except ValueError as error:
        raise BadRecord.of(key, error, path=path) from error
    common = {"external_id": key, "source_time": changed}
    if stream.contract == contract_id(Feature):
        whole = {
            "external_id": collection_key(stream.name, key),
            "collection": stream.name,
            "geometry": geometry,
            "properties": properties,
        }
        return to_record(Feature, common | whole, zone=zone)
    common["name"] = properties.get(options["name_property"])
    if stream.contract == contract_id(ServicePoint):
        return _service_point(common | _service_point_fields(options, properties, geometry, key), zone)
    common["geometry"] = geometry
    if stream.contract == contract_id(Zone):
        level = _word(options, "level_property", "levels", properties, key)
        fields = {"level": level, "parent": properties.get(options["parent_property"])}
        common["name"] = common["name"] or key
        return None if level == SKIP else to_record(Zone, common | fields, zone=zone)
    kind = _word(options, "kind_property", "kinds", properties, key)
    if kind == SKIP:
        return None
    return to_record(NetworkElement, common | {"kind": kind} | _element_fields(options, properties, key), zone=zone)


def external_id_of(key: str, stream: SourceStream, options: Options) -> str:
    """The key of a record of the stream that is read from the feature with this one."""
    key = options["id_prefix"] + key
    return collection_key(stream.name, key) if stream.contract == contract_id(Feature) else key


def collection_key(collection: str, key: str) -> str:
    """Features of all collections share one space of keys."""
    return f"{collection}/{key}"


def _key_of(feature: Any, id_property: str) -> str | None:
    members = feature.get("properties") if id_property else feature
    value = members.get(id_property or "id") if isinstance(members, dict) else None
    return None if value is None or value == "" else str(value)


def _word(options: Options, name: str, table: str, properties: Mapping[str, Any], key: str) -> str:
    """Our word for the source's, by one of the tables."""
    path = f"properties.{options[name]}"
    value = properties.get(options[name])
    if value is None or value == "":
        raise BadRecord(f"{options[name]} is missing", external_id=key, path=path)
    word: str | None = options[table].get(str(value).strip().lower())
    if word is None:
        raise BadRecord(f"“{value}” is not in the table of {table}", external_id=key, path=path)
    return word


def _element_fields(options: Options, properties: Mapping[str, Any], key: str) -> dict[str, Any]:
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


def _service_point_fields(
    options: Options, properties: Mapping[str, Any], geometry: Mapping[str, Any] | None, key: str
) -> dict[str, Any]:
    if geometry is not None and geometry["type"] != "Point":
        raise BadRecord(f"a service point is a Point, not a {geometry['type']}", external_id=key, path="geometry")
    has_priority = properties.get(options["priority_property"]) not in (None, "")
    return {
        "node": properties.get(options["node_property"]),
        "customer_class": properties.get(options["customer_class_property"]),
        "priority": _word(options, "priority_property", "priorities", properties, key) if has_priority else None,
        "priority_reason": properties.get(options["priority_reason_property"]),
        "account_number": properties.get(options["account_property"]),
        "position": geometry and {"longitude": geometry["coordinates"][0], "latitude": geometry["coordinates"][1]},
    }


def _service_point(fields: Mapping[str, Any], zone: tzinfo) -> ServicePoint | None:
    return None if fields["priority"] == SKIP else to_record(ServicePoint, fields, zone=zone)
