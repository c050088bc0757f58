"""What was set aside is read again after the mapping was mended, and never overwrites what is newer."""

from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from typing import Any

import orjson
import pytest
from django.db import connection
from django.utils import timezone

from connectors import tasks
from connectors.models import (
    ChangeKind,
    Connector,
    KnownPage,
    Lease,
    Mode,
    OutboxItem,
    OutboxKind,
    RecordChange,
    RejectedRecord,
    Run,
    Stream,
    Trigger,
)
from connectors.services import lease as leases
from connectors.services import pages, replay
from connectors.services.replay import Replayed, StreamIsRead, UnableToReplay, replay_rejected
from connectors.services.settings import switch_connector
from gis.models import Zone
from organisation.models import Membership, Organisation
from organisation.scope import Scope, acting_for, carrying
from tests.conftest import scope_for
from tests.connectors.engine.scripted import UNKNOWN_NAME, Clock, Domain, Source, zones
from tests.connectors.engine.set_aside import counted, names, read, replay_all, set_aside


def test_what_can_be_read_now_lands_like_a_page(
    stream: Stream, source: Source, domain: Domain, clock: Clock, mend: Any, coordinator: Membership
) -> None:
    source.pages = [[{"id": "A"}, {"id": "B"}, *zones("C")]]
    read(stream, clock)
    OutboxItem.objects.all().delete()
    mend()
    clock.advance(60)

    with acting_for(scope_for(coordinator)):
        replayed = replay_all(stream, clock)

    assert counted(replayed) == (2, 0, 0, 0)
    assert names() == {"A": "Zone A", "B": "Zone B", "C": "North"}
    assert set(RejectedRecord.objects.values_list("settled_at", flat=True)) == {clock()}
    told = OutboxItem.objects.get()
    landed = Zone.objects.filter(external_id__in="AB").order_by("pk")
    assert (told.kind, told.contract, told.payload["ids"]) == (OutboxKind.FOLLOW, "zone/1", [one.pk for one in landed])
    run = Run.objects.get(mode=Mode.EVENT)
    assert run.pk == replayed.run_id
    assert (run.mode, run.trigger, run.actor_id, run.status) == ("EVENT", "PERSON", coordinator.user_id, "SUCCEEDED")
    assert (run.records, run.created, run.rejected, run.detail) == (2, 2, 0, "Replay of what was set aside: 2 landed.")
    assert not Lease.objects.exists()


def test_a_second_replay_finds_nothing_and_leaves_no_run(
    stream: Stream, source: Source, clock: Clock, mend: Any
) -> None:
    source.pages = [[{"id": "A"}]]
    read(stream, clock)
    mend()
    replay_all(stream, clock)
    runs = Run.objects.count()

    assert replay_all(stream, clock) == Replayed()
    assert Run.objects.count() == runs


def test_what_still_fails_stays_with_its_new_reason(stream: Stream, source: Source, clock: Clock, mend: Any) -> None:
    source.pages = [[{"id": "A", "name": UNKNOWN_NAME}, {"id": "B"}, {"no": "id"}]]
    read(stream, clock)
    RejectedRecord.objects.filter(external_id="A").update(reason="another", digest="0" * 64)
    mend()

    replayed = replay_all(stream, clock)

    assert counted(replayed) == (1, 0, 2, 0)
    left = RejectedRecord.objects.filter(settled_at=None).order_by("external_id")
    assert [(one.external_id, one.reason, one.path) for one in left] == [
        ("", "it has no id", "id"),
        ("A", "nobody knows this zone", "name"),
    ]
    # The source sends it again: it is the same one, and counts up.
    clock.advance(60)
    read(stream, clock)
    assert RejectedRecord.objects.get(external_id="A").times == 2


def test_one_that_is_known_with_its_new_reason_already_becomes_one_with_it(stream: Stream, clock: Clock) -> None:
    raw = {"id": "A"}
    set_aside(stream, raw, clock, key="A", reason="the name is missing")
    known = RejectedRecord.objects.get()
    RejectedRecord.objects.filter(pk=known.pk).update(
        path="name",
        digest=pages.digest_of(
            pages.Rejection(index=0, external_id="A", reason=known.reason, path="name", raw=known.raw)
        ),
    )
    clock.advance(60)
    set_aside(stream, raw, clock, key="A", reason="an older reason")

    assert counted(replay_all(stream, clock)) == (0, 0, 2, 0)

    left = RejectedRecord.objects.get()
    assert (left.pk, left.reason, left.times) == (known.pk, "the name is missing", 2)
    assert left.first_seen_at == clock() - timedelta(seconds=60)


def test_what_was_not_kept_whole_or_is_no_json_stays_as_it_is(stream: Stream, clock: Clock) -> None:
    for raw in ("{not json", '{"id": "A", "name": "' + "x" * pages.LONGEST_RAW):
        set_aside(stream, raw, clock)

    replayed = replay_all(stream, clock)

    assert counted(replayed) == (0, 0, 0, 2)
    assert replayed.sentence == (
        "Replay of what was set aside: 0 landed, 2 cannot be replayed, as they were not kept whole."
    )
    assert set(RejectedRecord.objects.values_list("reason", "settled_at")) == {("it was not read", None)}


def test_what_is_none_of_the_contract_any_more_is_settled(stream: Stream, clock: Clock) -> None:
    set_aside(stream, orjson.dumps("marker"), clock)

    assert counted(replay_all(stream, clock)) == (0, 1, 0, 0)

    settled = RejectedRecord.objects.get()
    assert settled.settled_at == clock()
    assert settled.reason == "it was not read (not landed: it is none of this contract any more)"


def test_chosen_ones_are_replayed_and_the_others_wait(stream: Stream, source: Source, clock: Clock, mend: Any) -> None:
    source.pages = [[{"id": "A"}, {"id": "B"}]]
    read(stream, clock)
    mend()

    replay_all(stream, clock, RejectedRecord.objects.get(external_id="B").pk)

    assert names() == {"B": "Zone B"}
    assert RejectedRecord.objects.get(external_id="A").settled_at is None


def test_many_are_replayed_in_chunks_with_one_run(
    stream: Stream, source: Source, clock: Clock, mend: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "CHUNK", 2)
    source.pages = [[{"id": key} for key in "ABCDE"]]
    read(stream, clock)
    mend()

    replayed = replay_all(stream, clock)

    assert counted(replayed) == (5, 0, 0, 0)
    run = Run.objects.get(mode=Mode.EVENT)
    assert (run.pk, run.pages, run.records, run.created) == (replayed.run_id, 3, 5, 5)


def test_while_the_stream_is_read_nothing_is_replayed(stream: Stream, source: Source, clock: Clock, mend: Any) -> None:
    source.pages = [[{"id": "A"}]]
    read(stream, clock)
    mend()
    slept: list[float] = []
    held = leases.insert(stream=stream, mode=Mode.FULL, trigger=Trigger.SCHEDULE, now=clock(), held=True)
    assert held is not None

    with pytest.raises(StreamIsRead, match="Script: Zones is being read right now"):
        replay_rejected(stream_id=stream.pk, clock=clock, sleep=slept.append)
    assert (names(), len(slept)) == ({}, replay.TRIES_WHILE_READ - 1)
    leases.release(held)
    assert counted(replay_all(stream, clock)) == (1, 0, 0, 0)


def test_nothing_is_replayed_of_what_is_switched_off_or_a_neighbours(
    stream: Stream, connector: Connector, clock: Clock, neighbour: Organisation
) -> None:
    set_aside(stream, {"id": "A", "name": "North"}, clock, key="A")
    with (
        acting_for(Scope(organisation_id=neighbour.pk)),
        pytest.raises(UnableToReplay, match="There is no such stream any more"),
    ):
        replay_all(stream, clock)
    switch_connector(connector=connector, on=False, reason="Maintenance", now=clock())

    with pytest.raises(UnableToReplay, match="is switched off"):
        replay_all(stream, clock)
    assert names() == {}


def test_what_was_known_of_pages_is_forgotten_and_the_change_is_kept(stream: Stream, clock: Clock) -> None:
    Stream.objects.update(keeps_changes=True)
    KnownPage.objects.create(stream=stream, fingerprint=b"page", external_ids=["A"], ignored=0)
    set_aside(stream, {"id": "A", "name": "North"}, clock, key="A")

    replayed = replay_all(stream, clock)

    change = RecordChange.objects.get()
    assert (change.external_id, change.kind, change.run_id) == ("A", ChangeKind.CREATED, replayed.run_id)
    assert not KnownPage.objects.exists()


def test_a_mistake_of_ours_changes_nothing(stream: Stream, clock: Clock) -> None:
    set_aside(stream, {"id": "A", "name": "North"}, clock, key="A")
    clock.advance(1)
    set_aside(stream, orjson.dumps("surprise"), clock)

    with pytest.raises(ZeroDivisionError):
        replay_all(stream, clock)

    assert names() == {}
    assert not Lease.objects.exists()
    assert set(RejectedRecord.objects.values_list("settled_at", flat=True)) == {None}


def test_a_worker_replays_tells_the_followers_and_waits_for_a_read(
    stream: Stream, domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "TURN", timedelta(0))
    clock = Clock(timezone.now())
    waits: list[float] = []

    def retry(*, exc: Exception, countdown: float) -> Exception:
        waits.append(countdown)
        return exc

    monkeypatch.setattr(tasks.replay_rejected, "retry", retry)
    first, second = (set_aside(stream, {"id": key, "name": "North"}, clock, key=key) for key in "AB")
    held = leases.insert(stream=stream, mode=Mode.FULL, trigger=Trigger.SCHEDULE, now=clock(), held=True)
    assert held is not None

    with pytest.raises(StreamIsRead):
        tasks.replay_rejected(stream.pk)
    leases.release(held)
    tasks.replay_rejected(stream.pk, [second])

    assert waits == [15.0]
    assert names() == {"B": "North"}
    assert [change.ids for change in domain.told] == [(Zone.objects.get().pk,)]
    assert RejectedRecord.objects.get(pk=first).settled_at is None


def wait_until_somebody_waits_for_us() -> None:
    for _ in range(2_000):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted"
                " AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))"
            )
            if cursor.fetchone()[0]:
                return
        Event().wait(0.01)
    raise AssertionError("nobody waited")


@pytest.mark.django_db(transaction=True)
def test_a_read_that_begins_meanwhile_lands_after_it(
    utility: Organisation, source: Source, domain: Domain, clock: Clock
) -> None:
    scope = Scope(organisation_id=utility.pk)
    with acting_for(scope):
        connector = Connector.objects.create(kind="scripted", name="Script", config={"address": "here"})
        stream = Stream.objects.create(connector=connector, name="zones", contract="zone/1")
        set_aside(stream, {"id": "A", "name": "Old"}, clock, key="A")
    source.pages = [zones("A", name="New")]

    def other() -> None:
        try:
            with carrying(scope):
                read(stream, clock)
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=1) as pool:
        reading: list[Future[None]] = []

        def while_it_lands(landings: int) -> None:
            if landings == 1:
                reading.append(pool.submit(other))
                wait_until_somebody_waits_for_us()

        domain.before_commit = while_it_lands
        with carrying(scope):
            replayed = replay_all(stream, clock)
        reading[0].result(timeout=20)

    assert counted(replayed) == (1, 0, 0, 0)
    with acting_for(scope):
        assert names() == {"A": "New"}
        assert not Lease.objects.exists()
