"""What is older than it is kept goes, in batches; what says how things began and how they are stays."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from connectors import tasks
from connectors.models import (
    ChangeKind,
    Connector,
    Mode,
    OutboxItem,
    OutboxKind,
    RecordChange,
    RejectedRecord,
    Retention,
    Run,
    RunStatus,
    Stream,
    Trigger,
)
from connectors.services import retention
from connectors.services.requests import start_sync
from connectors.services.retention import prune, save_retention
from organisation.models import Organisation
from organisation.scope import Scope, acting_for, current_scope, system_job
from tests.connectors.engine.scripted import Clock

NOTHING = {"rejected_records": 0, "changes": 0, "runs": 0, "deliveries": 0}


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)


def add_run(stream: Stream, at: datetime, **values: Any) -> int:
    given: dict[str, Any] = {"mode": Mode.INCREMENTAL, "status": RunStatus.SUCCEEDED, "finished_at": at, **values}
    run = Run.objects.create(stream=stream, trigger=Trigger.SCHEDULE, started_at=at, advanced_at=at, **given)
    assert run.pk is not None
    return run.pk


def add_rejected(stream: Stream, digest: str, last_seen_at: datetime, **values: Any) -> None:
    RejectedRecord.objects.create(
        stream=stream,
        reason="it is wrong",
        raw="{}",
        digest=digest,
        first_seen_at=last_seen_at - timedelta(days=300),
        last_seen_at=last_seen_at,
        **values,
    )


def add_change(stream: Stream, key: str, at: datetime, *, table: str = "gis_zone", run_id: int | None = None) -> int:
    change = RecordChange.objects.create(
        stream=stream, table=table, external_id=key, kind=ChangeKind.UPDATED, at=at, run_id=run_id
    )
    assert change.pk is not None
    return change.pk


def left(model: type[Any]) -> list[int]:
    return list(model.objects.order_by("pk").values_list("pk", flat=True))


def test_old_runs_go_but_for_those_that_say_how_it_began_and_how_it_is(
    connector: Connector, stream: Stream, clock: Clock
) -> None:
    other = Stream.objects.create(connector=connector, name="others", contract="zone/1")
    days = [clock() - timedelta(days=200 - day) for day in range(10)]
    first = add_run(stream, days[0])
    last_whole = add_run(stream, days[1], mode=Mode.FULL)
    for day in days[2:6]:
        add_run(stream, day)
    add_run(stream, days[6], mode=Mode.FULL, status=RunStatus.FAILED)
    add_run(stream, days[7], mode=Mode.FULL, is_dry=True)
    last = add_run(stream, days[8])
    of_other = add_run(other, days[9])

    kept = prune(clock=clock)

    assert left(Run) == [first, last_whole, last, of_other]
    assert kept.pruned == {**NOTHING, "runs": 6}
    assert Retention.objects.get().pruned_at == clock()


def test_young_runs_and_reads_under_way_stay(stream: Stream, clock: Clock) -> None:
    long_ago = clock() - timedelta(days=200)
    add_run(stream, long_ago)
    start_sync(stream=stream, mode=Mode.FULL, trigger=Trigger.PERSON, actor_id=None, now=long_ago)
    young = [add_run(stream, clock() - timedelta(days=days)) for days in (89, 88, 87)]

    assert prune(clock=clock).pruned == NOTHING

    assert Run.objects.count() == 2 + len(young)


def test_what_is_kept_for_longer_than_its_run_is_kept_without_it(stream: Stream, clock: Clock) -> None:
    ids = [add_run(stream, clock() - timedelta(days=200 - day)) for day in range(3)]
    for key in "ABCDE":
        add_change(stream, key, clock() - timedelta(days=100), run_id=ids[1])
    add_rejected(stream, "1", clock(), run_id=ids[1])

    assert prune(clock=clock).pruned == {**NOTHING, "runs": 1}

    assert left(Run) == [ids[0], ids[2]]
    assert list(RecordChange.objects.values_list("run_id", flat=True)) == [None] * 5
    assert RejectedRecord.objects.get().run_id is None


def test_rejected_records_go_when_they_were_not_seen_again_or_settled_for_long(stream: Stream, clock: Clock) -> None:
    old, young = clock() - timedelta(days=31), clock() - timedelta(days=29)
    for digest in "123":
        add_rejected(stream, digest, old)
    add_rejected(stream, "settled long ago", old, settled_at=old)
    add_rejected(stream, "settled lately", old, settled_at=young)
    add_rejected(stream, "seen lately", young)

    assert prune(clock=clock).pruned == {**NOTHING, "rejected_records": 4}

    assert set(RejectedRecord.objects.values_list("digest", flat=True)) == {"settled lately", "seen lately"}


def test_of_each_record_the_first_and_the_last_change_stay(stream: Stream, clock: Clock) -> None:
    old = clock() - timedelta(days=400)
    often = [add_change(stream, "A", old + timedelta(days=day)) for day in range(5)]
    once = add_change(stream, "B", old)
    elsewhere = add_change(stream, "A", old + timedelta(days=1), table="gis_feature")
    young = [add_change(stream, "C", clock() - timedelta(days=days)) for days in (3, 2, 1)]
    before = [add_change(stream, "D", old), add_change(stream, "D", old), add_change(stream, "D", clock())]

    assert prune(clock=clock).pruned == {**NOTHING, "changes": 4}

    assert left(RecordChange) == sorted([often[0], often[4], once, elsewhere, *young, before[0], before[2]])


def test_deliveries_go_when_they_were_done_long_ago(connector: Connector, clock: Clock) -> None:
    old = clock() - timedelta(days=91)

    def add(**values: Any) -> int:
        item = OutboxItem.objects.create(
            kind=OutboxKind.DELIVER,
            contract="alarm-acknowledgement/1",
            connector=connector,
            payload={},
            **{"created_at": old, "due_at": old, **values},
        )
        assert item.pk is not None
        return item.pk

    for _ in range(3):
        add(done_at=old)
    stay = [add(), add(given_up_at=old), add(done_at=clock() - timedelta(days=89))]

    assert prune(clock=clock).pruned == {**NOTHING, "deliveries": 3}
    assert left(OutboxItem) == stay


def test_an_organisation_says_how_long(stream: Stream, clock: Clock) -> None:
    add_rejected(stream, "1", clock() - timedelta(days=6))
    save_retention(runs_days=10, rejected_days=5, changes_days=20)

    assert prune(clock=clock).pruned == {**NOTHING, "rejected_records": 1}

    kept = Retention.objects.get()
    assert (kept.runs_days, kept.rejected_days, kept.changes_days) == (10, 5, 20)
    assert kept.pruned == {**NOTHING, "rejected_records": 1}


def test_a_neighbours_rows_are_not_touched(stream: Stream, clock: Clock, neighbour: Organisation) -> None:
    add_rejected(stream, "1", clock() - timedelta(days=40))

    with acting_for(Scope(organisation_id=neighbour.pk)):
        assert prune(clock=clock).pruned == NOTHING

    assert RejectedRecord.objects.count() == 1


def test_every_active_organisation_is_pruned_once_a_day(
    utility: Organisation, neighbour: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued: list[int] = []
    monkeypatch.setattr(tasks.prune_organisation, "delay", lambda: queued.append(current_scope().organisation_id))
    tasks.prune()
    assert queued == [utility.pk, neighbour.pk]
    queued.clear()

    with acting_for(Scope(organisation_id=utility.pk)):
        tasks.prune_organisation()
    tasks.prune()
    assert queued == [neighbour.pk]
    queued.clear()

    with acting_for(Scope(organisation_id=utility.pk)):
        Retention.objects.update(pruned_at=timezone.now() - timedelta(days=1, minutes=1))
    with system_job("test"):
        Organisation.objects.filter(pk=neighbour.pk).update(is_active=False)
    tasks.prune()
    assert queued == [utility.pk]
