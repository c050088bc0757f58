"""A coordinator sees what the public would be told, and tells it; an administrator says who it comes from."""

import html
import json
import re
from pathlib import Path

import pytest
from django.test import Client
from django.utils.html import strip_tags
from pytest_django import Settings

from connectors.contracts.cap_alert import AlertStatus
from gis.models import Zone
from organisation.models import Membership, Organisation
from organisation.roles import Role
from organisation.scope import acting_for
from outage.models import AlertSettings, IssuedAlert, Outage, TimelineEntry
from outage.services.alert_settings import save_alert_settings
from tests.conftest import Tenants
from tests.connectors.cap.keys import key_files, rsa_key
from tests.console.conftest import client_of
from tests.console.nights import Night

SETTINGS = "/console/outage/alertsettings/"


def address(outage: Outage, rest: str = "alert") -> str:
    return f"/console/outages/{outage.pk}/{rest}"


def words(html: str) -> str:
    return " ".join(strip_tags(html).split())


@pytest.fixture
def set_up(night: Night) -> None:
    with acting_for(night.scope()):
        save_alert_settings(
            sender="outages@utility.example",
            status=AlertStatus.TEST,
            languages=["en-GB", "de-DE"],
            web="",
            contact="",
            feed_is_public=False,
        )


def test_the_outages_page_leads_to_the_alert(night: Night, signed_in: Client, auditor: Client) -> None:
    html = signed_in.get(address(night.critical, "")).content.decode()
    read_only = auditor.get(address(night.critical, "")).content.decode()

    assert f'href="{address(night.critical)}"' in html
    assert address(night.critical) not in read_only


def test_it_shows_what_would_be_issued_in_each_language_and_keeps_nothing(
    night: Night, signed_in: Client, set_up: None
) -> None:
    page = signed_in.get(address(night.critical))
    said = words(page.content.decode())

    assert page.status_code == 200
    assert "TEST: Power outage: Feeder 8" in said
    assert "TEST: Stromausfall: Feeder 8" in said
    assert "Its status is Test: receivers warn nobody." in said
    assert "The public feed is closed. No connector takes alerts. No key is set: it is not signed." in said
    assert "Nobody has been told anything yet." in said
    with acting_for(night.scope()):
        assert not IssuedAlert.objects.exists()


def test_it_says_what_is_missing_and_offers_no_button(night: Night, signed_in: Client) -> None:
    said = words(signed_in.get(address(night.critical)).content.decode())

    assert "It cannot be issued. Nobody is set as the sender: an administrator enters one under Public alerts." in said
    assert "Reason" not in said


def test_it_is_issued_updated_and_cancelled_and_stands_on_the_timeline(
    night: Night, signed_in: Client, set_up: None, coordinator: Membership
) -> None:
    answers = [
        signed_in.post(address(night.critical), {"type": type_, "reason": "Many calls"})
        for type_ in ("Alert", "Update", "Cancel")
    ]

    assert {(answer.status_code, answer["Location"]) for answer in answers} == {(302, address(night.critical, ""))}
    with acting_for(night.scope()):
        issued = list(IssuedAlert.objects.order_by("sequence"))
        entries = list(TimelineEntry.objects.filter(outage=night.critical, kind="ALERT").order_by("pk"))
    assert [one.message_type for one in issued] == ["Alert", "Update", "Cancel"]
    assert [(entry.reason, entry.actor_id) for entry in entries] == [("Many calls", coordinator.user_id)] * 3
    document = signed_in.get(address(night.critical, f"alerts/{issued[0].identifier}.xml"))
    assert (document["Content-Type"], document.content) == ("application/cap+xml", bytes(issued[0].content))
    assert signed_in.get(address(night.large, f"alerts/{issued[0].identifier}.xml")).status_code == 404


def test_of_an_alert_in_force_the_other_message_can_be_looked_at(night: Night, signed_in: Client, set_up: None) -> None:
    signed_in.post(address(night.critical), {"type": "Alert", "reason": ""})

    usual = signed_in.get(address(night.critical)).content.decode()
    other = signed_in.get(address(night.critical) + "?type=Cancel").content.decode()

    assert re.findall(r'name="type" value="(\w+)"', usual + other) == ["Update", "Cancel"]
    assert "TEST: Alert withdrawn: Feeder 8" in words(other)


def test_what_the_service_refuses_is_said_and_what_was_typed_is_kept(
    night: Night, signed_in: Client, set_up: None
) -> None:
    refused = signed_in.post(address(night.critical), {"type": "Cancel", "reason": "All are back"})
    nonsense = signed_in.post(address(night.critical), {"type": "Rumour"})

    assert (refused.status_code, nonsense.status_code) == (409, 400)
    assert "Nothing was issued. No alert about 2026-0117 is in force: issue one." in words(refused.content.decode())
    assert ">All are back</textarea>" in refused.content.decode()
    with acting_for(night.scope()):
        assert not IssuedAlert.objects.exists()


def test_what_has_changed_since_somebody_looked_is_not_issued_unread(
    night: Night, signed_in: Client, set_up: None
) -> None:
    def seen() -> str:
        html = signed_in.get(address(night.critical)).content.decode()
        [gist] = re.findall(r'name="seen" value="(\w+)"', html)
        return str(gist)

    before = seen()
    with acting_for(night.scope()):
        Outage.objects.filter(pk=night.critical.pk).update(customers_off=4_000)
    refused = signed_in.post(address(night.critical), {"type": "Alert", "reason": "Calls", "seen": before})
    issued = signed_in.post(address(night.critical), {"type": "Alert", "reason": "Calls", "seen": seen()})

    assert (refused.status_code, issued.status_code) == (409, 302)
    assert "What the public would be told has changed since you looked: read it again, then issue it." in words(
        refused.content.decode()
    )
    assert "About 4,000 customers" in words(refused.content.decode())


def test_what_cannot_be_signed_is_not_issued_unsigned(
    night: Night, signed_in: Client, set_up: None, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    ours = key_files(tmp_path_factory.mktemp("ours"), rsa_key())
    other = key_files(tmp_path_factory.mktemp("other"), rsa_key())
    settings.CAP_SIGNING_KEY, settings.CAP_SIGNING_CERTIFICATE = ours.key, other.certificate

    refused = signed_in.post(address(night.critical), {"type": "Alert", "reason": ""})
    settings.CAP_SIGNING_CERTIFICATE = ours.certificate
    signed = signed_in.post(address(night.critical), {"type": "Alert", "reason": ""})

    assert refused.status_code == 409
    assert "It cannot be signed, and is not issued unsigned." in words(refused.content.decode())
    assert ours.key not in refused.content.decode()
    assert signed.status_code == 302
    with acting_for(night.scope()):
        kept = IssuedAlert.objects.get()
    assert kept.is_signed
    assert b"<ds:Signature" in bytes(kept.content)


def test_each_organisation_signs_with_a_key_of_its_own(
    night: Night, signed_in: Client, set_up: None, settings: Settings, tmp_path: Path
) -> None:
    settings.CAP_SIGNING_KEY = str(tmp_path / "{organisation}" / "key.pem")
    settings.CAP_SIGNING_CERTIFICATE = str(tmp_path / "{organisation}" / "certificate.pem")
    key_files(tmp_path / "a-neighbour", rsa_key())

    refused = signed_in.post(address(night.critical), {"type": "Alert", "reason": ""})
    key_files(tmp_path / night.organisation.slug, rsa_key())
    signed = signed_in.post(address(night.critical), {"type": "Alert", "reason": ""})

    assert refused.status_code == 409
    assert "The file that CAP_SIGNING_KEY names cannot be read" in words(refused.content.decode())
    assert signed.status_code == 302
    with acting_for(night.scope()):
        assert IssuedAlert.objects.get().is_signed


def test_an_auditor_tells_nobody_anything(night: Night, auditor: Client, set_up: None) -> None:
    assert auditor.get(address(night.critical)).status_code == 403
    assert auditor.post(address(night.critical), {"type": "Alert", "reason": ""}).status_code == 403
    with acting_for(night.scope()):
        assert not IssuedAlert.objects.exists()


def test_a_neighbour_tells_nobody_anything(
    night: Night, neighbour: Organisation, tenants: Tenants, set_up: None
) -> None:
    client = client_of(tenants.member(neighbour, Role.ADMINISTRATOR))

    assert client.get(address(night.critical)).status_code == 404
    assert client.post(address(night.critical), {"type": "Alert", "reason": ""}).status_code == 404
    with acting_for(night.scope()):
        assert not IssuedAlert.objects.exists()


def test_an_administrator_says_who_alerts_come_from_and_opens_the_feed(
    night: Night, administrator: Membership, signed_in: Client
) -> None:
    client = client_of(administrator)
    place = client.get(SETTINGS)["Location"]
    given = {
        "sender": "outages@utility.example",
        "status": "Actual",
        "languages": ["de-DE"],
        "web": "https://utility.example/outages",
        "contact": "",
        "feed_is_public": "on",
    }

    broken = client.post(place, {**given, "sender": "two words"})
    by_another = signed_in.post(place, given)
    with acting_for(night.scope()):
        assert AlertSettings.objects.get().sender == ""
    saved = client.post(place, given)

    assert "The sender is one word without commas" in broken.content.decode()
    assert (by_another.status_code, saved.status_code) == (403, 302)
    with acting_for(night.scope()):
        kept = AlertSettings.objects.get()
        assert (kept.sender, kept.status, kept.languages, kept.feed_is_public) == (
            "outages@utility.example",
            "Actual",
            ["de-DE"],
            True,
        )
        assert AlertSettings.history.count() == 2
    assert Client().get("/feeds/utility/cap.atom").status_code == 200
    assert "/feeds/utility/cap.atom" in client.get(place).content.decode()


def test_it_draws_the_area_with_its_zones_and_counts_whom_it_reaches(
    night: Night, signed_in: Client, set_up: None
) -> None:
    corners = [[11.40, 53.63], [11.42, 53.63], [11.42, 53.65], [11.40, 53.65], [11.40, 53.63]]
    with acting_for(night.scope()):
        Zone.objects.filter(name="Feeder 8").update(
            geometry={"type": "Polygon", "coordinates": [corners]}, extent="(11.42,53.65),(11.40,53.63)"
        )

    page = signed_in.get(address(night.critical)).content.decode()

    said = words(page)
    drawing = json.loads(html.unescape(re.search(r'data-alert="([^"]+)"', page)[1]))  # type: ignore[index]
    [ring] = drawing["area"]
    assert sorted(map(tuple, ring)) == sorted((latitude, longitude) for longitude, latitude in corners)
    assert drawing["zones"] == [["Feeder 8", [ring]]]
    assert "8 service points lie in the area: 3 off by this outage, 5 not. Zones in it: Feeder 8." in said
    assert f'data-url="{address(night.critical, "map.json")}"' in page


def test_what_was_issued_has_its_age_and_end_and_what_the_feed_shows(
    night: Night, signed_in: Client, set_up: None
) -> None:
    with acting_for(night.scope()):
        AlertSettings.objects.update(feed_is_public=True)
    before = words(signed_in.get(address(night.critical)).content.decode())
    signed_in.post(address(night.critical), {"type": "Alert", "reason": "", "seen": ""})
    issued = words(signed_in.get(address(night.critical)).content.decode())
    signed_in.post(address(night.critical), {"type": "Cancel", "reason": "", "seen": ""})
    cancelled = words(signed_in.get(address(night.critical)).content.decode())

    assert "The public feed shows nothing of this outage." in before
    assert re.search(r"sent .*?, \d+ s ago · in force, ends .*?, in \d h", issued)
    assert re.search(r"The public feed shows utility\.2026-0117\.1, \d+ s old, and drops it in \d h", issued)
    assert re.search(r"2026-0117\.1 ?Alert.*? · cancelled, would have ended", cancelled)
    assert re.search(r"2026-0117\.2 ?Cancel.*? · ends what was before, shown until", cancelled)
    assert "The public feed shows utility.2026-0117.2" in cancelled


def test_the_settings_say_what_the_feed_shows_and_how_old_it_is(night: Night, signed_in: Client, set_up: None) -> None:
    closed = words(signed_in.get(SETTINGS, follow=True).content.decode())
    with acting_for(night.scope()):
        AlertSettings.objects.update(feed_is_public=True)
    signed_in.post(address(night.critical), {"type": "Alert", "reason": "", "seen": ""})
    opened = words(signed_in.get(SETTINGS, follow=True).content.decode())

    assert "/feeds/utility/cap.atom is closed: it answers 404, as if there were none." in closed
    assert "No message is in force." in closed
    assert "/feeds/utility/cap.atom is open to everybody." in opened
    assert re.search(r"1 message\. The newest is utility\.2026-0117\.1 \(Alert\), \d+ s old; it ends in 2 h", opened)
