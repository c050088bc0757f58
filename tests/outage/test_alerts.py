"""A public alert about an outage: what it says, what it takes the place of, and that it stays as it went out."""

import hashlib
from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from audit.models import Event
from connectors.cap.reading import Element, children, read, text, texts
from connectors.cap.validation import faults_of
from connectors.contracts.cap_alert import AlertStatus, MessageType
from connectors.contracts.restoration_estimate import RestorationEstimate
from connectors.contracts.zone import Zone, ZoneLevel
from customer.models import ServicePoint
from gis.services.landing import land_zones
from organisation.models import Membership, Organisation, User
from organisation.scope import Scope, acting_for
from outage.models import IssuedAlert, Outage, Status, TimelineEntry, TimelineKind
from outage.services.alert_settings import UnableToSave, save_alert_settings
from outage.services.alerts import UnableToIssue, cancel_alert, issue_alert, preview_alert, update_alert
from outage.services.transitions import transition_outage
from tests.gis.networks import make_landing
from tests.outage.pretend import PretendUtility, element, the_outage

pytestmark = pytest.mark.django_db


@pytest.fixture
def person(coordinator: Membership) -> User:
    return coordinator.user


def send_from(
    sender: str = "outages@utility.example",
    *,
    status: AlertStatus = AlertStatus.ACTUAL,
    languages: tuple[str, ...] = ("en-GB",),
) -> None:
    save_alert_settings(
        sender=sender,
        status=status,
        languages=languages,
        web="https://utility.example/outages",
        contact="+49 385 1234",
        feed_is_public=False,
    )


@pytest.fixture
def outage(utility_with_ring: PretendUtility) -> Outage:
    """Five customers off behind the feeder, one of them critical; the utility may send alerts."""
    send_from()
    for node, longitude, latitude in (("near", 11.40, 53.60), ("far", 11.50, 53.70), ("other", 12.0, 53.0)):
        ServicePoint.objects.filter(node=node).update(longitude=longitude, latitude=latitude)
    utility_with_ring.trips("FEEDER")
    utility_with_ring.opens("FEEDER")
    return the_outage()


def info_of(alert: IssuedAlert) -> Element:
    return children(read(bytes(alert.content)), "info")[0]


def references(alert: IssuedAlert) -> list[str]:
    return (text(read(bytes(alert.content)), "references") or "").split()


def zone(name: str, west: float, south: float, east: float, north: float, *, now: datetime) -> None:
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    record = Zone(
        external_id=name, name=name, level=ZoneLevel.FEEDER_AREA, geometry={"type": "Polygon", "coordinates": [ring]}
    )
    land_zones([record], make_landing(contract="zone/1", now=now))


def test_an_alert_says_what_happened_where_and_until_when(
    outage: Outage, utility_with_ring: PretendUtility, person: User
) -> None:
    now = utility_with_ring.clock
    zone("West", 11.39, 53.59, 11.41, 53.61, now=now)
    zone("East", 11.49, 53.69, 11.51, 53.71, now=now)
    estimate = RestorationEstimate(
        external_id="E-1", source_time=now, element="FEEDER", estimated_at=now + timedelta(hours=2), note="N-12 on site"
    )
    utility_with_ring.estimates(estimate)
    now = utility_with_ring.clock

    issued = issue_alert(outage=outage, reason="Many calls", actor=person, now=now)

    content = bytes(issued.content)
    assert faults_of(content) == ()
    alert = read(content)
    assert {
        name: text(alert, name) for name in ("identifier", "sender", "status", "msgType", "scope", "incidents")
    } == {
        "identifier": "utility.2026-0001.1",
        "sender": "outages@utility.example",
        "status": "Actual",
        "msgType": "Alert",
        "scope": "Public",
        "incidents": "2026-0001",
    }
    [info] = children(alert, "info")
    [code] = children(info, "eventCode")
    [area] = children(info, "area")
    assert (text(info, "category"), text(code, "valueName"), text(code, "value")) == ("Infra", "OET:v1.2", "OET-145")
    assert [text(info, name) for name in ("urgency", "severity", "certainty")] == ["Immediate", "Moderate", "Likely"]
    assert text(info, "headline") == "Power outage: East, West"
    assert text(info, "description") == (
        "A few customers in this area have had no power since 2026-11-24 02:15 UTC: East, West. "
        "Utility expects power back at 2026-11-24 04:15 UTC."
    )
    assert text(info, "expires") == "2026-11-24T04:45:04-00:00"
    assert text(area, "areaDesc") == "East, West"
    assert sorted(texts(area, "polygon")) == [
        "53.59000,11.39000 53.61000,11.39000 53.61000,11.41000 53.59000,11.41000 53.59000,11.39000",
        "53.69000,11.49000 53.71000,11.49000 53.71000,11.51000 53.69000,11.51000 53.69000,11.49000",
    ]


def test_a_name_with_what_no_xml_can_hold_is_published_without_it(
    outage: Outage, utility_with_ring: PretendUtility, person: User
) -> None:
    now = utility_with_ring.clock
    zone("We\x0bst\x1b", 11.3, 53.5, 11.6, 53.8, now=now)

    issued = issue_alert(outage=outage, reason="", actor=person, now=now)

    assert text(info_of(issued), "headline") == "Power outage: West"


def test_nothing_internal_is_published(outage: Outage, utility_with_ring: PretendUtility, person: User) -> None:
    ServicePoint.objects.update(name="Care home Linden", priority_reason="Ventilator", account_number="A-77")

    issued = issue_alert(outage=outage, reason="Crew N-12 told us", actor=person, now=utility_with_ring.clock)

    content = bytes(issued.content).decode()
    for internal in ("Linden", "Ventilator", "A-77", "N-12", "FEEDER", "SCADA", person.email):
        assert internal not in content


def test_without_zones_the_area_is_the_hull_around_the_service_points(
    outage: Outage, utility_with_ring: PretendUtility, person: User
) -> None:
    issued = issue_alert(outage=outage, reason="", actor=person, now=utility_with_ring.clock)

    [area] = children(info_of(issued), "area")
    [polygon] = texts(area, "polygon")
    pairs = [tuple(map(float, pair.split(","))) for pair in polygon.split()]
    assert text(area, "areaDesc") == "Part of the supply area of Utility"
    assert pairs[0] == pairs[-1]
    assert min(latitude for latitude, _ in pairs) == pytest.approx(53.60 - 0.00225, abs=1e-4)
    assert max(longitude for _, longitude in pairs) == pytest.approx(11.50 + 0.00225 / 0.593, abs=2e-4)


def test_without_positions_the_area_is_around_the_element_and_without_that_there_is_no_alert(
    outage: Outage, utility_with_ring: PretendUtility, person: User
) -> None:
    ServicePoint.objects.update(longitude=None, latitude=None)
    feeder = element("FEEDER")

    with pytest.raises(UnableToIssue, match="It is not known where this outage is"):
        issue_alert(outage=outage, reason="", actor=person, now=utility_with_ring.clock)
    assert not IssuedAlert.objects.exists()
    feeder.longitude, feeder.latitude = 11.45, 53.65
    feeder.save()
    issued = issue_alert(outage=outage, reason="", actor=person, now=utility_with_ring.clock)

    assert "53.65" in next(texts(children(info_of(issued), "area")[0], "polygon"))


def test_an_update_refers_to_every_alert_in_force_and_a_cancel_too(
    outage: Outage, utility_with_ring: PretendUtility, person: User, now: datetime
) -> None:
    now += timedelta(minutes=1)
    first = issue_alert(outage=outage, reason="", actor=person, now=now)
    second = update_alert(outage=outage, reason="", actor=person, now=now + timedelta(hours=1))
    third = update_alert(outage=outage, reason="", actor=person, now=now + timedelta(hours=2))
    last = cancel_alert(outage=outage, reason="", actor=person, now=now + timedelta(hours=4, seconds=1))

    one, two, three = (f"{a.sender},{a.identifier},{a.sent}" for a in (first, second, third))
    assert one == "outages@utility.example,utility.2026-0001.1,2026-11-24T02:16:00-00:00"
    assert references(first) == []
    assert references(second) == [one]
    assert references(third) == [one, two]
    assert references(last) == [two, three]
    assert last.expires_at == third.expires_at
    assert faults_of(bytes(last.content)) == ()


def test_what_has_ended_or_was_cancelled_is_not_updated_but_issued_anew(
    outage: Outage, person: User, now: datetime
) -> None:
    issue_alert(outage=outage, reason="", actor=person, now=now)

    with pytest.raises(UnableToIssue, match=r"An alert about 2026-0001 is in force: update it, or cancel it\."):
        issue_alert(outage=outage, reason="", actor=person, now=now)
    with pytest.raises(UnableToIssue, match=r"No alert about 2026-0001 is in force: issue one\."):
        update_alert(outage=outage, reason="", actor=person, now=now + timedelta(hours=4))
    cancel_alert(outage=outage, reason="", actor=person, now=now + timedelta(hours=1))
    again = issue_alert(outage=outage, reason="", actor=person, now=now + timedelta(hours=2))

    assert (again.identifier, references(again)) == ("utility.2026-0001.3", [])


def test_an_outage_that_is_over_can_only_have_its_alert_cancelled(
    outage: Outage, utility_with_ring: PretendUtility, person: User
) -> None:
    now = utility_with_ring.clock
    issue_alert(outage=outage, reason="", actor=person, now=now)
    transition_outage(outage=outage, to=Status.RESTORED, reason="Back", actor=person, now=now)

    with pytest.raises(UnableToIssue, match=r"2026-0001 is restored: its alert can only be cancelled\."):
        update_alert(outage=outage, reason="", actor=person, now=now)
    cancelled = cancel_alert(outage=outage, reason="", actor=person, now=now)
    with pytest.raises(UnableToIssue, match="there is nothing to tell the public"):
        issue_alert(outage=outage, reason="", actor=person, now=now)

    info = info_of(cancelled)
    assert (text(info, "responseType"), text(info, "urgency")) == ("AllClear", "Past")
    assert text(info, "headline") == "Power is back: Part of the supply area of Utility"
    assert list(texts(children(info, "area")[0], "polygon"))


def test_a_dismissed_outage_has_its_alert_withdrawn(outage: Outage, person: User, now: datetime) -> None:
    issue_alert(outage=outage, reason="", actor=person, now=now)
    transition_outage(outage=outage, to=Status.CANCELLED, reason="Test trip", actor=person, now=now)

    cancelled = cancel_alert(outage=outage, reason="", actor=person, now=now)

    assert text(info_of(cancelled), "headline") == "Alert withdrawn: Part of the supply area of Utility"


@pytest.mark.parametrize(
    ("hours", "ends_after"), [(0.1, 1), (3, 3.5), (48, 24), (None, 4)], ids=["soon", "later", "far", "unknown"]
)
def test_an_alert_ends_some_time_after_power_is_expected(
    outage: Outage, utility_with_ring: PretendUtility, person: User, hours: float | None, ends_after: float
) -> None:
    now = utility_with_ring.clock
    if hours is not None:
        at = now + timedelta(hours=hours)
        told = RestorationEstimate(external_id="E-1", source_time=now, element="FEEDER", estimated_at=at)
        utility_with_ring.estimates(told)

    issued = issue_alert(outage=outage, reason="", actor=person, now=now)

    assert issued.expires_at - now == timedelta(hours=ends_after)


def test_an_estimate_that_has_passed_is_not_promised(
    outage: Outage, utility_with_ring: PretendUtility, person: User
) -> None:
    now = utility_with_ring.clock
    told = RestorationEstimate(external_id="E-1", source_time=now, element="FEEDER", estimated_at=now)
    utility_with_ring.estimates(told)

    issued = issue_alert(outage=outage, reason="", actor=person, now=now)

    assert "It is not known yet when power will be back." in (text(info_of(issued), "description") or "")


def test_every_language_tells_of_the_same_event(outage: Outage, person: User, now: datetime) -> None:
    send_from(languages=("de-DE", "fr-FR", "es-ES", "en-US"))

    issued = issue_alert(outage=outage, reason="", actor=person, now=now)

    infos = children(read(bytes(issued.content)), "info")
    assert [text(info, "language") for info in infos] == ["de-DE", "fr-FR", "es-ES", "en-US"]
    assert [text(info, "event") for info in infos] == [
        "Stromausfall",
        "Panne de courant",
        "Corte de luz",
        "Power outage",
    ]
    assert issued.headline == "Stromausfall: Teil des Versorgungsgebiets von Utility"
    assert faults_of(bytes(issued.content)) == ()


def test_a_test_says_so_and_stays_one(outage: Outage, person: User, now: datetime) -> None:
    send_from(status=AlertStatus.TEST)
    first = issue_alert(outage=outage, reason="", actor=person, now=now)
    send_from(status=AlertStatus.ACTUAL)
    second = update_alert(outage=outage, reason="", actor=person, now=now + timedelta(minutes=1))

    assert (first.status, second.status) == ("Test", "Test")
    assert second.headline.startswith("TEST: Power outage")


def test_moments_are_written_in_the_organisations_time_zone(
    outage: Outage, utility: Organisation, person: User, now: datetime
) -> None:
    Organisation.objects.filter(pk=utility.pk).update(time_zone="Europe/Berlin")

    issued = issue_alert(outage=outage, reason="", actor=person, now=now)

    assert issued.sent == text(read(bytes(issued.content)), "sent") == "2026-11-24T03:15:00+01:00"
    assert "since 2026-11-24 03:15 CET" in (text(info_of(issued), "description") or "")


def test_without_a_sender_nothing_is_issued(utility_with_ring: PretendUtility, person: User) -> None:
    utility_with_ring.trips("FEEDER")

    with pytest.raises(UnableToIssue) as refused:
        issue_alert(outage=the_outage(), reason="", actor=person, now=utility_with_ring.clock)

    assert refused.value.reasons[0] == "Nobody is set as the sender: an administrator enters one under Public alerts."
    assert not IssuedAlert.objects.exists()


def test_it_stands_on_the_timeline_and_in_the_trail(outage: Outage, person: User, now: datetime) -> None:
    issued = issue_alert(outage=outage, reason="Many calls", actor=person, now=now)

    entry = TimelineEntry.objects.get(kind=TimelineKind.ALERT)
    assert (entry.summary, entry.reason, entry.actor_id, entry.customers_affected) == (
        "Public alert issued, until 06:15 UTC on 24 Nov",
        "Many calls",
        person.pk,
        5,
    )
    event = Event.objects.get(model="outage.issuedalert", object_id=issued.pk)
    assert event.action == "+"
    assert not hasattr(IssuedAlert.history.get(), "content")


def test_what_went_out_cannot_be_changed_or_deleted(outage: Outage, person: User, now: datetime) -> None:
    issued = issue_alert(outage=outage, reason="", actor=person, now=now)
    content = bytes(issued.content)

    for touch in (
        lambda: IssuedAlert.objects.update(headline="Nothing happened"),
        lambda: IssuedAlert.objects.all().delete(),
    ):
        with pytest.raises(IntegrityError, match="An issued alert is kept as it went out"), transaction.atomic():
            touch()

    kept = IssuedAlert.objects.get()
    assert bytes(kept.content) == content
    assert kept.digest == hashlib.sha256(content).hexdigest()


def test_a_preview_keeps_nothing_and_names_what_is_missing_and_doubtful(
    outage: Outage, person: User, now: datetime
) -> None:
    send_from(status=AlertStatus.TEST)

    preview = preview_alert(outage=outage, message_type=None, now=now)
    ServicePoint.objects.update(longitude=None, latitude=None)
    nowhere = preview_alert(outage=outage, message_type=None, now=now)

    assert preview.offered == (MessageType.ALERT,)
    assert preview.alert is not None
    assert preview.missing == ()
    assert preview.doubts == (
        "Its status is Test: receivers warn nobody.",
        "Nobody has confirmed this outage: the alert calls it likely.",
        "Nobody has said until when: the alert ends after four hours unless it is updated.",
    )
    assert nowhere.alert is None
    assert nowhere.missing[0].startswith("It is not known where this outage is")
    assert not IssuedAlert.objects.exists()


def test_a_promise_of_the_field_that_has_grown_old_is_a_doubt(
    outage: Outage, utility_with_ring: PretendUtility
) -> None:
    now = utility_with_ring.clock
    told = RestorationEstimate(
        external_id="E-1", source_time=now, element="FEEDER", estimated_at=now + timedelta(hours=3)
    )
    utility_with_ring.estimates(told)
    doubt = "The field has not spoken for a while: ask by radio before you promise when power is back."

    fresh = preview_alert(outage=outage, message_type=None, now=utility_with_ring.clock)
    stale = preview_alert(outage=outage, message_type=None, now=now + timedelta(hours=2))

    assert doubt not in fresh.doubts
    assert doubt in stale.doubts


def test_a_neighbours_outage_cannot_be_told_of(
    outage: Outage, neighbour: Organisation, person: User, now: datetime
) -> None:
    with acting_for(Scope(organisation_id=neighbour.pk)):
        send_from("neighbour@utility.example")
        with pytest.raises(Outage.DoesNotExist):
            issue_alert(outage=outage, reason="", actor=person, now=now)
        assert not IssuedAlert.objects.exists()


@pytest.mark.parametrize("sender", ["two words", "a,b", "a&b", "a<b"])
def test_a_sender_that_would_break_the_standard_is_refused(scope: Scope, sender: str) -> None:
    with pytest.raises(UnableToSave, match="The sender is one word without commas"):
        send_from(sender)


@pytest.mark.parametrize("languages", [(), ("tlh",), ("en-GB", "en-GB")])
def test_languages_that_cannot_be_are_refused(scope: Scope, languages: tuple[str, ...]) -> None:
    with pytest.raises(UnableToSave, match="Choose at least one language, each once"):
        send_from(languages=languages)
