"""Reads as the API sees them: asked about before, stopped, and reported on."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from graphql_relay import to_global_id

from connectors.models import ChangeKind, Lease, Mode, RecordChange, Run, RunStatus, Stream, Trigger
from connectors.services.requests import start_sync
from connectors.services.settings import save_connector, save_stream
from organisation.models import ApiToken, Membership, Organisation
from organisation.scope import Scope, acting_for
from tests.api.conftest import Ask
from tests.conftest import scope_for

SYNC = """
mutation($stream: ID!, $dryRun: Boolean) {
  startSync(input: {stream: $stream, mode: FULL, dryRun: $dryRun}) { run { isDry status report { differencesTotal } } }
}
"""
CANCEL = """
mutation($run: ID!) {
  cancelRun(input: {run: $run}) { run { id status cancelAskedAt detail } errors { code message field } }
}
"""
REPORT = """{
  runs { edges { node { isDry report {
    differences { table externalId kind columns { column before after } }
    differencesTotal
    setAside { externalId reason path }
    touches { outages { id number } workOrders customers }
  } } } }
}"""
CHANGES = """
query($stream: ID!, $externalId: String) {
  recordChanges(stream: $stream, externalId: $externalId) { edges { node {
    externalId kind table columns { column before after } stream { name keepsChanges state { outcome } }
    run { status stream { name } }
  } } }
}
"""

pytestmark = pytest.mark.django_db


@pytest.fixture
def stream(utility: Organisation) -> Stream:
    settings = {"base_url": "https://gis.example.org", "sign_in": "NONE"}
    with acting_for(Scope(organisation_id=utility.pk)):
        connector = save_connector(kind="ogc-api-features", name="GIS", settings=settings, now=timezone.now())
        return save_stream(connector=connector, name="zones", contract="zone/1")


def pending(stream: Stream) -> Run:
    with acting_for(Scope(organisation_id=stream.organisation_id)):
        return start_sync(stream=stream, mode=Mode.FULL, trigger=Trigger.PERSON, actor_id=None, now=timezone.now())


@pytest.mark.parametrize(("given", "is_dry"), [({}, False), ({"dryRun": False}, False), ({"dryRun": True}, True)])
def test_a_sync_is_dry_only_if_that_is_asked_for(ask: Ask, stream: Stream, given: dict[str, Any], is_dry: bool) -> None:
    answer = ask(SYNC, stream=to_global_id("Stream", stream.pk), **given)

    assert answer["startSync"]["run"] == {"isDry": is_dry, "status": "PENDING", "report": None}


def test_a_run_that_has_not_begun_is_cancelled_at_once(ask: Ask, stream: Stream, coordinator: Membership) -> None:
    run = pending(stream)

    answer = ask(CANCEL, run=to_global_id("Run", run.pk))["cancelRun"]

    with acting_for(Scope(organisation_id=stream.organisation_id)):
        run.refresh_from_db()
        assert not Lease.objects.exists()
    assert run.cancel_asked_at is not None
    assert run.cancel_asked_by_id == coordinator.user_id
    assert answer == {
        "run": {
            "id": to_global_id("Run", run.pk),
            "status": "CANCELLED",
            "cancelAskedAt": run.cancel_asked_at.isoformat(),
            "detail": run.detail,
        },
        "errors": [],
    }


def test_a_run_under_way_is_asked_to_stop(ask: Ask, stream: Stream) -> None:
    run = pending(stream)
    with acting_for(Scope(organisation_id=stream.organisation_id)):
        Run.objects.update(status=RunStatus.RUNNING)
        Lease.objects.update(fence=1, expires_at=timezone.now() + timedelta(minutes=1))

    answer = ask(CANCEL, run=to_global_id("Run", run.pk))["cancelRun"]

    assert (answer["run"]["status"], answer["run"]["cancelAskedAt"] is not None) == ("RUNNING", True)


def test_what_has_ended_or_is_not_there_is_refused_by_code(ask: Ask, stream: Stream, neighbour: Organisation) -> None:
    run = pending(stream)
    ended = to_global_id("Run", run.pk)
    ask(CANCEL, run=ended)
    with acting_for(Scope(organisation_id=neighbour.pk)):
        settings = {"base_url": "https://gis.example.org", "sign_in": "NONE"}
        connector = save_connector(kind="ogc-api-features", name="GIS", settings=settings, now=timezone.now())
        theirs = pending(save_stream(connector=connector, name="zones", contract="zone/1"))

    refused = [ask(CANCEL, run=one)["cancelRun"] for one in (ended, "x", to_global_id("Run", theirs.pk))]

    assert [one["run"] for one in refused] == [None] * 3
    assert [(error["code"], error["field"]) for one in refused for error in one["errors"]] == [
        ("UNABLE_TO_CANCEL", None),
        ("NOT_FOUND", "run"),
        ("NOT_FOUND", "run"),
    ]
    with acting_for(Scope(organisation_id=neighbour.pk)):
        theirs.refresh_from_db()
        assert (theirs.status, theirs.cancel_asked_at) == (RunStatus.PENDING, None)


def test_cancelling_needs_the_right_to_start_reads(ask: Ask, stream: Stream, coordinator: Membership) -> None:
    run = pending(stream)
    with acting_for(scope_for(coordinator)):
        ApiToken.objects.update(scopes=["connectors:read"])

    answer = ask(CANCEL, expect_errors=True, run=to_global_id("Run", run.pk))

    assert answer["errors"][0]["extensions"] == {"code": "INSUFFICIENT_SCOPE", "scope": "connectors:sync"}
    with acting_for(scope_for(coordinator)):
        run.refresh_from_db()
        assert run.status == RunStatus.PENDING


def test_a_dry_runs_report_is_told_in_full(ask: Ask, stream: Stream) -> None:
    renamed = {"before": {"name": "North"}, "after": {"name": "South"}}
    kept = {
        "differences": [
            {"table": "gis_zone", "external_id": "Z-1", "kind": "UPDATED", **renamed},
            {"table": "gis_zone", "external_id": "Z-2", "kind": "CREATED", "before": None, "after": {"kva": 400}},
        ],
        "differences_total": 1204,
        "set_aside": [{"external_id": "Z-9", "reason": "the name is missing", "path": "properties.name"}],
        "touches": {"outages": [{"id": 7, "number": "2026-0117"}], "work_orders": ["WO-1"], "customers": 1832},
    }
    at = timezone.now()
    with acting_for(Scope(organisation_id=stream.organisation_id)):
        Run.objects.create(
            stream=stream,
            mode=Mode.FULL,
            trigger=Trigger.PERSON,
            status=RunStatus.SUCCEEDED,
            started_at=at,
            advanced_at=at,
            finished_at=at,
            is_dry=True,
            report=kept,
        )

    [edge] = ask(REPORT)["runs"]["edges"]

    assert edge["node"] == {
        "isDry": True,
        "report": {
            "differences": [
                {
                    "table": "gis_zone",
                    "externalId": "Z-1",
                    "kind": "UPDATED",
                    "columns": [{"column": "name", "before": "North", "after": "South"}],
                },
                {
                    "table": "gis_zone",
                    "externalId": "Z-2",
                    "kind": "CREATED",
                    "columns": [{"column": "kva", "before": None, "after": 400}],
                },
            ],
            "differencesTotal": 1204,
            "setAside": [{"externalId": "Z-9", "reason": "the name is missing", "path": "properties.name"}],
            "touches": {
                "outages": [{"id": to_global_id("Outage", 7), "number": "2026-0117"}],
                "workOrders": ["WO-1"],
                "customers": 1832,
            },
        },
    }


def test_changes_are_told_by_record_newest_first_in_a_fixed_number_of_statements(
    ask: Ask, stream: Stream, django_assert_max_num_queries: Any
) -> None:
    at = timezone.now()
    row = {"stream": stream, "table": "gis_zone"}
    with acting_for(Scope(organisation_id=stream.organisation_id)):
        Stream.objects.filter(pk=stream.pk).update(keeps_changes=True)
        run = Run.objects.create(
            stream=stream, mode=Mode.FULL, trigger=Trigger.PERSON, started_at=at, advanced_at=at, status="SUCCEEDED"
        )
        for number in range(10):
            key = f"Z-{number}"
            RecordChange.objects.create(
                run=run, external_id=key, kind=ChangeKind.CREATED, at=at, after={"name": key}, **row
            )
        later = at + timedelta(seconds=1)
        RecordChange.objects.create(
            external_id="Z-1", kind=ChangeKind.RETIRED, at=later, before={"name": "Z-1"}, run=None, **row
        )
    of_stream = to_global_id("Stream", stream.pk)

    with django_assert_max_num_queries(25):
        listed = ask(CHANGES, stream=of_stream)["recordChanges"]["edges"]
    retired, created = (
        edge["node"] for edge in ask(CHANGES, stream=of_stream, externalId="Z-1")["recordChanges"]["edges"]
    )

    assert [edge["node"]["externalId"] for edge in listed][:3] == ["Z-1", "Z-9", "Z-8"]
    assert len(listed) == 11
    assert (retired["kind"], retired["run"]) == ("RETIRED", None)
    assert retired["columns"] == [{"column": "name", "before": "Z-1", "after": None}]
    assert created == {
        "externalId": "Z-1",
        "kind": "CREATED",
        "table": "gis_zone",
        "columns": [{"column": "name", "before": None, "after": "Z-1"}],
        "stream": {"name": "zones", "keepsChanges": True, "state": {"outcome": "NONE"}},
        "run": {"status": "SUCCEEDED", "stream": {"name": "zones"}},
    }


def test_a_neighbours_changes_are_not_there(ask: Ask, stream: Stream, neighbour: Organisation) -> None:
    at = timezone.now()
    with acting_for(Scope(organisation_id=neighbour.pk)):
        settings = {"base_url": "https://gis.example.org", "sign_in": "NONE"}
        connector = save_connector(kind="ogc-api-features", name="GIS", settings=settings, now=at)
        theirs = save_stream(connector=connector, name="zones", contract="zone/1", keeps_changes=True)
        RecordChange.objects.create(
            stream=theirs, table="gis_zone", external_id="Z-1", kind=ChangeKind.CREATED, at=at, after={"name": "North"}
        )

    assert ask(CHANGES, stream=to_global_id("Stream", theirs.pk))["recordChanges"]["edges"] == []
