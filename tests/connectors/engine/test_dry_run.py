"""A dry run is the read itself with each page rolled back: it reports, and leaves nothing else behind."""

from typing import Any

import pytest
from django.apps import apps
from django.db import connection

from connectors.models import Connector, Mode, Run, Stream, StreamState, Trigger
from connectors.protocols.errors import Unreachable
from connectors.services.outcomes import Ended
from connectors.services.requests import start_sync
from connectors.services.sync import sync_stream
from gis.models import Zone
from tests.connectors.engine.scripted import REFUSED_NAME, Clock, Killed, Source, zones


def contents() -> dict[str, str]:
    """A digest of every table that the application sees, runs left out."""
    tables = {model._meta.db_table for model in apps.get_models(include_auto_created=True)} - {Run._meta.db_table}
    found = {}
    with connection.cursor() as cursor:
        for table in sorted(tables):
            rows = f'SELECT t::text AS line FROM "{table}" AS t'  # noqa: S608  # our own name
            cursor.execute(f"SELECT md5(coalesce(string_agg(line, chr(10) ORDER BY line), '')) FROM ({rows}) AS lines")  # noqa: S608
            found[table] = cursor.fetchone()[0]
    return found


def report_of(run: Run) -> dict[str, Any]:
    assert run.report is not None
    report: dict[str, Any] = run.report
    return report


def try_out(stream: Stream, clock: Clock, mode: Mode = Mode.FULL) -> Run:
    run = start_sync(stream=stream, mode=mode, trigger=Trigger.PERSON, actor_id=None, now=clock(), is_dry=True)
    sync_stream(stream_id=stream.pk, mode=mode, trigger=Trigger.PERSON, clock=clock, pages_ahead=0)
    run.refresh_from_db()
    return run


@pytest.fixture
def read(stream: Stream, clock: Clock, source: Source) -> Stream:
    """A stream of four zones that was read; one of them is gone since, one renamed, and two are new."""
    source.pages = [zones("A", "B"), zones("C", "Z")]
    sync_stream(stream_id=stream.pk, mode=Mode.FULL, trigger=Trigger.SCHEDULE, clock=clock, pages_ahead=0)
    source.pages = [[*zones("A"), *zones("B", name="South")], [*zones("C", "D", "E"), {"id": "F"}]]
    clock.advance(60)
    return stream


def test_it_says_what_the_read_would_do(read: Stream, clock: Clock) -> None:
    run = try_out(read, clock)

    assert (run.status, run.is_dry, run.pages, run.records) == ("SUCCEEDED", True, 2, 6)
    assert (run.created, run.updated, run.unchanged, run.retired, run.rejected) == (2, 1, 2, 1, 1)
    shown: list[dict[str, Any]] = report_of(run)["differences"]
    assert [(one["external_id"], one["kind"]) for one in shown] == [
        ("B", "UPDATED"),
        ("D", "CREATED"),
        ("E", "CREATED"),
        ("Z", "RETIRED"),
    ]
    assert (shown[0]["table"], shown[0]["before"], shown[0]["after"]) == (
        "gis_zone",
        {"name": "North"},
        {"name": "South"},
    )
    assert (shown[1]["before"], shown[1]["after"]) == (None, {"name": "North", "level": "COMPANY"})
    assert report_of(run)["differences_total"] == 4
    assert report_of(run)["set_aside"] == [{"external_id": "F", "reason": "the name is missing", "path": "name"}]


@pytest.mark.parametrize("mode", [Mode.FULL, Mode.INCREMENTAL])
def test_nothing_but_the_run_is_written_in_any_table(read: Stream, clock: Clock, source: Source, mode: Mode) -> None:
    source.pages.append([*zones("G"), {"id": "H", "name": REFUSED_NAME}])
    before, runs = contents(), Run.objects.count()

    run = try_out(read, clock, mode)

    assert contents() == before
    assert (Run.objects.count(), run.created, run.rejected) == (runs + 1, 3, 2)


def test_a_stream_that_was_never_read_stays_so(stream: Stream, clock: Clock, source: Source) -> None:
    source.pages = [zones("A")]
    before = contents()

    assert try_out(stream, clock).created == 1

    assert contents() == before
    assert not StreamState.objects.filter(stream=stream).exclude(attempted_at=None).exists()


def test_a_source_that_fails_is_told_of_in_the_run_alone(read: Stream, clock: Clock, source: Source) -> None:
    source.fails(Unreachable("Nobody answers."), at=1)
    before = contents()

    run = try_out(read, clock)

    assert (run.status, run.outcome, run.detail, run.updated) == ("FAILED", "UNREACHABLE", "Nobody answers.", 1)
    assert contents() == before


def test_more_differences_than_can_be_shown_are_counted(stream: Stream, clock: Clock, source: Source) -> None:
    source.pages = [zones(*(f"A{number}" for number in range(80))), zones(*(f"B{number}" for number in range(80)))]

    report = report_of(try_out(stream, clock))

    assert (len(report["differences"]), report["differences_total"]) == (100, 160)


def test_the_next_read_is_a_real_one(read: Stream, clock: Clock) -> None:
    try_out(read, clock)

    synced = sync_stream(stream_id=read.pk, mode=Mode.FULL, trigger=Trigger.SCHEDULE, clock=clock, pages_ahead=0)

    assert (synced.ended, synced.counts.created, synced.counts.retired) == (Ended.READ, 2, 1)
    assert sorted(Zone.objects.filter(retired_at=None).values_list("external_id", flat=True)) == [
        "A",
        "B",
        "C",
        "D",
        "E",
    ]
    assert Connector.objects.get().state == "ACTIVE"


def test_one_that_was_abandoned_is_begun_anew(read: Stream, clock: Clock, source: Source) -> None:
    run = start_sync(stream=read, mode=Mode.FULL, trigger=Trigger.PERSON, actor_id=None, now=clock(), is_dry=True)
    source.fails(Killed(), at=1)  # type: ignore[arg-type]  # as a worker dies
    with pytest.raises(Killed):
        sync_stream(stream_id=read.pk, mode=Mode.FULL, trigger=Trigger.PERSON, clock=clock, pages_ahead=0)
    source.before_page = lambda number: None
    clock.advance(31)

    sync_stream(stream_id=read.pk, mode=Mode.FULL, trigger=Trigger.PERSON, clock=clock, pages_ahead=0)

    run.refresh_from_db()
    assert (run.status, run.pages, run.records, run.takeovers) == ("SUCCEEDED", 2, 6, 1)
    assert report_of(run)["differences_total"] == 4
