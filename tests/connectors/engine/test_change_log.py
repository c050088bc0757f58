"""For streams that keep changes: which record changed, from what to what, and in which run."""

import pytest

from connectors.models import Mode, RecordChange, Run, Stream, Trigger
from connectors.services.sync import sync_stream
from tests.connectors.engine.scripted import Clock, Source, zones


def read(stream: Stream, clock: Clock, mode: Mode = Mode.FULL) -> int | None:
    clock.advance(60)
    return sync_stream(stream_id=stream.pk, mode=mode, trigger=Trigger.SCHEDULE, clock=clock, pages_ahead=0).run_id


@pytest.fixture
def keeping(stream: Stream, source: Source) -> Stream:
    source.pages = [zones("A"), zones("B")]
    stream.keeps_changes = True
    stream.save()
    return stream


def test_a_record_has_its_story(keeping: Stream, clock: Clock, source: Source) -> None:
    first = read(keeping, clock)
    source.pages = [zones("A", name="South"), zones("B")]
    second = read(keeping, clock, Mode.INCREMENTAL)
    source.pages = [zones("B")]
    third = read(keeping, clock)
    source.pages = [zones("A", name="South"), zones("B")]
    fourth = read(keeping, clock)

    story = RecordChange.objects.filter(external_id="A").order_by("pk")
    retired_at = clock.time.timestamp() - 60
    assert [(one.run_id, one.kind) for one in story] == [
        (first, "CREATED"),
        (second, "UPDATED"),
        (third, "RETIRED"),
        (fourth, "UPDATED"),
    ]
    assert [(one.before, one.after) for one in story][:2] == [
        (None, {"name": "North", "level": "COMPANY"}),
        ({"name": "North"}, {"name": "South"}),
    ]
    assert list(story)[2].at.timestamp() == retired_at
    assert list(story)[3].after == {"retired_at": None}
    assert RecordChange.objects.filter(external_id="B").count() == 1


def test_nothing_is_kept_unless_it_was_asked_for(stream: Stream, clock: Clock, source: Source) -> None:
    source.pages = [zones("A")]
    read(stream, clock)

    assert not RecordChange.objects.exists()
    assert Run.objects.get().created == 1
