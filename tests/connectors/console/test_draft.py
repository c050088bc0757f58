"""The form of a connection that is not saved: tested, looked at, and saved with what was ticked."""

import html
import re
from collections.abc import Iterator
from typing import Any

import pytest
import responses
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audit.models import Event
from connectors.models import Connector, ConnectorProbe, DraftRequest, RejectedRecord, Run, Stream
from connectors.services.settings import save_connector, stored_secrets
from gis.models import NetworkElement
from organisation.models import Membership, Organisation
from organisation.roles import Role
from organisation.scope import Scope, acting_for
from tests.conftest import Tenants
from tests.connectors.adapters.wire import BASE, PretendUtility, pretend_utility
from tests.connectors.console.test_trial import answers, signed_in

pytestmark = pytest.mark.django_db

KIND = "ogc-api-features"
PASSWORD = "gis-demo-password"  # the simulator's
SETTINGS = {"base_url": f"{BASE}/gis", "sign_in": "BASIC", "username": "gis-reader", "password": PASSWORD}
ELSEWHERE = "https://elsewhere.example"


@pytest.fixture
def there() -> Iterator[PretendUtility]:
    with pretend_utility() as pretend:
        yield pretend


@pytest.fixture
def within(utility: Organisation) -> Scope:
    return Scope(organisation_id=utility.pk)


@pytest.fixture
def stored(within: Scope) -> Connector:
    with acting_for(within):
        return save_connector(kind=KIND, name="Network GIS", settings=SETTINGS, now=timezone.now())


def filled(**changes: Any) -> dict[str, Any]:
    """The form as an administrator fills it in."""
    given = {"name": "Network GIS", "changes": "FILTER", "overlap_s": "60", "page_size": "1000", **SETTINGS, **changes}
    return {name: value for name, value in given.items() if value is not None}


def asked(client: Client, what: str, stored: Connector | None = None, **changes: Any) -> str:
    """The part of the page that a button of the form brings."""
    own, key = ("kind", KIND) if stored is None else ("connector", stored.pk)
    address = reverse(f"admin:connectors_{own}_draft_{what}", args=[key])
    answer = client.post(address, filled(**changes), headers={"HX-Request": "true"})
    assert answer.status_code == 200
    return answer.content.decode()


def offered(page: str) -> dict[tuple[str, str], str]:
    """The form's words for each stream that may be ticked, by name and contract."""
    boxes = re.findall(r'value="([^"]+)"(?: checked)? aria-label="Read (\S+) into (\S+)"', page)
    return {(name, contract): html.unescape(said) for said, name, contract in boxes}


def test_a_form_is_tested_before_it_is_saved(administrator: Membership, there: PretendUtility, within: Scope) -> None:
    page = asked(signed_in(administrator), "test")

    assert answers(page) == {
        "Is it reached?": ("yes", "Rural Grid Utility GIS answers with 2 collections."),
        "Are we signed in?": ("yes", "It takes our credentials."),
        "Which version is it?": ("unknown", "It does not say."),
        "What is there?": (
            "yes",
            "2 to be read into feature/1, 1 to be read into network-element/1, 1 to be read into zone/1.",
        ),
        "What may we do?": ("yes", "Read all of it, its changes. Nothing is delivered to it."),
    }
    assert ("network", "network-element/1") in offered(page)
    assert PASSWORD not in page
    with acting_for(within):
        assert not Connector.objects.exists()
        assert not ConnectorProbe.objects.exists()


def test_a_browser_without_scripts_gets_the_answers_as_a_page(administrator: Membership, there: PretendUtility) -> None:
    address = reverse("admin:connectors_kind_draft_test", args=[KIND])

    page = signed_in(administrator).post(address, filled()).content.decode()

    assert answers(page)["Are we signed in?"] == ("yes", "It takes our credentials.")
    assert "Nothing is saved. Go back in your browser to the form" in page


def test_a_form_with_a_fault_is_not_asked_about(administrator: Membership, there: PretendUtility) -> None:
    page = asked(signed_in(administrator), "test", base_url="gis.example.org", password="")

    assert "Nothing was asked." in page
    assert '<a class="link" href="#id_base_url">Address</a>: Write a web address' in page
    assert '<a class="link" href="#id_password">Password</a>: User name and password needs this' in page
    assert there.asked == []


def test_records_are_looked_at_before_anything_is_saved(
    administrator: Membership, there: PretendUtility, within: Scope
) -> None:
    client = signed_in(administrator)
    network = offered(asked(client, "test"))["network", "network-element/1"]

    page = asked(client, "preview", preview=network)

    assert "Nothing of this was kept." in page
    assert page.count("As sent") == 10
    with acting_for(within):
        assert not NetworkElement.objects.exists()
        assert not RejectedRecord.objects.exists()
        assert not Run.objects.exists()


def test_what_was_ticked_is_saved_with_the_connection_and_read_by_nobody(
    administrator: Membership, there: PretendUtility, within: Scope
) -> None:
    client = signed_in(administrator)
    network = offered(asked(client, "test"))["network", "network-element/1"]
    address = f"{reverse('admin:connectors_connector_add')}?kind={KIND}"

    page = client.post(address, filled(chosen_stream=[network]), follow=True).content.decode()

    assert "What would it do?" in page
    with acting_for(within):
        stream = Stream.objects.get()
        assert (stream.connector.name, stream.name, stream.contract) == ("Network GIS", "network", "network-element/1")
        assert stream.options["modified_property"] == "modified"
        assert not Run.objects.exists()


def test_a_stream_that_cannot_be_read_leaves_nothing_half_saved(
    administrator: Membership, there: PretendUtility, within: Scope
) -> None:
    client = signed_in(administrator)
    network = offered(asked(client, "test"))["network", "network-element/1"]
    crews = network.replace("network-element/1", "crew/1")
    address = f"{reverse('admin:connectors_connector_add')}?kind={KIND}"

    page = client.post(address, filled(chosen_stream=[network, crews])).content.decode()

    assert "This adapter gives no crew/1." in page
    assert list(offered(page)) == [("network", "network-element/1"), ("network", "crew/1")]
    assert PASSWORD not in page
    with acting_for(within):
        assert not Connector.objects.exists()
        assert not Stream.objects.exists()


def test_an_empty_secret_is_the_stored_one(
    administrator: Membership, stored: Connector, there: PretendUtility, within: Scope
) -> None:
    page = asked(signed_in(administrator), "test", stored, password="")

    assert answers(page)["Are we signed in?"] == ("yes", "It takes our credentials.")
    assert PASSWORD not in page
    with acting_for(within):
        assert not ConnectorProbe.objects.exists()


@pytest.mark.parametrize(
    "address",
    [
        f"{ELSEWHERE}/gis",
        f" {ELSEWHERE}/gis",
        f"\n{ELSEWHERE}/gis",
        f"{BASE}:8080/gis",
        BASE.replace("http:", "https:"),
    ],
)
@pytest.mark.parametrize("how", ["test", "preview", "save"])
def test_a_stored_secret_goes_to_no_other_place_than_it_was_stored_for(
    administrator: Membership, stored: Connector, within: Scope, address: str, how: str
) -> None:
    client = signed_in(administrator)
    with responses.RequestsMock() as wire:  # which refuses whatever is asked
        if how == "save":
            change = reverse("admin:connectors_connector_change", args=[stored.pk])
            page = client.post(change, filled(base_url=address, password="")).content.decode()
        else:
            preview = '{"name": "network", "contract": "network-element/1"}'
            page = asked(client, how, stored, base_url=address, password="", preview=preview)
        assert len(wire.calls) == 0

    assert "The address leads elsewhere than before. Enter this again" in page
    with acting_for(within):
        kept = Connector.objects.get()
        assert kept.config["base_url"] == SETTINGS["base_url"]
        assert stored_secrets(kept) == {"password": PASSWORD}
        assert not DraftRequest.objects.exists()


def test_a_secret_is_not_lured_to_the_address_of_another_field(administrator: Membership, within: Scope) -> None:
    settings = {
        "base_url": f"{BASE}/gis",
        "sign_in": "OAUTH2",
        "token_url": "https://login.example/token",
        "client_id": "uec",
        "client_secret": "for-the-token-server-alone",
    }
    with acting_for(within):
        stored = save_connector(kind=KIND, name="Network GIS", settings=settings, now=timezone.now())
    swapped = {**settings, "token_url": f"{BASE}/token", "client_secret": "", "password": "", "username": ""}

    with responses.RequestsMock():
        page = asked(signed_in(administrator), "test", stored, **swapped)

    assert '<a class="link" href="#id_client_secret">Client secret</a>: The address leads elsewhere' in page


def test_each_asking_is_in_the_trail_without_its_secrets(
    administrator: Membership, there: PretendUtility, within: Scope
) -> None:
    asked(signed_in(administrator), "test")

    with acting_for(within):
        [noted] = DraftRequest.objects.all()
        created, answered = Event.objects.filter(model="connectors.draftrequest").order_by("pk")
        assert (noted.kind, noted.addresses) == (KIND, ["http://utility.example:80"])
        assert noted.answer == "Rural Grid Utility GIS answers with 2 collections."
        assert (created.action, answered.action) == ("+", "~")
        assert created.actor_id == answered.actor_id == administrator.user_id
        assert PASSWORD not in str(DraftRequest.history.values())
    trail = signed_in(administrator).get(reverse("admin:audit_event_changelist")).content.decode()
    assert trail.count("Test of ogc-api-features at http://utility.example:80") == 2
    assert "answer: nothing → Rural Grid Utility GIS answers with 2 collections." in trail
    assert PASSWORD not in trail


def test_ten_a_minute_are_asked_and_no_more(administrator: Membership, there: PretendUtility, within: Scope) -> None:
    with acting_for(within):
        now = timezone.now()
        DraftRequest.objects.bulk_create(DraftRequest(kind=KIND, asked_at=now) for _ in range(10))

    page = asked(signed_in(administrator), "test")

    assert "10 unsaved connections were asked within a minute. Wait a minute, then try again." in page
    assert there.asked == []


@pytest.mark.parametrize("role", [Role.COORDINATOR, Role.DISPATCHER, Role.AUDITOR])
@pytest.mark.parametrize("what", ["test", "preview"])
def test_who_may_not_add_a_connector_may_have_nothing_asked(
    utility: Organisation, tenants: Tenants, there: PretendUtility, role: Role, what: str
) -> None:
    client = signed_in(tenants.member(utility, role))

    answer = client.post(reverse(f"admin:connectors_kind_draft_{what}", args=[KIND]), filled())

    assert answer.status_code == 403
    assert there.asked == []


def test_only_the_secrets_that_are_stored_are_said_to_be_kept(administrator: Membership, stored: Connector) -> None:
    change = reverse("admin:connectors_connector_change", args=[stored.pk])

    page = signed_in(administrator).get(change).content.decode()

    assert page.count("Kept, and never shown. Leave it empty to keep it.") == 1
