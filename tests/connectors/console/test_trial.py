"""Between a connector's form and its first read: test it, preview records, choose what to read."""

import html
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import responses
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from connectors.models import Connector, ConnectorProbe, RejectedRecord, Run, State, Stream
from connectors.services.preview import Wanted
from connectors.services.settings import save_connector, save_stream
from gis.models import NetworkElement
from organisation.models import Membership, Organisation
from organisation.roles import Role
from organisation.scope import Scope, acting_for
from tests.conftest import Tenants
from tests.connectors.adapters.wire import BASE, PretendUtility, pretend_utility

pytestmark = pytest.mark.django_db

SIGN_IN = {"sign_in": "BASIC", "username": "gis-reader", "password": "gis-demo-password"}


@pytest.fixture
def there() -> Iterator[PretendUtility]:
    with pretend_utility() as pretend:
        yield pretend


@pytest.fixture
def within(utility: Organisation) -> Scope:
    return Scope(organisation_id=utility.pk)


@pytest.fixture
def gis(within: Scope) -> Connector:
    return connector(within, "ogc-api-features", base_url=f"{BASE}/gis", **SIGN_IN)


def connector(within: Scope, kind: str, **settings: Any) -> Connector:
    with acting_for(within):
        return save_connector(kind=kind, name="Source", settings=settings, now=timezone.now())


def signed_in(member: Membership) -> Client:
    client = Client()
    client.force_login(member.user)
    return client


def posted(member: Membership, name: str, pk: int, **data: Any) -> str:
    answer = signed_in(member).post(reverse(f"admin:connectors_{name}", args=[pk]), data, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def answers(page: str) -> dict[str, tuple[str, str]]:
    """Each question of a test with its answer and what is said."""
    found = re.findall(r'<div class="(yes|no|unknown)"><dt>.*?</svg> (.*?)</dt><dd>(.*?)</dd>', page, re.DOTALL)
    return {question: (answer, html.unescape(said)) for answer, question, said in found}


def form_value(name: str, contract: str, **options: Any) -> str:
    return msgspec.json.encode(Wanted(name=name, contract=contract, options=options)).decode()


def test_a_source_that_is_there_is_told_point_by_point(
    administrator: Membership, gis: Connector, there: PretendUtility, within: Scope
) -> None:
    told = answers(posted(administrator, "connector_probe", gis.pk))

    assert told == {
        "Is it reached?": ("yes", "Rural Grid Utility GIS answers with 2 collections."),
        "Are we signed in?": ("yes", "It takes our credentials."),
        "Which version is it?": ("unknown", "It does not say."),
        "What is there?": (
            "yes",
            "2 to be read into feature/1, 1 to be read into network-element/1, 1 to be read into zone/1.",
        ),
        "What may we do?": ("yes", "Read all of it, its changes. Nothing is delivered to it."),
    }
    with acting_for(within):
        assert ConnectorProbe.objects.get().succeeded
        assert Stream.objects.count() == 0


def test_a_version_and_what_cannot_be_read_are_told(
    administrator: Membership, there: PretendUtility, within: Scope
) -> None:
    settings = {"base_url": f"{BASE}/maximo/api", "api_key": "maximo-demo-apikey", "crew_structure": "mxcrews"}
    maximo = connector(within, "maximo", **settings)

    told = answers(posted(administrator, "connector_probe", maximo.pk))

    assert told["Which version is it?"][0] == "yes"
    assert told["What may we do?"][0] == "no"
    assert "Crews cannot be read." in told["What may we do?"][1]


@pytest.mark.parametrize(
    ("status", "reached", "signed"),
    [(401, "yes", "no"), (429, "yes", "unknown"), (500, "no", "unknown"), (404, "yes", "unknown")],
)
def test_each_way_to_fail_is_an_answer_of_its_own(
    administrator: Membership, gis: Connector, status: int, reached: str, signed: str
) -> None:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as wire:
        wire.get(f"{BASE}/gis", status=status)
        page = posted(administrator, "connector_probe", gis.pk)

    told = answers(page)
    assert (told["Is it reached?"][0], told["Are we signed in?"][0]) == (reached, signed)
    assert told["What is there?"][0] == told["What may we do?"][0] == "unknown"
    assert "Choose what to read" not in page
    assert "gis-demo-password" not in page


def test_a_source_that_pushes_is_not_asked(administrator: Membership, within: Scope) -> None:
    tablets = connector(within, "push", contracts=["crew/1"])

    told = answers(posted(administrator, "connector_probe", tablets.pk))

    assert told["Is it reached?"][1].startswith("This source sends its records to us by itself")
    assert told["Are we signed in?"] == ("unknown", "It signs in with us: by a connector token.")
    assert told["What may we do?"] == ("yes", "Read its events. Nothing is delivered to it.")


def test_what_is_ticked_becomes_streams_with_the_options_that_it_was_found_with(
    administrator: Membership, gis: Connector, there: PretendUtility, within: Scope
) -> None:
    page = posted(administrator, "connector_discover", gis.pk)
    offered = [html.unescape(value) for value in re.findall(r'name="stream" value="([^"]+)"', page)]
    network = next(value for value in offered if '"network-element/1"' in value)

    shown = posted(administrator, "connector_choose", gis.pk, stream=[network, network])

    assert "will be read. Ask what a read would do" in shown
    assert "was not added." in shown
    with acting_for(within):
        stream = Stream.objects.get()
        assert (stream.name, stream.contract, stream.freshness_s) == ("network", "network-element/1", 86_400)
        assert (stream.options["changes"], stream.options["modified_property"]) == ("FILTER", "modified")
        assert stream.options["page_size"] == 1_000
    again = posted(administrator, "connector_discover", gis.pk)
    assert again.count('name="stream"') == len(offered) - 1
    assert "Is read already" in again
    assert "Nothing was ticked" in posted(administrator, "connector_choose", gis.pk)


def test_a_preview_shows_ten_records_and_writes_nothing(
    administrator: Membership, gis: Connector, there: PretendUtility, within: Scope
) -> None:
    page = posted(
        administrator, "connector_preview", gis.pk, preview=form_value("network", "network-element/1", page_size=50)
    )

    assert page.count("<summary") >= 10
    (table,) = re.findall(r"<tbody>(.*?)</tbody>", page.partition("Records as they are read")[2], re.DOTALL)
    assert table.count("<tr>") == 10
    assert "<td>BUS-0</td>" in table
    assert "50 records read, 0 would be set aside" in page
    with acting_for(within):
        counts = [model.objects.count() for model in (Stream, Run, RejectedRecord, NetworkElement)]
    assert counts == [0, 0, 0, 0]


def test_a_preview_shows_bad_records_with_reason_and_field(
    administrator: Membership, gis: Connector, there: PretendUtility, within: Scope
) -> None:
    with acting_for(within):
        stream = save_stream(
            connector=gis, name="network", contract="network-element/1", options={"kind_property": "subnet"}
        )

    page = posted(administrator, "stream_preview", stream.pk)

    assert "Would be set aside" in page
    bad = page.partition("Records that would be set aside")[2]
    assert "<td>properties.subnet</td>" in bad
    assert "<mark>" in bad
    with acting_for(within):
        assert RejectedRecord.objects.count() == 0


def test_what_pushes_has_no_page_to_look_at(administrator: Membership, within: Scope) -> None:
    tablets = connector(within, "push", contracts=["crew/1"])

    page = posted(administrator, "connector_preview", tablets.pk, preview=form_value("crew", "crew/1"))

    assert "This source pushes: its records come by themselves, and there is no page to look at." in page


def test_a_preview_that_cannot_be_is_a_sentence(administrator: Membership, gis: Connector) -> None:
    with responses.RequestsMock() as wire:
        wire.get(f"{BASE}/gis", status=401)
        refused = posted(administrator, "connector_preview", gis.pk, preview=form_value("network", "zone/1"))
    wrong = posted(administrator, "connector_preview", gis.pk, preview=form_value("network", "zone/1", page_size=1))
    unknown = posted(administrator, "connector_preview", gis.pk, preview=form_value("network", "alarm/1"))

    assert "network: " in refused
    assert "page_size: Ensure this value is greater than or equal to 10." in wrong
    assert "This adapter gives no alarm/1." in unknown
    address = reverse("admin:connectors_connector_preview", args=[gis.pk])
    assert signed_in(administrator).post(address, {"preview": "all"}).status_code == 400


def test_nobody_previews_what_they_may_not_read(
    utility: Organisation, neighbour: Organisation, tenants: Tenants, gis: Connector, within: Scope
) -> None:
    with acting_for(within):
        stream = save_stream(connector=gis, name="network", contract="network-element/1")
    address = reverse("admin:connectors_stream_preview", args=[stream.pk])

    assert signed_in(tenants.member(utility, Role.DISPATCHER)).post(address).status_code == 403
    assert signed_in(tenants.member(neighbour, Role.ADMINISTRATOR)).post(address).status_code == 404
    with acting_for(within):
        assert Connector.objects.get().state == State.REGISTERED
