"""A query of a layer: its condition, order and page."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulator.arcgis.layers import Layer, Row
from simulator.gis.cql2 import FilterError, Test, parse_filter
from simulator.gis.features import Feature

TIMESTAMP = re.compile(r"TIMESTAMP\s*'(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2})'", re.IGNORECASE)
WGS84, WEB_MERCATOR = "4326", "102100"

Found = Sequence[tuple[Row, Feature]]


class InvalidQuery(Exception):
    """A parameter is wrong. Says which."""


@dataclass(frozen=True)
class Query:
    where: Test
    order_by: tuple[str, ...]
    offset: int
    size: int
    in_mercator: bool
    is_geojson: bool
    asks_for: str

    def found(self, layer: Layer, features: Sequence[Feature]) -> Found:
        """
        All that fulfil the condition, in order.

        :raises InvalidQuery: if the condition compares what cannot be compared
        """
        try:
            found = [(row, feature) for row, feature in layer.rows(features) if self.where(row) is True]
        except FilterError as error:
            raise _refused("where", error) from error
        for name in reversed(self.order_by):
            found.sort(key=lambda one: one[0][name])
        return found


def read_query(form: Mapping[str, str], layer: Layer) -> Query:
    """
    Parameters that are not known are ignored, as ArcGIS does.

    :raises InvalidQuery: if one is wrong
    """
    order_by = tuple(
        filter(None, (name.strip().removesuffix(" ASC") for name in form.get("orderByFields", "").split(",")))
    )
    if order_by and (not layer.sorts or not set(order_by) <= layer.fields.keys()):
        raise InvalidQuery("'orderByFields' parameter is invalid")
    asked_for_page = {name for name in ("resultOffset", "resultRecordCount") if form.get(name)}
    if asked_for_page and not layer.pages:
        raise InvalidQuery("Pagination is not supported.")
    output = form.get("f", "html")
    if output not in ({"json", "geojson"} if layer.is_modern else {"json"}):
        raise InvalidQuery("'f' parameter is invalid")
    size = _number(form, "resultRecordCount") or layer.most_records
    return Query(
        where=_condition(form.get("where", ""), layer),
        order_by=order_by,
        offset=_number(form, "resultOffset"),
        size=min(size, layer.most_records),
        in_mercator=output == "json" and form.get("outSR", WEB_MERCATOR) != WGS84,
        is_geojson=output == "geojson",
        asks_for=next((name for name in ("returnCountOnly", "returnIdsOnly") if form.get(name) == "true"), ""),
    )


def _condition(where: str, layer: Layer) -> Test:
    text = TIMESTAMP.sub(r"TIMESTAMP('\1T\2Z')", where)
    try:
        return parse_filter(text, instants=layer.date_fields, properties=frozenset(layer.fields))
    except FilterError as error:
        raise _refused("where", error) from error


def _refused(name: str, error: Exception) -> InvalidQuery:
    return InvalidQuery(f"'Invalid query parameters: {name}. {error}")


def _number(form: Mapping[str, str], name: str) -> int:
    text = form.get(name) or "0"
    if not text.isdecimal():
        raise InvalidQuery(f"'{name}' parameter is invalid")
    return int(text)


def esri_error(code: int, message: str, *details: str) -> dict[str, Any]:
    """What ArcGIS answers, with HTTP 200, when it refuses."""
    return {"error": {"code": code, "message": message, "details": list(details)}}
