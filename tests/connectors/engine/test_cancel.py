"""A person may stop a read: at once while it waits for a worker, before its next page after that."""

import pytest

from connectors.models import Lease, Mode, Run, Stream, StreamState, Trigger
from connectors.services.outcomes import Ended
from connectors.services.requests import UnableToCancel, cancel_run, start_sync
from connectors.services.runs import Counts
from connectors.services.sync import sync_stream
from gis.models import Zone
from organisation.models import Membership
from tests.connectors.engine.scripted import Clock, Source, zones

NOT_A_ROLLBACK = "Cancelled by a person. What had landed stays: cancelling is not a rollback."


@pytest.fixture
def pending(stream: Stream, clock: Clock, source: Source) -> Run:
    source.pages = [zones("A"), zones("B"), zones("C")]
    return start_sync(stream=stream, mode=Mode.FULL, trigger=Trigger.PERSON, actor_id=None, now=clock())


def test_a_read_that_has_not_begun_is_over_at_once(pending: Run, clock: Clock, administrator: Membership) -> None:
    run = cancel_run(run=pending, actor_id=administrator.user_id, now=clock())

    assert (run.status, run.outcome, run.detail, run.finished_at) == ("CANCELLED", "CANCELLED", NOT_A_ROLLBACK, clock())
    assert (run.cancel_asked_at, run.cancel_asked_by_id) == (clock(), administrator.user_id)
    assert not Lease.objects.exists()


def test_a_read_that_is_under_way_stops_before_its_next_page(pending: Run, clock: Clock, source: Source) -> None:
    def before(number: int) -> None:
        if number == 1:
            cancel_run(run=pending, actor_id=None, now=clock())

    source.before_page = before

    synced = sync_stream(
        stream_id=pending.stream_id, mode=Mode.FULL, trigger=Trigger.PERSON, clock=clock, pages_ahead=0
    )

    pending.refresh_from_db()
    assert (synced.ended, pending.status, pending.pages, pending.detail) == (
        Ended.CANCELLED,
        "CANCELLED",
        1,
        NOT_A_ROLLBACK,
    )
    assert list(Zone.objects.values_list("external_id", flat=True)) == ["A"]
    assert not Lease.objects.exists()
    assert StreamState.objects.get().outcome == "NONE", "cancelling says nothing about the source"


def test_what_landed_before_is_retired_by_a_later_whole_read(pending: Run, clock: Clock, source: Source) -> None:
    def before(number: int) -> None:
        if number == 1:
            cancel_run(run=pending, actor_id=None, now=clock())

    source.before_page = before
    sync_stream(stream_id=pending.stream_id, mode=Mode.FULL, trigger=Trigger.PERSON, clock=clock, pages_ahead=0)
    source.before_page = lambda number: None
    source.pages = [zones("B")]

    whole = sync_stream(stream_id=pending.stream_id, mode=Mode.FULL, trigger=Trigger.PERSON, clock=clock, pages_ahead=0)

    assert (whole.counts.created, whole.counts.retired) == (1, 1)


def test_a_read_that_is_cancelled_after_its_last_page_retires_nothing(
    pending: Run, stream: Stream, clock: Clock
) -> None:
    Zone.objects.create(
        connector=stream.connector, stream=stream, external_id="GONE", name="Gone", level="COMPANY", landed_at=clock()
    )
    StreamState.objects.create(stream=stream, attempted_at=clock())

    def committed(counts: Counts) -> None:
        if counts.pages == 3:
            cancel_run(run=pending, actor_id=None, now=clock())

    synced = sync_stream(
        stream_id=stream.pk, mode=Mode.FULL, trigger=Trigger.PERSON, clock=clock, committed=committed, pages_ahead=0
    )

    assert synced.ended == Ended.CANCELLED
    assert Zone.objects.get(external_id="GONE").retired_at is None


def test_what_has_ended_cannot_be_cancelled(pending: Run, clock: Clock) -> None:
    sync_stream(stream_id=pending.stream_id, mode=Mode.FULL, trigger=Trigger.PERSON, clock=clock, pages_ahead=0)

    with pytest.raises(UnableToCancel, match=r"^It has ended already: succeeded\.$"):
        cancel_run(run=pending, actor_id=None, now=clock())


def test_the_stream_can_be_read_again(pending: Run, stream: Stream, clock: Clock) -> None:
    cancel_run(run=pending, actor_id=None, now=clock())

    again = start_sync(stream=stream, mode=Mode.FULL, trigger=Trigger.PERSON, actor_id=None, now=clock())

    assert again.status == "PENDING"
