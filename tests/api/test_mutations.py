from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils import timezone
from graphql_relay import to_global_id

from connectors import tasks
from connectors.models import Connector, OutboxItem, Run, Stream
from connectors.services.settings import save_connector, save_stream
from organisation.models import ApiToken, Membership, Organisation
from organisation.scope import Scope, acting_for
from outage.models import Outage, Status, TimelineEntry
from telemetry.models import Acknowledgement, Alarm
from tests import rows
from tests.api.conftest import Ask
from tests.conftest import scope_for

TRANSITION = """
mutation($outage: ID!, $to: OutageStatus!, $reason: String!) {
  transitionOutage(input: {outage: $outage, to: $to, reason: $reason}) {
    outage { number status timeline { kind toStatus reason actor } }
    errors { code message field }
  }
}
"""
ACKNOWLEDGE = """
mutation($alarm: ID!) {
  acknowledgeAlarm(input: {alarm: $alarm, comment: "seen"}) { acknowledgement { status comment } errors { code field } }
}
"""
CONFIRM = """
mutation($alarm: ID!) {
  confirmAlarm(input: {alarm: $alarm, comment: "joint replaced"}) {
    action { kind status comment } errors { code message } }
}
"""
COMMENT = """
mutation($alarm: ID!) {
  commentOnAlarm(input: {alarm: $alarm, comment: "crew is called"}) { action { kind status } errors { code } }
}
"""
SHELVE = """
mutation($alarm: ID!, $until: DateTime) {
  shelveAlarm(input: {alarm: $alarm, until: $until, reason: "being tested"}) {
    action { kind until comment } alarm { shelving actions { kind status } } errors { code message } }
}
"""
UNSHELVE = """
mutation($alarm: ID!) { unshelveAlarm(input: {alarm: $alarm}) { action { kind } errors { code message field } } }
"""
SYNC = """
mutation($stream: ID!, $mode: SyncMode) {
  startSync(input: {stream: $stream, mode: $mode}) { run { id mode status } errors { code message field } }
}
"""

pytestmark = pytest.mark.django_db


@pytest.fixture
def outage(utility: Organisation) -> Outage:
    now = timezone.now()
    with acting_for(Scope(organisation_id=utility.pk)):
        gis = rows.stream(rows.connector("Network GIS"), "network-element/1", proved_at=now)
        return rows.outage("2026-0117", rows.element(gis, at=now), now=now)


@pytest.fixture
def alarm(utility: Organisation) -> Alarm:
    now = timezone.now()
    with acting_for(Scope(organisation_id=utility.pk)):
        alarms = rows.stream(rows.connector("SCADA", kind="opcua-rest"), "alarm/1", proved_at=now)
        return Alarm.objects.create(
            condition="SW-1.Trip",
            event_id="AAEC",
            category="TRIP",
            severity=800,
            is_active=True,
            is_acknowledged=False,
            is_retained=True,
            **rows.landed(alarms, "SW-1.Trip", at=now),
        )


@pytest.fixture
def stream(utility: Organisation) -> Stream:
    with acting_for(Scope(organisation_id=utility.pk)):
        connector = save_connector(
            kind="ogc-api-features",
            name="GIS",
            settings={"base_url": "https://gis.example.org", "sign_in": "NONE"},
            now=timezone.now(),
        )
        return save_stream(connector=connector, name="zones", contract="zone/1")


def test_an_outage_moves_with_a_reason_that_stands_in_its_timeline(
    ask: Ask, outage: Outage, coordinator: Membership
) -> None:
    answer = ask(TRANSITION, outage=to_global_id("Outage", outage.pk), to="CONFIRMED", reason="Crew sees it")

    moved = answer["transitionOutage"]
    assert moved["errors"] == []
    assert moved["outage"]["status"] == "CONFIRMED"
    assert moved["outage"]["timeline"] == [
        {"kind": "TRANSITION", "toStatus": "CONFIRMED", "reason": "Crew sees it", "actor": coordinator.user.email}
    ]


def test_an_illegal_move_is_refused_with_a_sentence_and_changes_nothing(
    ask: Ask, outage: Outage, utility: Organisation
) -> None:
    answer = ask(TRANSITION, outage=to_global_id("Outage", outage.pk), to="CLOSED", reason="tired")

    refused = answer["transitionOutage"]
    assert refused["outage"] is None
    assert [(error["code"], error["field"]) for error in refused["errors"]] == [("UNABLE_TO_TRANSITION", "to")]
    with acting_for(Scope(organisation_id=utility.pk)):
        outage.refresh_from_db()
        assert (outage.status, TimelineEntry.objects.count()) == (Status.DETECTED, 0)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"reason": "  "}, "REASON_MISSING"),
        ({"outage": to_global_id("Outage", 0)}, "NOT_FOUND"),
        ({"outage": "x"}, "NOT_FOUND"),
    ],
)
def test_what_is_wrong_with_a_move_is_said_by_code(ask: Ask, outage: Outage, change: dict[str, Any], code: str) -> None:
    given = {"outage": to_global_id("Outage", outage.pk), "to": "CONFIRMED", "reason": "seen", **change}

    errors = ask(TRANSITION, **given)["transitionOutage"]["errors"]

    assert [error["code"] for error in errors] == [code]


def test_a_neighbours_outage_cannot_be_moved(ask: Ask, neighbour: Organisation, now: datetime) -> None:
    with acting_for(Scope(organisation_id=neighbour.pk)):
        gis = rows.stream(rows.connector("GIS"), "network-element/1", proved_at=now)
        hidden = rows.outage("2026-0001", rows.element(gis, at=now), now=now)

    answer = ask(TRANSITION, outage=to_global_id("Outage", hidden.pk), to="CONFIRMED", reason="mine")

    assert answer["transitionOutage"]["errors"][0]["code"] == "NOT_FOUND"
    with acting_for(Scope(organisation_id=neighbour.pk)):
        hidden.refresh_from_db()
        assert hidden.status == Status.DETECTED


def test_an_acknowledgement_goes_into_the_outbox_once(ask: Ask, alarm: Alarm, utility: Organisation) -> None:
    first = ask(ACKNOWLEDGE, alarm=to_global_id("Alarm", alarm.pk))["acknowledgeAlarm"]
    again = ask(ACKNOWLEDGE, alarm=to_global_id("Alarm", alarm.pk))["acknowledgeAlarm"]

    assert first == {"acknowledgement": {"status": "SENDING", "comment": "seen"}, "errors": []}
    assert again["errors"] == [{"code": "UNABLE_TO_ACKNOWLEDGE", "field": None}]
    with acting_for(Scope(organisation_id=utility.pk)):
        assert Acknowledgement.objects.count() == 1
        [item] = OutboxItem.objects.all()
        assert (item.kind, item.contract, item.payload["event_id"]) == ("DELIVER", "alarm-acknowledgement/1", "AAEC")


def test_an_alarm_is_confirmed_commented_on_and_shelved_through_the_outbox(
    ask: Ask, alarm: Alarm, utility: Organisation
) -> None:
    key = to_global_id("Alarm", alarm.pk)
    with acting_for(Scope(organisation_id=utility.pk)):
        Alarm.objects.update(is_acknowledged=True, is_confirmed=False)

    confirmed = ask(CONFIRM, alarm=key)["confirmAlarm"]
    commented = ask(COMMENT, alarm=key)["commentOnAlarm"]
    shelved = ask(SHELVE, alarm=key, until="2999-01-01T00:00:00Z")["shelveAlarm"]

    assert confirmed == {
        "action": {"kind": "CONFIRM", "status": "SENDING", "comment": "joint replaced"},
        "errors": [],
    }
    assert commented == {"action": {"kind": "COMMENT", "status": "SENDING"}, "errors": []}
    assert shelved["action"]["kind"] == "SHELVE_TIMED"
    assert datetime.fromisoformat(shelved["action"]["until"]) == datetime(2999, 1, 1, tzinfo=UTC)
    assert shelved["alarm"]["shelving"] is None  # until its source says so
    assert len(shelved["alarm"]["actions"]) == 3
    with acting_for(Scope(organisation_id=utility.pk)):
        contracts = list(OutboxItem.objects.order_by("pk").values_list("contract", flat=True))
    assert contracts == ["alarm-confirmation/1", "alarm-comment/1", "alarm-shelving/1"]


def test_what_cannot_be_done_to_an_alarm_says_why(ask: Ask, alarm: Alarm, utility: Organisation) -> None:
    key = to_global_id("Alarm", alarm.pk)

    assert ask(CONFIRM, alarm=key)["confirmAlarm"]["errors"] == [
        {"code": "UNABLE_TO_ACT", "message": "SCADA has nobody confirm this alarm."}
    ]
    assert ask(UNSHELVE, alarm=key)["unshelveAlarm"]["errors"] == [
        {"code": "UNABLE_TO_ACT", "message": "This alarm is not shelved.", "field": None}
    ]
    assert ask(UNSHELVE, alarm=to_global_id("Alarm", 0))["unshelveAlarm"]["errors"] == [
        {"code": "NOT_FOUND", "message": "There is no such alarm.", "field": "alarm"}
    ]
    with acting_for(Scope(organisation_id=utility.pk)):
        assert not OutboxItem.objects.exists()


def test_a_sync_that_is_asked_for_has_a_run_at_once_and_is_not_asked_for_twice(
    ask: Ask, stream: Stream, utility: Organisation
) -> None:
    given = {"stream": to_global_id("Stream", stream.pk), "mode": "FULL"}

    first, again = ask(SYNC, **given)["startSync"], ask(SYNC, **given)["startSync"]

    assert (first["run"]["mode"], first["run"]["status"], first["errors"]) == ("FULL", "PENDING", [])
    assert [error["code"] for error in again["errors"]] == ["UNABLE_TO_SYNC"]
    with acting_for(Scope(organisation_id=utility.pk)):
        assert Run.objects.get().trigger == "PERSON"


def test_the_worker_is_told_of_a_sync_after_the_commit(
    ask: Ask, stream: Stream, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    told: list[tuple[Any, ...]] = []
    monkeypatch.setattr(tasks.sync_stream, "delay", lambda *arguments: told.append(arguments))

    with django_capture_on_commit_callbacks(execute=True):
        ask(SYNC, stream=to_global_id("Stream", stream.pk), mode="FULL")

    assert told == [(stream.pk, "FULL", "PERSON")]


@pytest.mark.parametrize(
    ("query", "scope"),
    [
        (TRANSITION, "outages:transition"),
        (ACKNOWLEDGE, "alarms:acknowledge"),
        (CONFIRM, "alarms:acknowledge"),
        (COMMENT, "alarms:acknowledge"),
        (SHELVE, "alarms:acknowledge"),
        (UNSHELVE, "alarms:acknowledge"),
        (SYNC, "connectors:sync"),
    ],
)
def test_each_mutation_needs_its_right(ask: Ask, coordinator: Membership, query: str, scope: str) -> None:
    with acting_for(scope_for(coordinator)):
        ApiToken.objects.update(scopes=["operations:read"])

    answer = ask(query, expect_errors=True, outage="x", to="CONFIRMED", reason="y", alarm="x", stream="x", mode="FULL")

    assert answer["errors"][0]["extensions"] == {"code": "INSUFFICIENT_SCOPE", "scope": scope}


def test_the_lists_of_the_schema_cost_a_fixed_number_of_statements(
    ask: Ask, alarm: Alarm, outage: Outage, stream: Stream, django_assert_max_num_queries: Any
) -> None:
    assert Connector is not None
    query = """{
      connectors { edges { node { name state probe { summary }
        streams { name freshness state { outcome } schedules { mode } } } } }
      runs { edges { node { status stream { name state { outcome } } } } }
      rejectedRecords { edges { node { reason stream { name } } } }
      alarms(retained: true) { edges { node { condition acknowledgements { status } actions { status }
        element { externalId zone { name parent { name } } position { state } } } } }
      signals { edges { node { name latest { value } element { externalId } } } }
      workOrders { edges { node { externalId assignments { crewExternalId } element { externalId } } } }
      crews { edges { node { name status } } }
      servicePoints { edges { node { externalId priority } } }
    }"""
    with django_assert_max_num_queries(40):
        data = ask(query)

    assert [edge["node"]["condition"] for edge in data["alarms"]["edges"]] == ["SW-1.Trip"]
    assert sorted(edge["node"]["name"] for edge in data["connectors"]["edges"]) == ["GIS", "Network GIS", "SCADA"]
