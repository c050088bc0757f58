"""What was set aside, and pruning, from the command line."""

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone
from pytest_django import Settings

from connectors.models import Connector, RejectedRecord, Stream
from connectors.services import pages
from connectors.services.settings import switch_connector
from gis.models import Zone
from organisation.models import Organisation
from organisation.scope import Scope
from tests.connectors.engine.scripted import Domain


@pytest.fixture(autouse=True)
def _default(settings: Settings, utility: Organisation) -> None:
    settings.DEFAULT_ORGANISATION = utility.slug


@pytest.fixture
def run(scope: Scope, capsys: pytest.CaptureFixture[str]) -> Any:
    """The JSON lines that a command prints, and its exit status."""

    def run(*arguments: str) -> tuple[int, list[dict[str, Any]]]:
        status, printed = text(*arguments, "--json")
        return status, [json.loads(line) for line in printed.splitlines()]

    def text(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        status = 0
        try:
            call_command("connector", *arguments)
        except SystemExit as left:
            status = int(left.code or 0)
        return status, capsys.readouterr().out

    run.text = text  # type: ignore[attr-defined]  # the same, as a person sees it
    return run


def set_aside(stream: Stream, key: str, **raw: str) -> int:
    rejection = pages.Rejection(
        index=0, external_id=key, reason="it was not read", path="name", raw=pages.raw_text({"id": key, **raw})
    )
    [pk] = pages.keep_rejections(stream.pk, [rejection], now=timezone.now())
    return pk


def test_what_was_set_aside_is_listed_newest_first(run: Any, connector: Connector, stream: Stream) -> None:
    other = Stream.objects.create(connector=connector, name="others", contract="zone/1")
    set_aside(stream, "A")
    settled, newest = set_aside(stream, "B"), set_aside(other, "C")
    RejectedRecord.objects.filter(pk=settled).update(settled_at=timezone.now())

    status, [first, second] = run("rejected", "list")

    assert (status, first["id"], first["stream"], first["external_id"]) == (0, newest, "others", "C")
    assert (second["external_id"], second["reason"], second["path"]) == ("A", "it was not read", "name")
    assert second["raw"] == '{"id":"A"}'
    assert [one["external_id"] for one in run("rejected", "list", "Script", "--stream", "zones")[1]] == ["A"]
    assert len(run("rejected", "list", "--settled")[1]) == 3
    assert len(run("rejected", "list", "--limit", "1")[1]) == 1
    assert "Script: zones  A  it was not read name (1 times)" in run.text("rejected", "list")[1]


def test_a_replay_says_what_became_of_it(run: Any, stream: Stream, domain: Domain) -> None:
    set_aside(stream, "A", name="North")
    left = set_aside(stream, "B")

    status, [replayed] = run("rejected", "replay", "Script")

    assert (status, replayed["landed"], replayed["failed"]) == (1, 1, 1)
    assert replayed["detail"] == "Replay of what was set aside: 1 landed, 1 still cannot be read."
    assert list(Zone.objects.values_list("external_id", flat=True)) == ["A"]
    assert [change.ids for change in domain.told] == [(Zone.objects.get().pk,)]
    assert [one["id"] for one in run("rejected", "list")[1]] == [left]


def test_one_is_replayed_by_its_id(run: Any, stream: Stream) -> None:
    set_aside(stream, "A", name="North")
    chosen = set_aside(stream, "B", name="South")

    status, [replayed] = run("rejected", "replay", "--id", str(chosen))

    assert (status, replayed["landed"]) == (0, 1)
    assert list(Zone.objects.values_list("external_id", flat=True)) == ["B"]


def test_of_what_is_switched_off_nothing_is_replayed(run: Any, connector: Connector, stream: Stream) -> None:
    set_aside(stream, "A", name="North")
    switch_connector(connector=connector, on=False, reason="Maintenance", now=timezone.now())

    status, [refusal] = run("rejected", "replay")

    assert (status, "is switched off" in refusal["error"]) == (2, True)
    assert run("rejected", "list", "Nobody")[0] == 2


def test_it_is_exported_as_lines_and_for_a_spreadsheet(run: Any, stream: Stream) -> None:
    set_aside(stream, "=A1")

    lines = run.text("rejected", "export")[1].splitlines()
    [row] = csv.DictReader(io.StringIO(run.text("rejected", "export", "--csv")[1], newline=""))

    assert [json.loads(line)["external_id"] for line in lines] == ["=A1"]
    assert (row["external_id"], row["raw"]) == ("'=A1", '{"id":"=A1"}')


def test_pruning_says_what_went(run: Any, stream: Stream) -> None:
    set_aside(stream, "A")
    RejectedRecord.objects.update(last_seen_at=timezone.now() - timedelta(days=31))

    assert run("prune") == (0, [{"rejected_records": 1, "changes": 0, "runs": 0, "deliveries": 0}])
    assert run.text("prune") == (0, "Pruned 0 runs, 0 rejected records, 0 changes, 0 deliveries.\n")
