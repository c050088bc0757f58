"""AVEVA PI: signals, what is recorded of them, and event frames, which can be acknowledged, by the PI Web API."""

import re
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar

import msgspec
from django import forms

from connectors.adapters.pi_web_api.acknowledgements import acknowledge
from connectors.adapters.pi_web_api.alarms import FrameRead, read_alarm, read_frames
from connectors.adapters.pi_web_api.listening import Rhythm, frames_told, require_updates, values_told
from connectors.adapters.pi_web_api.listing import Root, find_root, is_database, list_signals
from connectors.adapters.pi_web_api.plain_readings import ReadingReader
from connectors.adapters.pi_web_api.probing import databases, probe, servers
from connectors.adapters.pi_web_api.reading import Window, read_values
from connectors.adapters.pi_web_api.records import read_signal
from connectors.adapters.pi_web_api.settings import PiStreamForm, PiWebApiForm, options_of
from connectors.contracts.alarm import Alarm, AlarmCategory
from connectors.contracts.alarm_acknowledgement import AlarmAcknowledgement
from connectors.contracts.base import OutboundRecord, Record, contract_id
from connectors.contracts.reading import Reading, SwitchState
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
from connectors.protocols.pi.streams import Stream
from connectors.protocols.pi.updates import Kept, StreamUpdates
from connectors.protocols.pi.web_api import PiWebApi
from connectors.protocols.sign_in import auth_of

SIGNAL, READING, ALARM = contract_id(Signal), contract_id(Reading), contract_id(Alarm)

SOON = timedelta(minutes=1)
"""After so long a list is made anew that may not be whole."""


@dataclass(frozen=True, kw_only=True)
class _Known:
    """The signals of a database or data server in the order of their paths, and when they were listed."""

    streams: tuple[Stream, ...]
    listed_at: datetime
    doubt: str


class PiWebApiAdapter(Adapter):
    kind: ClassVar[str] = "pi-web-api"
    label: ClassVar[str] = "Historian (AVEVA PI Web API)"
    version: ClassVar[str] = "1.0"
    family: ClassVar[Family] = Family.TELEMETRY
    config_form: ClassVar[type[forms.Form]] = PiWebApiForm
    stream_form: ClassVar[type[forms.Form]] = PiStreamForm
    emits: ClassVar[tuple[Emission, ...]] = (
        Emission(contract=Signal, modes=(Mode.FULL,), freshness=timedelta(days=1)),
        Emission(contract=Reading, modes=(Mode.FULL, Mode.INCREMENTAL, Mode.EVENT), freshness=timedelta(minutes=5)),
        Emission(contract=Alarm, modes=(Mode.FULL, Mode.INCREMENTAL, Mode.EVENT), freshness=timedelta(minutes=5)),
    )
    accepts: ClassVar[tuple[type[OutboundRecord], ...]] = (AlarmAcknowledgement,)

    def __init__(self, config: Mapping[str, Any], http: HttpSession) -> None:
        self.config = config
        self.http = http
        self.api = PiWebApi(http, base_url=config["base_url"], auth=auth_of(config))
        self.element_pattern = re.compile(config["element_pattern"])
        self.position_pattern = re.compile(config["position_pattern"])
        self.states = {word.casefold(): SwitchState(state) for word, state in config["position_states"].items()}
        self.overlap = timedelta(seconds=config["overlap_seconds"])

    def probe(self) -> Probe:
        return probe(self.api)

    def discover(self) -> Iterator[SourceStream]:
        signal, reading, alarm = self.emits
        for path in databases(self.api):
            for emission, what in ((signal, "attributes"), (reading, "values"), (alarm, "event frames")):
                yield _stream(emission, path, f"{path}: {what}")
        for path in servers(self.api):
            for emission, what in ((signal, "tags"), (reading, "values")):
                yield _stream(emission, path, f"{path}: {what}")

    def fetch(self, stream: SourceStream, *, cursor: Cursor | None, mode: Mode) -> Iterator[Page]:
        match stream.contract:
            case contract if contract == SIGNAL:
                yield from self._signals(stream, cursor)
            case contract if contract == READING:
                yield from self._readings(stream, cursor, mode)
            case contract if contract == ALARM and is_database(stream.name):
                yield from self._alarms(stream, cursor, mode)
            case contract if contract == ALARM:
                raise BadConfig(f"{stream.name} is a data server, which has no event frames. Read them of a database.")
            case other:
                raise BadConfig(f"A PI Web API has no {other}.")

    def listen(self, stream: SourceStream, *, cursor: Cursor | None) -> Generator[Page | None]:
        if stream.contract == READING:
            yield from self._values_told(stream)
        elif stream.contract == ALARM and is_database(stream.name):
            yield from frames_told(
                self.api,
                stream.name,
                options_of(stream),
                cursor=cursor,
                begin=self._frame_read,
                rhythm=self._rhythm(stream),
            )
        else:
            raise CannotListen(f"A PI Web API tells of no {stream.contract} of {stream.name} by itself.")

    def parse(self, raw: Any, stream: SourceStream) -> Record | None:
        return self.reader(stream)(raw)

    def reader(self, stream: SourceStream) -> Callable[[Any], Record | None]:
        if stream.contract == SIGNAL:
            return partial(read_signal, element_pattern=self.element_pattern, position_pattern=self.position_pattern)
        if stream.contract == READING:
            return ReadingReader(position_pattern=self.position_pattern, states=self.states)
        types = {name: AlarmCategory(category) for name, category in options_of(stream)["alarm_types"].items()}
        return partial(read_alarm, element_pattern=self.element_pattern, types=types)

    def deliver(self, record: OutboundRecord) -> Receipt:
        if not isinstance(record, AlarmAcknowledgement):
            raise BadConfig(f"A PI Web API takes no {contract_id(type(record))}.")
        return acknowledge(record, api=self.api)

    def _signals(self, stream: SourceStream, cursor: Cursor | None) -> Iterator[Page]:
        root = find_root(self.api, stream.name)
        size = self.config["list_size"]
        found = bool(cursor and cursor["found"])
        for page in list_signals(self.api, root, options_of(stream), size=size, place=cursor and cursor["place"]):
            found = found or bool(page.signals)
            doubt = page.doubt or ("" if found else _nothing_in(stream.name))
            yield Page(
                records=page.signals,
                cursor=None if page.is_last else {"place": page.place, "found": found},
                complete=page.is_last and not doubt,
                incomplete_reason=doubt if page.is_last else "",
            )

    def _readings(self, stream: SourceStream, cursor: Cursor | None, mode: Mode) -> Iterator[Page]:
        root = find_root(self.api, stream.name)
        count, interval = self.config["values_per_signal"], options_of(stream)["interval_seconds"]
        if cursor is None:
            history = timedelta(hours=self.config["history_hours"])
            window = Window.first(root.at, history=history, interval=interval)
        else:
            window = Window.next(cursor, root.at, overlap=self.overlap, count=count, interval=interval)
        known = self._known(stream, root, anew=cursor is None and mode is Mode.FULL)
        yield from read_values(
            self.api,
            known.streams,
            window,
            batch=self.config["signals_per_request"],
            count=count,
            incomplete=known.doubt or ("" if known.streams else _nothing_in(stream.name)),
        )

    def _values_told(self, stream: SourceStream) -> Generator[Page | None]:
        if options_of(stream)["interval_seconds"]:
            raise CannotListen("Values at whole intervals are worked out when they are asked for, and never told of.")
        root = find_root(self.api, stream.name)
        require_updates(self.api)
        known = self._known(stream, root, anew=False)
        if not known.streams:
            raise CannotListen(_nothing_in(stream.name))
        updates = StreamUpdates(
            self.api,
            known.streams,
            self.http.memory.setdefault(("markers", *self._key(stream)), Kept()),
            batch=self.config["signals_per_request"],
            count=self.config["values_per_signal"],
            overlap=self.overlap,
        )
        yield from values_told(updates, rhythm=self._rhythm(stream), is_due=lambda at: not self._lasts(known, at))

    def _rhythm(self, stream: SourceStream) -> Rhythm:
        return Rhythm(seconds=options_of(stream)["poll_seconds"], sleep=self.http.sleep)

    def _known(self, stream: SourceStream, root: Root, *, anew: bool) -> _Known:
        """
        The signals to ask for. Listing them is dear and values are asked for each minute, so the list is kept as long
        as the session is, and made anew every so often.
        """
        options = options_of(stream)
        key = self._key(stream)
        known: _Known | None = self.http.memory.get(key)
        if known is not None and not anew and self._lasts(known, root.at):
            return known
        found: dict[str, Stream] = {}
        doubt = ""
        for page in list_signals(self.api, root, options, size=self.config["list_size"]):
            found |= {raw["Path"]: Stream(raw["WebId"], raw["Path"]) for raw in page.signals if raw.get("Path")}
            doubt = page.doubt
        if doubt and known is not None:
            # What is missing may only have been missed: its values must not be.
            found = {stream.path: stream for stream in known.streams} | found
        streams = tuple(found[path] for path in sorted(found))
        known = self.http.memory[key] = _Known(streams=streams, listed_at=root.at, doubt=doubt)
        return known

    def _lasts(self, known: _Known, at: datetime) -> bool:
        """Whether the list need not be made anew yet."""
        return at - known.listed_at < (SOON if known.doubt else timedelta(minutes=self.config["list_minutes"]))

    def _key(self, stream: SourceStream) -> tuple[str, str, bytes]:
        options = dict(options_of(stream))
        return self.kind, stream.name, msgspec.json.encode(options, order="deterministic")

    def _alarms(self, stream: SourceStream, cursor: Cursor | None, mode: Mode) -> Iterator[Page]:
        root = find_root(self.api, stream.name)
        yield from read_frames(self.api, root, options_of(stream), self._frame_read(cursor, root, mode))

    def _frame_read(self, cursor: Cursor | None, root: Root, mode: Mode = Mode.INCREMENTAL) -> FrameRead:
        size = self.config["list_size"]
        if cursor is None:
            return FrameRead.first(root.at, days=self.config["alarm_look_back_days"], mode=mode, size=size)
        return FrameRead.next(cursor, root.at, overlap=self.overlap, size=size)


def _stream(emission: Emission, path: str, label: str) -> SourceStream:
    return SourceStream(name=path, contract=contract_id(emission.contract), label=label, modes=emission.modes)


def _nothing_in(path: str) -> str:
    return f"Nothing to read was found in {path}, which proves nothing: our account may see none of it."
