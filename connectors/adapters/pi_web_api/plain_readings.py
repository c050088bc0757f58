"""Values as nearly all of them are, read together: a good number with its time, of a signal that is no switch."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.adapters.pi_web_api.records import read_reading
from connectors.contracts.reading import Reading, SwitchState
from connectors.protocols.errors import BadRecord


class ReadingReader:
    """`read_reading` for many; what is no such value is read as by itself."""

    def __init__(self, *, position_pattern: re.Pattern[str], states: Mapping[str, SwitchState]) -> None:
        self.position_pattern, self.states = position_pattern, states

    def __call__(self, raw: Any) -> Reading:
        return read_reading(raw, position_pattern=self.position_pattern, states=self.states)

    def many(self, raw: Sequence[Any]) -> Sequence[Reading] | None:
        measured: dict[str, bool] = {}
        try:
            return [self._plain(one, measured) or self(one) for one in raw]
        except (BadRecord, AttributeError, KeyError, TypeError, ValueError):  # reading one by one tells which
            return None

    def _plain(self, raw: Mapping[str, Any], measured: dict[str, bool]) -> Reading | None:
        """
        :param measured: by path, whether a signal has numbers; filled as signals come
        """
        path, timed = raw.get("Path"), raw.get("Value")
        if type(timed) is not dict or type(path) is not str or "Refusal" in raw:
            return None
        number, is_good = timed.get("Value"), timed.get("Good", True) is True
        if type(number) is not float or not is_good or timed.get("Questionable") or timed.get("Errors"):
            return None
        is_measured = measured.get(path)
        if is_measured is None:
            is_measured = measured[path] = bool(path) and not self.position_pattern.search(path)
        at = datetime.fromisoformat(timed["Timestamp"])
        if not is_measured or at.tzinfo is None:
            return None
        return Reading(external_id=path, signal=path, source_time=at, value=number)
