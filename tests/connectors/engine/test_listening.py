"""Listening: promised, caught up, live; what is heard lands as a page does, and nothing falls into a gap."""

from datetime import timedelta

import pytest

from connectors.models import (
    Connector,
    Lease,
    Mode,
    OutboxItem,
    OutboxKind,
    Run,
    Schedule,
    Stream,
    Trigger,
)
from connectors.protocols.adapter import Mode as AdapterMode
from connectors.protocols.adapter import Page
from connectors.protocols.errors import CannotListen, Interrupted, Unreachable
from connectors.queries import abandoned_reads, streams_to_listen_to
from connectors.services import lease as leases
from connectors.services.listening import listen_to_stream
from connectors.services.outcomes import Ended
from connectors.services.settings import InvalidSettings, save_stream
from gis.models import Zone
from tests.connectors.engine.listened import PROMISE, SIGN_OF_LIFE, listen, names, poll, state_of, told
from tests.connectors.engine.scripted import END, Clock, Domain, Killed, Source, zones


@pytest.fixture
def stream(connector: Connector) -> Stream:
    return save_stream(
        connector=connector, name="zones", contract="zone/1", label="Zones", freshness_s=600, is_listened_to=True
    )


def test_what_changed_before_is_read_after_the_promise_and_before_what_is_told(
    stream: Stream, clock: Clock, source: Source
) -> None:
    source.pages = [zones("A"), zones("B")]
    source.told = [lambda: source.listened.append(f"asked {len(source.asked)}"), PROMISE, told("C"), SIGN_OF_LIFE]

    assert listen(stream, clock, source).ended == Ended.READ

    assert source.listened == ["begun", "asked 0", "left"]
    assert source.asked == [(AdapterMode.INCREMENTAL, None)]
    assert sorted(names()) == ["A", "B", "C"]
    runs = Run.objects.order_by("pk").values_list("mode", "trigger", "status", "created")
    assert list(runs) == [("INCREMENTAL", "PUSH", "SUCCEEDED", 2), ("EVENT", "PUSH", "SUCCEEDED", 1)]
    assert not Lease.objects.exists()


def test_catching_up_begins_where_the_promise_says(stream: Stream, clock: Clock, source: Source) -> None:
    source.pages = [zones("A"), zones("B")]
    source.told = [Page(records=(), cursor={"page": 1})]

    listen(stream, clock, source)

    assert source.asked == [(AdapterMode.INCREMENTAL, {"page": 1})]


def test_while_it_lasts_the_lease_says_since_when(stream: Stream, clock: Clock, source: Source) -> None:
    seen = []

    def look() -> None:
        lease = Lease.objects.get()
        seen.append((lease.mode, lease.phase, lease.started_at, lease.expires_at > clock()))
        clock.advance(5)

    source.pages = [zones("A")]
    source.told = [look, PROMISE, look, SIGN_OF_LIFE, look]
    began = clock()

    listen(stream, clock, source)

    assert seen == [
        ("EVENT", "READING", began, True),
        ("EVENT", "LISTENING", began + timedelta(seconds=5), True),
        ("EVENT", "LISTENING", began + timedelta(seconds=5), True),
    ]


def test_a_sign_of_life_proves_the_stream_and_leaves_no_run(stream: Stream, clock: Clock, source: Source) -> None:
    source.pages = [zones("A")]
    source.told = [PROMISE, lambda: clock.advance(8), SIGN_OF_LIFE, None]

    listen(stream, clock, source)

    assert state_of(stream).proved_at == state_of(stream).attempted_at == clock()
    assert state_of(stream).outcome == "SUCCEEDED"
    assert Run.objects.count() == 1  # of catching up


def test_silence_proves_nothing(stream: Stream, clock: Clock, source: Source) -> None:
    source.pages = [zones("A")]
    before = clock()
    source.told = [PROMISE, lambda: clock.advance(5), None]

    listen(stream, clock, source)

    assert state_of(stream).proved_at == before


def test_a_page_keeps_the_cursor_that_it_brings_and_tells_the_followers(
    stream: Stream, clock: Clock, source: Source
) -> None:
    source.pages = [zones("A")]
    source.told = [PROMISE, told("A", name="South", since="then"), told("B")]

    listen(stream, clock, source)

    assert state_of(stream).cursor == {"since": "then"}
    assert names() == {"A": "South", "B": "North"}
    touched = OutboxItem.objects.filter(kind=OutboxKind.FOLLOW).order_by("pk").values_list("payload", flat=True)
    ids = dict(Zone.objects.values_list("external_id", "pk"))
    assert list(touched) == [{"ids": [ids["A"]]}, {"ids": [ids["A"]]}, {"ids": [ids["B"]]}]


def test_what_is_told_again_changes_nothing(stream: Stream, clock: Clock, source: Source) -> None:
    source.told = [PROMISE, told("A"), told("A")]
    source.pages = [[]]

    listen(stream, clock, source)

    assert list(Run.objects.values_list("mode", "created", "unchanged")) == [("EVENT", 1, 0)]


def test_a_bad_record_is_set_aside_and_settled_by_a_good_one(stream: Stream, clock: Clock, source: Source) -> None:
    source.pages = [[]]
    bad = Page(records=[{"id": "A"}, *zones("B")])
    source.told = [PROMISE, bad, lambda: seen.append(stream.rejected_records.get().settled_at), told("A")]
    seen: list[object] = []

    listen(stream, clock, source)

    assert seen == [None]
    rejected = stream.rejected_records.get()
    assert (rejected.external_id, rejected.reason, rejected.settled_at) == ("A", "the name is missing", clock())
    assert sorted(names()) == ["A", "B"]


def test_after_an_interruption_it_catches_up_before_it_is_live_again(
    stream: Stream, clock: Clock, source: Source
) -> None:
    missed = Interrupted("The gateway has forgotten the subscription.")
    source.pages = [zones("A")]

    def miss_one() -> None:
        source.pages = [zones("A"), zones("MISSED")]

    source.told = [PROMISE, told("B", since="then"), miss_one, missed, PROMISE, told("C")]
    source.resumes = False

    assert listen(stream, clock, source).ended == Ended.READ

    assert source.listened == ["begun", "left", "begun", "left"]
    assert [mode for mode, _ in source.asked] == [AdapterMode.INCREMENTAL] * 2
    assert sorted(names()) == ["A", "B", "C", "MISSED"]
    assert state_of(stream).outcome == "SUCCEEDED"


def test_an_end_asks_to_be_listened_to_anew(stream: Stream, clock: Clock, source: Source) -> None:
    source.pages = [zones("A")]
    source.told = [PROMISE, SIGN_OF_LIFE, END, PROMISE, told("B")]

    listen(stream, clock, source)

    assert source.listened == ["begun", "left", "begun", "left"]
    assert sorted(names()) == ["A", "B"]


def test_what_breaks_off_twice_without_a_word_is_left_alone_for_a_while(
    stream: Stream, clock: Clock, source: Source
) -> None:
    source.pages = [zones("A")]
    forgotten = Interrupted("The gateway knows no such session.")
    source.told = [PROMISE, forgotten, PROMISE, forgotten, PROMISE]

    assert listen(stream, clock, source).ended == Ended.FAILED

    assert (state_of(stream).outcome, state_of(stream).detail) == ("UNREACHABLE", "The gateway knows no such session.")
    assert not Lease.objects.exists()


def test_a_source_that_goes_away_frees_the_stream_for_its_schedules(
    stream: Stream, clock: Clock, source: Source
) -> None:
    source.pages = [zones("A")]
    source.told = [PROMISE, SIGN_OF_LIFE, lambda: clock.advance(7), Unreachable("It does not answer.")]

    assert listen(stream, clock, source).ended == Ended.FAILED

    assert (state_of(stream).outcome, state_of(stream).retry_at) == ("UNREACHABLE", clock() + timedelta(seconds=7))
    assert streams_to_listen_to(clock()) == []
    clock.advance(8)
    assert [one.stream_id for one in streams_to_listen_to(clock())] == [stream.pk]
    assert poll(stream, clock).ended == Ended.READ


def test_a_source_that_cannot_be_listened_to_says_so_and_is_polled(
    stream: Stream, clock: Clock, source: Source
) -> None:
    Schedule.objects.create(stream=stream, mode=Mode.INCREMENTAL, every_s=5)
    source.pages = [zones("A")]
    source.told = [CannotListen("This gateway grants no subscriptions.")]

    listen(stream, clock, source)

    state = state_of(stream)
    assert state.listen_refusal == "This gateway grants no subscriptions. It is read by its schedules."
    assert state.outcome == "NONE"
    assert streams_to_listen_to(clock()) == []
    assert poll(stream, clock).ended == Ended.READ
    clock.advance(601)
    assert [one.stream_id for one in streams_to_listen_to(clock())] == [stream.pk]
    source.told = [PROMISE]
    listen(stream, clock, source)
    assert (state_of(stream).listen_refusal, state_of(stream).listen_again_at) == ("", None)


def test_without_a_schedule_it_says_that_one_is_needed(stream: Stream, clock: Clock, source: Source) -> None:
    source.told = [CannotListen("This gateway grants no subscriptions.")]

    listen(stream, clock, source)

    assert state_of(stream).listen_refusal.endswith("Give it a schedule, so that it is read at all.")


def test_of_two_listeners_one_has_the_stream(stream: Stream, clock: Clock, source: Source) -> None:
    others: list[object] = []

    def another() -> None:
        others.append(listen_to_stream(stream_id=stream.pk, is_stopping=lambda: True, clock=clock).ended)
        others.append(streams_to_listen_to(clock()))

    source.pages = [zones("A")]
    source.told = [PROMISE, another, SIGN_OF_LIFE]

    listen(stream, clock, source)

    assert others == [Ended.BUSY, []]


@pytest.mark.parametrize("told_before", [0, 1, 2])
def test_another_listener_takes_over_from_a_dead_one(
    stream: Stream, clock: Clock, source: Source, told_before: int
) -> None:
    source.pages = [zones("A")]
    source.told = [*[PROMISE, told("B"), told("C")][:told_before], Killed()]
    with pytest.raises(Killed):
        listen(stream, clock, source)
    assert streams_to_listen_to(clock()) == []
    clock.advance(31)
    source.pages, source.told = [zones("A", "D")], [PROMISE, told("E")]
    assert abandoned_reads(clock()) == []
    assert [one.stream_id for one in streams_to_listen_to(clock())] == [stream.pk]

    assert listen(stream, clock, source).ended == Ended.READ

    assert sorted(names()) == sorted(["A", *["B", "C"][: max(0, told_before - 1)], "D", "E"])
    assert not Run.objects.filter(status__in=["PENDING", "RUNNING"]).exists()


def test_who_died_while_catching_up_is_gone_on_with_as_one_run(stream: Stream, clock: Clock, source: Source) -> None:
    source.pages, source.told = [zones("A"), zones("B")], [PROMISE]

    def die(number: int) -> None:
        if number == 1:
            raise Killed

    source.before_page = die
    with pytest.raises(Killed):
        listen(stream, clock, source)
    source.before_page = lambda number: None
    clock.advance(31)
    source.told = [PROMISE]

    listen(stream, clock, source)

    run = Run.objects.get()
    assert (run.status, run.takeovers, run.created) == ("SUCCEEDED", 1, 2)


def test_a_dead_listener_gives_way_to_a_schedule(stream: Stream, clock: Clock, source: Source) -> None:
    source.pages, source.told = [zones("A")], [PROMISE, Killed()]
    with pytest.raises(Killed):
        listen(stream, clock, source)
    assert poll(stream, clock).ended == Ended.BUSY
    clock.advance(31)

    assert poll(stream, clock).ended == Ended.READ

    assert not Lease.objects.exists()


def test_a_mistake_of_ours_is_recorded_and_raised(stream: Stream, clock: Clock, source: Source) -> None:
    source.pages, source.told = [zones("A")], [PROMISE, Page(records=["surprise"])]

    with pytest.raises(ZeroDivisionError):
        listen(stream, clock, source)

    assert state_of(stream).outcome == "BUG"
    assert not Lease.objects.exists()


def test_a_page_is_landed_before_the_next_one_is_asked_for(
    stream: Stream, clock: Clock, source: Source, domain: Domain
) -> None:
    landed = []
    source.pages = [[]]
    source.told = [
        PROMISE,
        told("A"),
        lambda: landed.append(sorted(names())),
        told("B"),
        lambda: landed.append(sorted(names())),
    ]

    listen(stream, clock, source)

    assert landed == [["A"], ["A", "B"]]


def test_leases_of_listeners_are_no_reads_to_sweep_up(stream: Stream, clock: Clock) -> None:
    leases.claim(stream_id=stream.pk, mode=Mode.EVENT, trigger=Trigger.PUSH, now=clock())
    clock.advance(31)

    assert abandoned_reads(clock()) == []


def test_only_what_can_be_listened_to_and_caught_up_with_is(connector: Connector) -> None:
    with pytest.raises(InvalidSettings) as refused:
        save_stream(connector=connector, name="e", contract="restoration-estimate/1", is_listened_to=True)

    assert list(refused.value.errors) == ["is_listened_to"]
