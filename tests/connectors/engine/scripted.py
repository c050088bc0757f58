"""A source that says what a test tells it to, and a landing of its own, onto zones."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar

from django import forms
from django.db import connection

from connectors.contracts.alarm_acknowledgement import AlarmAcknowledgement
from connectors.contracts.base import OutboundRecord, Record
from connectors.contracts.restoration_estimate import RestorationEstimate
from connectors.contracts.zone import Zone, ZoneLevel
from connectors.landing import Change, ContractWiring, DeliveryReceipt, Landed, Landing, SetAside, Wiring
from connectors.merge import merge, retire
from connectors.protocols.adapter import Adapter, Cursor, Emission, Family, Mode, Page, Probe, Receipt, SourceStream
from connectors.protocols.convert import to_record
from connectors.protocols.errors import BadRecord
from connectors.protocols.forms import NoSettingsForm, SecretField
from connectors.protocols.http import HttpSession
from gis import models as gis


class Killed(BaseException):
    """The worker is gone at this very moment: nothing of ours may catch it."""


@dataclass
class Source:
    """
    What the source has and does. `asked` is what was asked of it, in order; `gone` are the keys that it says are gone,
    by the number of the page.
    """

    pages: list[Sequence[Any]] = field(default_factory=list)
    gone: dict[int, Sequence[str]] = field(default_factory=dict)
    is_complete: bool = True
    incomplete_reason: str = ""
    resumes: bool = True
    total: int | None = None
    has_fingerprints: bool = False
    before_page: Callable[[int], None] = lambda number: None
    probing: Exception | None = None
    delivering: list[Exception | None] = field(default_factory=list)
    delivered: list[OutboundRecord] = field(default_factory=list)
    asked: list[tuple[Mode, Cursor | None]] = field(default_factory=list)
    served: list[int] = field(default_factory=list)
    told: list[Any] = field(default_factory=list)
    listened: list[str] = field(default_factory=list)

    def fails(self, error: Exception, *, at: int = 0) -> None:
        def before(number: int) -> None:
            if number == at:
                raise error

        self.before_page = before


@dataclass
class Domain:
    """What happens in the landing, and what its followers were told."""

    before_commit: Callable[[int], None] = lambda number: None
    landings: int = 0
    told: list[Change] = field(default_factory=list)
    following: Callable[[Change], None] = lambda change: None
    settled: list[DeliveryReceipt] = field(default_factory=list)


SOURCE, DOMAIN = Source(), Domain()
END = object()
"""In what a source tells: it wants to be listened to anew."""

REFUSED_NAME = "too much for the database"
UNKNOWN_NAME = "unknown to the domain"


def reset() -> None:
    SOURCE.__dict__.update(Source().__dict__)
    DOMAIN.__dict__.update(Domain().__dict__)


class ScriptedForm(forms.Form):
    address = forms.CharField(max_length=40)
    password = SecretField(required=False)
    strict = forms.BooleanField(required=False)


class ScriptedAdapter(Adapter):
    kind: ClassVar[str] = "scripted"
    label: ClassVar[str] = "Scripted source"
    version: ClassVar[str] = "1.0"
    family: ClassVar[Family] = Family.MAPPING
    config_form: ClassVar[type[forms.Form]] = ScriptedForm
    stream_form: ClassVar[type[forms.Form]] = NoSettingsForm
    emits: ClassVar[tuple[Emission, ...]] = (
        Emission(contract=Zone, modes=(Mode.FULL, Mode.INCREMENTAL, Mode.EVENT), freshness=timedelta(minutes=10)),
        Emission(contract=RestorationEstimate, modes=(Mode.EVENT,), freshness=timedelta(minutes=5)),
    )
    accepts: ClassVar[tuple[type[OutboundRecord], ...]] = (AlarmAcknowledgement,)

    def __init__(self, config: Mapping[str, Any], http: HttpSession) -> None:
        self.config = config

    def probe(self) -> Probe:
        if SOURCE.probing is not None:
            raise SOURCE.probing
        return Probe(summary="It is there.", product="Script", product_version="1", findings=("Look here.",))

    def discover(self) -> Iterator[SourceStream]:
        yield SourceStream(name="zones", contract="zone/1")

    def fetch(self, stream: SourceStream, *, cursor: Cursor | None, mode: Mode) -> Iterator[Page]:
        SOURCE.asked.append((mode, cursor))
        first, last = (cursor or {}).get("page", 0), len(SOURCE.pages) - 1
        for number in range(first, len(SOURCE.pages)):
            SOURCE.before_page(number)
            SOURCE.served.append(number)
            after = {"since": "now"} if number == last else {"page": number + 1}
            yield Page(
                records=SOURCE.pages[number],
                cursor=after if SOURCE.resumes else None,
                complete=number == last and SOURCE.is_complete,
                incomplete_reason=SOURCE.incomplete_reason if number == last else "",
                total=SOURCE.total,
                fingerprint=repr(SOURCE.pages[number]).encode() if SOURCE.has_fingerprints else None,
                gone=SOURCE.gone.get(number, ()),
            )

    def listen(self, stream: SourceStream, *, cursor: Cursor | None) -> Generator[Page | None]:
        """What a test put into `told`: pages, errors to raise, and callables to call; `END` ends it."""
        SOURCE.listened.append("begun")
        try:
            while SOURCE.told:
                told = SOURCE.told.pop(0)
                if isinstance(told, BaseException):
                    raise told
                if told is END:
                    return
                if callable(told):
                    told()
                else:
                    yield told
        finally:
            SOURCE.listened.append("left")

    def parse(self, raw: Any, stream: SourceStream) -> Record | None:
        if raw == "marker":
            return None
        if raw == "surprise":
            raise ZeroDivisionError("nobody thought of this")
        if not isinstance(raw, dict) or "id" not in raw:
            raise BadRecord("it has no id", path="id")
        if stream.contract != "zone/1":
            return to_record(RestorationEstimate, {"external_id": raw["id"], **raw})
        if "name" not in raw:
            raise BadRecord("the name is missing", external_id=raw["id"], path="name")
        return to_record(Zone, {"external_id": raw["id"], "name": raw["name"], "level": ZoneLevel.COMPANY})

    def deliver(self, record: OutboundRecord) -> Receipt:
        error = SOURCE.delivering.pop(0) if SOURCE.delivering else None
        if error is not None:
            raise error
        SOURCE.delivered.append(record)
        return Receipt(reference="A-1")


def land_zones(records: Sequence[Zone], landing: Landing) -> Landed:
    DOMAIN.landings += 1
    if any(record.name == REFUSED_NAME for record in records):
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")
    refused = [
        SetAside(index=index, reason="nobody knows this zone", path="name")
        for index, record in enumerate(records)
        if record.name == UNKNOWN_NAME
    ]
    merged = merge(
        gis.Zone,
        [(record.external_id, record.name, record.level) for record in records if record.name != UNKNOWN_NAME],
        landing=landing,
        columns=("external_id", "name", "level"),
    )
    DOMAIN.before_commit(DOMAIN.landings)
    return Landed(
        created=merged.created,
        updated=merged.updated,
        unchanged=merged.unchanged,
        touched=merged.ids_touched,
        set_aside=refused,
    )


def land_estimates(records: Sequence[RestorationEstimate], landing: Landing) -> Landed:
    zones = [
        Zone(external_id=record.external_id, name=record.note or "estimate", level=ZoneLevel.COMPANY)
        for record in records
    ]
    return land_zones(zones, landing)


def follow(change: Change) -> None:
    DOMAIN.following(change)
    DOMAIN.told.append(change)


def settle(receipt: DeliveryReceipt) -> None:
    DOMAIN.settled.append(receipt)


WIRING = ContractWiring(
    inbound={
        "zone/1": Wiring(contract=Zone, land=land_zones, retire=partial(retire, gis.Zone), followers=(follow,)),
        "restoration-estimate/1": Wiring(contract=RestorationEstimate, land=land_estimates, followers=(follow,)),
    },
    receipts={"alarm-acknowledgement/1": settle},
)


@dataclass
class Clock:
    """Stands still until it is told to go on."""

    time: datetime

    def __call__(self) -> datetime:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)

    def __hash__(self) -> int:
        return id(self)


def zones(*keys: str, name: str = "North") -> list[dict[str, str]]:
    return [{"id": key, "name": name} for key in keys]
