"""ArcGIS calls its webhook: a call with the right signature wakes the layers that it names, and no other call does."""

import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import Event
from connectors import secrets
from connectors.models import Connector, Mode, OutboxItem, State, Stream
from connectors.services.schedules import save_schedule
from organisation.models import Organisation
from organisation.scope import Scope, acting_for

KEY = "a-l0ng-r4ndom-signature-key"
SERVICE = "Electric/Network/FeatureServer"
EDIT = {
    "name": "edits",
    "layerId": 0,
    "orgId": "Xj56SBi2udA78cC9",
    "serviceName": "Network",
    "lastUpdatedTime": 1_795_485_300_000,
    "changesUrl": "http%3A%2F%2F169.254.169.254%2Fsecrets",
    "events": ["FeaturesUpdated"],
}


@pytest.fixture
def scope(utility: Organisation) -> Scope:
    """Not entered: the door enters it."""
    return Scope(organisation_id=utility.pk)


@pytest.fixture
def gis(scope: Scope) -> Connector:
    """Three layers of two services, with schedules, and one without."""
    settings = {"base_url": "https://gis.example/server/rest/services", "sign_in": "NONE"}
    with acting_for(scope):
        made = Connector.objects.create(
            kind="arcgis-enterprise", name="GIS", config=settings, secrets=secrets.encrypt({"webhook_secret": KEY})
        )
        for name in (f"{SERVICE}/0", f"{SERVICE}/1", "Water/Mains/FeatureServer/0", "Water/Mains/FeatureServer/1"):
            stream = Stream.objects.create(connector=made, name=name, contract="feature/1")
            if name != "Water/Mains/FeatureServer/1":
                save_schedule(stream=stream, mode=Mode.INCREMENTAL, every_s=3600)
    return made


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What workers are asked for."""
    asked: list[str] = []
    monkeypatch.setattr("connectors.tasks.deliver_outbox.delay", lambda: asked.append("outbox"))
    return asked


def signature(body: bytes, key: str = KEY) -> str:
    return f"sha256={hmac.new(key.encode(), body, hashlib.sha256).hexdigest()}"


def call(connector: Connector, said: Any, *, signed: str | None = None, uuid: Any = None) -> Any:
    """:param signed: what stands in the header, `""`: it is missing; by default what is right"""
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    signed = signature(body) if signed is None else signed
    headers = {"x-esriHook-Signature": signed} if signed else {}
    path = f"/registry/connectors/{uuid or connector.uuid}/wake"
    return Client().post(path, body, content_type="application/json", headers=headers)


def waiting(scope: Scope) -> list[str]:
    """The streams that are to be read at once."""
    with acting_for(scope):
        return list(OutboxItem.objects.filter(kind="SYNC").order_by("pk").values_list("stream__name", flat=True))


@pytest.mark.parametrize(
    ("said", "woken"),
    [
        (EDIT, [f"{SERVICE}/0"]),
        ([EDIT | {"serviceName": "electric/network"}, EDIT | {"layerId": 1}], [f"{SERVICE}/0", f"{SERVICE}/1"]),
        ({"events": ["*"]}, [f"{SERVICE}/0", f"{SERVICE}/1", "Water/Mains/FeatureServer/0"]),
        (b"not JSON", [f"{SERVICE}/0", f"{SERVICE}/1", "Water/Mains/FeatureServer/0"]),
    ],
    ids=["one layer", "two layers", "of something", "in other words"],
)
def test_a_signed_call_wakes_the_layers_that_it_names(
    gis: Connector, begun: list[str], scope: Scope, said: Any, woken: list[str]
) -> None:
    answer = call(gis, said)

    assert (answer.status_code, answer.json()) == (202, {"streams": woken})
    assert (waiting(scope), begun) == (woken, ["outbox"])


@pytest.mark.parametrize("said", [EDIT | {"layerId": 7}, EDIT | {"serviceName": "Mains", "layerId": 1}])
def test_a_call_about_what_is_not_read_is_taken_and_wakes_nothing(
    gis: Connector, begun: list[str], scope: Scope, said: Any
) -> None:
    """ArcGIS switches a webhook off whose calls are refused."""
    answer = call(gis, said)

    assert (answer.status_code, answer.json()) == (202, {"streams": []})
    assert (waiting(scope), begun) == ([], [])


def test_a_call_to_a_connector_that_is_switched_off_wakes_nothing(gis: Connector, begun: list[str]) -> None:
    with acting_for(Scope(organisation_id=gis.organisation_id)):
        Connector.objects.filter(pk=gis.pk).update(state=State.DISABLED)

    assert call(gis, EDIT).json() == {"streams": []}
    assert begun == []


@pytest.mark.parametrize(
    ("signed", "status", "said"),
    [
        ("", 401, "The call is not signed"),
        (signature(b"another body"), 403, "The signature is wrong"),
        (signature(json.dumps(EDIT).encode(), "another key"), 403, "The signature is wrong"),
        ("sha256=", 403, "The signature is wrong"),
        ("md5=ü", 403, "The signature is wrong"),
    ],
)
def test_a_call_without_the_right_signature_is_refused_and_stands_in_the_trail(
    gis: Connector, begun: list[str], scope: Scope, signed: str, status: int, said: str
) -> None:
    answer = call(gis, EDIT, signed=signed.encode().decode("latin-1") if signed else signed)

    assert answer.status_code == status
    assert answer.json()["error_description"].startswith(said)
    assert KEY not in answer.content.decode()
    assert (waiting(scope), begun) == ([], [])
    with acting_for(scope):
        gis.refresh_from_db()
        event = Event.objects.filter(model="connectors.connector", action="~").get()
    assert gis.webhook_refused_at is not None
    assert (event.object_id, event.origin) == (gis.pk, "SYNC")
    assert event.reason.startswith(f"A webhook call was refused. {said}")


def test_refusals_do_not_fill_the_trail(gis: Connector, begun: list[str], scope: Scope) -> None:
    for _ in range(3):
        call(gis, EDIT, signed="")
    with acting_for(scope):
        assert Event.objects.filter(model="connectors.connector", action="~").count() == 1
        Connector.objects.filter(pk=gis.pk).update(webhook_refused_at=timezone.now() - timedelta(minutes=2))
        before = Event.objects.count()

    call(gis, EDIT, signed="")

    with acting_for(scope):
        assert Event.objects.count() == before + 1


def test_without_a_secret_no_call_is_taken(gis: Connector, begun: list[str], scope: Scope) -> None:
    with acting_for(scope):
        Connector.objects.filter(pk=gis.pk).update(secrets="")

    answer = call(gis, EDIT, signed=signature(json.dumps(EDIT).encode(), ""))

    assert answer.status_code == 401
    assert answer.json()["error_description"] == (
        "This connector has no webhook secret to check the signature with. Enter it in its settings."
    )
    assert waiting(scope) == []


def test_the_same_call_again_wakes_nothing(gis: Connector, begun: list[str], scope: Scope) -> None:
    first, again, other = call(gis, EDIT), call(gis, EDIT), call(gis, EDIT | {"lastUpdatedTime": 1})

    assert [one.status_code for one in (first, again, other)] == [202, 202, 202]
    assert [one.json()["streams"] for one in (first, again, other)] == [[f"{SERVICE}/0"], [], [f"{SERVICE}/0"]]
    assert waiting(scope) == [f"{SERVICE}/0"], "what waits already is not asked for twice"


def test_a_huge_call_is_not_looked_at(gis: Connector, begun: list[str], scope: Scope) -> None:
    answer = call(gis, b" " * 65_537)

    assert answer.status_code == 413
    assert waiting(scope) == []


def test_other_kinds_and_unknown_connectors_want_a_token(gis: Connector, begun: list[str], scope: Scope) -> None:
    with acting_for(scope):
        push = Connector.objects.create(kind="push", name="IVR")

    for answer in (call(push, EDIT), call(gis, EDIT, uuid=uuid4())):
        assert answer.status_code == 401
        assert answer.json()["error_description"].startswith("Send the connector's token")
    assert Client().get(f"/registry/connectors/{gis.uuid}/wake").status_code == 405
