"""What a feature service's webhook says: which layers were edited. A hint: its `changesUrl` is never asked."""

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

SIGNATURE = "x-esrihook-signature"
"""From ArcGIS Enterprise 11.2 on, `sha256=` and the HMAC of the body under the webhook's signature key."""

EVERYTHING = ("", -1)
"""An edit that does not tell of what."""


def concerned(body: bytes, streams: Sequence[str]) -> Sequence[str]:
    """
    :param body: `[{"serviceName", "layerId", "events", …}]`, or one such object
    :param streams: layers by their paths, such as `Electric/Network/FeatureServer/0`
    :return: those that the body names; all, if it cannot be told which
    """
    edits = set(_edits(body))
    if EVERYTHING in edits:
        return streams
    return [name for name in streams if any(_is_about(name, service, layer) for service, layer in edits)]


def _edits(body: bytes) -> Iterator[tuple[str, int]]:
    """Service and layer of each edit."""
    try:
        said: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        said = None
    for one in said if isinstance(said, list) else [said]:
        match one:
            case {"serviceName": str() as service, "layerId": int() as layer}:
                yield service, layer
            case _:
                yield EVERYTHING


def _is_about(name: str, service: str, layer: int) -> bool:
    """A service may be named with its folder or without it."""
    path, _, number = name.rpartition("/")
    whole = path.rpartition("/")[0].lower()
    named = service.strip("/").lower()
    return number == str(layer) and named in (whole, whole.rpartition("/")[2])
