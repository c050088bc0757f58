"""From a feature of a layer to a record; pure."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from functools import partial
from typing import Any

import msgspec
import orjson

from connectors.adapters.arcgis_enterprise.settings import options_of
from connectors.contracts.base import Record, contract_id
from connectors.contracts.feature import Feature
from connectors.protocols.adapter import SourceStream
from connectors.protocols.arcgis.geometry import points_to_geojson, to_geojson
from connectors.protocols.arcgis.query import tidy
from connectors.protocols.crs import to_crs84
from connectors.protocols.errors import BadRecord
from connectors.protocols.features.mapping import names_in
from connectors.protocols.features.records import NULL, PlainFeatures, to_feature_record, unwrapped
from connectors.protocols.geojson import SourceFeature, SourceFeatures
from connectors.protocols.moments import parse_moment

GEOJSON = b'{"type"'
DELETED = "deleted"
"""The only member of what stands for a deletion that does not tell the feature's key."""
REFERENCES = ("terminal_properties", "zone_property", "parent_property", "node_property")


def to_moment(value: object, zone: tzinfo = UTC) -> datetime | None:
    """
    A date as ArcGIS writes it: milliseconds since 1970, perhaps before it; elsewhere ISO 8601.

    :raises ValueError: if it is no time
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return datetime.fromtimestamp(value / 1_000, UTC)
        except (OverflowError, OSError) as error:
            raise ValueError(f"{value} is not a time in milliseconds since 1970") from error
    return parse_moment(value, zone)


def read_feature(raw: Any, stream: SourceStream) -> Record | None:
    """
    :param raw: a feature with `id`, `geometry` and `properties`, or `{"crs", "feature"}` where its coordinates are
        not in CRS84
    :raises BadRecord: if it does not fit the stream's contract
    """
    return _read(raw, stream, _options(stream))


def reader_of(stream: SourceStream) -> Callable[[Any], Record | None]:
    """`read_feature`, prepared for many: of features of any kind only the geometry is looked at, if at all."""
    options = _options(stream)
    read = partial(_read, stream=stream, options=options)
    if stream.contract != contract_id(Feature):
        return read
    return _PlainLayer(PlainFeatures(stream, options, otherwise=read, moment=to_moment))


class _PlainLayer:
    """Reads features of any kind, once those of ArcGIS' own geometry have one of GeoJSON."""

    def __init__(self, plain: PlainFeatures) -> None:
        self._plain = plain

    def __call__(self, raw: Any) -> Record | None:
        if isinstance(raw, SourceFeature) and not _is_geojson(raw):
            raw = SourceFeature(raw.id, _geojson_of(raw), raw.properties)
        return self._plain(raw)

    def many(self, raw: Sequence[Any]) -> Sequence[Record | None] | None:
        if not isinstance(raw, SourceFeatures):
            return None
        geometries = [one.geometry for one in raw]
        # No JSON holds the byte 0, so it tells where each begins.
        text = b"\0".join((b"", *geometries))
        if text.count(b"\0" + GEOJSON) + text.count(b"\0null") < len(raw):
            points = points_to_geojson(geometries)
            if points is None:
                return None
            raw = raw.with_geometries(points)
        return self._plain.many(raw)


def _is_geojson(feature: SourceFeature) -> bool:
    geometry = feature.geometry
    return geometry == NULL or bytes(memoryview(geometry)[: len(GEOJSON)]) == GEOJSON


def _read(raw: Any, stream: SourceStream, options: Mapping[str, Any]) -> Record | None:
    if isinstance(raw, dict) and raw.keys() == {DELETED}:
        raise BadRecord(
            f"{raw[DELETED]} was deleted, and the server does not say by which key we know it: the next full read "
            "retires it. Leave the id field empty to name features by their GlobalID, as the server does.",
            path=DELETED,
        )
    feature, crs = unwrapped(raw)
    if stream.contract != contract_id(Feature):
        feature = _with_tidy_references(feature, options)
    return to_feature_record(feature, stream, options, to_crs84=partial(_to_crs84, crs=crs), moment=to_moment)


def _geojson_of(raw: SourceFeature) -> msgspec.Raw:
    try:
        return msgspec.Raw(orjson.dumps(_to_crs84(orjson.loads(memoryview(raw.geometry)), crs=None)))
    except ValueError as error:
        raise BadRecord.of(raw.id, error, path="geometry") from error


def _options(stream: SourceStream) -> dict[str, Any]:
    """A feature comes with its key for an id, whichever field that is."""
    return {**options_of(stream), "id_property": ""}


def _to_crs84(geometry: Any, *, crs: str | None) -> dict[str, Any] | None:
    return to_crs84(to_geojson(geometry), crs, x_first=True)


def _with_tidy_references(feature: Any, options: Mapping[str, Any]) -> Any:
    """With the keys of other features written as their own ids are."""
    properties = feature.get("properties") if isinstance(feature, dict) else None
    if not isinstance(properties, dict):
        return feature
    names = [name for option in REFERENCES for name in names_in(options[option]) if name in properties]
    return {**feature, "properties": properties | {name: tidy(properties[name]) for name in names}}
