"""
Reading the variables: what they were since the last read, where that is wanted and the server keeps it, and then what
they are.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

from connectors.adapters.opcua_rest.variables import OF_ONE_READ, is_in_force, new_list, nodes_of
from connectors.protocols.adapter import Cursor, Mode, Page
from connectors.protocols.opcua.history import NoHistory, PastValues, ValueHistory
from connectors.protocols.opcua.server import clock_of
from connectors.protocols.opcua.values import read_moment, write_date_time
from connectors.protocols.opcua.web_api import WebApi, in_batches

MOST_VALUES = 50_000
"""In one answer of history, of all its variables together."""

CAME_BACK = "what was missed came back as present values only."


class ReadingsRead:
    """
    One read of all variables. Its cursor is the list of variables, and with it:

    - `since`: from when on a read for changes asks for history too; without it, for present values alone
    - `goes_on`: whether the read after this one is to ask for history, even if its stream does not want it
    - `until`, `past`: where the history that is asked for ends, and of how many variables it was read
    - `next`: how many present values were read
    - `doubt`: why history may not have been told whole
    - `unrecorded`, `history_batch`: the places in the list that have no history, and how many others the server takes
    """

    def __init__(self, api: WebApi, config: Mapping[str, Any], *, by_history: bool) -> None:
        self._api, self._config, self._by_history = api, config, by_history

    def pages(self, cursor: Cursor | None, mode: Mode) -> Iterator[Page]:
        read = dict(cursor or {})
        if "names" not in read or (mode is Mode.FULL and not read.keys() & {"next", "past"}):
            told = {} if mode is Mode.FULL else {name: read[name] for name in ("since", "goes_on") if name in read}
            read = new_list(self._api, self._config) | told
        if "until" not in read and (self._by_history or "since" in read):
            read["until"] = write_date_time(clock_of(self._api))
        if "since" in read and "next" not in read:
            yield from self._past(read)
        yield from self._present(read)

    def _past(self, read: Cursor) -> Iterator[Page]:
        """What was recorded since then. A read that breaks off here goes on with the variables of its last request."""
        names = nodes_of(read)
        start, end = self._span(read)
        size = self._config["history_values"]
        history = ValueHistory(self._api, start=start, end=end, size=size)
        unrecorded = set(read.get("unrecorded", ()))
        wanted = [place for place in range(read.get("past", 0), len(names)) if place not in unrecorded]
        most = max(1, min(read.get("history_batch", read["batch"]), MOST_VALUES // size))
        try:
            for places, first, taken in in_batches(
                wanted, most, lambda places: history.first([names[place] for place in places])
            ):
                refused: set[str] = set()
                with closing(history.whole(first)) as answers:
                    for answer in answers:
                        refused |= answer.refused.keys()
                        if answer.incomplete:
                            read["doubt"] = answer.incomplete
                        yield Page(records=_records(answer), cursor={**read, "past": places[0]})
                unrecorded |= {place for place in places if names[place] in refused}
                read |= {"history_batch": taken, "past": places[-1] + 1, "unrecorded": sorted(unrecorded)}
        except NoHistory:
            read["unrecorded"] = list(range(len(names)))

    def _present(self, read: Cursor) -> Iterator[Page]:
        names = nodes_of(read)
        start = read.pop("next", 0)
        if not names:
            yield Page(records=(), incomplete_reason=read["incomplete"])
        for batch, answer, size in in_batches(
            names[start:], read["batch"], lambda nodes: self._api.read(nodes, doing="reading values")
        ):
            at = write_date_time(answer.at) if answer.at else None
            start += len(batch)
            read |= {"batch": size, "browsed_at": read["browsed_at"] or at}
            is_last = start >= len(names)
            reason = read.get("doubt") or read["incomplete"]
            yield Page(
                records=[
                    {"NodeId": node, "DataValue": value, "At": at}
                    for node, value in zip(batch, answer.results, strict=True)
                ],
                cursor=self._afterwards(read, answer.at) if is_last else {**read, "next": start},
                complete=is_last and not reason,
                incomplete_reason=reason if is_last else "",
                remark=self._remark(read) if is_last else "",
                total=len(names),
            )

    def _afterwards(self, read: Cursor, at: datetime | None) -> Cursor:
        """The cursor of a whole read: with the list of variables, unless it is due to be made anew."""
        kept = {}
        if is_in_force(read, at, self._config):
            kept = {name: value for name, value in read.items() if name not in OF_ONE_READ}
        if read.get("doubt"):
            return kept | {name: read[name] for name in ("since", "goes_on") if name in read}
        if self._by_history or read.get("goes_on"):
            return kept | {"since": read["until"]}
        return kept

    def _span(self, read: Cursor) -> tuple[datetime, datetime]:
        """From when to when history is asked for: a little before the last read, and not before its longest."""
        end = read_moment(read["until"]) or clock_of(self._api)
        since = read_moment(read["since"]) or end
        start = since - timedelta(seconds=self._config["history_overlap_seconds"])
        return max(start, end - self._longest), end

    @property
    def _longest(self) -> timedelta:
        return timedelta(hours=self._config["history_hours"])

    def _remark(self, read: Cursor) -> str:
        """What of the past could not be read."""
        if "since" not in read:
            return ""
        start, end = self._span(read)
        missing, of = len(read.get("unrecorded", ())), len(read["names"])
        said = []
        if end - start >= self._longest:
            said.append(f"Readings from before {start:%Y-%m-%d %H:%M} UTC were not asked for: the break was longer.")
        if missing and missing == of:
            said.append(f"The server reads no history of values to us: {CAME_BACK}")
        elif missing:
            said.append(f"The server reads no history of {missing} of {of} variables to us: {CAME_BACK}")
        return " ".join(said)


def _records(answer: PastValues) -> list[dict[str, Any]]:
    return [{"NodeId": node, "DataValue": value} for node, values in answer.values.items() for value in values]
