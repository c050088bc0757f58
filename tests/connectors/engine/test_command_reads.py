"""Asking before a read, stopping one, and looking at what reads changed, from the command line."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone
from pytest_django import Settings

from connectors.models import ChangeKind, Connector, Lease, Mode, RecordChange, Run, RunStatus, Stream, Trigger
from connectors.services.requests import start_sync
from gis.models import Zone
from organisation.models import Organisation
from organisation.scope import Scope
from tests.connectors.engine.scripted import Source, zones


@pytest.fixture(autouse=True)
def _default(settings: Settings, utility: Organisation) -> None:
    settings.DEFAULT_ORGANISATION = utility.slug


@pytest.fixture
def run(scope: Scope, capsys: pytest.CaptureFixture[str]) -> Any:
    """The JSON lines that a command prints, and its exit status."""

    def run(action: str, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
        capsys.readouterr()
        status = 0
        try:
            call_command("connector", action, *arguments, "--json")
        except SystemExit as left:
            status = int(left.code or 0)
        return status, [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return run


def test_a_dry_run_tells_what_a_read_would_do_and_does_nothing(
    run: Any, stream: Stream, source: Source, capsys: pytest.CaptureFixture[str]
) -> None:
    source.pages = [zones("A", "B")]
    run("sync", "Script", "--mode", "full")
    source.pages = [[{"id": "A", "name": "South"}, *zones("C"), {"id": "D"}]]

    status, [told] = run("sync", "Script", "--mode", "full", "--dry-run")

    assert (status, told["dry_run"], told["outcome"]) == (0, True, "SUCCEEDED")
    assert [told[name] for name in ("created", "updated", "unchanged", "rejected")] == [1, 1, 0, 1]
    found = {(one["kind"], one["external_id"]) for one in told["report"]["differences"]}
    assert {("UPDATED", "A"), ("CREATED", "C")} <= found
    assert told["report"]["set_aside"] == [{"external_id": "D", "reason": "the name is missing", "path": "name"}]
    assert sorted(Zone.objects.values_list("external_id", "name")) == [("A", "North"), ("B", "North")]
    assert [one["dry_run"] for one in run("runs")[1]] == [True, False]

    call_command("connector", "sync", "Script", "--mode", "full", "--dry-run")
    said = capsys.readouterr().out
    assert "zones: nothing of this was done. SUCCEEDED. Would create 1, update 1" in said
    assert "name: North → South" in said
    assert "  set aside D: the name is missing (name)" in said
    assert "  would touch: open outages none; work orders none; customers 0" in said


def test_a_read_that_nobody_began_is_cancelled_at_once(run: Any, stream: Stream) -> None:
    waiting = start_sync(stream=stream, mode=Mode.FULL, trigger=Trigger.PERSON, actor_id=None, now=timezone.now())

    status, [cancelled] = run("cancel", str(waiting.pk))

    assert (status, cancelled) == (
        0,
        {"run": waiting.pk, "status": "CANCELLED", "detail": "Cancelled before it began: nothing was read."},
    )
    assert not Lease.objects.exists()
    [listed] = run("runs")[1]
    assert (listed["status"], listed["cancel_asked_at"] is not None) == ("CANCELLED", True)


def test_a_read_under_way_is_asked_to_stop(run: Any, stream: Stream) -> None:
    reading = start_sync(stream=stream, mode=Mode.FULL, trigger=Trigger.PERSON, actor_id=None, now=timezone.now())
    Run.objects.update(status=RunStatus.RUNNING)
    Lease.objects.update(fence=1, expires_at=timezone.now() + timedelta(minutes=1))

    _, [asked] = run("cancel", str(reading.pk))

    assert asked["status"] == "RUNNING"
    assert asked["detail"].endswith("This is not a rollback: what has landed stays.")


def test_what_has_ended_or_never_was_is_not_cancelled(run: Any, stream: Stream, source: Source) -> None:
    source.pages = [zones("A")]
    run("sync", "Script")
    ended = Run.objects.get()

    assert run("cancel", str(ended.pk)) == (2, [{"error": "It has ended already: succeeded."}])
    assert run("cancel", "0") == (2, [{"error": "There is no run 0. `connector runs` shows those there are."}])


def test_a_neighbours_run_is_not_cancelled(run: Any, stream: Stream, neighbour: Organisation) -> None:
    waiting = start_sync(stream=stream, mode=Mode.FULL, trigger=Trigger.PERSON, actor_id=None, now=timezone.now())

    status, _ = run("cancel", str(waiting.pk), "--organisation", neighbour.slug)

    waiting.refresh_from_db()
    assert (status, waiting.status) == (2, RunStatus.PENDING)


def test_changes_are_told_newest_first_and_by_record(
    run: Any, connector: Connector, stream: Stream, capsys: pytest.CaptureFixture[str]
) -> None:
    at = timezone.now()
    row = {"stream": stream, "table": "gis_zone"}
    RecordChange.objects.create(external_id="A", kind=ChangeKind.CREATED, at=at, after={"name": "North"}, **row)
    RecordChange.objects.create(
        external_id="A",
        kind=ChangeKind.UPDATED,
        at=at + timedelta(seconds=1),
        before={"name": "North"},
        after={"name": "South {1}"},
        **row,
    )
    RecordChange.objects.create(external_id="B", kind=ChangeKind.RETIRED, at=at + timedelta(seconds=2), **row)

    status, told = run("changes", "Script")

    assert (status, [(one["kind"], one["external_id"]) for one in told]) == (
        0,
        [("RETIRED", "B"), ("UPDATED", "A"), ("CREATED", "A")],
    )
    assert [one["kind"] for one in run("changes", "Script", "--record", "A", "--limit", "1")[1]] == ["UPDATED"]
    assert run("changes", "Nobody")[0] == 2
    call_command("connector", "changes", "Script", "--record", "A")
    assert "UPDATED zones A  name: North → South {1}" in capsys.readouterr().out


def test_a_preview_tells_the_first_records_and_keeps_nothing(
    run: Any, stream: Stream, source: Source, capsys: pytest.CaptureFixture[str]
) -> None:
    source.pages = [[*zones(*(f"Z-{number}" for number in range(12))), {"id": "D"}, "marker"], zones("later")]

    status, told = run("preview", "Script", "--stream", "zones")

    assert status == 0
    assert [one["record"]["external_id"] for one in told[:-1]] == [f"Z-{number}" for number in range(10)]
    assert told[-1] == {"set_aside": {"external_id": "D", "reason": "the name is missing", "path": "name"}}
    assert source.served == [0]
    assert (Zone.objects.count(), Run.objects.count()) == (0, 0)
    call_command("connector", "preview", "Script", "--stream", "zones")
    assert '{"external_id": "Z-0", "name": "North", "level": "COMPANY"}' in capsys.readouterr().out
    assert run("preview", "Script", "--stream", "poles")[0] == 2
