"""The form of a mapping: a row for each field of the contract, tried on records before it is saved."""

import html
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from connectors.models import Connector, RejectedRecord, Run, Stream
from connectors.services.settings import save_connector, save_stream
from organisation.models import Membership, Organisation
from organisation.scope import Scope, acting_for
from tests.connectors.adapters.wire import BASE, PretendUtility, pretend_utility

pytestmark = pytest.mark.django_db

PAGES = {
    "path": "service-points",
    "records": "data",
    "total": "total",
    "paging": "PAGE",
    "page_parameter": "page",
    "first_page": "1",
    "size_parameter": "per_page",
    "page_size": "500",
}
ROWS = {
    "mapping-external_id-path": "servicePointId",
    "mapping-name-path": "name",
    "mapping-priority-path": "priority",
    "mapping-priority-words": "CRITICAL = CRITICAL\nVIP = CRITICAL",
    "mapping-priority-default": "NORMAL",
}


@pytest.fixture
def there() -> Iterator[PretendUtility]:
    with pretend_utility() as pretend:
        yield pretend


@pytest.fixture
def within(utility: Organisation) -> Scope:
    return Scope(organisation_id=utility.pk)


@pytest.fixture
def cis(within: Scope) -> Connector:
    settings = {
        "base_url": f"{BASE}/cis/v1",
        "sign_in": "OAUTH2",
        "token_url": f"{BASE}/cis/oauth/token",
        "client_id": "utility-connectors",
        "client_secret": "cis-demo-secret",
    }
    with acting_for(within):
        return save_connector(kind="rest-json", name="CIS", settings=settings, now=timezone.now())


@pytest.fixture
def client(administrator: Membership) -> Client:
    client = Client()
    client.force_login(administrator.user)
    return client


def add_page(connector: Connector, contract: str = "") -> str:
    return f"{reverse('admin:connectors_stream_add')}?connector={connector.pk}" + (
        f"&contract={contract}" if contract else ""
    )


def text_of(answer: Any) -> str:
    assert answer.status_code == 200
    return html.unescape(re.sub(r"\s+", " ", answer.content.decode()))


def form(**changed: str) -> dict[str, str]:
    return {"name": "service-points", "freshness_s": "3600", "is_enabled": "on", **PAGES, **ROWS, **changed}


def test_what_it_is_read_into_is_asked_before_its_fields_are(client: Client, cis: Connector) -> None:
    page = text_of(client.get(add_page(cis)))

    assert f"?connector={cis.pk}&contract=service-point%2F1" in page
    assert "Where a customer takes supply (CIM UsagePoint)." in page
    assert 'name="mapping-external_id-path"' not in page


def test_a_stream_is_added_by_its_table(client: Client, cis: Connector, within: Scope) -> None:
    assert 'name="mapping-priority_reason-path"' in text_of(client.get(add_page(cis, "service-point/1")))

    answer = client.post(add_page(cis, "service-point/1"), form())

    assert answer.status_code == 302
    with acting_for(within):
        stream = Stream.objects.get()
    assert stream.contract == "service-point/1"
    assert stream.options["mapping"] == {
        "external_id": {"path": "servicePointId"},
        "name": {"path": "name"},
        "priority": {
            "path": "priority",
            "words": {"CRITICAL": "CRITICAL", "VIP": "CRITICAL"},
            "default": "NORMAL",
        },
    }


def test_a_wrong_row_is_said_and_what_was_written_stays(client: Client, cis: Connector, within: Scope) -> None:
    answer = client.post(add_page(cis, "service-point/1"), form(**{"mapping-name-path": "a[["}))

    page = text_of(answer)
    assert "“name = a[[”: not a JMESPath expression" in page
    assert 'name="mapping-name-path" value="a[["' in page
    with acting_for(within):
        assert not Stream.objects.exists()


def test_the_table_shows_what_is_stored_and_its_history_keeps_what_was(
    client: Client, cis: Connector, within: Scope
) -> None:
    with acting_for(within):
        stream = save_stream(
            connector=cis, name="service-points", contract="service-point/1", options={"mapping": "external_id = id"}
        )
    change = reverse("admin:connectors_stream_change", args=[stream.pk])
    assert 'name="mapping-external_id-path" value="id"' in text_of(client.get(change))

    assert client.post(change, form()).status_code == 302

    with acting_for(within):
        kept = [one.options["mapping"]["external_id"] for one in stream.history.order_by("history_id")]
    assert kept == [{"path": "id"}, {"path": "servicePointId"}]


def test_a_sample_is_what_the_source_sends_whatever_the_rows_say(
    client: Client, cis: Connector, there: PretendUtility
) -> None:
    without_rows = {"name": "service-points", "contract": "service-point/1", **PAGES}

    page = text_of(client.post(reverse("admin:connectors_mapping_sample", args=[cis.pk]), without_rows))

    found = re.search(r"<textarea[^>]*>(.*)</textarea>", page)
    assert found is not None
    records = json.loads(found[1])
    assert len(records) == 10
    assert records[0]["servicePointId"]


def test_a_source_that_does_not_answer_is_said_and_the_sample_stays(
    client: Client, cis: Connector, there: PretendUtility
) -> None:
    asked = form(contract="service-point/1", path="nowhere", sample="[1]")

    page = text_of(client.post(reverse("admin:connectors_mapping_sample", args=[cis.pk]), asked))

    assert "404" in page
    assert ">[1]</textarea>" in page


def test_rows_are_tried_on_records_without_asking_the_source_or_keeping_anything(
    client: Client, cis: Connector, within: Scope
) -> None:
    records = [
        {"servicePointId": "SP-1", "name": "Mill", "priority": "VIP"},
        {"servicePointId": "SP-2", "name": "Barn", "priority": "GOLD"},
    ]
    asked = form(contract="service-point/1", sample=json.dumps(records))

    page = text_of(client.post(reverse("admin:connectors_mapping_try", args=[cis.pk]), asked))

    assert "1 would be read, 1 set aside." in page
    assert "<td>SP-1</td><td>Mill</td><td>CRITICAL</td>" in page
    assert '<th scope="row">SP-2</th>' in page
    assert "<td>priority</td>" in page
    with acting_for(within):
        assert not any(model.objects.exists() for model in (Stream, Run, RejectedRecord))


@pytest.mark.parametrize(
    ("changed", "said"),
    [({"sample": "[{"}, "The records are not JSON"), ({"mapping-external_id-path": ""}, "A row is missing")],
)
def test_what_cannot_be_tried_says_why(client: Client, cis: Connector, changed: dict[str, str], said: str) -> None:
    asked = form(contract="service-point/1", sample="[]") | changed

    assert said in text_of(client.post(reverse("admin:connectors_mapping_try", args=[cis.pk]), asked))


def test_only_an_administrator_tries_mappings(coordinator: Membership, cis: Connector) -> None:
    client = Client()
    client.force_login(coordinator.user)

    for name in ("mapping_sample", "mapping_try"):
        assert client.post(reverse(f"admin:connectors_{name}", args=[cis.pk]), form()).status_code == 403
