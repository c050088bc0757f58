"""A replay never overwrites what is newer."""

from datetime import timedelta
from typing import Any

import pytest

from connectors.contracts.zone import Zone as ZoneRecord
from connectors.contracts.zone import ZoneLevel
from connectors.models import Mode, RejectedRecord, Stream
from connectors.services import replay
from gis.models import Zone
from tests.connectors.engine.scripted import Clock, ScriptedAdapter, Source, zones
from tests.connectors.engine.set_aside import counted, names, read, replay_all, set_aside


def test_a_version_that_landed_meanwhile_stays(stream: Stream, source: Source, clock: Clock, mend: Any) -> None:
    source.pages = [[{"id": "A"}]]
    read(stream, clock)
    clock.advance(60)
    source.pages = [zones("A", name="Newest")]
    read(stream, clock)
    mend()
    RejectedRecord.objects.update(settled_at=None)

    assert counted(replay_all(stream, clock)) == (0, 1, 0, 0)

    assert names() == {"A": "Newest"}
    assert RejectedRecord.objects.get().reason == (
        "the name is missing (not landed: something newer of it is known here)"
    )


def test_an_older_version_that_landed_before_is_overwritten(
    stream: Stream, source: Source, clock: Clock, mend: Any
) -> None:
    source.pages = [zones("A", name="Old")]
    read(stream, clock)
    clock.advance(60)
    source.pages = [[{"id": "A"}]]
    read(stream, clock)
    mend()
    clock.advance(60)

    assert counted(replay_all(stream, clock)) == (1, 0, 0, 0)
    assert names() == {"A": "Zone A"}


def test_of_several_that_were_set_aside_the_last_lands(stream: Stream, clock: Clock) -> None:
    for name in ("First", "Second", "Third"):
        set_aside(stream, {"id": "A", "name": name}, clock, key="A", reason=f"{name} was not read")
        clock.advance(60)

    assert counted(replay_all(stream, clock)) == (1, 2, 0, 0)
    assert names() == {"A": "Third"}


def test_that_holds_over_chunks_and_if_their_keys_could_not_be_read(
    stream: Stream, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "CHUNK", 1)
    for name in ("First", "Second"):
        set_aside(stream, {"id": "A", "name": name}, clock)
        clock.advance(60)

    assert counted(replay_all(stream, clock)) == (2, 0, 0, 0)
    assert names() == {"A": "Second"}


def test_a_newer_one_that_still_fails_keeps_the_older_out(stream: Stream, clock: Clock) -> None:
    set_aside(stream, {"id": "A", "name": "Old"}, clock, key="A")
    clock.advance(60)
    set_aside(stream, {"id": "A"}, clock, key="A")

    assert counted(replay_all(stream, clock)) == (0, 1, 1, 0)
    assert names() == {}


def test_what_was_retired_since_stays_so(stream: Stream, source: Source, clock: Clock) -> None:
    source.pages = [zones("A", "B")]
    read(stream, clock, Mode.FULL)
    clock.advance(60)
    set_aside(stream, {"id": "A", "name": "Changed"}, clock, key="A")
    clock.advance(60)
    source.pages = [zones("B")]
    read(stream, clock, Mode.FULL)

    assert counted(replay_all(stream, clock)) == (0, 1, 0, 0)
    assert Zone.objects.get(external_id="A").retired_at == clock()


def test_what_a_whole_read_since_did_not_hold_does_not_come_to_life(
    stream: Stream, source: Source, clock: Clock
) -> None:
    set_aside(stream, {"id": "A", "name": "Gone"}, clock, key="A")
    clock.advance(60)
    source.pages = [zones("B"), zones("C")]
    read(stream, clock, Mode.FULL)

    assert counted(replay_all(stream, clock)) == (0, 1, 0, 0)
    assert list(names()) == ["B", "C"]
    assert "the source was read whole since" in RejectedRecord.objects.get().reason


def test_what_the_last_whole_read_itself_set_aside_lands(
    stream: Stream, source: Source, clock: Clock, mend: Any
) -> None:
    source.pages = [[{"id": "A"}], zones("B")]
    source.before_page = lambda number: clock.advance(10)
    read(stream, clock, Mode.FULL)
    mend()

    assert counted(replay_all(stream, clock)) == (1, 0, 0, 0)
    assert names() == {"A": "Zone A", "B": "North"}


def test_what_the_source_says_was_true_later_stays(
    stream: Stream, source: Source, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.pages = [zones("A")]
    read(stream, clock)
    Zone.objects.update(source_time=clock() + timedelta(hours=1))
    clock.advance(60)
    set_aside(stream, {"id": "A"}, clock, key="A")
    earlier = ZoneRecord(external_id="A", name="Earlier", level=ZoneLevel.COMPANY, source_time=clock())
    monkeypatch.setattr(ScriptedAdapter, "parse", lambda self, raw, stream: earlier)

    assert counted(replay_all(stream, clock)) == (0, 1, 0, 0)
    assert names() == {"A": "North"}


def test_of_a_contract_that_is_keyed_by_moment_each_moment_lands(
    stream: Stream, source: Source, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ZoneRecord, "keyed_by_moment", True)
    for name in ("First", "Second"):
        set_aside(stream, {"id": "A", "name": name}, clock, key="A")
        clock.advance(60)
    source.pages = [zones("B"), zones("C")]
    read(stream, clock, Mode.FULL)

    assert counted(replay_all(stream, clock)) == (2, 0, 0, 0)
    assert names() == {"A": "Second", "B": "North", "C": "North"}
