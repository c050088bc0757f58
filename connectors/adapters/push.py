"""A source that pushes its records to us; nothing is fetched from it."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, ClassVar

from django import forms

from connectors.contracts.alarm import Alarm
from connectors.contracts.base import OutboundRecord, Record, contract_id
from connectors.contracts.catalogue import INBOUND
from connectors.contracts.crew import Crew
from connectors.contracts.reading import Reading
from connectors.contracts.restoration_estimate import RestorationEstimate
from connectors.contracts.signal import Signal
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
from connectors.protocols.convert import to_record
from connectors.protocols.errors import BadConfig, BadRecord
from connectors.protocols.forms import NoSettingsForm
from connectors.protocols.http import HttpSession

PUSHED = (RestorationEstimate, Reading, Alarm, Signal, Crew)


class PushForm(forms.Form):
    contracts = forms.MultipleChoiceField(
        label="What may be pushed",
        choices=[(contract_id(contract), contract_id(contract)) for contract in PUSHED],
        widget=forms.CheckboxSelectMultiple,
        help_text="Records of any other kind are refused. Each line that the source sends is one JSON object "
        "with the fields of its contract; see /contracts/<name>/<version>.json.",
        error_messages={"required": "Choose at least one kind of record that the source may push."},
    )


class PushAdapter(Adapter):
    kind: ClassVar[str] = "push"
    label: ClassVar[str] = "Source that pushes"
    version: ClassVar[str] = "1.0"
    family: ClassVar[Family] = Family.WORK
    config_form: ClassVar[type[forms.Form]] = PushForm
    stream_form: ClassVar[type[forms.Form]] = NoSettingsForm
    emits: ClassVar[tuple[Emission, ...]] = tuple(
        Emission(
            contract=contract,
            modes=(Mode.EVENT,),
            freshness=timedelta(minutes=5) if contract in (Reading, Alarm) else timedelta(hours=1),
        )
        for contract in PUSHED
    )
    accepts: ClassVar[tuple[type[OutboundRecord], ...]] = ()

    def __init__(self, config: Mapping[str, Any], http: HttpSession) -> None:
        self.contracts: tuple[str, ...] = tuple(config["contracts"])

    def probe(self) -> Probe:
        return Probe(
            summary="This source sends its records to us by itself; there is nothing to ask. "
            f"It may push {', '.join(self.contracts)}."
        )

    def discover(self) -> Iterator[SourceStream]:
        for contract in self.contracts:
            name = INBOUND[contract].contract_name
            yield SourceStream(
                name=name,
                contract=contract,
                label=name.replace("-", " ").capitalize() + "s",
                modes=(Mode.EVENT,),
            )

    def fetch(self, stream: SourceStream, *, cursor: Cursor | None, mode: Mode) -> Iterator[Page]:
        raise BadConfig("This source pushes: nothing can be fetched from it.")

    def parse(self, raw: Any, stream: SourceStream) -> Record | None:
        if not isinstance(raw, dict):
            raise BadRecord("a record is a JSON object")
        return to_record(INBOUND[stream.contract], raw)

    def deliver(self, record: OutboundRecord) -> Receipt:
        raise BadConfig("This source pushes: nothing can be delivered to it.")
