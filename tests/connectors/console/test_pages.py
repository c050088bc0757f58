import re
from datetime import timedelta
from typing import Any

import pytest
import responses
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from connectors import secrets, tasks
from connectors.adapters.opcua_rest.settings import OpcUaRestForm
from connectors.models import Connector, Lease, Run, State, Stream, StreamState
from connectors.services.settings import save_connector, save_stream
from connectors.services.tokens import issue_connector_token
from organisation.models import Membership, Organisation
from organisation.roles import Role
from organisation.scope import Scope, acting_for
from organisation.templatetags.marks import moment
from tests.conftest import Tenants

pytestmark = pytest.mark.django_db

SETTINGS = {"base_url": "https://gis.example.org", "sign_in": "BASIC", "username": "reader", "password": "s3cret-word"}


def signed_in(member: Membership) -> Client:
    client = Client()
    client.force_login(member.user)
    return client


@pytest.fixture
def gis(utility: Organisation) -> Connector:
    with acting_for(Scope(organisation_id=utility.pk)):
        return save_connector(kind="ogc-api-features", name="GIS", settings=SETTINGS, now=timezone.now())


@pytest.fixture
def zones(gis: Connector) -> Stream:
    with acting_for(Scope(organisation_id=gis.organisation_id)):
        return save_stream(connector=gis, name="zones", contract="zone/1", label="Zones")


def page(name: str, *arguments: Any) -> str:
    return reverse(f"admin:connectors_{name}", args=arguments)


def test_an_administrator_adds_a_connector_by_its_adapters_form(
    administrator: Membership, utility: Organisation
) -> None:
    client = signed_in(administrator)
    kinds = client.get(page("connector_add")).content.decode()
    assert "?kind=ogc-api-features" in kinds

    response = client.post(page("connector_add") + "?kind=ogc-api-features", {"name": "GIS", **SETTINGS})

    with acting_for(Scope(organisation_id=utility.pk)):
        added = Connector.objects.get()
        assert response.status_code == 302, response.content.decode()[-2000:]
        assert (added.name, added.kind, added.config["username"]) == ("GIS", "ogc-api-features", "reader")
        assert "password" not in added.config
        assert secrets.decrypt(added.secrets)["password"] == "s3cret-word"


def test_a_wrong_setting_is_an_error_on_its_field(administrator: Membership, utility: Organisation) -> None:
    given = {"name": "GIS", **SETTINGS, "base_url": "gis"}

    answer = signed_in(administrator).post(page("connector_add") + "?kind=ogc-api-features", given).content.decode()

    assert "Write a web address" in answer
    with acting_for(Scope(organisation_id=utility.pk)):
        assert Connector.objects.count() == 0


def test_a_secret_is_never_shown_and_kept_when_left_empty(administrator: Membership, gis: Connector) -> None:
    client = signed_in(administrator)
    shown = client.get(page("connector_change", gis.pk)).content.decode()
    assert "s3cret-word" not in shown

    changed = {"name": "Network GIS", **SETTINGS, "password": ""}
    response = client.post(page("connector_change", gis.pk), changed)

    assert response.status_code == 302, response.content.decode()[-2000:]
    with acting_for(Scope(organisation_id=gis.organisation_id)):
        gis.refresh_from_db()
        assert (gis.name, secrets.decrypt(gis.secrets)["password"]) == ("Network GIS", "s3cret-word")


@responses.activate
def test_a_test_of_the_connection_answers_with_a_sentence_and_sets_the_state(
    administrator: Membership, gis: Connector
) -> None:
    responses.get("https://gis.example.org", status=401)

    answer = signed_in(administrator).post(page("connector_probe", gis.pk), follow=True).content.decode()

    with acting_for(Scope(organisation_id=gis.organisation_id)):
        gis.refresh_from_db()
        assert gis.state == State.ERROR
        assert gis.state_reason in answer.replace("&#x27;", "'")


def test_reading_now_makes_a_run_whose_page_shows_its_progress(
    administrator: Membership, zones: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks.sync_stream, "delay", lambda *arguments: None)
    client = signed_in(administrator)

    shown = client.post(page("stream_sync", zones.pk), {"mode": "FULL"}, follow=True).content.decode()

    with acting_for(Scope(organisation_id=zones.organisation_id)):
        run = Run.objects.get()
    assert "Waiting for a worker" in shown
    assert page("run_progress", run.pk) in shown
    assert "Waiting for a worker" in client.get(page("run_progress", run.pk)).content.decode()


def test_switching_off_needs_a_reason(administrator: Membership, gis: Connector) -> None:
    client = signed_in(administrator)

    client.post(page("connector_switch", gis.pk), {"on": "0", "reason": " "})
    with acting_for(Scope(organisation_id=gis.organisation_id)):
        gis.refresh_from_db()
        assert gis.state == State.REGISTERED
    client.post(page("connector_switch", gis.pk), {"on": "0", "reason": "supplier changes system"})
    with acting_for(Scope(organisation_id=gis.organisation_id)):
        gis.refresh_from_db()
        assert (gis.state, gis.state_reason) == (State.DISABLED, "supplier changes system")


@pytest.mark.parametrize("role", [Role.COORDINATOR, Role.DISPATCHER, Role.AUDITOR])
def test_others_see_connectors_and_change_nothing(
    utility: Organisation, tenants: Tenants, zones: Stream, role: Role
) -> None:
    client = signed_in(tenants.member(utility, role))

    seen = client.get(page("connector_change", zones.connector_id)).content.decode()

    assert "Zones" in seen
    assert "s3cret-word" not in seen
    assert "Test connection" not in seen
    assert client.post(page("connector_probe", zones.connector_id)).status_code == 403
    assert client.get(page("connector_add")).status_code == 403
    starts = client.post(page("stream_sync", zones.pk), {"mode": "FULL"}).status_code
    assert starts == (302 if role == Role.COORDINATOR else 403)


def test_a_neighbours_connector_is_not_there(neighbour: Organisation, tenants: Tenants, zones: Stream) -> None:
    client = signed_in(tenants.member(neighbour, Role.ADMINISTRATOR))

    assert client.get(page("connector_change", zones.connector_id)).status_code in (302, 404)
    assert client.post(page("connector_switch", zones.connector_id), {"on": "0", "reason": "x"}).status_code == 404
    assert client.post(page("stream_sync", zones.pk), {"mode": "FULL"}).status_code == 404


@pytest.fixture
def alarms(utility: Organisation) -> Stream:
    """To be listened to."""
    settings = {name: field.initial for name, field in OpcUaRestForm.base_fields.items() if field.initial is not None}
    settings |= {"base_url": "https://scada.example/opcua", "alarm_types": "{}"}
    with acting_for(Scope(organisation_id=utility.pk)):
        scada = save_connector(kind="opcua-rest", name="SCADA", settings=settings, now=timezone.now())
        return save_stream(connector=scada, name="alarms", contract="alarm/1", is_listened_to=True)


def test_a_stream_says_since_when_it_is_listened_to(administrator: Membership, alarms: Stream) -> None:
    def panel() -> str:
        return signed_in(administrator).get(page("connector_panel", alarms.connector_id)).content.decode()

    assert "Not listening yet" in panel()
    now = timezone.now()
    with acting_for(Scope(organisation_id=alarms.organisation_id)):
        lease = Lease.objects.create(
            stream=alarms, mode="EVENT", trigger="PUSH", started_at=now, expires_at=now + timedelta(minutes=1)
        )
    assert "Not listening yet" in panel()
    with acting_for(Scope(organisation_id=alarms.organisation_id)):
        Lease.objects.filter(pk=lease.pk).update(phase="LISTENING")
    assert f"<b>Listening</b> since {moment(now)}" in panel()
    with acting_for(Scope(organisation_id=alarms.organisation_id)):
        lease.delete()
        StreamState.objects.update(listen_refusal="The gateway offers no sessions. It is read by its schedules.")
    assert "Not listening. The gateway offers no sessions. It is read by its schedules." in panel()


def test_only_a_stream_that_can_be_listened_to_asks_whether_it_is_to_be(
    administrator: Membership, zones: Stream, alarms: Stream
) -> None:
    client = signed_in(administrator)
    forms = [client.get(page("stream_change", one.pk)).content.decode() for one in (zones, alarms)]
    assert ['name="is_listened_to"' in form for form in forms] == [False, True]

    given = {"name": "alarms", "contract": "alarm/1", "label": "", "freshness_s": "60", "is_enabled": "on"}
    assert client.post(page("stream_change", alarms.pk), given).status_code == 302

    with acting_for(Scope(organisation_id=alarms.organisation_id)):
        assert not Stream.objects.get(pk=alarms.pk).is_listened_to
    refused = client.post(page("stream_change", alarms.pk), {**given, "contract": "signal/1", "is_listened_to": "on"})
    assert "This adapter cannot listen to signal/1" in refused.content.decode()


def test_lists_cost_a_fixed_number_of_statements(
    administrator: Membership, zones: Stream, django_assert_max_num_queries: Any
) -> None:
    client = signed_in(administrator)
    for name in ("connector", "run", "rejectedrecord", "schedule", "outboxitem", "connectortoken", "stream"):
        with django_assert_max_num_queries(25):
            assert client.get(page(f"{name}_changelist")).status_code == 200, name


def test_a_push_token_is_revoked_by_who_may_manage_connectors(
    administrator: Membership, utility: Organisation, tenants: Tenants
) -> None:
    with acting_for(Scope(organisation_id=utility.pk, actor_id=administrator.user_id)):
        tablets = Connector.objects.create(kind="push", name="Tablets", config={"contracts": ["crew/1"]})
        expires_at = timezone.now() + timedelta(days=1)
        token, _ = issue_connector_token(connector=tablets, name="Vans", expires_at=expires_at, now=timezone.now())
    revoke, others = page("connectortoken_revoke", token.pk), signed_in(tenants.member(utility, Role.AUDITOR))
    assert [others.get(revoke).status_code, others.post(revoke).status_code] == [403, 403]

    signed_in(administrator).post(revoke)

    with acting_for(Scope(organisation_id=utility.pk)):
        token.refresh_from_db()
        assert token.revoked_at is not None


@pytest.mark.parametrize(
    "address",
    [
        "/console/connectors/connector/nonsense/change/",
        "/console/connectors/connector/0/change/",
        "/console/connectors/stream/add/?connector=nonsense",
        "/console/connectors/run/nonsense/change/",
        "/console/connectors/connectortoken/nonsense/revoke/",
        "/console/telemetry/alarm/nonsense/act/",
    ],
)
def test_an_address_of_nothing_is_not_found(administrator: Membership, address: str) -> None:
    assert signed_in(administrator).get(address).status_code == 404


def test_a_field_says_which_way_to_sign_in_it_belongs_to(administrator: Membership) -> None:
    html = signed_in(administrator).get("/console/connectors/connector/add/?kind=arcgis-enterprise").content.decode()

    belongs = dict(re.findall(r'<input[^>]* name="(\w+)"[^>]* data-for-sign-in="([A-Z0-9_ ]+)"', html))
    assert belongs == {
        "username": "BASIC",
        "password": "BASIC",
        "token": "BEARER",
        "token_url": "OAUTH2 BASIC",
        "client_id": "OAUTH2",
        "client_secret": "OAUTH2",
    }
