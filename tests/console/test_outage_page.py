import re

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from connectors.models import OutboxItem
from organisation.models import Membership, Organisation
from organisation.roles import Role
from organisation.scope import acting_for
from outage.models import Outage, Status, TimelineEntry
from telemetry.models import Acknowledgement
from tests.conftest import Tenants
from tests.console.conftest import client_of
from tests.console.nights import Night


def address(outage: Outage, rest: str = "") -> str:
    return f"/console/outages/{outage.pk}/{rest}"


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def card(html: str, name: str) -> str:
    found = re.search(rf'<section class="card ctx[^>]*aria-labelledby="k-{name}">.*?</section>', html, re.DOTALL)
    assert found is not None
    return words(found.group())


def test_the_page_tells_each_fact_with_its_source_and_its_doubt(night: Night, signed_in: Client) -> None:
    html = signed_in.get(address(night.critical)).content.decode()

    assert "3 customers are off behind breaker SW-1" in html
    location, customers = card(html, "location"), card(html, "customers")
    assert location.startswith(
        "Location FRESH 3 h SW-1 breaker Feeder 8 breaker Zone Feeder 8, in East 53.64000° N, 11.41000° E"
    )
    assert "Network GIS expected within 1 d True at" in location
    assert customers.startswith("Customers FRESH 41 min 3 off of 3 affected 1 critical off of 1 affected Customer info")
    crew = card(html, "crew")
    assert crew.startswith("Crew UNAVAILABLE 3 min N-12 on the way Work order WO-448213 , dispatched")
    assert "Work orders expected within 10 min DEGRADED" in crew
    restoration = card(html, "restoration")
    assert restoration.startswith("Restoration STALE 18 min")
    assert "Ask by radio before you promise this time." in restoration
    telemetry = card(html, "telemetry")
    assert telemetry.startswith("Telemetry Feeder 8 current FRESH")
    assert "0 A good SCADA gateway expected within 10 s True at" in telemetry


def test_a_fact_that_nobody_told_is_unknown(night: Night, signed_in: Client) -> None:
    html = signed_in.get(address(night.large)).content.decode()

    assert card(html, "crew") == "Crew UNKNOWN No crew is assigned. No source has told"
    assert card(html, "restoration") == "Restoration UNKNOWN Nobody has said until when. No source has told"
    assert card(html, "telemetry") == "Telemetry UNKNOWN Nothing is measured on SW-2."


def test_critical_customers_and_the_timeline_stand_as_lists(night: Night, signed_in: Client) -> None:
    html = words(signed_in.get(address(night.critical)).content.decode())

    assert "1 Care home 2026-0117 SP-2026-0117-0 Care home Off" in html
    assert "SW-1 tripped 3 off, 1 critical · SCADA gateway" in html


def test_legal_moves_alone_are_offered_and_each_says_what_it_touches(night: Night, signed_in: Client) -> None:
    html = signed_in.get(address(night.critical)).content.decode()

    assert re.findall(r'data-dialog="move-(\w+)"', html) == ["CONFIRMED", "PARTIALLY_RESTORED", "RESTORED", "CANCELLED"]
    assert "3 customers still stand as off by the network. This records them as back, on your word." in html
    assert "Until now it claimed 3 customers off, 1 critical." in html


def test_a_move_is_made_with_its_reason_and_cause(night: Night, signed_in: Client, coordinator: Membership) -> None:
    given = {"to": "CONFIRMED", "reason": "Crew sees the pole down", "cause": "WEATHER"}

    answer = signed_in.post(address(night.critical, "transition"), given)

    assert (answer.status_code, answer["Location"]) == (302, address(night.critical))
    with acting_for(night.scope()):
        moved = Outage.objects.get(pk=night.critical.pk)
        entry = TimelineEntry.objects.get(outage=moved, to_status=Status.CONFIRMED)
    assert (moved.status, moved.cause) == ("CONFIRMED", "WEATHER")
    assert (entry.reason, entry.actor_id, entry.customers_affected) == (
        "Crew sees the pole down",
        coordinator.user_id,
        3,
    )


def test_what_the_service_refuses_is_said_and_what_was_typed_is_kept(night: Night, signed_in: Client) -> None:
    refused = signed_in.post(address(night.critical, "transition"), {"to": "CLOSED", "reason": "All done"})
    silent = signed_in.post(address(night.critical, "transition"), {"to": "RESTORED", "reason": "  "})

    assert (refused.status_code, silent.status_code) == (409, 409)
    assert "2026-0117 is detected and cannot become closed from there." in refused.content.decode()
    assert "Say why: every move of an outage has a reason." in silent.content.decode()
    assert re.search(r'<dialog id="move-RESTORED"[^>]* open>', silent.content.decode())
    with acting_for(night.scope()):
        assert Outage.objects.get(pk=night.critical.pk).status == "DETECTED"
        assert TimelineEntry.objects.filter(outage=night.critical).count() == 1


def test_nonsense_moves_nothing(night: Night, signed_in: Client) -> None:
    answer = signed_in.post(address(night.critical, "transition"), {"to": "EXPLODED", "reason": "x"})

    assert answer.status_code == 400
    assert "That is no move of an outage." in answer.content.decode()
    with acting_for(night.scope()):
        assert Outage.objects.get(pk=night.critical.pk).status == "DETECTED"


def test_an_auditor_reads_and_touches_nothing(night: Night, auditor: Client) -> None:
    html = auditor.get(address(night.critical)).content.decode()

    assert "data-dialog" not in html
    assert "Acknowledge" not in html
    assert auditor.post(address(night.critical, "transition"), {"to": "CONFIRMED", "reason": "x"}).status_code == 403
    assert auditor.post(address(night.critical, "acknowledge"), {"alarm": night.alarm.pk}).status_code == 403
    with acting_for(night.scope()):
        assert Outage.objects.get(pk=night.critical.pk).status == "DETECTED"
        assert not Acknowledgement.objects.exists()


def test_an_alarm_is_acknowledged_once_and_travels_to_its_source(night: Night, signed_in: Client) -> None:
    first = signed_in.post(address(night.critical, "acknowledge"), {"alarm": night.alarm.pk})
    second = signed_in.post(address(night.critical, "acknowledge"), {"alarm": night.alarm.pk})

    assert (first.status_code, second.status_code) == (302, 409)
    assert "This alarm&#x27;s acknowledgement is on its way to SCADA gateway." in second.content.decode()
    with acting_for(night.scope()):
        assert OutboxItem.objects.filter(contract="alarm-acknowledgement/1").count() == 1


def test_an_alarm_of_another_outage_cannot_be_acknowledged_here(night: Night, signed_in: Client) -> None:
    assert signed_in.post(address(night.large, "acknowledge"), {"alarm": night.alarm.pk}).status_code == 404


@pytest.mark.parametrize("rest", ["", "fragment", "map.json"])
def test_a_neighbours_outage_is_not_there(night: Night, neighbour: Organisation, tenants: Tenants, rest: str) -> None:
    client = client_of(tenants.member(neighbour, Role.ADMINISTRATOR))

    assert client.get(address(night.critical, rest)).status_code == 404


def test_a_neighbour_moves_nothing(night: Night, neighbour: Organisation, tenants: Tenants) -> None:
    client = client_of(tenants.member(neighbour, Role.ADMINISTRATOR))

    assert client.post(address(night.critical, "transition"), {"to": "CONFIRMED", "reason": "x"}).status_code == 404
    with acting_for(night.scope()):
        assert Outage.objects.get(pk=night.critical.pk).status == "DETECTED"


def test_the_fragment_holds_what_may_change_and_is_304_until_it_does(night: Night, signed_in: Client) -> None:
    first = signed_in.get(address(night.critical, "fragment"))
    same = signed_in.get(address(night.critical, "fragment"), headers={"If-None-Match": first["ETag"]})
    with acting_for(night.scope()):
        Outage.objects.filter(pk=night.critical.pk).update(customers_off=1)
    changed = signed_in.get(address(night.critical, "fragment"), headers={"If-None-Match": first["ETag"]})

    assert (first.status_code, same.status_code, changed.status_code) == (200, 304, 200)
    parts = re.findall(r'id="(head|moves|cards|critical|alarms|timeline)"', first.content.decode())
    assert parts == ["head", "moves", "cards", "critical", "alarms", "timeline"]
    assert "1 of 3 customers are off behind breaker SW-1" in changed.content.decode()


def test_the_page_is_read_in_one_statement(
    night: Night, signed_in: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    signed_in.get(address(night.critical))

    with django_assert_num_queries(15) as asked:
        signed_in.get(address(night.critical))

    read = [query["sql"] for query in asked.captured_queries if "outage_outage" in query["sql"]]
    assert len(read) == 1
