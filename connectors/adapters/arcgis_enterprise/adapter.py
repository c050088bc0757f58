"""ArcGIS Enterprise and Online by the GeoServices REST API: network elements, zones, service points, any features."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django import forms

from connectors.adapters.arcgis_enterprise.features import read_feature, reader_of
from connectors.adapters.arcgis_enterprise.reading import (
    Read,
    check_can_be_asked,
    condition,
    is_unchanged,
    pages_of,
    start_of_edits,
)
from connectors.adapters.arcgis_enterprise.settings import (
    BY_EDIT_DATE,
    BY_TRACKING,
    DEFAULTS,
    NOT_AT_ALL,
    ArcgisEnterpriseForm,
    LayerStreamForm,
    auth_of,
    options_of,
)
from connectors.adapters.arcgis_enterprise.webhook import SIGNATURE, concerned
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
from connectors.protocols.arcgis import layers
from connectors.protocols.arcgis.changes import extract_changes
from connectors.protocols.arcgis.layers import Layer
from connectors.protocols.arcgis.query import Walk
from connectors.protocols.arcgis.rest import ArcgisRest
from connectors.protocols.errors import BadConfig, ContractBroken, Unauthorized
from connectors.protocols.features.mapping import names_in
from connectors.protocols.http import HttpSession
from connectors.protocols.moments import parse_moment
from connectors.protocols.webhook import WebhookCall, check_hmac_sha256

CONTRACTS = (NetworkElement, Zone, ServicePoint, Feature)

MOST_TESTED = 20
"""Services that a test looks into: of a large server it would take minutes to look into all."""


class ArcgisEnterpriseAdapter(Adapter):
    kind: ClassVar[str] = "arcgis-enterprise"
    label: ClassVar[str] = "ArcGIS Enterprise"
    version: ClassVar[str] = "1.0"
    family: ClassVar[Family] = Family.MAPPING
    config_form: ClassVar[type[forms.Form]] = ArcgisEnterpriseForm
    stream_form: ClassVar[type[forms.Form]] = LayerStreamForm
    emits: ClassVar[tuple[Emission, ...]] = tuple(
        Emission(contract=contract, modes=(Mode.FULL, Mode.INCREMENTAL), freshness=timedelta(days=1))
        for contract in CONTRACTS
    )
    accepts: ClassVar[tuple[type[OutboundRecord], ...]] = ()

    def __init__(self, config: Mapping[str, Any], http: HttpSession) -> None:
        self.rest = ArcgisRest(http, config["base_url"], auth_of(config))
        self._webhook_secret: str = config.get("webhook_secret") or ""

    def probe(self) -> Probe:
        info = self.rest.info()
        version = str(info.get("fullVersion") or info.get("currentVersion") or "")
        services = list(layers.services(self.rest))
        findings = [] if services else ["It shows no service of features; none may be shared with our account."]
        for service in services[:MOST_TESTED]:
            try:
                if not any(True for _ in layers.layers_of(self.rest, service)):
                    findings.append(f"{service} has no layer that may be queried.")
            except (BadConfig, ContractBroken, Unauthorized) as error:
                findings.append(f"{service} cannot be read. {error}")
        if len(services) > MOST_TESTED:
            findings.append(f"Only the first {MOST_TESTED} services were looked into.")
        count = "1 service" if len(services) == 1 else f"{len(services)} services"
        return Probe(
            summary=f"ArcGIS Server {version}".strip() + f" at {self.rest.host} shows us {count} of features.",
            product="ArcGIS Server",
            product_version=version,
            findings=tuple(findings),
        )

    def discover(self) -> Iterator[SourceStream]:
        for service in layers.services(self.rest):
            try:
                found = list(layers.layers_of(self.rest, service))
                tracked = layers.server_generations(self.rest, service)
            except (BadConfig, ContractBroken, Unauthorized):
                continue  # *Test* tells what is wrong with it
            for layer in found:
                yield from _proposals(layer, is_tracked=layer.number in tracked)

    def fetch(self, stream: SourceStream, *, cursor: Cursor | None, mode: Mode) -> Iterator[Page]:
        """
        Cursors: `watermark` is the newest edit known, `generation` the server's and `edited` the layer's last edit
        when the read began. Within a read, `place` is where it stands, `began` when it did, `since` from which edit
        date on it asks, and `before` the watermark that holds if it proves incomplete.
        """
        options = options_of(stream)
        cursor = cursor or {}
        if mode is Mode.FULL and cursor.get("since"):
            cursor = {}  # a read of changes cannot be gone on with as a full one
        layer = layers.layer(self.rest, stream.name)
        if "place" in cursor or mode is Mode.FULL:
            yield from self._walk(layer, options, cursor)
            return
        check_can_be_asked(options)
        if options["changes"] == BY_TRACKING:
            yield from self._tracked(layer, stream, cursor)
        elif is_unchanged(layer, cursor):
            yield Page(records=(), cursor=dict(cursor), complete=True, total=0)
        else:
            yield from self._walk(layer, options, cursor, since=start_of_edits(options, layer, cursor))

    def parse(self, raw: Any, stream: SourceStream) -> Record | None:
        return read_feature(raw, stream)

    def reader(self, stream: SourceStream) -> Callable[[Any], Record | None]:
        return reader_of(stream)

    def woken_by(self, call: WebhookCall, streams: Sequence[str]) -> Sequence[str]:
        check_hmac_sha256(call, header=SIGNATURE, secret=self._webhook_secret)
        return concerned(call.body, streams)

    def deliver(self, record: OutboundRecord) -> Receipt:
        raise BadConfig("This GIS is only read: nothing can be delivered to it.")

    def _walk(
        self, layer: Layer, options: Mapping[str, Any], cursor: Cursor, *, since: datetime | None = None
    ) -> Iterator[Page]:
        """All of a layer, or what was edited from a date on; goes on from a cursor with a place."""
        is_resumed = "place" in cursor
        if is_resumed:
            since, began = parse_moment(cursor["since"]), parse_moment(cursor["began"])
            generation, edited = cursor["generation"], cursor["edited"]
        else:
            # Before the read: what is edited meanwhile is asked for the next time.
            began, edited = self.rest.clock, layer.last_edit
            generation = self._generation(layer, options)
        walk = Walk(
            rest=self.rest,
            layer=layer,
            key=_key(layer, options),
            where=condition(options, since),
            page_size=options["page_size"],
            as_geojson=layer.speaks_geojson and options["geometry_format"] == "GEOJSON",
            may_be_empty=since is not None,
        )
        read = Read(
            options,
            since=since,
            watermark=parse_moment(cursor.get("watermark")),
            before=cursor.get("before") if is_resumed else cursor.get("watermark"),
            generation=generation,
            edited=edited,
            began=began,
        )
        for step in walk.steps(cursor.get("place")):
            yield read.page(step)

    def _tracked(self, layer: Layer, stream: SourceStream, cursor: Cursor) -> Iterator[Page]:
        """What has changed since the cursor's generation; everything, if the server no longer has that one."""
        options = options_of(stream)
        tracked = layers.server_generations(self.rest, layer.service)
        if layer.number not in tracked:
            raise BadConfig(
                f"{layer.path} does not track changes. Have that switched on, or ask by the edit date.", field="changes"
            )
        oldest, newest = tracked[layer.number]
        known = cursor.get("generation")
        if known is None or not oldest <= known <= newest:
            yield from self._walk(layer, options, {"watermark": cursor.get("watermark")})
        elif known == newest:
            yield Page(records=(), cursor=dict(cursor), complete=True, total=0)
        else:
            changes = extract_changes(self.rest, layer, key=_key(layer, options), since=known)
            yield from pages_of(changes, cursor, stream, size=options["page_size"])

    def _generation(self, layer: Layer, options: Mapping[str, Any]) -> int | None:
        if options["changes"] != BY_TRACKING:
            return None
        _, newest = layers.server_generations(self.rest, layer.service).get(layer.number, (0, None))
        return newest


def _key(layer: Layer, options: Mapping[str, Any]) -> str:
    """
    The field that names a feature for good.

    :raises BadConfig: if the layer has no such field
    """
    name: str = options["id_property"] or layer.global_id or layer.object_id
    if name not in layer.fields:
        raise BadConfig(f"{layer.path} has no field {name}. It has: {', '.join(layer.fields)}.", field="id_property")
    return name


def _proposals(layer: Layer, *, is_tracked: bool) -> Iterator[SourceStream]:
    """What a layer may be read into: by the names of its fields, and always as features."""
    changes = BY_TRACKING if is_tracked else BY_EDIT_DATE if layer.edited else NOT_AT_ALL
    stream = SourceStream(
        name=layer.path,
        contract=contract_id(Feature),
        label=layer.name,
        modes=(Mode.FULL,) if changes == NOT_AT_ALL else (Mode.FULL, Mode.INCREMENTAL),
        options={"modified_property": layer.edited, "changes": changes},
    )
    proposed: dict[type[Record], tuple[str, ...]] = {
        NetworkElement: (DEFAULTS["kind_property"], names_in(DEFAULTS["terminal_properties"])[0]),
        Zone: (DEFAULTS["level_property"], DEFAULTS["parent_property"]),
        ServicePoint: (DEFAULTS["node_property"],),
    }
    for contract, names in proposed.items():
        if set(names) <= layer.fields.keys():
            yield replace(stream, contract=contract_id(contract))
    yield stream
