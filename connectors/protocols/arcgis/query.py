"""Reading a layer whole: in the order of its object ids, page by page, and with proof that nothing is missing."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

import msgspec

from connectors.protocols.arcgis.geometry import crs_of
from connectors.protocols.arcgis.layers import Layer
from connectors.protocols.arcgis.rest import ArcgisRest
from connectors.protocols.errors import ContractBroken, Unreachable
from connectors.protocols.geojson import SourceFeature, SourceFeatures
from connectors.protocols.http import NotAsPromised, ResponseTooLarge
from connectors.protocols.paging import ReadProof

ALL = "1=1"
SMALLEST_PAGE = 10
SHRINK_BY = 4
SHRINKS = 2
GUID = re.compile(r"\{?([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})\}?")
GUIDS = re.compile(rf"{GUID.pattern}(?:\n{GUID.pattern})*")
WITHOUT_BRACES = str.maketrans("", "", "{}")


class EsriFeature(msgspec.Struct, gc=False):
    """A feature in f=json, its parts not parsed."""

    attributes: msgspec.Raw = msgspec.Raw(b"null")
    geometry: msgspec.Raw = msgspec.Raw(b"null")


_Feature = TypeVar("_Feature", SourceFeature, EsriFeature)


class _Answer(msgspec.Struct, Generic[_Feature]):
    """A page in f=json, or a FeatureCollection in f=geojson, which has the flag among its properties."""

    features: list[_Feature]
    exceededTransferLimit: Any = False  # noqa: N815  # Esri's name
    properties: Any = None
    spatialReference: Any = None  # noqa: N815  # Esri's name


@dataclass(frozen=True, kw_only=True)
class Step:
    """
    One page of a layer.

    :param features: with `id` set to the key of each; geometry as it was sent
    :param crs: the reference system of its coordinates, easting first; `None` is CRS84
    :param place: what the walk needs to go on after it; `None` on the last page
    :param fingerprint: the same for pages with the same features, written in the same way
    :param shortfall: on the last page, why the walk did not bring the whole; empty if it provably did
    """

    features: SourceFeatures
    crs: str | None
    total: int | None
    place: dict[str, Any] | None
    fingerprint: bytes
    shortfall: str = ""


@dataclass(frozen=True)
class _Page:
    features: SourceFeatures
    object_ids: Sequence[int]
    crs: str | None
    has_more: bool
    fingerprint: bytes


@dataclass(kw_only=True)
class Walk:
    """
    A layer's features in the order of their object ids. Each page is asked for by the last id seen and not by its
    number, since an edit in between would move the rows behind it. A layer that cannot sort is first asked for all
    its ids. A page that the server cannot make is asked for smaller.

    :param key: the field that names a feature for good
    :param where: a condition in SQL
    :param may_be_empty: nothing at all is an answer too, as when nothing has changed
    """

    rest: ArcgisRest
    layer: Layer
    key: str
    where: str = ALL
    page_size: int
    as_geojson: bool = False
    may_be_empty: bool = False
    _ids: list[int] | None = field(default=None, init=False)

    def steps(self, resume: Mapping[str, Any] | None = None) -> Iterator[Step]:
        """
        :param resume: the `place` of the last page that was dealt with
        """
        proof = ReadProof.resumed(resume["proof"]) if resume else ReadProof()
        last: int | None = resume["last"] if resume else None
        self.page_size = resume["size"] if resume else min(self.page_size, self.layer.most_records)
        if not self.layer.sorts:
            self._ids = self._all_ids()
        proof.total = proof.total if resume else self._count()
        proof.is_new_place(str(last))
        while True:
            page, last = self._next_page(last)
            fresh = proof.add([str(number) for number in page.object_ids], proof.total)
            step = Step(
                features=page.features, crs=page.crs, total=proof.total, place=None, fingerprint=page.fingerprint
            )
            if fresh and self._goes_on(page, proof, last) and proof.is_new_place(str(last)):
                place = {"last": last, "size": self.page_size, "proof": proof.state()}
                yield replace(step, place=place)
                continue
            proof.total = self._count()
            # What the count says is asked once all pages are there: then a full last page is nothing to doubt.
            shortfall = proof.shortfall(last_page_full=page.has_more, may_be_empty=self.may_be_empty)
            yield replace(step, shortfall=shortfall)
            return

    def _goes_on(self, page: _Page, proof: ReadProof, last: int | None) -> bool:
        """Pages may be short and go on; servers before 10.1, and some in GeoJSON, do not say that they do."""
        if self._ids is not None:
            return bool(self._ids) and (last is None or self._ids[-1] > last)
        return page.has_more or (bool(page.features) and proof.total is not None and proof.seen < proof.total)

    def _next_page(self, last: int | None) -> tuple[_Page, int | None]:
        """The page after an object id, and the last id on it."""
        for attempt in range(SHRINKS + 1):
            smaller = self._smaller() if attempt < SHRINKS else None
            condition, end = self._condition(last)
            try:
                page = self._page(condition)
            except (Unreachable, ResponseTooLarge):
                if smaller is None:
                    raise
            else:
                if smaller is None or not self._is_cut(page):
                    return page, end if end is not None else max(page.object_ids, default=last)
            self.page_size = smaller
        raise AssertionError("the last attempt returns or raises")

    def _is_cut(self, page: _Page) -> bool:
        """Whether something is missing that the next page would not bring."""
        return page.has_more and (not page.features or self._ids is not None)

    def _smaller(self) -> int | None:
        """A smaller page, where the layer can be asked for one."""
        smaller = self.page_size // SHRINK_BY
        return smaller if smaller >= SMALLEST_PAGE and (self.layer.pages or self._ids is not None) else None

    def _condition(self, last: int | None) -> tuple[str, int | None]:
        """What to ask for after an id, and the last id that can come, where it is known beforehand."""
        name = self.layer.object_id
        if self._ids is None:
            return (self.where if last is None else f"({self.where}) AND {name} > {last}"), None
        rest = [number for number in self._ids if last is None or number > last][: self.page_size]
        if not rest:
            return f"({self.where}) AND 1=0", last
        return f"({self.where}) AND {name} >= {rest[0]} AND {name} <= {rest[-1]}", rest[-1]

    def _page(self, condition: str) -> _Page:
        form = {
            "where": condition,
            "outFields": "*",
            "returnGeometry": "true",
            "outSR": "4326",
            "f": "geojson" if self.as_geojson else "json",
        }
        if self._ids is None:
            form["orderByFields"] = self.layer.object_id
        if self.layer.pages:
            form["resultRecordCount"] = str(self.page_size)
        response = self.rest.ask(self._url, form)
        features: SourceFeatures
        answer: _Answer[SourceFeature] | _Answer[EsriFeature]
        try:
            if self.as_geojson:
                answer = self.rest.http.json(response, _Answer[SourceFeature])
                features = SourceFeatures(answer.features)
            else:
                answer = self.rest.http.json(response, _Answer[EsriFeature])
                features = _of_esri(answer.features)
            crs = None if self.as_geojson else crs_of(answer.spatialReference)
            fingerprint = features.fingerprint(crs)
            object_ids = identify(features, self.layer, self.key)
        except (NotAsPromised, msgspec.MsgspecError) as error:
            raise ContractBroken(f"{self.rest.host} answered something else than a page of features.") from error
        flags = answer.properties if isinstance(answer.properties, dict) else {}
        return _Page(
            features=features,
            object_ids=object_ids,
            crs=crs,
            has_more=bool(answer.exceededTransferLimit or flags.get("exceededTransferLimit")),
            fingerprint=fingerprint,
        )

    def _count(self) -> int | None:
        answer = self.rest.object(self._url, {"where": self.where, "returnCountOnly": "true"})
        count = answer.get("count")
        return count if isinstance(count, int) else None

    def _all_ids(self) -> list[int]:
        """A list of ids is not cut where a page of features is."""
        answer = self.rest.object(self._url, {"where": self.where, "returnIdsOnly": "true"})
        listed = answer.get("objectIds")
        if listed is not None and not isinstance(listed, list):
            raise ContractBroken(f"{self.rest.host} lists no object ids where it was asked for them.")
        return sorted(_whole(number, self.layer) for number in listed or ())

    @property
    def _url(self) -> str:
        return f"{self.rest.url(self.layer.path)}/query"


def from_esri(raw: bytes) -> SourceFeatures:
    """Features in f=json, with their geometry as it was sent and their attributes as properties."""
    return _of_esri(msgspec.json.decode(raw, type=list[EsriFeature]))


def _of_esri(features: Sequence[EsriFeature]) -> SourceFeatures:
    return SourceFeatures([SourceFeature(None, one.geometry, one.attributes) for one in features])


def identify(features: SourceFeatures, layer: Layer, key: str) -> list[int]:
    """
    Give each feature its key for an id.

    :return: their object ids
    :raises ContractBroken: if one has none
    """
    features.look_up(layer.object_id, key)
    listed = zip(features, features.column(layer.object_id), strict=True)
    object_ids = [_whole(one.id if number is None else number, layer) for one, number in listed]
    keys = map(str, object_ids) if key == layer.object_id else _tidied(features.column(key))
    for one, name in zip(features, keys, strict=True):
        one.id = name
    return object_ids


def _tidied(values: Sequence[Any]) -> Sequence[str | None]:
    """`tidy` of each. Nearly always all are GUIDs, which are seen to together."""
    try:
        text = "\n".join(values)
    except TypeError:
        return [tidy(value) for value in values]
    if GUIDS.fullmatch(text):
        return text.lower().translate(WITHOUT_BRACES).split("\n")
    return [tidy(value) for value in values]


def tidy(value: object) -> str | None:
    """A key as text. A GUID comes in any case and with or without braces: always in small letters and without."""
    if value is None or value == "":
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    found = GUID.fullmatch(value) if isinstance(value, str) else None
    return found[1].lower() if found else str(value)


def _whole(value: object, layer: Layer) -> int:
    """An object id, which some servers write as a float."""
    if type(value) is int:
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, int):
        raise ContractBroken(f"{layer.path} sends features without their object id {layer.object_id}.")
    return value
