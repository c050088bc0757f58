"""How long things are kept, in the console: one page for an organisation, with what the last pruning removed."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from connectors.models import RejectedRecord, Retention, Stream
from connectors.services import pages
from connectors.services.retention import prune
from connectors.services.settings import save_connector, save_stream
from organisation.models import Membership, Organisation
from organisation.roles import Role
from organisation.scope import Scope, acting_for
from tests.conftest import Tenants

LIST = reverse("admin:connectors_retention_changelist")
DAYS = {"runs_days": "10", "rejected_days": "5", "changes_days": "20"}


def signed_in(member: Membership) -> Client:
    client = Client()
    client.force_login(member.user)
    return client


def kept(organisation: Organisation) -> Retention:
    with acting_for(Scope(organisation_id=organisation.pk)):
        return Retention.objects.get()


@pytest.fixture
def zones(utility: Organisation) -> Stream:
    with acting_for(Scope(organisation_id=utility.pk)):
        tablets = save_connector(kind="push", name="Tablets", settings={"contracts": ["crew/1"]}, now=timezone.now())
        return save_stream(connector=tablets, name="crews", contract="crew/1")


def test_an_administrator_says_how_long_and_the_history_has_it(
    administrator: Membership, utility: Organisation
) -> None:
    client = signed_in(administrator)
    shown = client.get(LIST, follow=True).content.decode()
    assert "Nothing was pruned yet." in shown
    assert 'value="365"' in shown

    changed = client.post(reverse("admin:connectors_retention_change", args=[kept(utility).pk]), DAYS, follow=True)

    assert "What is older goes with the next pruning" in changed.content.decode()
    now_kept = kept(utility)
    assert (now_kept.runs_days, now_kept.rejected_days, now_kept.changes_days) == (10, 5, 20)
    with acting_for(Scope(organisation_id=utility.pk)):
        entries = list(Retention.history.order_by("history_id").values_list("history_type", "changes_days"))
    assert entries == [("+", 365), ("~", 20)]
    history = client.get(
        reverse("admin:connectors_retention_history", args=[now_kept.pk]), follow=True
    ).content.decode()
    assert f"retention {now_kept.pk}" in history
    assert administrator.user.email in history
    assert "changes days" in history.replace("_", " ")


def test_nothing_can_be_kept_for_no_time(administrator: Membership, utility: Organisation) -> None:
    client = signed_in(administrator)
    client.get(LIST)

    refused = client.post(
        reverse("admin:connectors_retention_change", args=[kept(utility).pk]), {**DAYS, "runs_days": "0"}
    )

    assert "greater than or equal to 1" in refused.content.decode()
    assert kept(utility).changes_days == 365


def test_the_page_says_when_and_what_was_pruned(
    administrator: Membership, zones: Stream, utility: Organisation
) -> None:
    now = timezone.now()
    with acting_for(Scope(organisation_id=utility.pk)):
        rejection = pages.Rejection(index=0, external_id="A", reason="it is wrong", path="", raw="{}")
        pages.keep_rejections(zones.pk, [rejection], now=now - timedelta(days=31))
        prune(clock=lambda: now - timedelta(hours=3))
        assert not RejectedRecord.objects.exists()

    shown = " ".join(signed_in(administrator).get(LIST, follow=True).content.decode().split())

    assert "3 h" in shown
    assert "<dt>Rejected records</dt><dd>1</dd>" in shown
    assert "<dt>Runs</dt><dd>0</dd>" in shown


def test_pruning_leaves_no_trace_in_the_history_of_what_is_kept(utility: Organisation) -> None:
    with acting_for(Scope(organisation_id=utility.pk)):
        prune(clock=timezone.now)
        prune(clock=timezone.now)

        assert Retention.history.count() == 1


def test_others_see_it_and_change_nothing(utility: Organisation, tenants: Tenants) -> None:
    client = signed_in(tenants.member(utility, Role.COORDINATOR))

    assert "Nothing was pruned yet." in client.get(LIST, follow=True).content.decode()
    answer = client.post(reverse("admin:connectors_retention_change", args=[kept(utility).pk]), DAYS)

    assert answer.status_code == 403
    assert kept(utility).runs_days == 90


def test_each_organisation_has_its_own(utility: Organisation, neighbour: Organisation, tenants: Tenants) -> None:
    signed_in(tenants.member(utility, Role.ADMINISTRATOR)).get(LIST)

    answer = signed_in(tenants.member(neighbour, Role.ADMINISTRATOR)).post(
        reverse("admin:connectors_retention_change", args=[kept(utility).pk]), DAYS
    )

    assert answer.status_code in (302, 404)
    assert kept(utility).runs_days == 90
