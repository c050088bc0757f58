"""Features as sources send them (RFC 7946 §3.2), not parsed before somebody asks for a part of one."""

from functools import cache
from typing import Any

import msgspec
import orjson


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


def feature_id(feature: SourceFeature, id_property: str = "") -> str | None:
    """The id of a feature as text: an integer, a text and a text of digits are all in use."""
    value = feature.property(id_property) if id_property else feature.id
    return None if value is None or value == "" else str(value)


@cache
def _property_decoder(name: str) -> "msgspec.json.Decoder[Any]":
    """Finds one property without parsing the others."""
    return msgspec.json.Decoder(msgspec.defstruct("Property", [("value", Any, None)], rename={"value": name}))
