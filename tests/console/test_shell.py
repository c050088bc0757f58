import re

import pytest
from django.test import Client

from organisation.models import Membership, Organisation
from organisation.roles import Role
from organisation.scope import system_job
from tests.conftest import Tenants
from tests.console.conftest import client_of
from tests.console.nights import Night

PAGES = (
    "/console/outages/",
    "/console/telemetry/alarm/",
    "/console/telemetry/signal/",
    "/console/gis/networkelement/",
    "/console/gis/zone/",
    "/console/gis/elementalias/",
    "/console/work/workorder/",
    "/console/work/crew/",
    "/console/customer/servicepoint/",
    "/console/connectors/connector/",
    "/console/connectors/run/",
    "/console/connectors/rejectedrecord/",
    "/console/connectors/recordchange/",
    "/console/audit/event/",
    "/console/organisation/membership/",
    "/console/organisation/apitoken/",
)


def inline_code(html: str) -> list[str]:
    """Scripts that stand in the page, handlers in attributes, and anything fetched from elsewhere."""
    return [
        *re.findall(r"<script(?![^>]*\bsrc=)(?![^>]*type=\"(?:application/json|text/template)\")[^>]*>", html),
        *re.findall(r"<[^>]+\son[a-z]+=", html),
        *re.findall(r"(?:href|src)=\"javascript:[^\"]*", html),
        *re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=\"(?:https?:)?//[^\"]*", html),
    ]


@pytest.mark.parametrize("path", PAGES)
def test_no_page_has_inline_code_or_fetches_from_elsewhere(night: Night, administrator: Membership, path: str) -> None:
    answer = client_of(administrator).get(path)

    assert answer.status_code == 200
    assert inline_code(answer.content.decode()) == []
    assert "script-src 'self' 'unsafe-eval'" in answer["Content-Security-Policy"]


def test_the_page_of_an_outage_has_no_inline_code(night: Night, signed_in: Client) -> None:
    assert inline_code(signed_in.get(f"/console/outages/{night.critical.pk}/").content.decode()) == []


def places(client: Client) -> list[str]:
    html = client.get("/console/outages/").content.decode()
    sidebar = html[html.index('id="nav-sidebar-apps"') : html.index('class="shell-who"')]
    return re.findall(r'<span class="material-symbols-outlined[^"]*">[^<]*</span>\s*<span>([^<]+)</span>', sidebar)


def test_the_navigation_shows_what_a_role_may_see(utility: Organisation, tenants: Tenants) -> None:
    shown = {role: set(places(client_of(tenants.member(utility, role)))) for role in Role}

    assert shown[Role.ADMINISTRATOR] - shown[Role.COORDINATOR] == {"Audit trail", "Access"}
    assert shown[Role.COORDINATOR] == shown[Role.DISPATCHER]
    assert shown[Role.AUDITOR] == (shown[Role.COORDINATOR] - {"Tokens"}) | {"Audit trail"}
    assert {"Outages", "Alarms", "Elements", "Connectors", "Service points"} <= shown[Role.AUDITOR]


def test_who_is_in_several_organisations_switches_in_the_header(
    utility: Organisation, neighbour: Organisation, coordinator: Membership, tenants: Tenants, night: Night
) -> None:
    client = client_of(coordinator)
    assert "shell-organisation" not in client.get("/console/outages/").content.decode()

    with_two = tenants.member(neighbour, Role.AUDITOR, email="both@utility.example")
    with system_job("test"):
        Membership.objects.create(organisation=utility, user=with_two.user, role=Role.COORDINATOR)
    both = client_of(with_two)
    before = both.get("/console/outages/").content.decode()
    both.post("/console/organisation", {"organisation": utility.pk})
    after = both.get("/console/outages/").content.decode()

    assert "shell-organisation" in before
    assert ("2026-0117" in before, "2026-0117" in after) == (False, True)
    assert "Auditor" in before
    assert "Outage coordinator" in after


def test_the_login_page_says_what_went_wrong_and_keeps_the_address(client: Client, utility: Organisation) -> None:
    answer = client.post("/console/login/?next=/console/outages/", {"username": "who@example.org", "password": "wrong"})

    html = answer.content.decode()
    assert answer.status_code == 200
    assert 'role="alert"' in html
    assert 'value="who@example.org"' in html
    assert inline_code(html) == []


def test_what_is_not_there_and_what_is_not_ones_own_are_said_in_words(night: Night, auditor: Client) -> None:
    missing = auditor.get("/console/outages/999999/")
    forbidden = auditor.get("/console/organisation/membership/")

    assert (missing.status_code, "There is nothing at this address" in missing.content.decode()) == (404, True)
    assert (forbidden.status_code, "Your role does not include this" in forbidden.content.decode()) == (403, True)
