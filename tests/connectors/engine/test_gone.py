"""What a source says that it no longer has is retired by the page that says it, as records land by theirs."""

from dataclasses import replace

import pytest
from django.db import connection

from connectors.models import Mode, OutboxItem, RecordChange, RejectedRecord, Run, Stream, StreamState, Trigger
from connectors.protocols.adapter import Page
from connectors.services.listening import listen_to_stream
from connectors.services.outcomes import Ended, Synced
from connectors.services.requests import start_sync
from connectors.services.runs import Counts
from connectors.services.sync import sync_stream
from gis.models import Zone
from tests.connectors.engine import scripted
from tests.connectors.engine.scripted import REFUSED_NAME, Clock, Killed, Source, zones


def read(stream: Stream, clock: Clock, mode: Mode = Mode.INCREMENTAL, killed_after: int | None = None) -> Synced:
    def committed(counts: Counts) -> None:
        if counts.pages == killed_after:
            raise Killed

    clock.advance(60)
    return sync_stream(
        stream_id=stream.pk, mode=mode, trigger=Trigger.SCHEDULE, clock=clock, committed=committed, pages_ahead=0
    )


def counts(synced: Synced) -> tuple[int, int, int, int, int]:
    told = synced.counts
    return told.created, told.updated, told.unchanged, told.retired, told.ignored


def present() -> list[str]:
    return sorted(Zone.objects.filter(retired_at=None).values_list("external_id", flat=True))


@pytest.fixture
def stocked(stream: Stream, clock: Clock, source: Source) -> Stream:
    """A stream that was read whole, and holds A, B and C."""
    source.pages = [zones("A", "B"), zones("C")]
    read(stream, clock, Mode.FULL)
    Run.objects.all().delete()
    OutboxItem.objects.all().delete()
    source.pages = [[]]
    return stream


def test_it_is_retired_and_its_followers_are_told(stocked: Stream, clock: Clock, source: Source) -> None:
    source.pages, source.gone = [zones("D")], {0: ["A", "C"]}

    synced = read(stocked, clock)

    assert counts(synced) == (1, 0, 0, 2, 0)
    assert (synced.counts.records, present()) == (3, ["B", "D"])
    gone = Zone.objects.get(external_id="A")
    assert (gone.retired_at, gone.landed_at) == (clock(), clock())
    run = Run.objects.get()
    assert (run.status, run.mode, run.created, run.retired) == ("SUCCEEDED", "INCREMENTAL", 1, 2)
    touched = Zone.objects.filter(external_id__in="ACD").order_by("pk").values_list("pk", flat=True)
    assert [item.payload["ids"] for item in OutboxItem.objects.all()] == [list(touched)]
    assert StreamState.objects.get().changed_at == clock()


def test_told_twice_and_never_known_are_nothing(stocked: Stream, clock: Clock, source: Source) -> None:
    source.gone = {0: ["A", "never known", "half a \0 key", "half a \ud800 pair"]}

    first, second = read(stocked, clock), read(stocked, clock)

    assert (counts(first), counts(second)) == ((0, 0, 0, 1, 3), (0, 0, 0, 0, 4))
    assert (present(), Run.objects.count()) == (["B", "C"], 1)
    assert Zone.objects.get(external_id="A").retired_at == Run.objects.get().finished_at


def test_a_record_that_was_deleted_after_it_was_sent_does_not_land(
    stocked: Stream, clock: Clock, source: Source
) -> None:
    source.pages, source.gone = [[*zones("A", "E", name="South"), {"id": "F"}]], {0: ["A", "E", "F"]}

    synced = read(stocked, clock)

    assert counts(synced) == (0, 0, 0, 1, 5)
    assert (present(), Zone.objects.get(external_id="A").name) == (["B", "C"], "North")
    assert not RejectedRecord.objects.exists()


def test_what_comes_again_on_a_later_page_is_there_again(stocked: Stream, clock: Clock, source: Source) -> None:
    source.pages, source.gone = [[], zones("A", name="South")], {0: ["A"]}

    synced = read(stocked, clock)

    assert (counts(synced), present()) == ((0, 1, 0, 1, 0), ["A", "B", "C"])


def test_it_is_retired_beside_what_the_database_cannot_take(stocked: Stream, clock: Clock, source: Source) -> None:
    source.pages, source.gone = [[*zones("D"), {"id": "E", "name": REFUSED_NAME}]], {0: ["A"]}

    synced = read(stocked, clock)

    assert (counts(synced), synced.counts.rejected, present()) == ((1, 0, 0, 1, 0), 1, ["B", "C", "D"])


def test_rows_of_other_streams_stay(stocked: Stream, clock: Clock, source: Source) -> None:
    other = Stream.objects.create(connector=stocked.connector, name="others", contract="zone/1")
    source.gone = {0: ["A"]}

    synced = read(other, clock)

    assert (counts(synced), present()) == ((0, 0, 0, 0, 1), ["A", "B", "C"])


def test_what_was_set_aside_of_it_is_settled(stocked: Stream, clock: Clock, source: Source) -> None:
    source.pages = [[{"id": "A"}, {"id": "B"}]]
    read(stocked, clock)
    source.pages, source.gone = [[]], {0: ["A"]}

    read(stocked, clock)

    assert RejectedRecord.objects.get(settled_at=None).external_id == "B"


def test_a_kept_change_tells_of_it(stocked: Stream, clock: Clock, source: Source) -> None:
    stocked.keeps_changes = True
    stocked.save()
    source.gone = {0: ["A"]}

    synced = read(stocked, clock)

    change = RecordChange.objects.get()
    assert (change.external_id, change.kind, change.run_id) == ("A", "RETIRED", synced.run_id)
    assert (change.before, list(change.after or ())) == (None, ["retired_at"])


def test_a_dry_run_says_what_would_be_retired(stocked: Stream, clock: Clock, source: Source) -> None:
    source.pages, source.gone = [zones("D")], {0: ["A"]}
    mode, trigger = Mode.INCREMENTAL, Trigger.PERSON
    run = start_sync(stream=stocked, mode=mode, trigger=trigger, actor_id=None, now=clock(), is_dry=True)

    sync_stream(stream_id=stocked.pk, mode=mode, trigger=trigger, clock=clock, pages_ahead=0)

    run.refresh_from_db()
    assert (run.created, run.retired, present()) == (1, 1, ["A", "B", "C"])
    assert run.report is not None
    shown = [(one["external_id"], one["kind"]) for one in run.report["differences"]]
    assert shown == [("D", "CREATED"), ("A", "RETIRED")]


@pytest.mark.parametrize("killed_after", [1, 2])
def test_whoever_takes_over_neither_loses_nor_doubles_it(
    stocked: Stream, clock: Clock, source: Source, killed_after: int
) -> None:
    source.pages, source.gone = [zones("D"), [], zones("E")], {0: ["A"], 1: ["B"]}
    with pytest.raises(Killed):
        read(stocked, clock, killed_after=killed_after)

    clock.advance(600)
    synced = read(stocked, clock)

    assert (counts(synced), present()) == ((2, 0, 0, 2, 0), ["C", "D", "E"])
    told = sorted(pk for item in OutboxItem.objects.all() for pk in item.payload["ids"])
    touched = Zone.objects.filter(external_id__in="ABDE").order_by("pk").values_list("pk", flat=True)
    assert told == list(touched)


def test_who_was_taken_over_retires_nothing(stocked: Stream, clock: Clock, source: Source) -> None:
    source.pages, source.gone = [zones("D"), []], {1: ["A"]}

    def taken_over(number: int) -> None:
        if number == 1:
            with connection.cursor() as cursor:
                cursor.execute("UPDATE connectors_lease SET fence = fence + 1")

    source.before_page = taken_over

    assert read(stocked, clock).ended == Ended.LOST
    assert present() == ["A", "B", "C", "D"]


def test_a_page_that_was_known_is_looked_at_when_it_tells_of_something_gone(
    stream: Stream, clock: Clock, source: Source
) -> None:
    source.has_fingerprints, source.pages = True, [zones("A", "B"), zones("C")]
    read(stream, clock, Mode.FULL)
    source.gone = {0: ["B"]}

    synced = read(stream, clock, Mode.FULL)
    source.gone = {}
    again = read(stream, clock, Mode.FULL)

    assert (counts(synced), counts(again)) == ((0, 0, 2, 1, 1), (0, 1, 2, 0, 0))
    assert present() == ["A", "B", "C"]


def test_who_listens_hears_of_it(stocked: Stream, clock: Clock, source: Source) -> None:
    Stream.objects.filter(pk=stocked.pk).update(is_listened_to=True)
    source.told = [Page(records=()), Page(records=zones("D"), gone=("B",))]

    listen_to_stream(stream_id=stocked.pk, is_stopping=lambda: not source.told, clock=clock)

    assert present() == ["A", "C", "D"]
    run = Run.objects.get()
    assert (run.mode, run.created, run.retired) == ("EVENT", 1, 1)


def test_a_contract_whose_records_are_kept_for_good_loses_none(
    stocked: Stream, clock: Clock, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(scripted.WIRING.inbound, "zone/1", replace(scripted.WIRING.inbound["zone/1"], retire=None))
    source.pages, source.gone = [zones("D")], {0: ["A"]}

    synced = read(stocked, clock)

    assert (synced.outcome, present()) == ("CONTRACT_BROKEN", ["A", "B", "C"])
    assert synced.detail == "The source says that some records are gone, but those of zone/1 are kept for good."
