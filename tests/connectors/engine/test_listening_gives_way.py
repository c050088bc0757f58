"""Who listens lets go for what only a read can do, and for what a person wants now."""

from collections.abc import Callable

import pytest

from connectors.models import (
    Connector,
    Mode,
    OutboxItem,
    OutboxKind,
    Schedule,
    Stream,
    Trigger,
)
from connectors.protocols.adapter import Page
from connectors.queries import streams_to_listen_to
from connectors.services.outbox import work_off
from connectors.services.outcomes import Ended, Synced
from connectors.services.replay import replay_rejected
from connectors.services.requests import queue_incremental, start_sync
from connectors.services.settings import save_stream, switch_connector
from connectors.services.sync import sync_stream
from gis.models import Zone
from organisation.models import User
from tests.connectors.engine.listened import PROMISE, listen, names, poll, told
from tests.connectors.engine.scripted import Clock, Source, zones


@pytest.fixture
def stream(connector: Connector) -> Stream:
    return save_stream(
        connector=connector, name="zones", contract="zone/1", label="Zones", freshness_s=600, is_listened_to=True
    )


def gives_way(do: Callable[[], object]) -> Callable[[Stream, Clock, Source], Synced]:
    def heard(stream: Stream, clock: Clock, source: Source) -> Synced:
        source.pages = [zones("A")]
        source.told = [PROMISE, told("B"), do, told("TOO LATE"), told("NEVER")]
        return listen(stream, clock, source)

    return heard


def test_a_read_of_everything_goes_first_and_retires(stream: Stream, clock: Clock, source: Source) -> None:
    poll(stream, clock, Mode.FULL)
    ended = gives_way(lambda: poll(stream, clock, Mode.FULL))(stream, clock, source)

    assert ended.ended == Ended.LOST
    assert list(Zone.objects.values_list("external_id", "retired_at")) == [("A", None), ("B", clock())]


def test_a_person_need_not_wait(stream: Stream, clock: Clock, source: Source, coordinator: User) -> None:
    def ask() -> None:
        start_sync(stream=stream, mode=Mode.INCREMENTAL, trigger=Trigger.PERSON, actor_id=coordinator.pk, now=clock())

    assert gives_way(ask)(stream, clock, source).ended == Ended.LOST

    assert sorted(names()) == ["A", "B"]
    assert listen(stream, clock, source).ended == Ended.BUSY
    assert (
        sync_stream(stream_id=stream.pk, mode=Mode.INCREMENTAL, trigger=Trigger.PERSON, clock=clock).ended == Ended.READ
    )


def test_an_outage_need_not_ask_what_is_listened_to(stream: Stream, clock: Clock, source: Source) -> None:
    Schedule.objects.create(stream=stream, mode=Mode.INCREMENTAL, every_s=5)
    begun: list[object] = []

    def outage() -> None:
        queue_incremental(trigger=Trigger.OUTAGE, now=clock(), stream_ids=[stream.pk])
        begun.extend(work_off(clock=clock))

    source.pages, source.told = [zones("A")], [PROMISE, outage, told("B")]

    assert listen(stream, clock, source).ended == Ended.READ

    assert begun == []
    assert not OutboxItem.objects.filter(kind=OutboxKind.SYNC).exists()
    assert sorted(names()) == ["A", "B"]


def test_settings_that_change_are_listened_with_at_once(stream: Stream, clock: Clock, source: Source) -> None:
    def change() -> None:
        save_stream(
            connector=stream.connector, name="zones", contract="zone/1", is_listened_to=True, label="Z", stream=stream
        )

    assert gives_way(change)(stream, clock, source).ended == Ended.LOST
    assert [one.stream_id for one in streams_to_listen_to(clock())] == [stream.pk]


def test_what_is_switched_off_is_not_listened_to(stream: Stream, clock: Clock, source: Source) -> None:
    def switch_off() -> None:
        switch_connector(connector=stream.connector, on=False, reason="maintenance", now=clock())

    assert gives_way(switch_off)(stream, clock, source).ended == Ended.LOST
    assert streams_to_listen_to(clock()) == []


def test_a_replay_goes_first(stream: Stream, clock: Clock, source: Source, mend: Callable[[], None]) -> None:
    def replay() -> None:
        mend()
        replay_rejected(stream_id=stream.pk, ids=None, clock=clock)

    source.pages = [[]]
    source.told = [PROMISE, Page(records=[{"id": "A"}]), replay, told("B")]

    assert listen(stream, clock, source).ended == Ended.LOST

    assert names() == {"A": "Zone A"}
