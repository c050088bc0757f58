"""What is set aside is kept, within bounds; what the source sends well again settles it."""

import json
from datetime import datetime

import pytest

from connectors.contracts.reading import Reading
from connectors.models import Connector, Mode, RejectedRecord, Run, Stream, Trigger
from connectors.services import pages
from connectors.services.outcomes import Synced
from connectors.services.push import accept_lines
from connectors.services.sync import sync_stream
from organisation.scope import Scope
from tests.connectors.engine.scripted import Clock, Source, zones


def read(stream: Stream, clock: Clock, mode: Mode = Mode.INCREMENTAL) -> Synced:
    return sync_stream(stream_id=stream.pk, mode=mode, trigger=Trigger.SCHEDULE, clock=clock)


def nameless(*keys: str) -> list[dict[str, str]]:
    return [{"id": key} for key in keys]


def kept() -> list[str]:
    return list(RejectedRecord.objects.order_by("external_id").values_list("external_id", flat=True))


def test_of_one_read_so_many_new_ones_are_kept_and_all_are_counted(
    stream: Stream, source: Source, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "MOST_NEW_OF_A_READ", 3)
    source.pages = [nameless("A", "B"), nameless("C", "D", "E"), [*zones("Z"), *nameless("F")]]
    source.before_page = lambda number: clock.advance(1)

    first = read(stream, clock)
    assert kept() == ["A", "B", "C"]
    run = Run.objects.get()
    clock.advance(60)
    second = read(stream, clock)

    assert (run.pk, first.counts.rejected, run.rejected) == (first.run_id, 6, 6)
    assert second.counts.rejected == 6
    assert kept() == ["A", "B", "C", "D", "E", "F"]
    assert list(RejectedRecord.objects.order_by("external_id").values_list("times", flat=True)) == [2, 2, 2, 1, 1, 1]
    assert set(RejectedRecord.objects.filter(external_id__in="ABC").values_list("run_id", flat=True)) == {first.run_id}


def test_of_a_stream_so_many_unsettled_ones_are_kept_however_often_it_is_read(
    stream: Stream, source: Source, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "MOST_UNSETTLED_OF_A_STREAM", 4)
    ended = []
    for number in range(5):
        source.pages = [nameless(f"A{number}", f"B{number}")]
        ended.append(read(stream, clock))
        clock.advance(1)

    assert kept() == ["A0", "A1", "B0", "B1"]
    assert [one.counts.rejected for one in ended] == [2] * 5
    # A tick of which nothing is kept leaves no run either.
    assert [one.run_id is None for one in ended] == [False, False, True, True, True]
    RejectedRecord.objects.filter(external_id="A0").update(settled_at=clock())
    read(stream, clock)
    assert kept() == ["A0", "A1", "A4", "B0", "B1"]


def test_another_stream_has_bounds_of_its_own(
    connector: Connector, stream: Stream, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "MOST_UNSETTLED_OF_A_STREAM", 1)
    other = Stream.objects.create(connector=connector, name="others", contract="zone/1")
    found = [
        pages.Rejection(index=0, external_id=key, reason="the name is missing", path="name", raw="{}") for key in "AB"
    ]

    assert [len(pages.keep_rejections(one.pk, found, now=now)) for one in (stream, other, stream)] == [1, 1, 0]


def test_what_was_settled_and_fails_again_is_unsettled(stream: Stream, source: Source, clock: Clock) -> None:
    source.pages = [nameless("A")]
    read(stream, clock)
    RejectedRecord.objects.update(settled_at=clock(), reason="the name is missing (not landed)")
    clock.advance(60)

    read(stream, clock)

    again = RejectedRecord.objects.get()
    assert (again.settled_at, again.reason, again.times) == (None, "the name is missing", 2)


def test_what_is_pushed_well_settles_what_was_set_aside_of_it(scope: Scope, clock: Clock) -> None:
    tablets = Connector.objects.create(kind="push", name="Tablets", config={"contracts": ["restoration-estimate/1"]})
    times = {"source_time": "2026-11-24T02:00:00Z", "estimated_at": "2026-11-24T05:00:00Z"}

    def push(*records: dict[str, str]) -> list[bool]:
        body = b"\n".join(json.dumps(one).encode() for one in records)
        pushed = accept_lines(connector_id=tablets.pk, contract="restoration-estimate/1", body=body, clock=clock)
        return [line.accepted for line in pushed]

    assert push({"external_id": "A"}, {"external_id": "B"}) == [False, False]
    clock.advance(60)
    assert push({"external_id": "A", "work_order": "WO1", **times}) == [True]

    settled = dict(RejectedRecord.objects.values_list("external_id", "settled_at"))
    assert settled == {"A": clock(), "B": None}


def test_one_reading_that_is_read_well_does_not_settle_the_others_of_its_signal(stream: Stream, clock: Clock) -> None:
    rejection = pages.Rejection(index=0, external_id="S1", reason="the signal is unknown", path="signal", raw="{}")
    pages.keep_rejections(stream.pk, [rejection], now=clock())
    later = Reading(external_id="S1", signal="S1", source_time=clock(), value=1.0)

    pages.settle_what_reads_well(stream.pk, pages.ReadPage(raw=[], records=[later]), now=clock())

    assert RejectedRecord.objects.get().settled_at is None
