"""A source, or its settings, may say that changes cannot be told from a cursor: then everything is read, once."""

from collections.abc import Callable

import pytest
from django.db.models import F

from connectors.models import Lease, Mode, Run, SeenPage, Stream, StreamState, Trigger
from connectors.protocols.adapter import Mode as AdapterMode
from connectors.protocols.errors import FullReadNeeded
from connectors.services.outcomes import Synced
from connectors.services.requests import start_sync
from connectors.services.runs import Counts
from connectors.services.sync import sync_stream
from gis.models import Zone
from tests.connectors.engine.scripted import SOURCE, Clock, Killed, Source, zones


@pytest.fixture
def narrowed(stream: Stream, source: Source, clock: Clock) -> Stream:
    """A stream that held three zones; it is to hold two others of them now, and its cursor is worth nothing."""
    source.pages = [zones("A1", "A2", "A3")]
    read(stream, clock, Mode.FULL)
    source.pages = [zones("A2"), zones("A4")]
    source.asked.clear()

    def refuse(number: int) -> None:
        _, cursor = source.asked[-1]
        if number == 0 and cursor is not None:
            raise FullReadNeeded("The settings changed.")

    source.before_page = refuse
    return stream


def read(
    stream: Stream,
    clock: Clock,
    mode: Mode,
    *,
    trigger: Trigger = Trigger.SCHEDULE,
    committed: Callable[[Counts], None] | None = None,
) -> Synced:
    return sync_stream(stream_id=stream.pk, mode=mode, trigger=trigger, clock=clock, committed=committed, pages_ahead=0)


def held() -> list[str]:
    return sorted(Zone.objects.filter(retired_at=None).values_list("external_id", flat=True))


def test_everything_is_read_and_what_is_no_part_of_it_is_retired(
    narrowed: Stream, clock: Clock, source: Source
) -> None:
    ended = read(narrowed, clock, Mode.INCREMENTAL)

    assert source.asked == [(AdapterMode.INCREMENTAL, {"since": "now"}), (AdapterMode.FULL, None)]
    assert (ended.outcome, ended.counts.created, ended.counts.retired) == ("SUCCEEDED", 1, 2)
    assert held() == ["A2", "A4"]
    state = StreamState.objects.get(stream=narrowed)
    assert (state.full_read_at, state.cursor) == (clock(), {"since": "now"})
    assert (Run.objects.latest("pk").mode, Lease.objects.count()) == ("FULL", 0)


def test_who_asked_for_changes_sees_that_it_became_a_full_read(narrowed: Stream, clock: Clock) -> None:
    asked = start_sync(
        stream=narrowed, mode=Mode.INCREMENTAL, trigger=Trigger.PERSON, actor_id=None, now=clock(), is_dry=False
    )

    read(narrowed, clock, Mode.INCREMENTAL, trigger=Trigger.PERSON)

    asked.refresh_from_db()
    assert (asked.mode, asked.status, asked.records, asked.retired) == ("FULL", "SUCCEEDED", 2, 2)


def test_a_read_that_is_taken_over_with_other_settings_begins_anew(
    narrowed: Stream, clock: Clock, source: Source
) -> None:
    """What its first pages showed was within the old settings, and must not keep anything from being retired."""
    source.pages, source.before_page = [zones("A1"), zones("A2"), zones("A3")], lambda number: None

    def killed(counts: Counts) -> None:
        raise Killed

    with pytest.raises(Killed):
        read(narrowed, clock, Mode.FULL, committed=killed)
    source.pages = [zones("A9"), zones("A2")]

    def refuse(number: int) -> None:
        if source.asked[-1][1] is not None:
            raise FullReadNeeded("The settings changed.")

    source.before_page = refuse
    Lease.objects.update(expires_at=F("started_at"))
    clock.advance(31)
    ended = read(narrowed, clock, Mode.FULL)

    assert ended.outcome == "SUCCEEDED"
    assert held() == ["A2", "A9"]
    run = Run.objects.latest("pk")
    assert (run.records, run.created, run.retired) == (2, 1, 2)
    assert not SeenPage.objects.exists()


def test_a_source_that_cannot_be_read_in_full_either_is_believed(stream: Stream, clock: Clock, source: Source) -> None:
    source.pages = [zones("A1")]
    source.fails(FullReadNeeded("It tells nothing."))

    ended = read(stream, clock, Mode.FULL)

    assert (ended.outcome, ended.detail) == ("CONTRACT_BROKEN", "It tells nothing.")
    assert len(SOURCE.asked) == 1
