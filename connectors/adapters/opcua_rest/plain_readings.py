"""Values as nearly all of them are, read together: a good Float or Double with its time, of what is no switch."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.adapters.opcua_rest.readings import read_reading
from connectors.contracts.reading import Reading, SwitchState
from connectors.protocols.errors import BadRecord

FLOAT, DOUBLE = 10, 11
FIRST_YEAR, LAST_YEAR = 1602, 9998
"""Between them a DateTime is neither null nor never (OPC 10000-6 §5.4.2.6)."""

T_OF_TIME = 10
"""Where it stands in a DateTime; ISO 8601 as Python reads it may have a blank there."""


class ReadingReader:
    """`read_reading` for many; what is no such value is read as by itself."""

    def __init__(self, *, position_pattern: re.Pattern[str], positions: Mapping[int, SwitchState]) -> None:
        self.position_pattern, self.positions = position_pattern, positions

    def __call__(self, raw: Any) -> Reading:
        return read_reading(raw, position_pattern=self.position_pattern, positions=self.positions)

    def many(self, raw: Sequence[Any]) -> Sequence[Reading] | None:
        try:
            return [self._plain(one) or self(one) for one in raw]
        except (BadRecord, AttributeError, KeyError, TypeError, ValueError):  # reading one by one tells which
            return None

    def _plain(self, raw: Mapping[str, Any]) -> Reading | None:
        node, data = raw["NodeId"], raw["DataValue"]
        if type(data) is not dict or data.get("Status") is not None or data.get("StatusCode") is not None:
            return None
        number, kind, stamp = data.get("Value"), data.get("UaType"), data.get("SourceTimestamp")
        if type(number) is not float or (kind != DOUBLE and kind != FLOAT) or type(stamp) is not str:
            return None
        at = datetime.fromisoformat(stamp)
        is_moment = at.tzinfo is UTC and FIRST_YEAR <= at.year <= LAST_YEAR and stamp[T_OF_TIME] == "T"
        if not is_moment or self.position_pattern.search(node):
            return None
        return Reading(external_id=node, signal=node, source_time=at, value=number)
