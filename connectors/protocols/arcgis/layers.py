"""What a server of ArcGIS has: services, and their layers with what these can be asked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.protocols.arcgis.rest import ArcgisRest
from connectors.protocols.errors import BadConfig, ContractBroken, Unauthorized

SERVICE_TYPES = ("FeatureServer", "MapServer")
LAYER_TYPES = ("Feature Layer", "Table")
UNSTATED_RECORDS = 500
"""Servers before 10.1 do not say how many records they give at a time; this was what they gave."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """
    A layer or table of a service.

    :param path: in the services directory, such as `Electric/Network/FeatureServer/0`
    :param global_id: the field that names a feature for good, `""`: there is none
    :param edited: the field that the server stamps when a feature is edited, `""`: it does not
    :param edited_in: the time zone, in Windows' words, in which conditions on that field are read
    :param fields: types of the fields, by name
    :param last_edit: when anything in it was last edited, in milliseconds since 1970, if it says
    """

    path: str
    name: str
    object_id: str
    global_id: str
    edited: str
    edited_in: str
    fields: Mapping[str, str]
    most_records: int
    pages: bool
    sorts: bool
    speaks_geojson: bool
    last_edit: int | None

    @property
    def service(self) -> str:
        return self.path.rpartition("/")[0]

    @property
    def number(self) -> int:
        return int(self.path.rpartition("/")[2])


def services(rest: ArcgisRest) -> Iterator[str]:
    """
    The paths of all services of features, in folders too. Of two faces of one service the one that can be edited is
    the richer one.

    :raises BadConfig: if the address shows neither services nor layers
    """
    start = rest.object(rest.base_url)
    if isinstance(start.get("layers"), list):
        yield rest.base_url.removeprefix(rest.root).strip("/")
        return
    if "services" not in start and "folders" not in start:
        if "fields" in start or "objectIdField" in start:
            raise BadConfig(
                "This is the address of a layer. Enter that of its service, or of the services directory.",
                field="base_url",
            )
        raise BadConfig(
            f"{rest.host} shows no services at this address. Enter that of the services directory, which ends in "
            "/rest/services.",
            field="base_url",
        )
    yield from _listed(start)
    for folder in start.get("folders") or ():
        try:
            yield from _listed(rest.object(rest.url(str(folder))))
        except (BadConfig, ContractBroken, Unauthorized):
            continue  # a folder that is listed need not be ours to read


def _listed(directory: Mapping[str, Any]) -> Iterator[str]:
    listed = directory.get("services")
    found: dict[str, set[str]] = {}
    for entry in listed if isinstance(listed, list) else ():
        match entry:
            case {"name": str() as name, "type": str() as kind} if kind in SERVICE_TYPES:
                found.setdefault(name, set()).add(kind)
    for name, kinds in found.items():
        yield f"{name}/{next(kind for kind in SERVICE_TYPES if kind in kinds)}"


def layers_of(rest: ArcgisRest, service: str) -> Iterator[Layer]:
    """The layers and tables of a service that hold features."""
    answer = rest.object(rest.url(service))
    for entry in [*(answer.get("layers") or ()), *(answer.get("tables") or ())]:
        if isinstance(entry, dict) and isinstance(entry.get("id"), int):
            described = rest.object(rest.url(f"{service}/{entry['id']}"))
            found = _layer(f"{service}/{entry['id']}", described)
            if described.get("type") in LAYER_TYPES and _can_be_queried(described) and found.object_id:
                yield found


def layer(rest: ArcgisRest, path: str) -> Layer:
    """
    :raises BadConfig: if there is no layer that can be asked for features
    """
    number = path.rpartition("/")[2]
    described = rest.object(rest.url(path)) if number.isdecimal() else {}
    if not isinstance(described.get("fields"), list):
        raise BadConfig(
            f"{path} is no layer. Name it by its path, such as Electric/Network/FeatureServer/0.", field="name"
        )
    if not _can_be_queried(described):
        raise BadConfig(f"{path} lets nobody ask for its features: its service has no Query.", field="name")
    found = _layer(path, described)
    if not found.object_id:
        raise BadConfig(f"{path} has no object id, so its features cannot be told apart.", field="name")
    return found


def server_generations(rest: ArcgisRest, service: str) -> dict[int, tuple[int, int]]:
    """
    Of each layer of a service that tracks changes: the oldest generation that changes can still be asked from, and
    the newest.
    """
    tracking = rest.object(rest.url(service)).get("changeTrackingInfo")
    listed = tracking.get("layerServerGens") if isinstance(tracking, dict) else None
    found = {}
    for entry in listed if isinstance(listed, list) else ():
        match entry:
            case {"id": int() as number, "serverGen": int() as newest}:
                found[number] = (int(entry.get("minServerGen") or 0), newest)
    return found


def _can_be_queried(described: Mapping[str, Any]) -> bool:
    """Old servers say `Map,Query,Data`."""
    words = _words(described.get("capabilities"))
    return not words or "query" in words


def _layer(path: str, described: Mapping[str, Any]) -> Layer:
    listed = described.get("fields")
    fields = {
        field["name"]: str(field.get("type") or "")
        for field in (listed if isinstance(listed, list) else ())
        if isinstance(field, dict) and isinstance(field.get("name"), str)
    }
    advanced = _members(described, "advancedQueryCapabilities")
    editing = _members(described, "editFieldsInfo")
    reference = _members(editing, "dateFieldsTimeReference") or _members(described, "dateFieldsTimeReference")
    edited = _members(described, "editingInfo")
    last_edit = edited.get("dataLastEditDate") or edited.get("lastEditDate")
    most = described.get("maxRecordCount")
    return Layer(
        path=path,
        name=str(described.get("name") or path),
        object_id=str(described.get("objectIdField") or _of_type(fields, "esriFieldTypeOID")),
        global_id=str(described.get("globalIdField") or _of_type(fields, "esriFieldTypeGlobalID")),
        edited=_spelt(fields, str(editing.get("editDateField") or "")),
        edited_in=str(reference.get("timeZone") or ""),
        fields=fields,
        most_records=most if isinstance(most, int) and most > 0 else UNSTATED_RECORDS,
        pages=bool(advanced.get("supportsPagination")),
        sorts=bool(advanced.get("supportsOrderBy") or described.get("supportsAdvancedQueries")),
        speaks_geojson="geojson" in _words(described.get("supportedQueryFormats")),
        last_edit=last_edit if isinstance(last_edit, int) else None,
    )


def _words(text: object) -> set[str]:
    """Spelling and spacing of such lists vary: `JSON, geoJSON, PBF`."""
    return {word.strip().lower() for word in str(text or "").split(",") if word.strip()}


def _members(described: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = described.get(name)
    return value if isinstance(value, dict) else {}


def _of_type(fields: Mapping[str, str], kind: str) -> str:
    return next((name for name, one in fields.items() if one == kind), "")


def _spelt(fields: Mapping[str, str], name: str) -> str:
    """A field's name as the fields are spelt: the editor's fields may be named in another case."""
    return next((field for field in fields if field.lower() == name.lower()), name)
