"""Readings by column: a page of them, and the newest ones that are known."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from connectors import binary_arrays as arrays
from connectors.binary_arrays import NEVER, Flags, Floats, Integers
from connectors.contracts.reading import Quality
from connectors.contracts.reading import Reading as ReadingRecord

Words: TypeAlias = npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """
    What readings show, a row each.

    :ivar value: means something where the reading is not `without_value`
    """

    value: Floats
    without_value: Flags
    state: Words
    quality: Words
    reason: Words

    @classmethod
    def of(cls, values: Sequence[float | None], *words: Sequence[str | None]) -> Self:
        """:param words: state, quality and reason"""
        state, quality, reason = (np.array(texts, dtype=np.object_) for texts in words)
        return cls(
            value=np.array(values, dtype=np.float64),
            without_value=np.array([value is None for value in values], dtype=np.bool_),
            state=state,
            quality=quality,
            reason=reason,
        )

    def take(self, which: Flags | Integers) -> Self:
        return type(self)(
            value=self.value[which],
            without_value=self.without_value[which],
            state=self.state[which],
            quality=self.quality[which],
            reason=self.reason[which],
        )

    def equals(self, other: Self) -> Flags:
        """Row by row."""
        has_both = ~(self.without_value | other.without_value)
        is_same: Flags = np.where(has_both, self.value == other.value, self.without_value == other.without_value)
        for ours, theirs in ((self.state, other.state), (self.quality, other.quality), (self.reason, other.reason)):
            is_same &= np.asarray(ours == theirs, dtype=np.bool_)
        return is_same


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """
    Readings, a row each.

    :ivar place: where the reading stands in the page
    :ivar signal: the key of its signal; below 0 for one that is unknown, another for each name
    :ivar time: microseconds since `binary_arrays.EPOCH`
    """

    place: Integers
    signal: Integers
    time: Integers
    content: Content

    @classmethod
    def of(cls, records: Sequence[ReadingRecord], signals: dict[str, int]) -> Self:
        """:param signals: the key for each name of a signal in the records"""
        return cls(
            place=np.arange(len(records)),
            signal=np.array([signals[record.signal] for record in records], dtype=np.int64),
            time=arrays.micros([record.source_time for record in records]),
            content=Content.of(
                [record.value for record in records],
                [record.state for record in records],
                # The plain word: an enumeration works out its hash anew each time.
                [str(record.quality) for record in records],
                [record.reason for record in records],
            ),
        )

    def __len__(self) -> int:
        return len(self.place)

    def take(self, which: Flags | Integers) -> Self:
        """Some of the rows, by flag or by number."""
        return type(self)(
            place=self.place[which],
            signal=self.signal[which],
            time=self.time[which],
            content=self.content.take(which),
        )

    def last_of_each(self) -> Self:
        """In the order of signal and time; of several with one signal and time, the last of the page."""
        ordered = self.take(np.lexsort((self.time, self.signal)))
        return ordered.take(_ends(ordered.signal) | _ends(ordered.time))

    def newest_of_each(self) -> Self:
        """One row per signal, for rows in the order of signal and time."""
        return self.take(_ends(self.signal))

    def usable(self) -> Self:
        return self.take(np.asarray(self.content.quality != Quality.BAD.value, dtype=np.bool_))

    def parameters(self) -> dict[str, arrays.Array]:
        """As `reading_statements` name them."""
        return {
            "signals": arrays.integers(self.signal),
            "times": arrays.instants(self.time),
            "values": arrays.floats(self.content.value, self.content.without_value),
            "states": arrays.texts(self.content.state.tolist()),
            "qualities": arrays.texts(self.content.quality.tolist()),
            "reasons": arrays.texts(self.content.reason.tolist()),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Latest:
    """
    The newest reading of each signal that has one, in the order of signals, and a last row for all other signals.

    :ivar time: `NEVER` in the last row
    :ivar usable_time: `NEVER` where there is none
    :ivar asked: the signals whose newest reading lies within what the page spans, in their order
    :ivar content: of those
    """

    signal: Integers
    time: Integers
    usable_time: Integers
    asked: Integers
    content: Content

    @classmethod
    def of(cls, signal: Integers, time: Integers, usable_time: Integers, asked: Integers, *content: Any) -> Self:
        """From what `reading_statements.LATEST` finds, in any order of signals."""
        order = np.argsort(signal)
        asked_order = np.argsort(asked)
        return cls(
            signal=np.append(signal[order], np.iinfo(np.int64).max),
            time=np.append(time[order], NEVER),
            usable_time=np.append(usable_time[order], NEVER),
            asked=asked[asked_order],
            content=Content.of(*content).take(asked_order),
        )

    def rows_of(self, signals: Integers) -> Integers:
        """The number of each signal's row."""
        found = np.searchsorted(self.signal, signals)
        return np.asarray(np.where(self.signal[found] == signals, found, len(self.signal) - 1), dtype=np.int64)

    def tells(self, page: Columns) -> Flags:
        """Which readings of the page are known: same time, and same content."""
        is_told: Flags = page.time == self.time[self.rows_of(page.signal)]
        at = np.searchsorted(self.asked, page.signal[is_told])
        is_told[is_told] = page.content.take(is_told).equals(self.content.take(at))
        return is_told


def _ends(values: Integers) -> Flags:
    """Which rows are followed by another value, or by none."""
    ends = np.ones(len(values), dtype=np.bool_)
    ends[:-1] = values[1:] != values[:-1]
    return ends
