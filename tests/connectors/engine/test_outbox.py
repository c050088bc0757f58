"""What follows a commit: followers in order, reads that were asked for, deliveries and their receipts."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from connectors.contracts.alarm_acknowledgement import AlarmAcknowledgement
from connectors.landing import Change
from connectors.models import Connector, Lease, Mode, OutboxItem, Run, Schedule, State, Stream, Trigger
from connectors.protocols.errors import BadConfig, Throttled, Unreachable
from connectors.queries import organisations_with_work
from connectors.services.outbox import deliver_due, deliver_record, work_off
from connectors.services.requests import queue_incremental, start_sync
from connectors.services.sync import sync_stream
from organisation.models import Organisation
from organisation.scope import Scope, acting_for, carrying, current_scope
from tests.connectors.engine.scripted import Clock, Domain, Killed, Source


def touched(stream: Stream, clock: Clock, *ids: int, contract: str = "zone/1") -> OutboxItem:
    return OutboxItem.objects.create(
        kind="FOLLOW",
        contract=contract,
        connector_id=stream.connector_id,
        stream=stream,
        payload={"ids": list(ids)},
        created_at=clock(),
        due_at=clock(),
    )


def never(seconds: float) -> None:
    raise AssertionError("there is nobody to wait for")


def test_followers_are_told_in_order_and_of_a_streams_pages_together(
    stream: Stream, clock: Clock, domain: Domain
) -> None:
    touched(stream, clock, 3, 1)
    touched(stream, clock, 2, 3)
    touched(stream, clock, 9, contract="restoration-estimate/1")
    touched(stream, clock, 4)

    assert work_off(clock=clock, sleep=never) == []

    assert [(change.contract, change.ids) for change in domain.told] == [
        ("zone/1", (1, 2, 3)),
        ("restoration-estimate/1", (9,)),
        ("zone/1", (4,)),
    ]
    change = domain.told[0]
    assert (change.connector_id, change.stream_id, change.now) == (stream.connector_id, stream.pk, clock())
    assert not OutboxItem.objects.exists()


def fails_on(number: int) -> Callable[[Change], None]:
    def following(change: Change) -> None:
        if number in change.ids:
            OutboxItem.objects.update(last_error="written by the follower")
            raise ZeroDivisionError("no such zone")

    return following


def test_a_failing_follower_holds_up_nobody_and_is_tried_again(stream: Stream, clock: Clock, domain: Domain) -> None:
    bad = touched(stream, clock, 1)
    touched(stream, clock, 2)
    domain.following = fails_on(1)

    work_off(clock=clock, sleep=never)

    assert [change.ids for change in domain.told] == [(2,)]
    bad.refresh_from_db()
    assert (bad.attempts, bad.last_error) == (1, "ZeroDivisionError: no such zone")
    assert bad.due_at > clock()
    work_off(clock=clock, sleep=never)
    assert OutboxItem.objects.get().attempts == 1
    domain.following = lambda change: None
    clock.time = bad.due_at
    work_off(clock=clock, sleep=never)
    assert [change.ids for change in domain.told] == [(2,), (1,)]
    assert not OutboxItem.objects.exists()


def test_what_fails_for_good_is_given_up_for_a_person(stream: Stream, clock: Clock, domain: Domain) -> None:
    bad = touched(stream, clock, 1)
    domain.following = fails_on(1)

    for _ in range(12):
        work_off(clock=clock, sleep=never)
        clock.advance(3_600)

    bad.refresh_from_db()
    assert (bad.attempts, bad.given_up_at is not None) == (10, True)


def test_a_worker_that_dies_while_telling_leaves_it_for_the_next(stream: Stream, clock: Clock, domain: Domain) -> None:
    touched(stream, clock, 1)

    def die(change: Change) -> None:
        raise Killed

    domain.following = die
    with pytest.raises(Killed):
        work_off(clock=clock, sleep=never)
    domain.following = lambda change: None

    assert organisations_with_work(clock()) == [current_scope().organisation_id]
    work_off(clock=clock, sleep=never)

    assert [change.ids for change in domain.told] == [(1,)]
    assert organisations_with_work(clock()) == []


@pytest.mark.django_db(transaction=True)
def test_one_at_a_time_tells_followers_and_leaves_nothing_undone(
    utility: Organisation, clock: Clock, domain: Domain
) -> None:
    scope = Scope(organisation_id=utility.pk)
    with acting_for(scope):
        connector = Connector.objects.create(kind="scripted", name="Script", config={"address": "here"})
        stream = Stream.objects.create(connector=connector, name="zones", contract="zone/1")
        touched(stream, clock, 1)
    waited: list[float] = []

    def other() -> None:
        try:
            with carrying(scope):
                with acting_for(scope):
                    touched(stream, clock, 2)
                work_off(clock=clock, sleep=waited.append)
        finally:
            connection.close()

    def following(change: Change) -> None:
        if change.ids == (1,):
            with ThreadPoolExecutor(max_workers=1) as pool:
                pool.submit(other).result(timeout=20)

    domain.following = following
    with carrying(scope):
        work_off(clock=clock, sleep=never)

    assert waited == [0.02] * 5
    assert [change.ids for change in domain.told] == [(1,), (2,)]
    with acting_for(scope):
        assert not OutboxItem.objects.exists()


def scheduled(connector: Connector, name: str, *modes: Mode, **values: Any) -> Stream:
    stream = Stream.objects.create(connector=connector, name=name, contract="zone/1", **values)
    for mode in modes:
        Schedule.objects.create(stream=stream, mode=mode, every_s=60)
    return stream


def test_an_outage_has_the_scheduled_streams_read_at_once(connector: Connector, clock: Clock, source: Source) -> None:
    changing = scheduled(connector, "changing", Mode.FULL, Mode.INCREMENTAL)
    whole = scheduled(connector, "whole", Mode.FULL)
    scheduled(connector, "by hand")
    scheduled(connector, "switched off", Mode.FULL, is_enabled=False)

    queued = [queue_incremental(contracts=["zone/1"], trigger=Trigger.OUTAGE, now=clock()) for _ in range(2)]
    begun = work_off(clock=clock, sleep=never)

    assert queued == [2, 0]
    assert [(one.stream_id, one.mode, one.trigger) for one in begun] == [
        (changing.pk, Mode.INCREMENTAL, Trigger.OUTAGE),
        (whole.pk, Mode.FULL, Trigger.OUTAGE),
    ]
    assert not OutboxItem.objects.exists()
    assert list(Run.objects.order_by("pk").values_list("stream_id", "trigger", "status")) == [
        (changing.pk, "OUTAGE", "PENDING"),
        (whole.pk, "OUTAGE", "PENDING"),
    ]
    source.pages = [[]]
    sync_stream(stream_id=changing.pk, mode=Mode.FULL, trigger=Trigger.SCHEDULE, clock=clock)
    assert Run.objects.get(stream=changing).status == "SUCCEEDED"


def test_streams_may_be_named(connector: Connector, clock: Clock) -> None:
    one, _ = scheduled(connector, "one", Mode.FULL), scheduled(connector, "other", Mode.FULL)

    assert queue_incremental(stream_ids=[one.pk], trigger=Trigger.OUTAGE, now=clock()) == 1


def test_a_stream_that_is_being_read_is_asked_again_shortly(connector: Connector, clock: Clock) -> None:
    stream = scheduled(connector, "zones", Mode.INCREMENTAL)
    running = start_sync(stream=stream, mode=Mode.FULL, trigger=Trigger.PERSON, actor_id=None, now=clock())
    queue_incremental(stream_ids=[stream.pk], trigger=Trigger.OUTAGE, now=clock())

    assert work_off(clock=clock, sleep=never) == []
    assert OutboxItem.objects.get().due_at == clock() + timedelta(milliseconds=500)
    Lease.objects.all().delete()
    Run.objects.filter(pk=running.pk).update(status="SUCCEEDED")
    clock.advance(1)

    assert [one.stream_id for one in work_off(clock=clock, sleep=never)] == [stream.pk]


RECORD = AlarmAcknowledgement(condition="C1", event_id="E1", comment="seen", acknowledged_by="Kim")


def delivery(connector: Connector, clock: Clock) -> OutboxItem:
    return deliver_record(connector=connector, record=RECORD, subject="acknowledgement:7", actor=None, now=clock())


def test_a_record_is_delivered_and_its_receipt_kept(
    connector: Connector, clock: Clock, source: Source, domain: Domain
) -> None:
    item = delivery(connector, clock)

    assert deliver_due(clock=clock) == 1
    assert deliver_due(clock=clock) == 0

    assert source.delivered == [RECORD]
    item.refresh_from_db()
    assert (item.done_at, item.attempts, item.last_error) == (clock(), 1, "")
    assert item.receipt == {"reference": "A-1", "already_done": False, "detail": ""}
    [receipt] = domain.settled
    assert (receipt.subject, receipt.reference, receipt.error) == ("acknowledgement:7", "A-1", "")


def test_an_unreachable_system_is_tried_again_later_and_later(
    connector: Connector, clock: Clock, source: Source, domain: Domain
) -> None:
    item = delivery(connector, clock)
    source.delivering = [Unreachable("scada is down."), Throttled("Wait.", retry_at=clock() + timedelta(minutes=5))]

    pauses = []
    for _ in range(2):
        assert deliver_due(clock=clock) == 0
        item.refresh_from_db()
        pauses.append(item.due_at - clock())
        clock.time = item.due_at
    assert domain.settled == []
    assert deliver_due(clock=clock) == 1

    assert pauses == [timedelta(seconds=2), timedelta(minutes=5) - timedelta(seconds=2)]
    assert [receipt.error for receipt in domain.settled] == [""]


@pytest.mark.parametrize("error", [BadConfig("The node is unknown."), ZeroDivisionError("surprise")])
def test_what_waiting_does_not_help_is_told_at_once(
    connector: Connector, clock: Clock, source: Source, domain: Domain, error: Exception
) -> None:
    item = delivery(connector, clock)
    source.delivering = [error]

    try:
        deliver_due(clock=clock)
    except ZeroDivisionError:
        assert isinstance(error, ZeroDivisionError)

    item.refresh_from_db()
    assert (item.given_up_at, item.done_at) == (clock(), None)
    [receipt] = domain.settled
    assert receipt.error == item.last_error != ""
    assert deliver_due(clock=clock) == 0


def test_a_delivery_whose_worker_died_is_repeated(connector: Connector, clock: Clock, source: Source) -> None:
    delivery(connector, clock)
    source.delivering = [Killed()]  # type: ignore[list-item]  # no Exception: nothing may catch it
    with pytest.raises(Killed):
        deliver_due(clock=clock)

    assert deliver_due(clock=clock) == 0
    clock.advance(121)
    assert deliver_due(clock=clock) == 1

    assert source.delivered == [RECORD]


def test_nothing_is_delivered_to_what_is_switched_off(connector: Connector, clock: Clock, source: Source) -> None:
    item = delivery(connector, clock)
    Connector.objects.update(state=State.DISABLED)

    assert deliver_due(clock=clock) == 0

    assert source.delivered == []
    item.refresh_from_db()
    assert "switched off" in item.last_error


def test_a_neighbours_outbox_is_left_alone(
    stream: Stream, connector: Connector, clock: Clock, source: Source, domain: Domain, neighbour: Organisation
) -> None:
    touched(stream, clock, 1)
    delivery(connector, clock)

    with acting_for(Scope(organisation_id=neighbour.pk)):
        assert work_off(clock=clock, sleep=never) == []
        assert deliver_due(clock=clock) == 0

    assert (domain.told, source.delivered) == ([], [])
    assert OutboxItem.objects.count() == 2
