"""Records that a source pushes: read line by line, landed in chunks, each line answered."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import orjson

from connectors import registry
from connectors.landing import Landed, Landing
from connectors.models import Connector, Mode, Outcome, Phase, Run, RunStatus, State, Stream, StreamState, Trigger
from connectors.protocols.errors import BadRecord
from connectors.services import pages
from connectors.services.settings import save_stream
from connectors.services.states import settle_state
from organisation.scope import acting_for, current_scope

Clock = Callable[[], datetime]

CHUNK = 1_000


class NotPushed(LookupError):
    """The connector takes no records of that contract."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """What became of a line, by its number from 1; `reason` says why it was set aside."""

    number: int
    accepted: bool
    reason: str = ""
    path: str = ""

    def as_json(self) -> bytes:
        answer: dict[str, Any] = {"line": self.number, "status": "accepted" if self.accepted else "rejected"}
        if not self.accepted:
            answer |= {"reason": self.reason, **({"path": self.path} if self.path else {})}
        return orjson.dumps(answer)


def pushed_stream(*, connector_id: int, contract: str) -> Stream:
    """
    The stream that takes a connector's records of a contract; made at the first push, if its settings allow it.

    :raises NotPushed: if they do not, or it is switched off
    """
    connector = Connector.objects.select_related("organisation").get(pk=connector_id)
    stream = Stream.objects.filter(connector=connector, contract=contract).first()
    if connector.state == State.DISABLED or (stream is not None and not stream.is_enabled):
        raise NotPushed(f"{connector} is switched off here: it takes no records of {contract} for now.")
    stream = stream or _make_stream(connector, contract)
    if stream is None:
        raise NotPushed(f"{connector} takes no records of {contract}. Its settings say what may be pushed.")
    stream.connector = connector
    return stream


def _make_stream(connector: Connector, contract: str) -> Stream | None:
    """Sources that push have no catalogue to choose from: what their settings allow is a stream when it first comes."""
    if not registry.is_pushed_to(connector.kind):
        return None
    for offered in registry.build(connector).discover():
        if offered.contract == contract:
            return save_stream(connector=connector, name=offered.name, contract=contract, label=offered.label)
    return None


def accept_lines(*, connector_id: int, contract: str, body: bytes, clock: Clock) -> list[Line]:
    """
    Land what was pushed. The scope is carried; each chunk is a transaction of its own. A bad line is set aside with its
    reason and does not keep the others out. Blank lines count, and are passed over.

    :raises NotPushed: if the connector takes no records of that contract
    """
    scope = current_scope()
    with acting_for(scope):
        stream = pushed_stream(connector_id=connector_id, contract=contract)
    adapter, source = registry.build(stream.connector, now=clock), registry.source_stream(stream)
    wiring = pages.wiring_of(contract)
    answers: list[Line] = []
    numbered = ((number, line) for number, line in enumerate(body.splitlines(), start=1) if line.strip())
    for chunk in _chunks(numbered, CHUNK):
        decoded, broken = _decoded(chunk)
        read = pages.read_page(adapter.reader(source), [raw for _, raw in decoded])
        with acting_for(scope):
            now = clock()
            landing = Landing(
                organisation_id=scope.organisation_id, connector_id=connector_id, stream_id=stream.pk, now=now
            )
            landed = pages.land_in_halves(read.records, landing, wiring)
            rejections = pages.set_aside(read, landed)
            pages.settle_what_reads_well(stream.pk, read, now=now)
            new = pages.keep_rejections(stream.pk, [*rejections, *(one for _, one in broken)], now=now)
            pages.tell_followers(wiring, landing, contract, landed.touched)
            if landed.created or landed.updated or new:
                run = _run(stream, landed, len(chunk), len(rejections) + len(broken), now=now)
                pages.name_run(new, run.pk)
        bad = {rejection.index: rejection for rejection in rejections}
        for index, (number, _) in enumerate(decoded):
            fault = bad.get(index)
            answers.append(
                Line(
                    number=number,
                    accepted=fault is None,
                    reason=fault.reason if fault else "",
                    path=fault.path if fault else "",
                )
            )
        answers += [Line(number=number, accepted=False, reason=fault.reason) for number, fault in broken]
    _heard(stream, clock())
    return sorted(answers, key=lambda line: line.number)


def _heard(stream: Stream, now: datetime) -> None:
    """A push, even an empty one, proves that the source is there."""
    with acting_for(current_scope()):
        was = StreamState.objects.get(stream=stream)
        StreamState.objects.filter(pk=was.pk).update(
            outcome=Outcome.SUCCEEDED, detail="", attempted_at=now, proved_at=now
        )
        if was.outcome != Outcome.SUCCEEDED:
            settle_state(stream.connector_id, now=now)


def _run(stream: Stream, landed: Landed, records: int, rejected: int, *, now: datetime) -> Run:
    return Run.objects.create(
        stream=stream,
        mode=Mode.EVENT,
        trigger=Trigger.PUSH,
        status=RunStatus.SUCCEEDED,
        outcome=Outcome.SUCCEEDED,
        phase=Phase.DONE,
        started_at=now,
        advanced_at=now,
        finished_at=now,
        pages=1,
        records=records,
        created=landed.created,
        updated=landed.updated,
        unchanged=landed.unchanged,
        rejected=rejected,
    )


def _decoded(
    chunk: Sequence[tuple[int, bytes]],
) -> tuple[list[tuple[int, Any]], list[tuple[int, pages.Rejection]]]:
    good, bad = [], []
    for number, line in chunk:
        try:
            good.append((number, orjson.loads(line)))
        except orjson.JSONDecodeError as error:
            fault = BadRecord(f"this line is not JSON: {error}", external_id="")
            bad.append((number, pages.rejection_of(-1, line, fault)))
    return good, bad


def _chunks(items: Iterator[Any], size: int) -> Iterator[list[Any]]:
    while chunk := list(islice(items, size)):
        yield chunk
