"""What has changed in a layer since a generation of the server: extractChanges, with its asynchronous job."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from connectors.protocols.arcgis.layers import Layer
from connectors.protocols.arcgis.query import GUID, from_esri, identify, tidy
from connectors.protocols.arcgis.rest import ArcgisRest
from connectors.protocols.errors import ContractBroken, Unreachable
from connectors.protocols.geojson import SourceFeature, SourceFeatures

WAITS = (1, 1, 2, 3, 5, *(10,) * 24)
"""Seconds between two looks at a job: a hundred thousand edits take about a minute, and none waits more than five."""

FAILED = ("failed", "completedwitherrors")


@dataclass(frozen=True, kw_only=True)
class Changes:
    """
    :param features: inserted or updated, each once and as it is now
    :param deleted: keys of what is deleted, and has not come again under the same key
    :param unnamed: of what is deleted, the ids that the server gives of what has another field for its key
    :param generation: up to which generation of the server these are all
    """

    features: list[SourceFeature]
    deleted: list[str]
    unnamed: list[str]
    generation: int


def extract_changes(rest: ArcgisRest, layer: Layer, *, key: str, since: int) -> Changes:
    """
    :param key: the field that names a feature for good
    :param since: a generation that the server still has
    :raises ContractBroken: if the answer is not about this layer
    """
    form = {
        "layers": str(layer.number),
        "layerServerGens": orjson.dumps([{"id": layer.number, "serverGen": since}]).decode(),
        "returnInserts": "true",
        "returnUpdates": "true",
        "returnDeletes": "true",
        "returnIdsOnly": "false",
        "returnAttachments": "false",
        "dataFormat": "json",
        "outSR": "4326",
    }
    answer = rest.object(f"{rest.url(layer.service)}/extractChanges", form)
    match answer:
        case {"statusUrl": str() as status_url}:
            answer = rest.document(_finished(rest, status_url))
    generation = next(
        (gen for number, gen in _generations(answer) if number == layer.number),
        None,
    )
    edits = answer.get("edits")
    if generation is None or not isinstance(edits, list):
        raise ContractBroken(f"{rest.host} does not say what has changed in {layer.path} up to when.")
    features: dict[str | None, SourceFeature] = {}
    deleted: dict[str, None] = {}
    unnamed: list[str] = []
    for edit in edits:
        if isinstance(edit, dict) and edit.get("id") == layer.number:
            parts = edit.get("features")
            parts = parts if isinstance(parts, dict) else {}
            found = _features(parts, "adds", "updates")
            identify(found, layer, key)
            features |= {one.id: one for one in found}
            for known, named in _deleted(parts, layer, key):
                if known is None:
                    unnamed.append(named)
                else:
                    deleted[known] = None
    # What was drawn anew has the same asset number, and is not gone.
    gone = [one for one in deleted if one not in features]
    return Changes(features=list(features.values()), deleted=gone, unnamed=unnamed, generation=generation)


def _finished(rest: ArcgisRest, status_url: str) -> str:
    """
    Where the result of a job is, once it is done.

    :raises Unreachable: if the server gives the job up, or works on it for too long
    """
    for seconds in WAITS:
        status = rest.object(status_url)
        word, result = str(status.get("status") or ""), status.get("resultUrl")
        if word.lower() in FAILED:
            said = rest.http.without_secrets(str(status.get("statusMessage") or word))
            raise Unreachable(f"{rest.host} could not collect what has changed (it says: {said}).")
        # Completed without an address is not done yet.
        if isinstance(result, str) and result:
            return result
        rest.http.sleep(seconds)
    raise Unreachable(f"{rest.host} was still collecting what has changed after {sum(WAITS) // 60} minutes.")


def _generations(answer: Mapping[str, Any]) -> list[tuple[int, int]]:
    listed = answer.get("layerServerGens")
    return [
        (entry["id"], entry["serverGen"])
        for entry in (listed if isinstance(listed, list) else ())
        if isinstance(entry, dict) and isinstance(entry.get("id"), int) and isinstance(entry.get("serverGen"), int)
    ]


def _features(parts: Mapping[str, Any], *names: str) -> SourceFeatures:
    return from_esri(orjson.dumps([one for name in names for one in parts.get(name) or ()]))


def _deleted(parts: Mapping[str, Any], layer: Layer, key: str) -> Iterator[tuple[str | None, str]]:
    """
    Of each feature that is deleted, its key, if it can be told, and what the server calls it: some give its attributes
    as they were, most its GlobalID or, without change tracking of the service's own, its object id.
    """
    for one in _features(parts, "deletes"):
        yield tidy(one.property(key)), tidy(one.property(layer.global_id)) or ""
    for given in parts.get("deleteIds") or ():
        name = tidy(given) or ""
        field = layer.global_id if isinstance(given, str) and GUID.fullmatch(given) else layer.object_id
        yield (name if key == field else None), name
