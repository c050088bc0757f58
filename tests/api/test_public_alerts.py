"""A dispatcher warns the public over GraphQL."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from graphql_relay import to_global_id

from connectors.contracts.cap_alert import AlertStatus
from organisation.models import ApiToken, Membership, Organisation
from organisation.scope import Scope, acting_for
from outage.models import IssuedAlert, Outage, TimelineEntry
from outage.services.alert_settings import save_alert_settings
from tests import rows
from tests.api.conftest import Ask
from tests.conftest import scope_for

pytestmark = pytest.mark.django_db

MUTATION = """
mutation($outage: ID!) {{
  {name}(input: {{outage: $outage, reason: "Many calls"}}) {{
    alert {{ identifier sender sentAt status messageType expiresAt headline isSigned document }}
    outage {{ number alerts {{ identifier messageType status document }} timeline {{ kind summary reason actor }} }}
    errors {{ code message field }}
  }}
}}
"""
ISSUE, UPDATE, CANCEL = (MUTATION.format(name=name) for name in ("issueAlert", "updateAlert", "cancelAlert"))


@pytest.fixture
def began() -> datetime:
    return timezone.now() - timedelta(minutes=5)


@pytest.fixture
def outage(utility: Organisation, began: datetime) -> Outage:
    with acting_for(Scope(organisation_id=utility.pk)):
        save_alert_settings(
            sender="outages@utility.example",
            status=AlertStatus.ACTUAL,
            languages=["en-GB"],
            web="",
            contact="",
            feed_is_public=False,
        )
        gis = rows.stream(rows.connector("Network GIS"), "network-element/1", proved_at=began)
        return rows.outage("2026-0117", rows.element(gis, at=began), now=began)


def test_an_alert_is_issued_updated_and_cancelled(ask: Ask, outage: Outage, coordinator: Membership) -> None:
    given = {"outage": to_global_id("Outage", outage.pk)}

    issued = ask(ISSUE, **given)["issueAlert"]
    updated = ask(UPDATE, **given)["updateAlert"]
    cancelled = ask(CANCEL, **given)["cancelAlert"]

    assert (issued["errors"], updated["errors"], cancelled["errors"]) == ([], [], [])
    assert issued["alert"]["document"].startswith("<?xml version='1.0' encoding='UTF-8'?>\n<alert xmlns=")
    assert {name: issued["alert"][name] for name in ("identifier", "sender", "status", "messageType", "isSigned")} == {
        "identifier": "utility.2026-0117.1",
        "sender": "outages@utility.example",
        "status": "ACTUAL",
        "messageType": "ALERT",
        "isSigned": False,
    }
    assert [(one["identifier"], one["messageType"], one["status"]) for one in cancelled["outage"]["alerts"]] == [
        ("utility.2026-0117.1", "ALERT", "ACTUAL"),
        ("utility.2026-0117.2", "UPDATE", "ACTUAL"),
        ("utility.2026-0117.3", "CANCEL", "ACTUAL"),
    ]
    assert cancelled["outage"]["alerts"][0]["document"] == issued["alert"]["document"]
    assert [(entry["kind"], entry["reason"], entry["actor"]) for entry in cancelled["outage"]["timeline"]] == [
        ("ALERT", "Many calls", coordinator.user.email)
    ] * 3


def test_what_cannot_be_issued_is_refused_with_a_sentence_and_keeps_nothing(
    ask: Ask, outage: Outage, utility: Organisation
) -> None:
    refused = ask(UPDATE, outage=to_global_id("Outage", outage.pk))["updateAlert"]

    assert refused["alert"] is None
    assert refused["errors"] == [
        {
            "code": "UNABLE_TO_ISSUE",
            "message": "No alert about 2026-0117 is in force: issue one.",
            "field": None,
        }
    ]
    with acting_for(Scope(organisation_id=utility.pk)):
        assert (IssuedAlert.objects.count(), TimelineEntry.objects.count()) == (0, 0)


@pytest.mark.parametrize("wanted", [to_global_id("Outage", 0), "x"])
def test_an_outage_that_is_not_there_is_said_so(ask: Ask, outage: Outage, wanted: str) -> None:
    errors = ask(ISSUE, outage=wanted)["issueAlert"]["errors"]

    assert [(error["code"], error["field"]) for error in errors] == [("NOT_FOUND", "outage")]


def test_a_neighbours_outage_is_not_there(ask: Ask, neighbour: Organisation, began: datetime) -> None:
    with acting_for(Scope(organisation_id=neighbour.pk)):
        gis = rows.stream(rows.connector("GIS"), "network-element/1", proved_at=began)
        hidden = rows.outage("2026-0001", rows.element(gis, at=began), now=began)

    answer = ask(ISSUE, outage=to_global_id("Outage", hidden.pk))["issueAlert"]

    assert answer["errors"][0]["code"] == "NOT_FOUND"
    with acting_for(Scope(organisation_id=neighbour.pk)):
        assert not IssuedAlert.objects.exists()


@pytest.mark.parametrize("query", [ISSUE, UPDATE, CANCEL])
def test_it_needs_its_right(ask: Ask, outage: Outage, coordinator: Membership, query: str) -> None:
    with acting_for(scope_for(coordinator)):
        ApiToken.objects.update(scopes=["operations:read", "outages:transition"])

    answer = ask(query, expect_errors=True, outage=to_global_id("Outage", outage.pk))

    assert answer["errors"][0]["extensions"] == {"code": "INSUFFICIENT_SCOPE", "scope": "alerts:issue"}
    with acting_for(scope_for(coordinator)):
        assert not IssuedAlert.objects.exists()
