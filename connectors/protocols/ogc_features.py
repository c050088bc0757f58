"""OGC API - Features from the client's side: discovery by links, pages with proof, reference systems."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from urllib.parse import urljoin, urlsplit, urlunsplit

import msgspec

from connectors.protocols.crs import CRS84, SAME_AS_CRS84
from connectors.protocols.errors import BadConfig, ContractBroken, Unreachable
from connectors.protocols.geojson import SourceFeature, SourceFeatures
from connectors.protocols.http import Auth, HttpSession, NotAsPromised, Response, ResponseTooLarge
from connectors.protocols.paging import ReadProof
from connectors.protocols.wire import RequestRefused, host_of, same_origin

ACCEPT_ITEMS = {"Accept": "application/geo+json, application/json;q=0.5"}
OGC_REL = "http://www.opengis.net/def/rel/ogc/1.0/"
MEDIA_TYPES = ("application/geo+json", "application/schema+json", "application/json", "")
SMALLEST_PAGE = 10
SHRINK_BY = 4
SHRINKS = 2


@dataclass(frozen=True, kw_only=True)
class Collection:
    """
    :param crs: URIs of the reference systems that its features can be asked for in
    :param extent: west, south, east, north in CRS84, if the server says
    """

    id: str
    title: str
    items: str
    queryables: str | None
    crs: tuple[str, ...]
    extent: tuple[float, float, float, float] | None


class _Items(msgspec.Struct):
    """A page of features (OGC 17-069r4 §7.16)."""

    features: list[SourceFeature]
    links: Any = None
    numberMatched: Any = None  # noqa: N815  # the standard's name


@dataclass(frozen=True, kw_only=True)
class ItemsPage:
    """
    :param crs: URI of the reference system where that is not CRS84
    :param fingerprint: the same for pages with the same features, written in the same way
    """

    features: SourceFeatures
    total: int | None
    following: str | None
    crs: str | None
    fingerprint: bytes


@dataclass(frozen=True, kw_only=True)
class Step:
    """
    One page of a walk over a collection.

    :param crs: the reference system of its coordinates; `None` is CRS84
    :param place: what `walk` needs to go on after it; `None` on the last page
    :param shortfall: on the last page, why the walk did not bring the whole; empty if it provably did
    """

    features: SourceFeatures
    crs: str | None
    total: int | None
    place: dict[str, Any] | None
    fingerprint: bytes = b""
    shortfall: str = ""


class FeatureService:
    """A server of OGC API - Features, known by the address of its landing page."""

    # The classes by the tail of their URIs, since servers write drafts and versions of all kinds before it.
    CRS_CLASS: ClassVar = "ogcapi-features-2/1.0/conf/crs"
    FILTER_CLASS: ClassVar = "/conf/features-filter"

    def __init__(self, http: HttpSession, base_url: str, auth: Auth | None) -> None:
        self.http = http
        self.base_url = base_url
        self.auth = auth

    def landing(self) -> tuple[dict[str, Any], Response]:
        response = self.http.get(self.base_url, auth=self.auth)
        return self._object(response), response

    def conformance(self, landing: Mapping[str, Any]) -> tuple[str, ...]:
        """The conformance classes that the server claims; none if it does not say."""
        href = self._link(landing, "conformance", OGC_REL + "conformance")
        if href is None:
            return ()
        classes = self._object(self.http.get(href, auth=self.auth)).get("conformsTo")
        return tuple(map(str, classes)) if isinstance(classes, list) else ()

    def collections(self, landing: Mapping[str, Any]) -> Iterator[Collection]:
        href = self._link(landing, "data", OGC_REL + "data")
        if href is None:
            raise BadConfig(
                f"{host_of(self.base_url)} shows no collections at this address. "
                "Enter the address of the landing page of its OGC API.",
                field="base_url",
            )
        places = ReadProof()
        while href is not None and places.is_new_place(href):
            page = self._object(self.http.get(href, auth=self.auth))
            listed = page.get("collections")
            if not isinstance(listed, list):
                raise ContractBroken(f"{host_of(href)} lists no collections where its landing page says so.")
            for entry in listed:
                collection = self._collection(entry, page)
                if collection is not None:
                    yield collection
            href = self._link(page, "next")

    def collection(self, landing: Mapping[str, Any], name: str) -> Collection:
        """
        :raises BadConfig: if the server has no such collection
        """
        names = []
        for collection in self.collections(landing):
            if collection.id == name:
                return collection
            names.append(collection.id)
        raise BadConfig(
            f"{host_of(self.base_url)} has no collection “{name}” but {', '.join(names[:20]) or 'none'}.",
            field="name",
        )

    def queryables(self, collection: Collection) -> dict[str, Any]:
        """The properties that a filter may name, by name (Part 3 §7); none if the server does not say."""
        if collection.queryables is None:
            return {}
        response = self.http.get(
            collection.queryables,
            auth=self.auth,
            headers={"Accept": "application/schema+json, application/json;q=0.5"},
            accept_status=(404,),
        )
        if response.status == 404:
            return {}
        properties = self._object(response).get("properties")
        return properties if isinstance(properties, dict) else {}

    def crs_params(self, collection: Collection, classes: Sequence[str], wanted: str) -> dict[str, str]:
        """
        How to ask for a reference system (Part 2 §6). A server without Part 2 gives CRS84 and may refuse
        to be asked.

        :param wanted: a URI, or nothing for CRS84
        :raises BadConfig: if the collection is not to be had in it
        """
        if wanted and wanted not in SAME_AS_CRS84:
            if wanted not in collection.crs:
                raise BadConfig(
                    f"{collection.id} is not to be had in {wanted}, but in: {', '.join(collection.crs)}.",
                    field="crs",
                )
            return {"crs": wanted}
        has_part_2 = any(name.endswith(self.CRS_CLASS) for name in classes)
        offered = [uri for uri in collection.crs if uri in SAME_AS_CRS84]
        return {"crs": CRS84 if CRS84 in offered else offered[0]} if has_part_2 and offered else {}

    def filters(self, classes: Sequence[str]) -> bool:
        """Whether the server claims to filter features (Part 3)."""
        return any(name.endswith(self.FILTER_CLASS) for name in classes)

    def heeds(self, collection: Collection, question: Mapping[str, str], *, is_promised: bool) -> bool:
        """
        Whether a question that nothing answers to brings nothing. Servers ignore parameters that they do not know.

        :param is_promised: the server claims to understand it; if not, the collection must have something to leave out
        """
        try:
            if self.items(collection.items, {**question, "limit": "1"}).features:
                return False
            return is_promised or bool(self.items(collection.items, {"limit": "1"}).features)
        except RequestRefused:
            return False

    def walk(
        self,
        collection: Collection,
        params: Mapping[str, str],
        *,
        limit: int,
        id_property: str = "",
        resume: Mapping[str, Any] | None = None,
        may_be_empty: bool = False,
    ) -> Iterator[Step]:
        """
        The pages of a collection by their `next` links, and at the end whether that was the whole.

        A link that has run out starts the walk over, once; a page that the server cannot make is asked for
        smaller, from the start, since only the server knows how to read its links. A full page that says that it is the
        last is asked for twice.

        :param resume: the `place` of the last page that was dealt with
        """
        limit = resume["limit"] if resume else limit
        shrinks = overs = 0
        while True:
            try:
                yield from self._walk_once(
                    collection, params, limit, id_property, resume=resume, may_be_empty=may_be_empty
                )
            except _Interrupted as interrupted:
                error = interrupted.error
                expired = isinstance(error, RequestRefused) and error.status in (400, 404, 410)
                if expired and not interrupted.at_start and not overs:
                    overs += 1
                elif limit // SHRINK_BY >= SMALLEST_PAGE and (
                    _refuses_limit(error) or (_may_be_too_much(error) and shrinks < SHRINKS)
                ):
                    shrinks += 1
                    limit //= SHRINK_BY
                else:
                    raise error from None
                resume = None
            else:
                return

    def _walk_once(
        self,
        collection: Collection,
        params: Mapping[str, str],
        limit: int,
        id_property: str,
        *,
        resume: Mapping[str, Any] | None,
        may_be_empty: bool,
    ) -> Iterator[Step]:
        proof = ReadProof.resumed(resume["proof"]) if resume else ReadProof()
        href: str = resume["next"] if resume else collection.items
        query: Mapping[str, str] | None = None if resume else {**params, "limit": str(limit)}
        proof.is_new_place(href if resume else "the start")
        while True:
            try:
                page = self.items(href, query, asked_crs=params.get("crs", ""))
                following = page.following
                if following is None and len(page.features) >= limit:
                    # Whether it means it: where records come and go meanwhile, a count alone would not tell.
                    following = self.items(href, query, asked_crs=params.get("crs", "")).following
            except (Unreachable, ResponseTooLarge, RequestRefused) as error:
                raise _Interrupted(error, at_start=query is not None) from error
            goes_on = proof.add(page.features.ids(id_property), page.total)
            step = Step(
                features=page.features, crs=page.crs, total=proof.total, place=None, fingerprint=page.fingerprint
            )
            if goes_on and following is not None and proof.is_new_place(following):
                yield replace(step, place={"next": following, "limit": limit, "proof": proof.state()})
                href, query = following, None
                continue
            yield replace(
                step,
                shortfall=proof.shortfall(last_page_full=len(page.features) >= limit, may_be_empty=may_be_empty),
            )
            return

    def items(self, href: str, query: Mapping[str, str] | None = None, *, asked_crs: str = "") -> ItemsPage:
        """
        :raises ContractBroken: if that is no page of features
        """
        response = self.http.get(href, params=query, auth=self.auth, headers=ACCEPT_ITEMS)
        try:
            page = self.http.json(response, _Items)
        except NotAsPromised as error:
            raise ContractBroken(f"{host_of(href)} answered something else than a page of features.") from error
        crs = response.headers.get("Content-Crs", "").strip().strip("<>")
        if not crs and asked_crs and asked_crs not in SAME_AS_CRS84:
            raise BadConfig(
                f"{host_of(href)} does not say in which reference system it answers although {asked_crs} "
                "was asked for. Leave the reference system empty.",
                field="crs",
            )
        features = SourceFeatures(page.features)
        links = {"links": page.links}
        _make_absolute(links, response.url)
        return ItemsPage(
            features=features,
            total=page.numberMatched if isinstance(page.numberMatched, int) else None,
            following=self._link(links, "next"),
            crs=None if not crs or crs in SAME_AS_CRS84 else crs,
            fingerprint=features.fingerprint(crs),
        )

    def _object(self, response: Response) -> dict[str, Any]:
        """The answer, its links made absolute."""
        answer = self.http.json(response)
        if not isinstance(answer, dict):
            raise ContractBroken(f"{host_of(response.url)} answered something else where an object belongs.")
        listed = answer.get("collections")
        for document in (answer, *(listed if isinstance(listed, list) else ())):
            _make_absolute(document, response.url)
        return answer

    def _collection(self, entry: Any, page: Mapping[str, Any]) -> Collection | None:
        """A collection of features as it is listed; `None` for one of tiles, coverages or records."""
        if not isinstance(entry, dict) or not isinstance(entry.get("id"), str):
            return None
        items = self._link(entry, "items", OGC_REL + "items")
        if items is None or entry.get("itemType", "feature") != "feature":
            return None
        listed = entry.get("crs") if isinstance(entry.get("crs"), list) else []
        shared = page.get("crs") if isinstance(page.get("crs"), list) else []
        return Collection(
            id=entry["id"],
            title=str(entry.get("title") or entry["id"]),
            items=items,
            queryables=self._link(entry, OGC_REL + "queryables", "queryables"),
            crs=tuple(str(uri) for one in listed or [] for uri in ((shared or []) if one == "#/crs" else [one])),
            extent=_extent(entry),
        )

    def _link(self, document: Mapping[str, Any], *relations: str) -> str | None:
        """
        The address behind a link relation, in the media type that we read best.

        :raises BadConfig: if it leads to another origin: our credentials must not follow it there
        """
        found = [link for link in _links(document) if link.get("rel") in relations]
        readable = [link for link in found if _media_type(link) in MEDIA_TYPES]
        if not readable:
            return None
        href: str = min(readable, key=lambda link: MEDIA_TYPES.index(_media_type(link)))["href"]
        if same_origin(href, self.base_url):
            return href
        here, there = urlsplit(self.base_url), urlsplit(href)
        if (here.scheme, there.scheme, there.hostname, there.port) == ("https", "http", here.hostname, None):
            # A server behind a proxy that ends TLS writes its own scheme into its links.
            return urlunsplit(there._replace(scheme="https", netloc=here.netloc))
        raise BadConfig(
            f"{here.scheme}://{here.netloc} points to {there.scheme}://{there.netloc}, where our credentials "
            "must not go. Enter the address that the server gives itself, or have its links corrected.",
            field="base_url",
        )


class _Interrupted(Exception):
    def __init__(self, error: Unreachable | ResponseTooLarge | RequestRefused, *, at_start: bool) -> None:
        super().__init__(str(error))
        self.error = error
        self.at_start = at_start


def _may_be_too_much(error: Exception) -> bool:
    """Whether a smaller page may help: this one was too large, or took too long."""
    return not isinstance(error, RequestRefused)


def _refuses_limit(error: Exception) -> bool:
    """Whether so large a page is refused, although a limit above the largest is no error (Part 1 §7.15.2)."""
    if not isinstance(error, RequestRefused):
        return False
    return error.status in (413, 422) or (error.status == 400 and "limit" in str(error).lower())


def _links(document: Any) -> list[dict[str, Any]]:
    links = document.get("links") if isinstance(document, dict) else None
    return [
        link
        for link in (links if isinstance(links, list) else ())
        if isinstance(link, dict) and isinstance(link.get("href"), str) and not link.get("templated")
    ]


def _make_absolute(document: Any, url: str) -> None:
    for link in _links(document):
        link["href"] = urljoin(url, link["href"])


def _media_type(link: Mapping[str, Any]) -> str:
    return str(link.get("type") or "").partition(";")[0]


def _extent(entry: Mapping[str, Any]) -> tuple[float, float, float, float] | None:
    try:
        box = [float(edge) for edge in entry["extent"]["spatial"]["bbox"][0]]
    except (KeyError, IndexError, TypeError, ValueError):
        return None
    if len(box) == 6:
        box = [box[0], box[1], box[3], box[4]]
    return (box[0], box[1], box[2], box[3]) if len(box) == 4 else None
