"""SCADA behind an OPC UA Web API: signals, readings and alarms in, acknowledgements out."""

import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar

from connectors.adapters.opcua_rest.acknowledgements import acknowledge
from connectors.adapters.opcua_rest.alarms import CATEGORIES, CLAUSES, event_id, event_time, read_alarm
from connectors.adapters.opcua_rest.listening import alarms_told, readings_told
from connectors.adapters.opcua_rest.plain_readings import ReadingReader
from connectors.adapters.opcua_rest.readings import read_signal
from connectors.adapters.opcua_rest.settings import POSITIONS, Encoding, OpcUaRestForm
from connectors.contracts.alarm import Alarm, AlarmCategory
from connectors.contracts.alarm_acknowledgement import AlarmAcknowledgement
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
from connectors.protocols.errors import BadConfig, CannotListen, ContractBroken, Unauthorized
from connectors.protocols.forms import NoSettingsForm
from connectors.protocols.http import HttpSession
from connectors.protocols.opcua import node_ids
from connectors.protocols.opcua.status import require_good
from connectors.protocols.opcua.values import (
    DataValue,
    read_data_value,
    read_enumeration,
    read_moment,
    write_date_time,
)
from connectors.protocols.opcua.walk import LONG_PAGE, Tree, walk_twice
from connectors.protocols.opcua.web_api import Answer, EventPage, WebApi, in_batches
from connectors.protocols.sign_in import auth_of

SIGNAL, READING, ALARM = contract_id(Signal), contract_id(Reading), contract_id(Alarm)

AHEAD = timedelta(days=1)
"""How far past the source's own clock alarms are asked for: devices below it may run fast."""

REMEMBERED = timedelta(hours=1)
"""How long a server surely keeps an event in its history."""

CUT_SHORT = "The newest alarm was not among those that the server sent, so others may be missing too."
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
SERVER_STATES = (
    "is running",
    "has failed",
    "has no configuration",
    "is suspended",
    "is shutting down",
    "is in test",
    "has lost its devices",
    "does not know its own state",
)
"""By number (OPC 10000-5 §12.6)."""


class OpcUaRestAdapter(Adapter):
    kind: ClassVar[str] = "opcua-rest"
    label: ClassVar[str] = "SCADA (OPC UA Web API)"
    version: ClassVar[str] = "1.0"
    family: ClassVar[Family] = Family.TELEMETRY
    config_form = OpcUaRestForm
    stream_form = NoSettingsForm
    emits: ClassVar[tuple[Emission, ...]] = (
        Emission(contract=Signal, modes=(Mode.FULL,), freshness=timedelta(days=1)),
        Emission(contract=Reading, modes=(Mode.FULL, Mode.INCREMENTAL, Mode.EVENT), freshness=timedelta(minutes=1)),
        Emission(contract=Alarm, modes=(Mode.FULL, Mode.INCREMENTAL, Mode.EVENT), freshness=timedelta(minutes=1)),
    )
    accepts: ClassVar[tuple[type[OutboundRecord], ...]] = (AlarmAcknowledgement,)

    def __init__(self, config: Mapping[str, Any], http: HttpSession) -> None:
        self.config = config
        self.api = WebApi(
            http,
            base_url=config["base_url"],
            auth=auth_of(config),
            verbose=config["encoding"] == Encoding.VERBOSE,
        )
        self.element_pattern = re.compile(config["element_pattern"])
        self.position_pattern = re.compile(config["position_pattern"])
        self.positions = POSITIONS[config["position_encoding"]]
        self.categories = CATEGORIES | {
            node: AlarmCategory(name) for node, name in (config["alarm_types"] or {}).items()
        }

    def probe(self) -> Probe:
        asked = (
            node_ids.SERVER_STATE,
            node_ids.PRODUCT_NAME,
            node_ids.MANUFACTURER_NAME,
            node_ids.SOFTWARE_VERSION,
        )
        answer = self.api.read(asked, doing="reading the server's state")
        state, product, manufacturer, version = map(_value_of, answer.results)
        name = str(product or "An OPC UA server")
        findings = [finding for finding in (_finding(state), *self._try_streams()) if finding]
        made_by = f" of {manufacturer}" if manufacturer else ""
        return Probe(
            summary=f"{name} {version or ''}".strip() + f"{made_by} {_state_words(state)}.",
            product=str(product or ""),
            product_version=str(version or ""),
            findings=tuple(findings),
        )

    def discover(self) -> Iterator[SourceStream]:
        for emission, name, label in zip(
            self.emits,
            ("signals", "readings", "alarms"),
            ("Signals", "Present values", "Alarms and conditions"),
            strict=True,
        ):
            yield SourceStream(name=name, contract=contract_id(emission.contract), label=label, modes=emission.modes)

    def fetch(self, stream: SourceStream, *, cursor: Cursor | None, mode: Mode) -> Iterator[Page]:
        match stream.contract:
            case contract if contract == SIGNAL:
                yield from self._signals(cursor)
            case contract if contract == READING:
                yield from self._readings(cursor, mode)
            case contract if contract == ALARM:
                yield from self._alarms(cursor, mode)
            case other:
                raise BadConfig(f"An OPC UA gateway has no {other}.")

    def listen(self, stream: SourceStream, *, cursor: Cursor | None) -> Generator[Page | None]:
        if stream.contract == ALARM:
            yield from alarms_told(self.api, notifier=self.config["notifier_node"])
        elif stream.contract == READING:
            plan = self._plan_in_force(cursor)
            yield from readings_told(
                self.api,
                [plan["prefix"] + name for name in plan["names"]],
                plan=plan,
                batch=plan["batch"],
                is_due=lambda at: not self._after(plan, at),
            )
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
        if not isinstance(record, AlarmAcknowledgement):
            raise BadConfig(f"An OPC UA gateway takes no {contract_id(type(record))}.")
        return acknowledge(record, api=self.api, newest_first=self._events_backwards, read=self._read_alarm)

    def _walk(self) -> Tree:
        return walk_twice(self.api, self.config["start_node"], batch=self.config["read_batch"])

    def _read(self, nodes: Sequence[str]) -> Answer:
        return self.api.read(nodes, doing="reading values")

    def _signals(self, cursor: Cursor | None) -> Iterator[Page]:
        """
        Pages in the order of NodeIds, so that a read that broke off goes on after the last one it landed.
        """
        tree = self._walk()
        after = cursor["after"] if cursor else ""
        names = [name for name in sorted(tree.variables) if name > after]
        batch = self.config["read_batch"]
        reason = tree.incomplete or _nothing_found(tree, self.config["start_node"])
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
        for batch, answer, _ in in_batches(nodes, self.config["read_batch"], self._read):
            units |= zip(batch, answer.results, strict=True)
        return units

    def _readings(self, cursor: Cursor | None, mode: Mode) -> Iterator[Page]:
        """
        The present value of every variable. Browsing is dear and values are asked for each second, so the
        list of variables travels in the cursor and is made anew every so often.
        """
        plan = dict(cursor or {})
        begins = "next" not in plan
        if "names" not in plan or (begins and mode is Mode.FULL):
            plan = self._plan()
        names = [plan["prefix"] + name for name in plan["names"]]
        start = plan.pop("next", 0) if not begins else 0
        if not names:
            yield Page(records=(), incomplete_reason=plan["incomplete"])
        for batch, answer, size in in_batches(names[start:], plan["batch"], self._read):
            at = write_date_time(answer.at) if answer.at else None
            start += len(batch)
            plan |= {"batch": size, "browsed_at": plan["browsed_at"] or at}
            is_last = start >= len(names)
            yield Page(
                records=[
                    {"NodeId": node, "DataValue": value, "At": at}
                    for node, value in zip(batch, answer.results, strict=True)
                ],
                cursor=self._after(plan, answer.at) if is_last else {**plan, "next": start},
                complete=is_last and not plan["incomplete"],
                incomplete_reason=plan["incomplete"] if is_last else "",
                total=len(names),
            )

    def _plan(self) -> Cursor:
        tree = self._walk()
        names = sorted(tree.variables)
        prefix = _shared_prefix(names)
        return {
            "prefix": prefix,
            "names": [name.removeprefix(prefix) for name in names],
            "incomplete": tree.incomplete or _nothing_found(tree, self.config["start_node"]),
            "batch": self.config["read_batch"],
            "browsed_at": None,
        }

    def _plan_in_force(self, cursor: Cursor | None) -> Cursor:
        """The cursor's list of variables, or a new one where it is due, or names them by what a restart may change."""
        plan = {name: value for name, value in (cursor or {}).items() if name != "next"}
        now = self._source_time()
        if "names" in plan and not plan["prefix"].startswith("ns=") and self._after(plan, now):
            return plan
        return self._plan() | {"browsed_at": write_date_time(now)}

    def _after(self, plan: Cursor, at: datetime | None) -> Cursor:
        """The cursor of a whole read: with the list of variables, unless it is due to be made anew."""
        browsed_at = read_moment(plan["browsed_at"])
        lasts = timedelta(minutes=1 if plan["incomplete"] else self.config["browse_minutes"])
        if at is None or browsed_at is None or at - browsed_at >= lasts:
            return {}
        return dict(plan)

    def _alarms(self, cursor: Cursor | None, mode: Mode) -> Iterator[Page]:
        """
        Every notification since the cursor. Its `since` is the newest `Time` seen, so it both resumes a read
        that broke off and begins the next one; the overlap takes care of what arrives late.
        """
        now = self._source_time()
        if cursor:
            newest = read_moment(cursor["since"]) or BEGINNING
            start = newest - timedelta(seconds=self.config["alarm_overlap_seconds"])
        else:
            newest = start = self._look_back_from(now)
        seen = bool(cursor and cursor.get("seen"))
        doubt = self._unproven() if mode is Mode.FULL else ""
        expected = self._newest_events(start, now + AHEAD)
        if not expected and seen and now - newest < REMEMBERED:
            doubt = "The server no longer tells of the newest alarm that it told of before."
        for page in self._events(start, now + AHEAD):
            expected -= set(map(event_id, page.events))
            # A stamp from the future must not carry the cursor past the alarms between now and then.
            times = [time for time in map(event_time, page.events) if time is not None and time <= now]
            newest, seen = max([newest, *times]), seen or bool(times)
            reason = ""
            if page.is_last:
                reason = page.incomplete or (CUT_SHORT if expected else doubt)
            yield Page(
                records=page.events,
                cursor={"since": write_date_time(newest), "seen": seen},
                complete=page.is_last and not reason,
                incomplete_reason=reason,
            )

    def _newest_events(self, start: datetime, end: datetime) -> set[bytes]:
        """
        The ids of the last events of a window, asked for by themselves before the window is read. A page that
        was cut short looks like a last page; without these events it is none.
        """
        # Of two, a page cut in half still holds one.
        with closing(self._events(end, start, size=2)) as pages:
            return set(map(event_id, next(pages).events))

    def _read_alarm(self, raw: Any) -> Alarm | None:
        return read_alarm(raw, element_pattern=self.element_pattern, types=self.categories)

    def _events_backwards(self) -> Generator[Sequence[Any]]:
        now = self._source_time()
        with closing(self._events(now + AHEAD, self._look_back_from(now))) as pages:
            for page in pages:
                yield page.events

    def _events(self, start: datetime, end: datetime, *, size: int | None = None) -> Generator[EventPage]:
        return self.api.events(
            self.config["notifier_node"],
            CLAUSES,
            start=start,
            end=end,
            size=size or self.config["event_page_size"],
            doing="reading the alarms",
        )

    def _unproven(self) -> str:
        days = self.config["alarm_look_back_days"]
        if not days:
            return ""
        return f"The last {days} days of alarms were read; what older ones became is not told by them."

    def _look_back_from(self, now: datetime) -> datetime:
        days = self.config["alarm_look_back_days"]
        return now - timedelta(days=days) if days else BEGINNING

    def _source_time(self) -> datetime:
        """Now, by the source's clock: its stamps are compared with that and no other."""
        answer = self.api.read([node_ids.CURRENT_TIME], doing="reading the server's clock")
        now = _value_of(answer.results[0])
        if isinstance(now, datetime):
            return now
        if answer.at is not None:
            return answer.at
        raise ContractBroken("The server does not say what time it is, neither in i=2258 nor in its answers.")

    def _try_streams(self) -> Iterator[str]:
        """What would keep a stream from being read, as sentences."""
        start = self.config["start_node"]
        try:
            doing = "browsing the start node"
            below = self.api.browse([start], per_node=LONG_PAGE, doing=doing)[start]
            require_good(below.status, doing=doing, field="start_node")
            if not below.references:
                yield f"Nothing is below the start node {start}: there will be no signals."
        except (BadConfig, ContractBroken, Unauthorized) as error:
            yield f"Signals cannot be read. {error}"
        now = self._source_time()
        try:
            self._newest_events(now, now + AHEAD)
        except (BadConfig, ContractBroken, Unauthorized) as error:
            yield f"Alarms cannot be read. {error}"


def _shared_prefix(names: Sequence[str]) -> str:
    """What all names of a sorted list begin with, so that a cursor need not repeat it for each."""
    if len(names) < 2:
        return ""
    first, last = names[0], names[-1]
    shared = 0
    while shared < min(len(first), len(last)) and first[shared] == last[shared]:
        shared += 1
    return first[:shared]


def _value_of(raw: Any) -> Any:
    """A value of the server about itself; what it does not tell, or tells unreadably, is nothing."""
    try:
        data: DataValue = read_data_value(raw)
    except ValueError:
        return None
    return None if data.status.is_bad else data.value


def _state_words(state: Any) -> str:
    try:
        return SERVER_STATES[read_enumeration(state)] if state is not None else "answers"
    except (ValueError, IndexError):
        return "answers"


def _finding(state: Any) -> str:
    """What a state other than running means for us."""
    words = _state_words(state)
    if words in ("answers", SERVER_STATES[0]):
        return ""
    return f"The server {words}: its values may be old. Ask the SCADA administrator."


def _nothing_found(tree: Tree, start: str) -> str:
    return "" if tree.variables else f"No variable was found below {start}, which proves nothing."
