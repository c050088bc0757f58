"""The lists of what came from source systems: what they hold, how they are found, and at what cost."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from connectors.models import OutboxItem, OutboxKind
from customer.models import ServicePoint
from gis.models import ElementAlias, NetworkElement
from organisation.models import Membership, Organisation
from organisation.roles import Role
from organisation.scope import acting_for
from telemetry.models import Acknowledgement, Alarm, AlarmAction, Signal
from tests import rows
from tests.conftest import Tenants
from tests.console.conftest import client_of
from tests.console.nights import Night
from work.models import Crew, Equipment, WorkOrder

LISTS = {
    "/console/gis/networkelement/": "SW-1",
    "/console/gis/zone/": "Feeder 8",
    "/console/gis/elementalias/?resolved=yes": "SW-1",
    "/console/telemetry/alarm/": "Breaker trip: Overcurrent",
    "/console/telemetry/signal/": "Feeder 8 current",
    "/console/work/workorder/": "WO-448213",
    "/console/work/crew/": "N-12",
    "/console/customer/servicepoint/": "Critical: Care home",
}


def listed(html: str) -> list[str]:
    """The text of each row."""
    table = re.search(r'<table[^>]*id="result_list".*?</table>', html, re.DOTALL)
    found = re.findall(r"<tr[^>]*>(.*?)</tr>", table[0], re.DOTALL) if table else []
    plain = [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in found if "<td" in row]
    return [row for row in plain if row]


@pytest.mark.parametrize("address", LISTS)
def test_each_list_shows_its_rows(night: Night, signed_in: Client, address: str) -> None:
    answer = signed_in.get(address)

    assert answer.status_code == 200
    assert any(LISTS[address] in row for row in listed(answer.content.decode()))


@pytest.mark.parametrize("address", LISTS)
def test_each_list_runs_no_script_of_its_own(night: Night, signed_in: Client, address: str) -> None:
    html = signed_in.get(address).content.decode()

    assert re.findall(r"<script(?![^>]*\bsrc=)[^>]*>", html) == []
    assert re.findall(r"\son[a-z]+=", html) == []
    assert re.findall(r"""(?:src|href)=["']https?://""", html) == []


@pytest.mark.parametrize("address", LISTS)
def test_a_list_costs_the_same_however_long_it_is(night: Night, signed_in: Client, address: str) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert signed_in.get(address).status_code == 200
        return len(captured)

    few = cost()
    with acting_for(night.scope()):
        grow(night)

    assert cost() == few


@pytest.mark.parametrize("address", LISTS)
def test_a_row_opens_for_reading(night: Night, signed_in: Client, address: str) -> None:
    html = signed_in.get(address).content.decode()
    link = re.search(rf'href="({re.escape(address.split("?", maxsplit=1)[0])}\d+/change/[^"]*)"', html)
    assert link is not None

    answer = signed_in.get(link[1])

    assert answer.status_code == 200
    assert 'name="_save"' not in answer.content.decode()


@pytest.mark.parametrize("address", LISTS)
def test_a_neighbours_rows_are_not_listed(
    night: Night, neighbour: Organisation, tenants: Tenants, address: str
) -> None:
    stranger = client_of(tenants.member(neighbour, Role.ADMINISTRATOR))

    answer = stranger.get(address)

    assert answer.status_code == 200
    assert listed(answer.content.decode()) == []


def test_a_search_finds_what_begins_so_as_it_is_written(night: Night, signed_in: Client) -> None:
    def found(term: str) -> list[str]:
        html = signed_in.get("/console/gis/networkelement/", {"q": term}).content.decode()
        return [row.split()[0] for row in listed(html)]

    assert found("SW-2") == ["SW-2"]
    assert found("SW-") == ["SW-1", "SW-2", "SW-3", "SW-4"]
    assert found("Feeder 8 br") == ["SW-1", "SW-2", "SW-3", "SW-4"]
    assert found("sw-2") == []
    assert found("%") == []


def test_what_the_source_no_longer_has_is_listed_only_on_request(night: Night, signed_in: Client) -> None:
    with acting_for(night.scope()):
        NetworkElement.objects.filter(external_id="SW-4").update(retired_at=timezone.now())

    def ids(**asked: str) -> list[str]:
        return [row.split()[0] for row in listed(signed_in.get("/console/gis/networkelement/", asked).content.decode())]

    assert ids() == ["SW-1", "SW-2", "SW-3"]
    assert ids(presence="gone") == ["SW-4"]
    assert ids(presence="all") == ["SW-1", "SW-2", "SW-3", "SW-4"]


def test_a_signal_without_a_value_is_unknown_and_not_zero(night: Night, signed_in: Client) -> None:
    with acting_for(night.scope()):
        Signal.objects.create(
            name="Tap position", kind="MEASUREMENT", **rows.landed(night.readings, "T-1", at=timezone.now())
        )

    by_name = {
        row.split(" I-8")[0].split(" T-1")[0]: row
        for row in listed(signed_in.get("/console/telemetry/signal/").content.decode())
    }

    assert "UNKNOWN" in by_name["Tap position"]
    assert "0 A Good" in by_name["Feeder 8 current"]


def test_a_job_that_names_equipment_stands_on_the_equipments_element(night: Night, signed_in: Client) -> None:
    with acting_for(night.scope()):
        switch = night.switches["SW-2"]
        Equipment.objects.create(
            alias=rows.alias(night.scada, switch, at=night.now), **rows.landed(night.orders, "0000002", at=night.now)
        )
        for number, equipment in (("WO-2", "0000002"), ("WO-3", "0000003")):
            WorkOrder.objects.create(
                status="WAITING", equipment_external_id=equipment, **rows.landed(night.orders, number, at=night.now)
            )

    found = listed(signed_in.get("/console/work/workorder/").content.decode())

    assert [row for row in found if row.startswith("WO-2 ") and " SW-2 " in row]
    assert [row for row in found if row.startswith("WO-3 ") and "0000003 (not in the network)" in row]


def acknowledge(client: Client, alarm: Alarm) -> str:
    answer = client.post(
        "/console/telemetry/alarm/",
        {"action": "acknowledge", "_selected_action": [str(alarm.pk)]},
        follow=True,
    )
    return answer.content.decode()


def test_a_coordinator_acknowledges_an_alarm_once(night: Night, signed_in: Client, coordinator: Membership) -> None:
    assert "1 acknowledgement is on the way" in acknowledge(signed_in, night.alarm)
    with acting_for(night.scope()):
        made = Acknowledgement.objects.get()
    assert (made.alarm_id, made.actor_id, made.status) == (night.alarm.pk, coordinator.user_id, "SENDING")

    assert "is on its way to SCADA gateway" in acknowledge(signed_in, night.alarm)
    with acting_for(night.scope()):
        assert Acknowledgement.objects.count() == 1


def test_an_auditor_cannot_acknowledge(night: Night, auditor: Client) -> None:
    acknowledge(auditor, night.alarm)

    with acting_for(night.scope()):
        assert Acknowledgement.objects.count() == 0
    assert "Acknowledge</option>" not in auditor.get("/console/telemetry/alarm/").content.decode()


def act(client: Client, alarm: Alarm, **given: str) -> tuple[int, str]:
    answer = client.post(f"/console/telemetry/alarm/{alarm.pk}/act/", given, follow=True)
    return answer.status_code, answer.content.decode()


def test_a_coordinator_shelves_an_alarm_with_a_reason_that_stands_on_its_page(
    night: Night, signed_in: Client, coordinator: Membership
) -> None:
    assert (
        "Confirm, comment, shelve"
        in signed_in.get(f"/console/telemetry/alarm/{night.alarm.pk}/change/").content.decode()
    )

    status, html = act(signed_in, night.alarm, kind="SHELVE_TIMED", minutes="30", reason="Being tested")

    assert status == 200
    assert "It is on its way to SCADA gateway." in html
    assert "Shelve for a time, “Being tested” by" in html
    with acting_for(night.scope()):
        made = AlarmAction.objects.get()
        assert OutboxItem.objects.filter(contract="alarm-shelving/1").count() == 1
    assert (made.actor_id, made.kind, made.status) == (coordinator.user_id, "SHELVE_TIMED", "SENDING")
    assert made.until is not None
    assert made.until - made.requested_at == timedelta(minutes=30)


def test_what_cannot_be_done_to_an_alarm_is_said_where_it_was_asked_for(night: Night, signed_in: Client) -> None:
    status, html = act(signed_in, night.alarm, kind="CONFIRM", reason="")
    assert (status, "SCADA gateway has nobody confirm this alarm." in html) == (409, True)

    status, html = act(signed_in, night.alarm, kind="SHELVE_TIMED", reason="Being tested")
    assert (status, "Say for how many minutes." in html) == (200, True)

    with acting_for(night.scope()):
        assert not AlarmAction.objects.exists()


def test_an_auditor_can_do_nothing_to_an_alarm(night: Night, auditor: Client) -> None:
    assert act(auditor, night.alarm, kind="COMMENT", reason="x")[0] == 403

    with acting_for(night.scope()):
        assert not AlarmAction.objects.exists()
    page = auditor.get(f"/console/telemetry/alarm/{night.alarm.pk}/change/").content.decode()
    assert "Confirm, comment, shelve" not in page


@pytest.fixture
def waiting(night: Night) -> ElementAlias:
    """A name of the SCADA gateway that fits no element's id."""
    with acting_for(night.scope()):
        return ElementAlias.objects.create(connector=night.scada, external_id="Bay 8 breaker", created_at=night.now)


def test_an_administrator_says_what_a_name_means(
    night: Night, waiting: ElementAlias, administrator: Membership
) -> None:
    client = client_of(administrator)
    assert [row for row in listed(client.get("/console/gis/elementalias/").content.decode()) if "Bay 8" in row]

    answer = client.post(f"/console/gis/elementalias/{waiting.pk}/change/", {"element_id": "SW-3"})

    assert answer.status_code == 302
    with acting_for(night.scope()):
        waiting.refresh_from_db()
        told = OutboxItem.objects.get(kind=OutboxKind.FOLLOW)
    assert waiting.element_id == night.switches["SW-3"].pk
    assert (told.contract, told.payload) == ("network-element/1", {"ids": [night.switches["SW-3"].pk]})
    assert listed(client.get("/console/gis/elementalias/").content.decode()) == []


def test_a_name_is_not_mapped_to_what_is_not_there(
    night: Night, waiting: ElementAlias, administrator: Membership
) -> None:
    answer = client_of(administrator).post(f"/console/gis/elementalias/{waiting.pk}/change/", {"element_id": "SW-99"})

    assert answer.status_code == 200
    assert "No element of the network has the id SW-99." in answer.content.decode()
    with acting_for(night.scope()):
        waiting.refresh_from_db()
        assert OutboxItem.objects.filter(kind=OutboxKind.FOLLOW).count() == 0
    assert waiting.element_id is None


def test_a_coordinator_reads_names_and_cannot_map_them(night: Night, waiting: ElementAlias, signed_in: Client) -> None:
    address = f"/console/gis/elementalias/{waiting.pk}/change/"

    assert 'name="element_id"' not in signed_in.get(address).content.decode()
    assert signed_in.post(address, {"element_id": "SW-3"}).status_code == 403
    with acting_for(night.scope()):
        waiting.refresh_from_db()
    assert waiting.element_id is None


def grow(night: Night) -> None:
    """Several more of everything, each with what its list shows beside it."""
    now = night.now
    for place in range(5):
        switch = rows.element(night.elements, f"SW-1{place}", at=now)
        named = rows.alias(night.scada, switch, at=now)
        order = WorkOrder.objects.create(
            status="DISPATCHED", alias=named, **rows.landed(night.orders, f"WO-{place}", at=now)
        )
        order.assignments.create(crew_external_id="CREW-12")
        Crew.objects.create(name=f"S-{place}", status="AVAILABLE", **rows.landed(night.orders, f"C-{place}", at=now))
        signal = Signal.objects.create(
            name=f"Current {place}",
            kind="MEASUREMENT",
            alias=named,
            **rows.landed(night.readings, f"I-{place}", at=now),
        )
        signal.latest.create(source_time=now, landed_at=now, value=1.0, quality="GOOD")
        Alarm.objects.create(
            condition=f"C-{place}",
            event_id=f"E-{place}",
            category="TRIP",
            severity=500,
            is_active=True,
            is_acknowledged=False,
            is_retained=True,
            alias=named,
            **rows.landed(night.alarms, f"A-{place}", at=now),
        )
        ServicePoint.objects.create(name=f"House 1{place}", **rows.landed(night.service_points, f"SP-{place}", at=now))
