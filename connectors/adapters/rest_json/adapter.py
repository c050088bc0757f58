"""Any service that speaks JSON over HTTP, mapped to a contract by tables."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django import forms

from connectors.adapters.rest_json.reading import Read
from connectors.adapters.rest_json.settings import (
    RestJsonForm,
    RestStreamForm,
    mapping_of,
    options_of,
)
from connectors.contracts.alarm import Alarm
from connectors.contracts.base import OutboundRecord, Record
from connectors.contracts.catalogue import INBOUND
from connectors.contracts.reading import Reading
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
from connectors.protocols.errors import BadConfig
from connectors.protocols.http import HttpSession
from connectors.protocols.mapping import faults_of, mapper
from connectors.protocols.moments import parse_moment
from connectors.protocols.sign_in import auth_of
from connectors.protocols.wire import host_of


class RestJsonAdapter(Adapter):
    kind: ClassVar[str] = "rest-json"
    label: ClassVar[str] = "JSON service"
    version: ClassVar[str] = "1.0"
    family: ClassVar[Family] = Family.CUSTOMER
    config_form: ClassVar[type[forms.Form]] = RestJsonForm
    stream_form: ClassVar[type[forms.Form]] = RestStreamForm
    emits: ClassVar[tuple[Emission, ...]] = tuple(
        Emission(
            contract=contract,
            modes=(Mode.FULL, Mode.INCREMENTAL),
            freshness=timedelta(minutes=5) if contract in (Alarm, Reading) else timedelta(hours=1),
        )
        for contract in INBOUND.values()
    )
    accepts: ClassVar[tuple[type[OutboundRecord], ...]] = ()

    def __init__(self, config: Mapping[str, Any], http: HttpSession) -> None:
        self.http = http
        self.base_url = config["base_url"]
        self.probe_path = config.get("probe_path", "")
        self.auth = auth_of(config)

    def probe(self) -> Probe:
        url = self._url(self.probe_path) if self.probe_path else self.base_url
        response = self.http.get(url, auth=self.auth, accept_status=() if self.probe_path else (404, 405))
        findings = []
        if response.status in (404, 405):
            findings.append(
                "There is nothing at the address itself, so a test does not show whether our credentials "
                "are good. Name a path to test."
            )
        else:
            self.http.json(response)
        return Probe(
            summary=f"{host_of(url)} answers.",
            product=response.headers.get("Server", ""),
            findings=tuple(findings),
        )

    def discover(self) -> Iterator[SourceStream]:
        """Nothing: a service of this kind has no catalogue that could be asked."""
        return iter(())

    def fetch(self, stream: SourceStream, *, cursor: Cursor | None, mode: Mode) -> Iterator[Page]:
        """
        Cursors: `watermark` is the newest change known; within a read, `place` is where the next page is,
        `since` which changes it asks for, and `before` the watermark that holds if it proves incomplete.
        """
        options = options_of(stream)
        rows = mapping_of(options)
        contract = INBOUND[stream.contract]
        if faults := faults_of(rows, contract):
            raise BadConfig(" ".join(faults), field="mapping")
        cursor = cursor or {}
        if mode is Mode.FULL and cursor.get("since"):
            cursor = {}  # a read of changes cannot be gone on with as a full one
        resuming = "place" in cursor
        read = Read(
            http=self.http,
            auth=self.auth,
            url=self._url(options["path"] or stream.name),
            options=options,
            # The readings of one signal share its id.
            keys=[rows["external_id"].path, *([rows["source_time"].path] if contract is Reading else [])],
            since=_since(options, cursor, mode),
            before=cursor.get("before") if resuming else cursor.get("watermark"),
            newest=parse_moment(cursor.get("watermark")),
        )
        yield from read.pages(cursor if resuming else None)

    def parse(self, raw: Any, stream: SourceStream) -> Record | None:
        return _mapper_of(stream)(raw)

    def reader(self, stream: SourceStream) -> Callable[[Any], Record | None]:
        return _mapper_of(stream)

    def deliver(self, record: OutboundRecord) -> Receipt:
        raise BadConfig("This service is only read: nothing can be delivered to it.")

    def _url(self, path: str) -> str:
        return f"{self.base_url.rstrip('/')}/{path.lstrip('/')}"


def _mapper_of(stream: SourceStream) -> Callable[[Any], Record]:
    options = options_of(stream)
    return mapper(mapping_of(options), INBOUND[stream.contract], zone=ZoneInfo(options["time_zone"]))


def _since(options: Mapping[str, Any], cursor: Cursor, mode: Mode) -> datetime | None:
    if "place" in cursor:
        return parse_moment(cursor["since"])
    if mode is not Mode.INCREMENTAL:
        return None
    if not options["since_parameter"]:
        raise BadConfig(
            "This resource cannot be asked for changes as it is set up. Read it in full, or name the "
            "parameter for changes.",
            field="since_parameter",
        )
    watermark = parse_moment(cursor.get("watermark"))
    return watermark - timedelta(seconds=options["overlap_s"]) if watermark else None
