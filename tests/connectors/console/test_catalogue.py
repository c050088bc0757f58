"""The way in: the catalogue of adapters, their pages, and what they back of their grades."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from connectors import registry
from connectors.registry import DeclarationRefused
from organisation.models import Membership, Organisation
from organisation.roles import Role
from tests.conftest import Tenants
from tests.connectors.packages import install, installed

pytestmark = pytest.mark.django_db

TIDES = """
from connectors.adapters.push import PushAdapter


class TidesAdapter(PushAdapter):
    kind = "tides"
    label = "Tide gauges"
"""
TIDES_PAGE = """---
kind: tides
label: Tide gauges
grade: gold
---

# Tide gauges

See [the source that pushes](push.md), [how to](../how-to/start-empty.md) and <script>alert(1)</script>.

| setting | default |
|---|---|
| What may be pushed | nothing |
"""


def signed_in(member: Membership) -> Client:
    client = Client()
    client.force_login(member.user)
    return client


@pytest.fixture
def tides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package of somebody else's, installed."""
    files = {"adapter.py": TIDES, "tides.md": TIDES_PAGE}
    install(tmp_path, package="gauges", points="tides = gauges.adapter:TidesAdapter", files=files)
    with installed(tmp_path, monkeypatch):
        yield


def catalogue(member: Membership) -> str:
    return signed_in(member).get(reverse("admin:connectors_connector_add")).content.decode()


def card(html: str, kind: str) -> str:
    """What a card says, as plain text."""
    (found,) = [one for one in html.split('<li class="card kind">') if f'href="?kind={kind}"' in one]
    return " ".join(re.sub(r"<[^>]+>", " ", found.partition("</li>")[0]).split())


def test_every_adapter_is_listed_under_its_family_with_what_it_does(administrator: Membership) -> None:
    html = catalogue(administrator)

    families = re.findall(r"<h2>(\w+)</h2>", html)
    assert families == sorted({adapter.family.value.capitalize() for adapter in registry.adapters().values()})
    for kind in registry.adapters():
        assert card(html, kind)
    assert card(html, "opcua-rest").startswith("SCADA (OPC UA Web API) opcua-rest")
    assert "Reads signal/1, reading/1, alarm/1 Delivers alarm-acknowledgement/1" in card(html, "opcua-rest")
    assert "Delivers" not in card(html, "maximo")


def test_a_package_that_brings_an_adapter_shows_up_with_its_page(administrator: Membership, tides: None) -> None:
    assert card(catalogue(administrator), "tides").startswith("Tide gauges tides 1.0 · gold · from the package gauges")

    page = signed_in(administrator).get(reverse("adapters:page", args=["tides"])).content.decode()

    assert "<h1>Tide gauges</h1>" in page
    assert "<th>setting</th>" in page
    assert f'<a href="{reverse("adapters:page", args=["push"])}" class="link">' in page
    assert "start-empty.md" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_its_connectors_are_added_by_its_form(administrator: Membership, tides: None) -> None:
    address = reverse("admin:connectors_connector_add") + "?kind=tides"

    answer = signed_in(administrator).post(address, {"name": "Harbour", "contracts": ["reading/1"]}, follow=True)

    assert "Harbour is added. Test the connection, then choose what to read." in answer.content.decode()


def test_a_grade_that_is_not_backed_is_told_on_the_quality_page(administrator: Membership, tides: None) -> None:
    html = signed_in(administrator).get(reverse("adapters:quality")).content.decode()

    (section,) = [one for one in html.split("<section") if 'id="quality-tides"' in one]
    assert "It claims more than it backs." in section
    assert "Put captured records of tides into tides.samples.json, next to its module." in section
    (own,) = [one for one in html.split("<section") if 'id="quality-maximo"' in one]
    assert "It claims more than it backs." not in own


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ("tides = gauges.nowhere:TidesAdapter", "cannot be loaded: No module named 'gauges.nowhere'"),
        ("tides = gauges.adapter:Missing", "cannot be loaded: module 'gauges.adapter' has no attribute 'Missing'"),
        ("tides = gauges.adapter:PushAdapter", "Two adapters are of kind 'push'"),
        ("tides = gauges:__name__", "does not say its kind, label, version, family, config_form"),
    ],
)
def test_a_package_that_cannot_be_used_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, points: str, said: str
) -> None:
    install(tmp_path, package="gauges", points=points, files={"adapter.py": TIDES})

    with installed(tmp_path, monkeypatch), pytest.raises(DeclarationRefused) as refused:
        registry.adapters()

    assert said in str(refused.value)


def test_others_may_look_and_not_add(utility: Organisation, tenants: Tenants) -> None:
    auditor = signed_in(tenants.member(utility, Role.AUDITOR))

    assert auditor.get(reverse("admin:connectors_connector_add")).status_code == 403
    assert auditor.get(reverse("adapters:quality")).status_code == 200
    page = auditor.get(reverse("adapters:page", args=["maximo"])).content.decode()
    assert "Add one" not in page
    assert auditor.get(reverse("adapters:page", args=["telepathy"])).status_code == 404
