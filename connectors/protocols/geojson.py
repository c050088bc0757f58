"""Features as sources send them (RFC 7946 §3.2), not parsed before somebody asks for a part of one."""

from collections.abc import Callable, Sequence
from functools import cache
from hashlib import blake2b
from typing import Any, TypeVar

import msgspec
import orjson

T = TypeVar("T")


class SourceFeature(msgspec.Struct, gc=False):
    """A feature as it was sent: geometry and properties are not parsed before somebody asks for them."""

    id: Any = None
    geometry: msgspec.Raw = msgspec.Raw(b"null")
    properties: msgspec.Raw = msgspec.Raw(b"null")

    def property(self, name: str) -> Any:
        """One property by name; `None` if there is none, or no properties."""
        try:
            return _property_decoder(name).decode(self.properties).value
        except msgspec.MsgspecError:
            return None

    def parsed(self) -> dict[str, Any]:
        """
        :raises ValueError: if it is not JSON after all
        """
        return {
            "id": self.id,
            "geometry": orjson.loads(memoryview(self.geometry)),
            "properties": orjson.loads(memoryview(self.properties)),
        }


class SourceFeatures(list[SourceFeature]):
    """The features of a page, whose properties are looked up for all of them at once."""

    def __init__(self, features: Sequence[SourceFeature] = ()) -> None:
        super().__init__(features)
        self._columns: dict[str, list[Any]] = {}
        self._moments: dict[str, list[Any]] = {}

    def with_geometries(self, geometries: Sequence[msgspec.Raw]) -> "SourceFeatures":
        """The same features elsewhere on the Earth; what was looked up of them stays known."""
        placed = zip(self, geometries, strict=True)
        features = SourceFeatures([SourceFeature(one.id, geometry, one.properties) for one, geometry in placed])
        features._columns, features._moments = self._columns, self._moments  # one of us
        return features

    def look_up(self, *names: str) -> bool:
        """
        Get ready to tell the columns of these names, in one look at the properties.

        :return: false if some have properties that are no object: then what they have is looked up one by one
        """
        missing = tuple(name for name in dict.fromkeys(names) if name not in self._columns)
        try:
            found = decoded_together([one.properties for one in self], _row_decoder(missing))
        except msgspec.MsgspecError:
            self._columns |= {name: [one.property(name) for one in self] for name in missing}
            return False
        for place, name in enumerate(missing):
            field = f"column_{place}"
            self._columns[name] = [None if row is None else getattr(row, field) for row in found]
        return True

    def column(self, name: str) -> list[Any]:
        """One property of each; `None` for those without it."""
        if name not in self._columns:
            self.look_up(name)
        return self._columns[name]

    def moments(self, name: str, parse: Callable[[Any], T]) -> list[T | ValueError]:
        """
        One property of each as a moment, or why it is none.

        :param parse: the same for each call with this name; its ValueError says why it is none
        """
        if name not in self._moments:
            values = self.column(name)
            distinct = set(values) if set(map(type, values)) <= _ALIKE else None
            if distinct is None or len(distinct) == len(values):
                self._moments[name] = _all_attempted(parse, values)
            else:
                read = dict(zip(distinct, _all_attempted(parse, list(distinct)), strict=True))
                self._moments[name] = [read[value] for value in values]
        return self._moments[name]

    def ids(self, id_property: str = "") -> list[str | None]:
        """What `feature_id` tells of each."""
        values = self.column(id_property) if id_property else [one.id for one in self]
        return [value if type(value) is str and value else _text(value) for value in values]

    def fingerprint(self, crs: str | None) -> bytes:
        """
        The same for pages with the same features, written in the same way.

        :param crs: the reference system of their coordinates
        """
        ids = msgspec.json.encode([one.id for one in self])
        geometries, properties = [one.geometry for one in self], [one.properties for one in self]
        return blake2b(
            b",".join([ids, *geometries, *properties]), digest_size=20, person=(crs or "").encode()[-16:]
        ).digest()


def decoded_together(parts: Sequence[msgspec.Raw], decoder: "msgspec.json.Decoder[T]") -> T:
    """
    JSON values decoded as one array.

    :raises msgspec.MsgspecError: if one of them does not fit
    """
    return decoder.decode(b"[" + b",".join(parts) + b"]")


def feature_id(feature: SourceFeature, id_property: str = "") -> str | None:
    """The id of a feature as text: an integer, a text and a text of digits are all in use."""
    return _text(feature.property(id_property) if id_property else feature.id)


_ALIKE = {str, int, type(None)}
"""Types of which no two values are equal that mean different times."""


def _text(value: Any) -> str | None:
    return None if value is None or value == "" else str(value)


def _all_attempted(parse: Callable[[Any], T], values: Sequence[Any]) -> list[T | ValueError]:
    try:
        return [parse(value) for value in values]
    except ValueError:
        return [_attempted(parse, value) for value in values]


def _attempted(parse: Callable[[Any], T], value: Any) -> T | ValueError:
    try:
        return parse(value)
    except ValueError as error:
        return error


@cache
def _property_decoder(name: str) -> "msgspec.json.Decoder[Any]":
    """Finds one property without parsing the others."""
    return msgspec.json.Decoder(msgspec.defstruct("Property", [("value", Any, None)], rename={"value": name}))


@cache
def _row_decoder(names: tuple[str, ...]) -> "msgspec.json.Decoder[Any]":
    """Finds some properties of each of many features without parsing the others."""
    fields = {f"column_{place}": name for place, name in enumerate(names)}
    row = msgspec.defstruct("Row", [(field, Any, None) for field in fields], rename=fields, gc=False)
    return msgspec.json.Decoder(list[row | None])  # type: ignore[valid-type]  # known at run time alone
