"""A GIS behind OGC API - Features (OGC 17-069r4): network elements, zones, service points, any features."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar

from django import forms

from connectors.adapters.ogc_api_features.filtering import check_filter
from connectors.adapters.ogc_api_features.reading import (
    Read,
    check_axes,
    check_within,
    filters_on,
    start_of_changes,
    ways_to_ask,
)
from connectors.adapters.ogc_api_features.settings import (
    DEFAULTS,
    FeatureStreamForm,
    OgcApiFeaturesForm,
    options_of,
)
from connectors.contracts.base import OutboundRecord, Record, contract_id
from connectors.contracts.feature import Feature
from connectors.contracts.network_element import NetworkElement
from connectors.contracts.service_point import ServicePoint
from connectors.contracts.zone import Zone
from connectors.protocols.adapter import (
    Adapter,
    Cursor,
    Emission,
    Family,
    Mode,
    Page,
    Probe,
    Receipt,
    SourceStream,
)
from connectors.protocols.crs import to_crs84
from connectors.protocols.errors import BadConfig
from connectors.protocols.features.mapping import names_in
from connectors.protocols.features.records import PlainFeatures, to_feature_record, unwrapped
from connectors.protocols.http import HttpSession
from connectors.protocols.moments import parse_moment
from connectors.protocols.ogc_features import Collection, FeatureService
from connectors.protocols.sign_in import auth_of
from connectors.protocols.wire import RequestRefused, host_of

NETWORK, FEATURE, ZONE = contract_id(NetworkElement), contract_id(Feature), contract_id(Zone)

STAMPS = ("modified", "last_modified", "modified_at", "updated_at", "last_edited_date", "changed")
"""What servers call the time of the last change."""

NEVER = "9999-01-01T00:00:00Z"


class OgcApiFeaturesAdapter(Adapter):
    kind: ClassVar[str] = "ogc-api-features"
    label: ClassVar[str] = "GIS (OGC API Features)"
    version: ClassVar[str] = "1.0"
    family: ClassVar[Family] = Family.MAPPING
    config_form: ClassVar[type[forms.Form]] = OgcApiFeaturesForm
    stream_form: ClassVar[type[forms.Form]] = FeatureStreamForm
    emits: ClassVar[tuple[Emission, ...]] = tuple(
        Emission(contract=contract, modes=(Mode.FULL, Mode.INCREMENTAL), freshness=timedelta(days=1))
        for contract in (NetworkElement, Zone, ServicePoint, Feature)
    )
    accepts: ClassVar[tuple[type[OutboundRecord], ...]] = ()

    def __init__(self, config: Mapping[str, Any], http: HttpSession) -> None:
        self.service = FeatureService(http, config["base_url"], auth_of(config))

    def probe(self) -> Probe:
        landing, answer = self.service.landing()
        classes = self.service.conformance(landing)
        collections = list(self.service.collections(landing))
        findings = []
        if not collections:
            findings.append("It shows no collection of features; our account may see none.")
        if not any(name.endswith("/conf/geojson") for name in classes):
            findings.append("It does not promise GeoJSON, which is what we read.")
        product, _, version = answer.headers.get("X-Powered-By", "").partition(" ")
        title = landing.get("title") or host_of(self.service.base_url)
        return Probe(
            summary=f"{title} answers with {len(collections)} collections.",
            product=product,
            product_version=version,
            findings=tuple(findings),
        )

    def discover(self) -> Iterator[SourceStream]:
        landing, _ = self.service.landing()
        classes = self.service.conformance(landing)
        for collection in self.service.collections(landing):
            properties = self.service.queryables(collection)
            stamp = next((name for name in STAMPS if name in properties), "")
            changes = self._way_to_tell_changes(collection, classes, stamp, properties.get(stamp))
            stream = SourceStream(
                name=collection.id,
                contract=FEATURE,
                label=collection.title,
                modes=(Mode.FULL,) if changes == "NONE" else (Mode.FULL, Mode.INCREMENTAL),
                options={"modified_property": stamp, "changes": changes},
            )
            if {DEFAULTS["kind_property"], names_in(DEFAULTS["terminal_properties"])[0]} <= properties.keys():
                yield replace(stream, contract=NETWORK)
            if {DEFAULTS["level_property"], DEFAULTS["parent_property"]} <= properties.keys():
                yield replace(stream, contract=ZONE)
            yield stream

    def _way_to_tell_changes(self, collection: Collection, classes: Sequence[str], stamp: str, said: Any) -> str:
        """
        :param said: what the server's queryables say of the property `stamp`
        """
        if not stamp:
            return "NONE"
        is_promised = self.service.filters(classes)
        if any(self.service.heeds(collection, asked, is_promised=is_promised) for asked in filters_on(stamp, NEVER)):
            return "FILTER"
        is_its_time = isinstance(said, Mapping) and said.get("x-ogc-role") == "primary-instant"
        asked = {"datetime": f"{NEVER}/.."}
        return "DATETIME" if is_its_time and self.service.heeds(collection, asked, is_promised=False) else "NONE"

    def fetch(self, stream: SourceStream, *, cursor: Cursor | None, mode: Mode) -> Iterator[Page]:
        """
        Cursors: `filter` is the administrator's, if there is one; `watermark` is the newest change known; within a
        read, `place` is where it stands, `began` when it did, `since` and `asked` which changes it asks for, and
        `before` the watermark that holds if it proves incomplete.
        """
        options = options_of(stream)
        cursor = cursor or {}
        check_within(options, cursor)
        if mode is Mode.FULL and cursor.get("since"):
            cursor = {}  # a read of changes cannot be gone on with as a full one
        resuming = "place" in cursor
        landing, answer = self.service.landing()
        collection = self.service.collection(landing, stream.name)
        classes = self.service.conformance(landing)
        crs = self.service.crs_params(collection, classes, options["crs"])
        read = Read(
            options,
            before=cursor.get("before") if resuming else cursor.get("watermark"),
            newest=parse_moment(cursor.get("watermark")),
            since=start_of_changes(options, cursor, mode),
            began=parse_moment(cursor.get("began")) if resuming else answer.date,
        )
        if read.own:
            check_filter(read.own, self.service, collection, classes)
        questions = [cursor["asked"]] if resuming else ways_to_ask(options, read.since)
        for number, asked in enumerate(questions, start=1):
            steps = self.service.walk(
                collection,
                {**crs, **asked},
                limit=options["page_size"],
                id_property=options["id_property"],
                resume=cursor.get("place"),
                may_be_empty=read.since is not None,
            )
            try:
                for step in steps:
                    if not read.pages and not resuming:
                        check_axes(collection, step, swapped=options["swap_axes"])
                    yield read.page(step, asked)
            except RequestRefused as error:
                if read.pages or number == len(questions) or error.status not in (400, 422):
                    raise
            else:
                return

    def parse(self, raw: Any, stream: SourceStream) -> Record | None:
        return self._read(raw, stream, options_of(stream))

    def _read(self, raw: Any, stream: SourceStream, options: Mapping[str, Any]) -> Record | None:
        feature, crs = unwrapped(raw)
        place = partial(to_crs84, crs=crs, swap_axes=options["swap_axes"])
        return to_feature_record(feature, stream, options, to_crs84=place)

    def reader(self, stream: SourceStream) -> Callable[[Any], Record | None]:
        options = dict(options_of(stream))
        is_plain = stream.contract == FEATURE and not options["crs"] and not options["swap_axes"]
        if not is_plain:
            return partial(self._read, stream=stream, options=options)
        return PlainFeatures(stream, options, otherwise=partial(self._read, stream=stream, options=options))

    def deliver(self, record: OutboundRecord) -> Receipt:
        raise BadConfig("This GIS is only read: nothing can be delivered to it.")
