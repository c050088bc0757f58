"""The values that the historian has of each tag, in the shapes of the PI Web API (`TimedValue`)."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from simulator.flows import QUARTER, current_in_amperes, quarter_start
from simulator.opcua.address_space import BROKEN_SENSOR, UNCERTAIN_SENSOR
from simulator.pi.assets import Attribute, Tag
from simulator.scada import Position
from simulator.utility import Utility

STATES = {
    Position.INTERMEDIATE: "Intermediate",
    Position.OPEN: "Open",
    Position.CLOSED: "Closed",
    Position.FAULTY: "Faulty",
}
BAD_INPUT = {"Name": "Bad Input", "Value": 255, "IsSystem": True}
LONGEST_GAP = timedelta(days=1)

Json = dict[str, Any]
Sample = tuple[datetime, float]


def time_text(moment: datetime) -> str:
    """UTC with as many digits as it needs, up to seven: `…:00.2475263Z`, and `…:36Z`."""
    whole = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f"{moment.microsecond:06d}0".rstrip("0")
    return f"{whole}.{fraction}Z" if fraction else f"{whole}Z"


class Archive:
    """Not locked: who asks holds the utility's lock."""

    def __init__(self, utility: Utility) -> None:
        self._utility = utility
        self._power: dict[str, list[Sample]] = defaultdict(list)
        self._seen_at: datetime | None = None

    def observe(self, now: datetime) -> None:
        """Keep what the transducers read at each quarter-hour since they were last looked at, and after a switching."""
        quarter = quarter_start(now)
        moments = [max(self._utility.switched_at, quarter)]
        while self._seen_at is not None and quarter - QUARTER > max(self._seen_at, now - LONGEST_GAP):
            quarter -= QUARTER
            moments.insert(0, quarter)
        for moment in moments:
            if self._seen_at is not None and moment <= self._seen_at:
                continue
            for switch in self._utility.grid.switches:
                if switch.is_measured:
                    power = self._utility.flows.power_kw(switch.id, now=moment)
                    self._power[switch.id].append((moment, power))
            self._seen_at = moment

    def recorded(self, stream: Attribute | Tag, *, start: datetime, end: datetime, count: int) -> list[Json]:
        """From start to end, both included; newest first if the end lies before the start. Cut at `count`, silently."""
        values = sorted(self._arrived(stream), key=lambda one: one[0])
        times = [at for at, _ in values]
        first, last = min(start, end), max(start, end)
        found = [value for _, value in values[bisect_left(times, first) : bisect_right(times, last)]]
        return (found[::-1] if end < start else found)[:count]

    def interpolated(self, stream: Attribute | Tag, *, start: datetime, end: datetime, step: timedelta) -> list[Json]:
        """At each step from start to end the value that held then: what changes here changes in steps."""
        known = sorted(self._arrived(stream), key=lambda one: one[0])
        moments = [start + step * number for number in range(int((end - start) / step) + 1)]
        found = []
        for moment in moments:
            before = [value for at, value in known if at <= moment]
            value = before[-1] if before else self.present(stream, now=moment)
            found.append({**value, "Timestamp": time_text(moment)})
        return found

    def present(self, stream: Attribute | Tag, *, now: datetime) -> Json:
        if isinstance(stream, Attribute) and stream.tag is None:
            return _timed(now, stream.fixed, unit=stream.fixed_unit)
        values = sorted(self._arrived(stream), key=lambda one: one[0])
        return values[-1][1] if values else _timed(now, {"Name": "No Data", "Value": 248, "IsSystem": True}, good=False)

    def arrived(self, stream: Attribute | Tag) -> list[Json]:
        """Every value in the order in which it came, which is not that of its time if it came late."""
        return [value for _, value in self._arrived(stream)]

    def _arrived(self, stream: Attribute | Tag) -> Sequence[tuple[datetime, Json]]:
        tag = stream if isinstance(stream, Tag) else stream.tag
        if tag is None:
            return []
        if tag.is_digital:
            history = self._utility.scada.position_history(tag.switch.id)
            return [(at, _timed(at, _state(position))) for at, position in history]
        return [(at, self._measured(tag, at, power)) for at, power in self._power[tag.switch.id]]

    def _measured(self, tag: Tag, at: datetime, power: float) -> Json:
        if tag.name == BROKEN_SENSOR:
            return _timed(at, BAD_INPUT, unit=tag.unit, good=False)
        value = power if tag.signal == "P" else current_in_amperes(power_kw=power, nominal_kv=tag.switch.nominal_kv)
        return _timed(at, value, unit=tag.unit, questionable=tag.name == UNCERTAIN_SENSOR)


def _state(position: Position) -> Json:
    return {"Name": STATES[position], "Value": int(position), "IsSystem": False}


def _timed(at: datetime, value: Any, *, unit: str = "", good: bool = True, questionable: bool = False) -> Json:
    return {
        "Timestamp": time_text(at),
        "Value": value,
        "UnitsAbbreviation": unit,
        "Good": good,
        "Questionable": questionable,
        "Substituted": False,
        "Annotated": False,
    }
