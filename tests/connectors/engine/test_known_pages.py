"""A page that comes again as it stands in our tables is not looked at; as soon as it may not stand there, it is."""

import pytest

from connectors.models import KnownPage, Mode, Run, Stream, StreamState, Trigger
from connectors.services.outcomes import Synced
from connectors.services.sync import sync_stream
from gis.models import Zone
from tests.connectors.engine.scripted import Clock, Domain, Source, zones


def read(stream: Stream, clock: Clock, mode: Mode = Mode.FULL) -> Synced:
    clock.advance(60)
    return sync_stream(stream_id=stream.pk, mode=mode, trigger=Trigger.SCHEDULE, clock=clock, pages_ahead=0)


def counts(synced: Synced) -> tuple[int, int, int, int]:
    told = synced.counts
    return told.created, told.updated, told.unchanged, told.retired


def present() -> dict[str, str]:
    return dict(Zone.objects.filter(retired_at=None).values_list("external_id", "name"))


@pytest.fixture
def known(stream: Stream, clock: Clock, source: Source, domain: Domain) -> Stream:
    source.has_fingerprints = True
    source.pages = [zones("A", "B"), [*zones("C"), "marker"], zones("D")]
    read(stream, clock)
    domain.landings = 0
    return stream


def test_what_comes_again_is_counted_and_not_landed(known: Stream, clock: Clock, domain: Domain) -> None:
    again = read(known, clock)

    assert (counts(again), again.counts.records, again.counts.ignored) == ((0, 0, 4, 0), 5, 1)
    assert domain.landings == 0
    assert StreamState.objects.get().full_read_at == clock()
    assert present() == {"A": "North", "B": "North", "C": "North", "D": "North"}


def test_a_page_that_differs_is_landed_and_all_that_follow_it(
    known: Stream, clock: Clock, source: Source, domain: Domain
) -> None:
    source.pages[1] = zones("C", name="South")

    changed = read(known, clock)
    same = read(known, clock)

    assert (counts(changed), counts(same), domain.landings) == ((0, 1, 3, 0), (0, 0, 4, 0), 2)
    assert KnownPage.objects.count() == 3


def test_a_page_of_new_records_alone_leaves_the_others_known(
    known: Stream, clock: Clock, source: Source, domain: Domain
) -> None:
    source.pages.insert(0, zones("E"))

    assert (counts(read(known, clock)), domain.landings) == ((1, 0, 4, 0), 1)


def test_a_key_that_another_page_changed_in_the_same_read_is_looked_at(
    known: Stream, clock: Clock, source: Source
) -> None:
    source.pages.insert(0, zones("D", name="South"))

    read(known, clock)

    assert present()["D"] == "North", "the later page counts"
    assert not KnownPage.objects.exists(), "which of two pages counts is a matter of their order"

    del source.pages[0]
    read(known, clock)
    assert present()["D"] == "North"


def test_a_page_that_is_gone_retires_its_records(known: Stream, clock: Clock, source: Source) -> None:
    del source.pages[0]

    assert counts(read(known, clock)) == (0, 0, 2, 2)
    assert set(present()) == {"C", "D"}


def test_what_an_incremental_read_changed_is_looked_at_again(known: Stream, clock: Clock, source: Source) -> None:
    whole = source.pages
    source.pages = [zones("A", name="South")]
    read(known, clock, Mode.INCREMENTAL)
    source.pages = whole

    assert counts(read(known, clock)) == (0, 1, 3, 0)
    assert present()["A"] == "North"


def test_what_a_read_changed_that_broke_off_is_looked_at_again(known: Stream, clock: Clock, source: Source) -> None:
    whole = list(source.pages)
    source.pages[0] = zones("A", "B", name="South")
    source.is_complete = False
    read(known, clock)
    source.pages, source.is_complete = whole, True

    assert counts(read(known, clock)) == (0, 2, 2, 0)
    assert set(present().values()) == {"North"}


def test_another_mapping_reads_all_of_it_anew(known: Stream, clock: Clock, domain: Domain) -> None:
    known.options = {"strict": True}
    known.save()

    assert counts(read(known, clock)) == (0, 0, 4, 0)
    assert domain.landings == 3


def test_a_page_with_a_record_set_aside_is_never_known(
    known: Stream, clock: Clock, source: Source, domain: Domain
) -> None:
    source.pages[2] = [*zones("D"), {"id": "E"}]
    read(known, clock)

    again = read(known, clock)

    assert (again.counts.rejected, domain.landings) == (1, 2)

    del source.pages[2]
    assert counts(read(known, clock)) == (0, 0, 3, 1), "who saw all known pages has not seen that one"
    assert Run.objects.filter(status="RUNNING").count() == 0
