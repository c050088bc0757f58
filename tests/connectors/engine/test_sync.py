"""What a read does to its domain, its stream, its runs and its connector."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from connectors.models import (
    Connector,
    Lease,
    Mode,
    OutboxItem,
    Outcome,
    RejectedRecord,
    Run,
    SeenPage,
    State,
    Stream,
    StreamState,
    Trigger,
)
from connectors.protocols.errors import BadConfig, ContractBroken, Throttled, Unauthorized, Unreachable
from connectors.services.outcomes import Ended, Synced
from connectors.services.requests import UnableToSync, start_sync
from connectors.services.sync import sync_stream
from gis.models import Zone
from organisation.models import Organisation
from organisation.scope import Scope, acting_for
from tests.connectors.engine.scripted import REFUSED_NAME, UNKNOWN_NAME, Clock, Domain, Source, zones


def tick(stream: Stream, clock: Clock, mode: Mode = Mode.FULL, trigger: Trigger = Trigger.SCHEDULE) -> Synced:
    return sync_stream(stream_id=stream.pk, mode=mode, trigger=trigger, clock=clock, pages_ahead=0)


def state_of(stream: Stream) -> StreamState:
    return StreamState.objects.get(stream=stream)


def connector_state(stream: Stream) -> tuple[str, str]:
    connector = Connector.objects.get(pk=stream.connector_id)
    return connector.state, connector.state_reason


def present() -> dict[str, str]:
    return dict(Zone.objects.filter(retired_at=None).values_list("external_id", "name"))


def test_a_first_full_read_lands_and_tells(stream: Stream, clock: Clock, source: Source) -> None:
    source.pages = [zones("A", "B"), zones("C")]
    source.total = 3

    synced = tick(stream, clock)

    run, state = Run.objects.get(), state_of(stream)
    assert (synced.ended, synced.outcome, synced.run_id) == (Ended.READ, Outcome.SUCCEEDED, run.pk)
    assert present() == {"A": "North", "B": "North", "C": "North"}
    assert (run.status, run.outcome, run.phase, run.trigger) == ("SUCCEEDED", "SUCCEEDED", "DONE", "SCHEDULE")
    assert (run.pages, run.records, run.expected, run.created, run.updated) == (2, 3, 3, 3, 0)
    assert [(one["phase"], one["finished_at"]) for one in run.phases] == [
        ("READING", clock().isoformat()),
        ("RETIRING", clock().isoformat()),
    ]
    assert (state.outcome, state.cursor, state.retry_at) == ("SUCCEEDED", {"since": "now"}, None)
    assert {state.attempted_at, state.proved_at, state.full_read_at, state.source_read_at, state.changed_at} == {
        clock()
    }
    assert connector_state(stream) == (State.ACTIVE, "")
    assert [item.payload for item in OutboxItem.objects.order_by("pk")] == [
        {"ids": sorted(Zone.objects.filter(external_id__in=["A", "B"]).values_list("pk", flat=True))},
        {"ids": [Zone.objects.get(external_id="C").pk]},
    ]
    assert not Lease.objects.exists()
    assert not SeenPage.objects.exists()


def test_a_tick_that_finds_nothing_leaves_no_run(stream: Stream, clock: Clock, source: Source) -> None:
    source.pages = [zones("A")]
    tick(stream, clock)
    began = clock()
    Run.objects.all().delete()
    OutboxItem.objects.all().delete()

    clock.advance(60)
    full = tick(stream, clock)
    clock.advance(60)
    incremental = tick(stream, clock, Mode.INCREMENTAL)

    assert (full.ended, full.run_id, full.counts.unchanged) == (Ended.READ, None, 1)
    assert (incremental.ended, incremental.run_id) == (Ended.READ, None)
    assert not Run.objects.exists()
    assert not OutboxItem.objects.exists()
    state = state_of(stream)
    assert (state.proved_at, state.full_read_at, state.changed_at) == (
        clock(),
        began + timedelta(seconds=60),
        began,
    )
    assert Zone.objects.get().landed_at == began


def test_changes_are_asked_for_from_where_the_last_read_ended(stream: Stream, clock: Clock, source: Source) -> None:
    source.pages = [zones("A")]
    tick(stream, clock)

    tick(stream, clock, Mode.INCREMENTAL)

    assert [cursor for _, cursor in source.asked] == [None, {"since": "now"}]
    assert present() == {"A": "North"}


def test_what_a_person_asked_for_is_a_run_whatever_it_finds(
    stream: Stream, clock: Clock, source: Source, administrator: Any
) -> None:
    source.pages = [zones("A")]
    tick(stream, clock)
    Run.objects.all().delete()

    run = start_sync(
        stream=stream, mode=Mode.INCREMENTAL, trigger=Trigger.PERSON, actor_id=administrator.user_id, now=clock()
    )
    assert (run.status, run.phase, run.actor_id) == ("PENDING", "READING", administrator.user_id)
    with pytest.raises(UnableToSync, match="is being read right now"):
        start_sync(stream=stream, mode=Mode.FULL, trigger=Trigger.PERSON, actor_id=None, now=clock())
    synced = tick(stream, clock, Mode.FULL)

    assert synced.run_id == run.pk
    assert source.asked[-1] == (Mode.INCREMENTAL.value, {"since": "now"})
    run.refresh_from_db()
    assert (run.status, run.unchanged, run.takeovers) == ("SUCCEEDED", 1, 0)


def test_what_a_complete_full_read_no_longer_holds_is_retired(stream: Stream, clock: Clock, source: Source) -> None:
    source.pages = [zones("A", "B"), zones("C")]
    tick(stream, clock)
    gone = Zone.objects.get(external_id="B")
    OutboxItem.objects.all().delete()
    source.pages = [zones("A"), zones("C")]
    clock.advance(60)

    synced = tick(stream, clock)

    assert synced.counts.retired == 1
    assert Run.objects.get(retired=1).pk == synced.run_id
    assert set(present()) == {"A", "C"}
    gone.refresh_from_db()
    assert gone.retired_at == clock()
    assert [item.payload for item in OutboxItem.objects.all()] == [{"ids": [gone.pk]}]


def test_changes_alone_retire_nothing(stream: Stream, clock: Clock, source: Source) -> None:
    source.pages = [zones("A", "B")]
    tick(stream, clock)
    source.pages = [zones("A")]

    synced = tick(stream, clock, Mode.INCREMENTAL)

    assert (synced.ended, synced.counts.retired) == (Ended.READ, 0)
    assert set(present()) == {"A", "B"}


@pytest.mark.parametrize("reason", ["2 of 3 features came.", ""])
def test_a_truncated_read_retires_nothing_and_proves_nothing(
    stream: Stream, clock: Clock, source: Source, reason: str
) -> None:
    source.pages = [zones("A", "B", "C")]
    tick(stream, clock)
    proved_at = state_of(stream).proved_at
    Run.objects.all().delete()
    clock.advance(60)
    source.pages, source.is_complete, source.incomplete_reason = [zones("A", name="South")], False, reason
    said = reason or "The source ended the read without a proof that it was whole."

    first, second = tick(stream, clock), tick(stream, clock)

    assert (first.ended, first.outcome, first.detail) == (Ended.FAILED, Outcome.INCOMPLETE, said)
    assert second.outcome == Outcome.INCOMPLETE
    assert present() == {"A": "South", "B": "North", "C": "North"}
    state = state_of(stream)
    assert (state.outcome, state.detail, state.proved_at) == ("INCOMPLETE", said, proved_at)
    assert Run.objects.order_by("pk").values_list("status", "detail")[0] == ("INCOMPLETE", said)
    assert connector_state(stream) == (State.DEGRADED, f"Zones: {said}")
    assert not Lease.objects.exists()


def test_the_same_shortfall_again_leaves_no_second_run(stream: Stream, clock: Clock, source: Source) -> None:
    source.pages, source.is_complete = [], False

    tick(stream, clock)
    tick(stream, clock)

    assert Run.objects.count() == 1


def test_a_bad_record_is_set_aside_once_and_the_rest_lands(stream: Stream, clock: Clock, source: Source) -> None:
    source.pages = [zones("A", "B")]
    tick(stream, clock)
    Run.objects.all().delete()
    source.pages = [[*zones("A", name="South"), {"id": "B", "name\0": "x"}, "marker"]]

    first = tick(stream, clock)
    clock.advance(60)
    second = tick(stream, clock)

    rejected = RejectedRecord.objects.get()
    assert (first.counts.updated, first.counts.rejected, first.counts.ignored) == (1, 1, 1)
    assert (rejected.external_id, rejected.reason, rejected.path) == ("B", "the name is missing", "name")
    assert (rejected.raw, rejected.times) == ('{"id":"B","name\\u0000":"x"}', 2)
    assert rejected.last_seen_at - rejected.first_seen_at == timedelta(seconds=60)
    assert rejected.run_id == first.run_id == Run.objects.get().pk
    assert (second.ended, second.counts.rejected, second.run_id) == (Ended.READ, 1, None)
    assert present() == {"A": "South", "B": "North"}


def test_what_its_domain_cannot_take_is_set_aside_too(stream: Stream, clock: Clock, source: Source) -> None:
    source.pages = [[*zones("A"), "marker", *zones("B", name=UNKNOWN_NAME)]]

    tick(stream, clock)

    rejected = RejectedRecord.objects.get()
    assert (rejected.external_id, rejected.reason) == ("B", "nobody knows this zone")
    assert rejected.raw == '{"id":"B","name":"unknown to the domain"}'
    assert set(present()) == {"A"}


def test_a_record_that_the_database_refuses_is_found_and_set_aside(
    stream: Stream, clock: Clock, source: Source
) -> None:
    source.pages = [[*zones("A", "B", "C"), *zones("D", name=REFUSED_NAME), *zones("E", "F", "G")]]

    synced = tick(stream, clock)

    assert (synced.ended, synced.counts.created, synced.counts.rejected) == (Ended.READ, 6, 1)
    assert set(present()) == set("ABCEFG")
    assert RejectedRecord.objects.get().external_id == "D"
    [told] = OutboxItem.objects.all()
    assert told.payload == {"ids": sorted(Zone.objects.values_list("pk", flat=True))}


@pytest.mark.parametrize("name", ["a\0b", "half \ud800 a pair"])
def test_text_that_no_database_takes_is_set_aside(stream: Stream, clock: Clock, source: Source, name: str) -> None:
    source.pages = [[*zones("A", name="a\\u0000b"), *zones("B", name=name)]]

    synced = tick(stream, clock)

    assert (synced.ended, synced.counts.created, synced.counts.rejected) == (Ended.READ, 1, 1)
    assert present() == {"A": "a\\u0000b"}


def test_while_a_key_cannot_be_read_nothing_is_known_to_be_gone(stream: Stream, clock: Clock, source: Source) -> None:
    source.pages = [zones("A", "B")]
    tick(stream, clock)
    source.pages = [zones("A"), [{"name": "this may be B"}]]

    synced = tick(stream, clock)

    assert (synced.ended, synced.counts.retired) == (Ended.READ, 0)
    assert set(present()) == {"A", "B"}
    assert "nothing was retired" in state_of(stream).detail


LATER = timedelta(seconds=90)


@pytest.mark.parametrize(
    ("error", "outcome", "state"),
    [
        (Unreachable("gis is down."), Outcome.UNREACHABLE, State.ERROR),
        (Throttled("gis asks us to wait."), Outcome.THROTTLED, State.DEGRADED),
        (Unauthorized("gis refuses our key."), Outcome.UNAUTHORIZED, State.ERROR),
        (BadConfig("The address is wrong."), Outcome.BAD_CONFIG, State.ERROR),
        (ContractBroken("gis sent a web page."), Outcome.CONTRACT_BROKEN, State.ERROR),
    ],
)
def test_what_the_source_does_wrong_is_said_once_and_taken_back(
    stream: Stream, clock: Clock, source: Source, error: Exception, outcome: Outcome, state: State
) -> None:
    source.pages = [zones("A", "B"), zones("C")]
    tick(stream, clock)
    proved_at = state_of(stream).proved_at
    Run.objects.all().delete()
    source.pages = [zones("A"), zones("C")]
    source.fails(error, at=1)
    clock.advance(90)

    first = tick(stream, clock)
    clock.advance(90)
    second = tick(stream, clock)

    assert (first.ended, first.outcome, first.detail) == (Ended.FAILED, outcome, str(error))
    assert second.outcome == outcome
    assert set(present()) == {"A", "B", "C"}
    stored = state_of(stream)
    assert (stored.outcome, stored.detail, stored.proved_at) == (outcome, str(error), proved_at)
    assert stored.attempted_at == clock()
    assert Run.objects.order_by("pk").values_list("status", flat=True)[0] == "FAILED"
    assert connector_state(stream) == (state, f"Zones: {error}")
    source.before_page = lambda number: None
    clock.advance(90)
    assert tick(stream, clock).ended == Ended.READ
    assert connector_state(stream) == (State.ACTIVE, "")
    assert set(present()) == {"A", "C"}


def test_the_same_failure_again_leaves_no_second_run(stream: Stream, clock: Clock, source: Source) -> None:
    source.pages = [zones("A")]
    source.fails(Unauthorized("gis refuses our key."))
    tick(stream, clock)
    since = Connector.objects.get().state_since

    clock.advance(60)
    tick(stream, clock)
    assert Run.objects.count() == 1
    source.fails(Unreachable("gis is down."))
    tick(stream, clock)

    assert [run.outcome for run in Run.objects.order_by("pk")] == ["UNAUTHORIZED", "UNREACHABLE"]
    assert Connector.objects.get().state_since == since


def test_a_source_that_asks_us_to_wait_is_left_alone_until_then(stream: Stream, clock: Clock, source: Source) -> None:
    source.pages = [zones("A")]
    source.fails(Throttled("Slow down.", retry_at=clock() + timedelta(seconds=40)))
    tick(stream, clock)
    source.before_page = lambda number: None
    clock.advance(39)

    waiting = tick(stream, clock)

    assert waiting.ended == Ended.WAITING
    assert len(source.asked) == 1
    assert not Lease.objects.exists()
    clock.advance(1)
    assert tick(stream, clock).ended == Ended.READ
    assert state_of(stream).retry_at is None


def test_a_person_need_not_wait(stream: Stream, clock: Clock, source: Source) -> None:
    source.pages = [zones("A")]
    source.fails(Throttled("Slow down."))
    tick(stream, clock)
    source.before_page = lambda number: None

    assert tick(stream, clock, trigger=Trigger.PERSON).ended == Ended.READ


def test_who_hangs_is_left_alone_for_as_long(stream: Stream, clock: Clock, source: Source) -> None:
    def hang(number: int) -> None:
        clock.advance(15)
        raise Unreachable("gis did not answer within 15 s.")

    source.pages, source.before_page = [zones("A")], hang

    tick(stream, clock)

    assert state_of(stream).retry_at == clock() + timedelta(seconds=15)


def test_a_mistake_of_ours_is_recorded_and_raised(stream: Stream, clock: Clock, source: Source) -> None:
    source.pages = [["surprise"]]

    with pytest.raises(ZeroDivisionError):
        tick(stream, clock)

    run = Run.objects.get()
    assert (run.status, run.outcome) == ("FAILED", "BUG")
    assert "ZeroDivisionError" in run.detail
    assert "nobody thought of this" not in run.detail
    assert state_of(stream).outcome == "BUG"
    assert not Lease.objects.exists()


def test_what_is_switched_off_is_not_read(stream: Stream, clock: Clock, source: Source) -> None:
    source.pages = [zones("A")]
    waiting = start_sync(stream=stream, mode=Mode.FULL, trigger=Trigger.PERSON, actor_id=None, now=clock())
    Connector.objects.update(state=State.DISABLED)
    stream.refresh_from_db()

    assert tick(stream, clock).ended == Ended.SWITCHED_OFF
    assert source.asked == []
    waiting.refresh_from_db()
    assert (waiting.status, waiting.outcome) == ("INCOMPLETE", "INCOMPLETE")
    stream.connector.refresh_from_db()
    with pytest.raises(UnableToSync, match="switched off"):
        start_sync(stream=stream, mode=Mode.FULL, trigger=Trigger.PERSON, actor_id=None, now=clock())
    assert sync_stream(stream_id=0, mode=Mode.FULL, trigger=Trigger.SCHEDULE, clock=clock).ended == Ended.GONE


def test_a_pushed_stream_cannot_be_read(connector: Connector, clock: Clock) -> None:
    pushed = Stream.objects.create(connector=connector, name="estimates", contract="restoration-estimate/1")

    with pytest.raises(UnableToSync, match="pushes by itself"):
        start_sync(stream=pushed, mode=Mode.FULL, trigger=Trigger.PERSON, actor_id=None, now=clock())


def test_two_organisations_do_not_see_each_others_reads(
    stream: Stream, clock: Clock, source: Source, domain: Domain, neighbour: Organisation
) -> None:
    source.pages = [zones("A")]
    tick(stream, clock)

    with acting_for(Scope(organisation_id=neighbour.pk)):
        assert tick(stream, clock).ended == Ended.GONE
        theirs = Connector.objects.create(kind="scripted", name="Script", config={"address": "there"})
        their_stream = Stream.objects.create(connector=theirs, name="zones", contract="zone/1")
        source.pages = [zones("A", "Z", name="Theirs")]
        assert tick(their_stream, clock).ended == Ended.READ
        assert present() == {"A": "Theirs", "Z": "Theirs"}
        assert Run.objects.count() == 1

    assert present() == {"A": "North"}
    assert Run.objects.count() == 1


def test_a_tick_that_finds_nothing_is_cheap(stream: Stream, clock: Clock, source: Source) -> None:
    source.pages = [zones("A")]
    for mode in (Mode.FULL, Mode.INCREMENTAL):
        tick(stream, clock, mode)

    with CaptureQueriesContext(connection) as asked:
        tick(stream, clock, Mode.INCREMENTAL)

    # Claim: stream, lease, state, insert, what was set aside. Page: renew, three of the merge, lease, state.
    ours = [one["sql"] for one in asked if not one["sql"].startswith(("SAVEPOINT", "RELEASE", "SELECT set_config"))]
    assert len(ours) == 11, ours
