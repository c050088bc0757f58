"""The public feed: closed until an organisation opens it, then the alerts as they were issued."""

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from lxml import etree
from pytest_django import DjangoAssertNumQueries, Settings

from connectors.cap.reading import Element
from connectors.contracts.cap_alert import AlertStatus
from organisation.models import Membership, Organisation
from organisation.scope import Scope, acting_for
from outage.models import IssuedAlert, Outage
from outage.services.alert_settings import save_alert_settings
from outage.services.alerts import cancel_alert, issue_alert, update_alert
from tests import rows
from tests.console.conftest import client_of

pytestmark = pytest.mark.django_db

ATOM = {"a": "http://www.w3.org/2005/Atom"}
FEED = "/feeds/utility/cap.atom"


def set_up(*, is_public: bool) -> None:
    save_alert_settings(
        sender="outages@utility.example",
        status=AlertStatus.ACTUAL,
        languages=["en-GB"],
        web="",
        contact="",
        feed_is_public=is_public,
    )


@pytest.fixture
def started() -> datetime:
    return timezone.now().replace(microsecond=0) - timedelta(minutes=10)


@pytest.fixture
def outage(utility: Organisation, started: datetime) -> Outage:
    with acting_for(Scope(organisation_id=utility.pk)):
        set_up(is_public=True)
        gis = rows.stream(rows.connector("Network GIS"), "network-element/1", proved_at=started)
        return rows.outage("2026-0117", rows.element(gis, at=started), now=started)


@pytest.fixture
def alert(outage: Outage, coordinator: Membership, utility: Organisation, started: datetime) -> IssuedAlert:
    with acting_for(Scope(organisation_id=utility.pk)):
        return issue_alert(outage=outage, reason="", actor=coordinator.user, now=started)


def entries(feed: bytes) -> list[Element]:
    return etree.fromstring(feed).findall("a:entry", ATOM)


def links(feed: bytes) -> list[str]:
    return [entry.find("a:link", ATOM).get("href") for entry in entries(feed)]  # type: ignore[union-attr,misc]  # each entry has one


def test_the_feed_leads_to_the_bytes_that_were_issued(alert: IssuedAlert, client: Client) -> None:
    feed = client.get(FEED)
    [entry] = entries(feed.content)
    document = client.get("/feeds/utility/cap/utility.2026-0117.1.xml")

    assert (feed.status_code, feed["Content-Type"]) == (200, "application/atom+xml; charset=utf-8")
    assert entry.findtext("a:title", namespaces=ATOM) == "Power outage: Part of the supply area of Utility"
    assert entry.findtext("a:updated", namespaces=ATOM) == alert.sent.replace("-00:00", "+00:00")
    assert [one.get("term") for one in entry.findall("a:category", ATOM)] == ["Alert", "Actual"]
    assert entry.find("a:link", ATOM).attrib == {  # type: ignore[union-attr]  # it has one
        "rel": "alternate",
        "type": "application/cap+xml",
        "href": "http://testserver/feeds/utility/cap/utility.2026-0117.1.xml",
    }
    assert (document.status_code, document["Content-Type"]) == (200, "application/cap+xml")
    assert document.content == bytes(alert.content)


def test_whoever_has_it_already_is_answered_304_until_something_happens(
    alert: IssuedAlert, outage: Outage, coordinator: Membership, utility: Organisation, client: Client
) -> None:
    feed, document = client.get(FEED), client.get("/feeds/utility/cap/utility.2026-0117.1.xml")

    same = client.get(FEED, headers={"If-None-Match": feed["ETag"]})
    listed = client.get(FEED, headers={"If-None-Match": f'"other", W/{feed["ETag"]}'})
    kept = client.get("/feeds/utility/cap/utility.2026-0117.1.xml", headers={"If-None-Match": document["ETag"]})
    since = client.get(
        "/feeds/utility/cap/utility.2026-0117.1.xml", headers={"If-Modified-Since": document["Last-Modified"]}
    )
    with acting_for(Scope(organisation_id=utility.pk)):
        update_alert(outage=outage, reason="", actor=coordinator.user, now=timezone.now())
    changed = client.get(FEED, headers={"If-None-Match": feed["ETag"]})

    assert [one.status_code for one in (same, listed, kept, since, changed)] == [304, 304, 304, 304, 200]
    assert same.content == b""
    assert feed["Cache-Control"] == "no-cache"


def test_of_each_outage_the_latest_message_stands_in_the_feed_and_earlier_ones_can_still_be_had(
    alert: IssuedAlert, outage: Outage, coordinator: Membership, utility: Organisation, client: Client
) -> None:
    with acting_for(Scope(organisation_id=utility.pk)):
        update_alert(outage=outage, reason="", actor=coordinator.user, now=timezone.now())
        cancel_alert(outage=outage, reason="", actor=coordinator.user, now=timezone.now())

    assert links(client.get(FEED).content) == ["http://testserver/feeds/utility/cap/utility.2026-0117.3.xml"]
    assert client.get("/feeds/utility/cap/utility.2026-0117.1.xml").content == bytes(alert.content)


def test_what_has_ended_leaves_the_feed_and_can_still_be_had(
    outage: Outage, coordinator: Membership, utility: Organisation, client: Client
) -> None:
    with acting_for(Scope(organisation_id=utility.pk)):
        long_ago = timezone.now() - timedelta(days=2)
        issue_alert(outage=outage, reason="", actor=coordinator.user, now=long_ago)

    feed = client.get(FEED)

    assert entries(feed.content) == []
    updated = etree.fromstring(feed.content).findtext("a:updated", namespaces=ATOM)
    assert updated == long_ago.replace(microsecond=0).isoformat()
    assert client.get("/feeds/utility/cap/utility.2026-0117.1.xml").status_code == 200


@pytest.mark.parametrize("path", [FEED, "/feeds/utility/cap/utility.2026-0117.1.xml"])
def test_a_closed_feed_is_not_there_even_for_its_own_people(
    alert: IssuedAlert, utility: Organisation, coordinator: Membership, client: Client, path: str
) -> None:
    with acting_for(Scope(organisation_id=utility.pk)):
        set_up(is_public=False)

    assert client.get(path).status_code == 404
    assert client_of(coordinator).get(path).status_code == 404


def test_a_feed_is_closed_until_somebody_opens_it(utility: Organisation, client: Client) -> None:
    assert client.get(FEED).status_code == 404


@pytest.mark.parametrize(
    "path", ["/feeds/nobody/cap.atom", "/feeds/nobody/cap/utility.2026-0117.1.xml", "/feeds/utility/cap/none.xml"]
)
def test_what_is_not_there_is_404(alert: IssuedAlert, client: Client, path: str) -> None:
    assert client.get(path).status_code == 404


def test_one_organisations_alerts_are_never_in_anothers_feed(
    alert: IssuedAlert, neighbour: Organisation, coordinator: Membership, client: Client
) -> None:
    with acting_for(Scope(organisation_id=neighbour.pk)):
        set_up(is_public=True)
    ours = client_of(coordinator)

    for visitor in (client, ours):
        assert entries(visitor.get("/feeds/neighbour/cap.atom").content) == []
        assert visitor.get("/feeds/neighbour/cap/utility.2026-0117.1.xml").status_code == 404


def test_the_feed_costs_the_same_however_many_alerts_are_in_it(
    alert: IssuedAlert,
    outage: Outage,
    coordinator: Membership,
    utility: Organisation,
    client: Client,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    with CaptureQueriesContext(connection) as one:
        client.get(FEED)
    with acting_for(Scope(organisation_id=utility.pk)):
        for number in range(5):
            named = rows.element(outage.element.stream, f"SW-{number + 2}", at=outage.detected_at)
            other = rows.outage(f"2026-02{number}", named, now=outage.detected_at)
            issue_alert(outage=other, reason="", actor=coordinator.user, now=timezone.now())

    with django_assert_num_queries(len(one)):
        assert len(links(client.get(FEED).content)) == 6


def test_the_feed_is_for_reading(alert: IssuedAlert, client: Client) -> None:
    assert client.post(FEED).status_code == 405
    assert client.head(FEED).status_code == 200


def test_behind_tls_the_links_are_https(alert: IssuedAlert, client: Client, settings: Settings) -> None:
    settings.SESSION_COOKIE_SECURE = True

    assert links(client.get(FEED).content) == ["https://testserver/feeds/utility/cap/utility.2026-0117.1.xml"]
