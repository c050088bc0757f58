"""A worker may die at any moment: the read goes on after its last committed page, and nothing is lost or doubled."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from connectors.models import Connector, Lease, Mode, OutboxItem, Run, SeenPage, Stream, StreamState, Trigger
from connectors.queries import abandoned_reads
from connectors.services import lease as leases
from connectors.services.outcomes import Ended, Synced
from connectors.services.runs import Counts
from connectors.services.sync import sync_stream
from gis.models import Zone
from organisation.models import Organisation
from organisation.scope import Scope, acting_for, carrying
from tests.connectors.engine.scripted import Clock, Domain, Killed, Source, zones
from tests.telemetry.days import as_owner

PAGES = 4


def read(stream: Stream, clock: Clock, mode: Mode = Mode.FULL, killed_after: int | None = None) -> Synced:
    """:param killed_after: the worker dies right after it committed so many pages"""

    def committed(counts: Counts) -> None:
        if counts.pages == killed_after:
            raise Killed

    return sync_stream(
        stream_id=stream.pk, mode=mode, trigger=Trigger.SCHEDULE, clock=clock, committed=committed, pages_ahead=0
    )


@pytest.fixture
def stocked(stream: Stream, source: Source, clock: Clock) -> Stream:
    """A stream that held five zones when it was last read; its source has dropped one and added three since."""
    source.pages = [zones("A1", "A2", "B1", "C1", "Z9")]
    read(stream, clock)
    Run.objects.all().delete()
    OutboxItem.objects.all().delete()
    source.pages = [zones("A1", "A2"), zones("B1", name="South"), zones("C1", "C2"), zones("D1", "D2")]
    source.asked.clear()
    source.served.clear()
    clock.advance(600)
    return stream


def assert_read_whole(stream: Stream, clock: Clock) -> None:
    """The same in the end as if nothing had happened on the way."""
    rows = dict(Zone.objects.values_list("external_id", "name"))
    gone = list(Zone.objects.exclude(retired_at=None).values_list("external_id", flat=True))
    assert rows == {
        key: "South" if key == "B1" else "North" for key in ("A1", "A2", "B1", "C1", "C2", "D1", "D2", "Z9")
    }
    assert gone == ["Z9"]
    run = Run.objects.get()
    assert (run.status, run.created, run.updated, run.unchanged, run.retired) == ("SUCCEEDED", 3, 1, 3, 1)
    assert (run.pages, run.records) == (PAGES, 7)
    assert run.finished_at == clock()
    told = [one for item in OutboxItem.objects.order_by("pk") for one in item.payload["ids"]]
    changed = Zone.objects.filter(external_id__in=["B1", "C2", "D1", "D2", "Z9"]).values_list("pk", flat=True)
    assert sorted(told) == sorted(changed)
    state = StreamState.objects.get(stream=stream)
    assert (state.outcome, state.full_read_at, state.cursor) == ("SUCCEEDED", clock(), {"since": "now"})
    assert not Lease.objects.exists()
    assert not SeenPage.objects.exists()


@pytest.mark.parametrize("pages", range(1, PAGES + 1))
def test_killed_after_a_commit(stocked: Stream, clock: Clock, source: Source, pages: int) -> None:
    with pytest.raises(Killed):
        read(stocked, clock, killed_after=pages)
    assert read(stocked, clock).ended == Ended.BUSY
    clock.advance(31)

    assert read(stocked, clock).ended == Ended.READ

    assert_read_whole(stocked, clock)
    assert source.served == list(range(PAGES))
    assert Run.objects.get().takeovers == 1


@pytest.mark.parametrize("page", range(PAGES))
def test_killed_while_a_page_lands(stocked: Stream, clock: Clock, source: Source, domain: Domain, page: int) -> None:
    def die(landings: int) -> None:
        if landings == page + 2:  # the first landing was the one before
            raise Killed

    domain.before_commit = die
    with pytest.raises(Killed):
        read(stocked, clock)
    domain.before_commit = lambda landings: None
    clock.advance(31)

    assert read(stocked, clock).ended == Ended.READ

    assert_read_whole(stocked, clock)
    assert source.served == [*range(page + 1), *range(page, PAGES)]


@pytest.mark.parametrize("page", range(PAGES))
def test_killed_while_a_page_is_fetched(stocked: Stream, clock: Clock, source: Source, page: int) -> None:
    source.fails(Killed(), at=page)  # type: ignore[arg-type]  # no Exception: nothing may catch it
    with pytest.raises(Killed):
        read(stocked, clock)
    source.before_page = lambda number: None
    clock.advance(31)

    assert read(stocked, clock).ended == Ended.READ

    assert_read_whole(stocked, clock)
    assert source.served == list(range(PAGES))


def test_killed_again_and_again(stocked: Stream, clock: Clock) -> None:
    for pages in (1, 2, 3, 4):
        with pytest.raises(Killed):
            read(stocked, clock, killed_after=pages)
        clock.advance(31)

    read(stocked, clock)

    assert_read_whole(stocked, clock)


def test_a_read_for_changes_goes_on_as_one(stream: Stream, clock: Clock, source: Source) -> None:
    source.pages = [zones("A"), zones("B"), zones("C")]
    with pytest.raises(Killed):
        read(stream, clock, Mode.INCREMENTAL, killed_after=2)
    assert StreamState.objects.get().cursor == {"page": 2}
    clock.advance(31)

    assert read(stream, clock, Mode.FULL).ended == Ended.READ

    assert source.asked == [(Mode.INCREMENTAL.value, None), (Mode.INCREMENTAL.value, {"page": 2})]
    state = StreamState.objects.get()
    assert (state.cursor, state.full_read_at) == ({"since": "now"}, None)


def test_a_source_that_cannot_be_resumed_is_read_anew(stocked: Stream, clock: Clock, source: Source) -> None:
    source.resumes = False
    with pytest.raises(Killed):
        read(stocked, clock, killed_after=3)
    source.pages = [zones("A1", "B1"), zones("C1", "C2")]
    clock.advance(31)

    assert read(stocked, clock).ended == Ended.READ

    # A2 was on a page of the read that broke off, and is gone in the one that counts.
    gone = Zone.objects.exclude(retired_at=None).values_list("external_id", flat=True)
    assert sorted(gone) == ["A2", "Z9"]


def test_who_was_given_up_cannot_commit_any_more(stocked: Stream, clock: Clock, source: Source) -> None:
    def overslept(number: int) -> None:
        if number == 1 and len(source.asked) == 1:
            clock.advance(31)
            assert read(stocked, clock).ended == Ended.READ

    source.before_page = overslept

    late = read(stocked, clock)

    assert late.ended == Ended.LOST
    assert_read_whole(stocked, clock)


def test_who_overslept_alone_leaves_the_read_to_the_sweep(
    stocked: Stream, clock: Clock, source: Source, utility: Organisation
) -> None:
    def overslept(number: int) -> None:
        if number == 1:
            clock.advance(31)

    source.before_page = overslept
    assert read(stocked, clock).ended == Ended.LOST
    source.before_page = lambda number: None

    [abandoned] = abandoned_reads(clock())

    assert (abandoned.organisation_id, abandoned.stream_id, abandoned.mode) == (utility.pk, stocked.pk, "FULL")
    assert read(stocked, clock).ended == Ended.READ
    assert_read_whole(stocked, clock)


def in_a_thread(work: Callable[[], None]) -> None:
    """It has a connection and a transaction of its own."""
    with ThreadPoolExecutor(max_workers=1) as pool:

        def run() -> None:
            try:
                work()
            finally:
                connection.close()

        pool.submit(run).result(timeout=20)


@pytest.mark.django_db(transaction=True)
def test_while_a_page_lands_its_stream_is_busy_even_past_the_lease(
    utility: Organisation, clock: Clock, source: Source, domain: Domain
) -> None:
    scope = Scope(organisation_id=utility.pk)
    with acting_for(scope):
        connector = Connector.objects.create(kind="scripted", name="Script", config={"address": "here"})
        stream = Stream.objects.create(connector=connector, name="zones", contract="zone/1")
    source.pages = [zones("A"), zones("B")]
    others: list[Ended] = []

    def slow(landings: int) -> None:
        def other() -> None:
            later = Clock(clock() + leases.DURATION * 2)
            with carrying(scope):
                others.append(read(stream, later).ended)

        if landings == 1:
            in_a_thread(other)

    domain.before_commit = slow
    with carrying(scope):
        synced = read(stream, clock)

    assert (synced.ended, others) == (Ended.READ, [Ended.BUSY])
    with acting_for(scope):
        assert sorted(Zone.objects.values_list("external_id", flat=True)) == ["A", "B"]


@pytest.mark.django_db(transaction=True)
def test_a_slow_source_does_not_lose_the_stream(
    utility: Organisation, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "HEARTBEAT", leases.HEARTBEAT / 1_000)
    scope = Scope(organisation_id=utility.pk)
    with acting_for(scope):
        connector = Connector.objects.create(kind="scripted", name="Script", config={"address": "here"})
        stream = Stream.objects.create(connector=connector, name="zones", contract="zone/1")
    renewed = threading.Event()

    def wait(number: int) -> None:
        with acting_for(scope):
            before = Lease.objects.get().expires_at
        for _ in range(500):
            with acting_for(scope):
                if Lease.objects.get().expires_at > before:
                    renewed.set()
                    return
            threading.Event().wait(0.01)

    source.pages, source.before_page = [zones("A")], wait
    with carrying(scope):
        synced = sync_stream(stream_id=stream.pk, mode=Mode.FULL, trigger=Trigger.SCHEDULE, pages_ahead=0)

    assert synced.ended == Ended.READ
    assert renewed.is_set()


@pytest.mark.django_db(transaction=True)
def test_who_loses_the_database_leaves_the_read_to_the_next_one(
    utility: Organisation, source: Source, domain: Domain, clock: Clock
) -> None:
    scope = Scope(organisation_id=utility.pk)
    with acting_for(scope):
        connector = Connector.objects.create(kind="scripted", name="Script", config={"address": "here"})
        stream = Stream.objects.create(connector=connector, name="zones", contract="zone/1")
    source.pages = [zones("A"), zones("B")]
    ours = connection.connection.info.backend_pid

    def lose(landings: int) -> None:
        def terminate() -> None:
            with as_owner(), connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [ours])

        if landings == 2:
            in_a_thread(terminate)

    domain.before_commit = lose
    with carrying(scope):
        lost = read(stream, clock)
        clock.advance(31)
        again = read(stream, clock)

    assert (lost.ended, again.ended) == (Ended.LOST, Ended.READ)
    with acting_for(scope):
        assert sorted(Zone.objects.values_list("external_id", flat=True)) == ["A", "B"]
        assert [(run.status, run.takeovers, run.created) for run in Run.objects.all()] == [("SUCCEEDED", 1, 2)]
        assert Connector.objects.get().state == "ACTIVE"
