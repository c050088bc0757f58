"""SCADA behind an OPC UA Web API: signals, readings and alarms in, what people do to alarms out."""

import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar

from connectors.adapters.opcua_rest.alarms import CATEGORIES, read_alarm
from connectors.adapters.opcua_rest.deliveries import Deliveries
from connectors.adapters.opcua_rest.dialects import api_of, modes_of, probe_other
from connectors.adapters.opcua_rest.event_history import EventHistory
from connectors.adapters.opcua_rest.listening import alarms_told, readings_told
from connectors.adapters.opcua_rest.plain_readings import ReadingReader
from connectors.adapters.opcua_rest.polling import ReadingsRead
from connectors.adapters.opcua_rest.probing import probe
from connectors.adapters.opcua_rest.readings import read_signal
from connectors.adapters.opcua_rest.settings import (
    POSITIONS,
    OpcUaRestForm,
    OpcUaStreamForm,
    Values,
    options_of,
)
from connectors.adapters.opcua_rest.variables import nothing_found, walked
from connectors.contracts.alarm import Alarm, AlarmCategory
from connectors.contracts.alarm_acknowledgement import AlarmAcknowledgement
from connectors.contracts.alarm_comment import AlarmComment
from connectors.contracts.alarm_confirmation import AlarmConfirmation
from connectors.contracts.alarm_shelving import AlarmShelving
from connectors.contracts.base import OutboundRecord, Record, contract_id
from connectors.contracts.reading import Reading
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
from connectors.protocols.errors import BadConfig, CannotListen
from connectors.protocols.http import HttpSession
from connectors.protocols.opcua.dialects.gateway import OtherGateway
from connectors.protocols.opcua.web_api import in_batches

SIGNAL, READING, ALARM = contract_id(Signal), contract_id(Reading), contract_id(Alarm)


class OpcUaRestAdapter(Adapter):
    kind: ClassVar[str] = "opcua-rest"
    label: ClassVar[str] = "SCADA (OPC UA Web API)"
    version: ClassVar[str] = "1.1"
    family: ClassVar[Family] = Family.TELEMETRY
    config_form = OpcUaRestForm
    stream_form = OpcUaStreamForm
    emits: ClassVar[tuple[Emission, ...]] = (
        Emission(contract=Signal, modes=(Mode.FULL,), freshness=timedelta(days=1)),
        Emission(contract=Reading, modes=(Mode.FULL, Mode.INCREMENTAL, Mode.EVENT), freshness=timedelta(minutes=1)),
        Emission(contract=Alarm, modes=(Mode.FULL, Mode.INCREMENTAL, Mode.EVENT), freshness=timedelta(minutes=1)),
    )
    accepts: ClassVar[tuple[type[OutboundRecord], ...]] = (
        AlarmAcknowledgement,
        AlarmConfirmation,
        AlarmComment,
        AlarmShelving,
    )

    def __init__(self, config: Mapping[str, Any], http: HttpSession) -> None:
        self.config = config
        self.api = api_of(config, http)
        self.element_pattern = re.compile(config["element_pattern"])
        self.position_pattern = re.compile(config["position_pattern"])
        self.positions = POSITIONS[config["position_encoding"]]
        self.categories = CATEGORIES | {
            node: AlarmCategory(name) for node, name in (config["alarm_types"] or {}).items()
        }

    def probe(self) -> Probe:
        if isinstance(self.api, OtherGateway):
            return probe_other(self.api, self.config["start_node"])
        return probe(self.api, self.config)

    def discover(self) -> Iterator[SourceStream]:
        for emission, name, label in zip(
            self.emits,
            ("signals", "readings", "alarms"),
            ("Signals", "Values", "Alarms and conditions"),
            strict=True,
        ):
            if modes := modes_of(self.api, emission):
                yield SourceStream(name=name, contract=contract_id(emission.contract), label=label, modes=modes)

    def fetch(self, stream: SourceStream, *, cursor: Cursor | None, mode: Mode) -> Iterator[Page]:
        match stream.contract:
            case contract if contract == SIGNAL:
                yield from self._signals(cursor)
            case contract if contract == READING:
                by_history = options_of(stream)["values"] == Values.HISTORY
                yield from ReadingsRead(self.api, self.config, by_history=by_history).pages(cursor, mode)
            case contract if contract == ALARM:
                yield from EventHistory(self.api, self.config).pages(cursor, mode)
            case other:
                raise BadConfig(f"An OPC UA gateway has no {other}.")

    def listen(self, stream: SourceStream, *, cursor: Cursor | None) -> Generator[Page | None]:
        if isinstance(self.api, OtherGateway):
            raise CannotListen(f"{self.api.name} tells of no changes by itself.")
        if stream.contract == ALARM:
            yield from alarms_told(self.api, notifier=self.config["notifier_node"])
        elif stream.contract == READING:
            yield from readings_told(self.api, self.config, cursor=cursor)
        else:
            raise CannotListen(f"An OPC UA gateway tells of no {stream.contract} by itself.")

    def parse(self, raw: Any, stream: SourceStream) -> Record | None:
        return self.reader(stream)(raw)

    def reader(self, stream: SourceStream) -> Callable[[Any], Record | None]:
        if stream.contract == SIGNAL:
            return partial(read_signal, position_pattern=self.position_pattern, element_pattern=self.element_pattern)
        if stream.contract == READING:
            return ReadingReader(position_pattern=self.position_pattern, positions=self.positions)
        return self._read_alarm

    def deliver(self, record: OutboundRecord) -> Receipt:
        history = EventHistory(self.api, self.config)
        return Deliveries(self.api, newest_first=history.newest_first, read=self._read_alarm).deliver(record)

    def _signals(self, cursor: Cursor | None) -> Iterator[Page]:
        """
        Pages in the order of NodeIds, so that a read that broke off goes on after the last one it landed.
        """
        tree = walked(self.api, self.config)
        after = cursor["after"] if cursor else ""
        names = [name for name in sorted(tree.variables) if name > after]
        batch = self.config["read_batch"]
        reason = tree.incomplete or nothing_found(tree, self.config["start_node"])
        if not names:
            yield Page(records=(), complete=not reason, incomplete_reason=reason, total=len(tree.variables))
        for start in range(0, len(names), batch):
            page = names[start : start + batch]
            units = self._units([tree.units[name] for name in page if name in tree.units])
            is_last = start + batch >= len(names)
            yield Page(
                records=[
                    {
                        "Reference": tree.variables[name],
                        "Parent": tree.parents[name],
                        "EngineeringUnits": units.get(tree.units.get(name, "")),
                    }
                    for name in page
                ],
                cursor=None if is_last else {"after": page[-1]},
                complete=is_last and not reason,
                incomplete_reason=reason if is_last else "",
                total=len(tree.variables),
            )

    def _units(self, nodes: Sequence[str]) -> dict[str, Any]:
        """The DataValue of each property node."""
        units: dict[str, Any] = {}
        for batch, answer, _ in in_batches(
            nodes, self.config["read_batch"], lambda part: self.api.read(part, doing="reading units")
        ):
            units |= zip(batch, answer.results, strict=True)
        return units

    def _read_alarm(self, raw: Any) -> Alarm | None:
        return read_alarm(raw, element_pattern=self.element_pattern, types=self.categories)
