"""An alert goes on to every connector that takes alerts, byte by byte, and what became of it stands on the timeline."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import ClassVar

import pytest
import responses

from connectors import registry
from connectors.adapters.push import PushAdapter
from connectors.contracts.base import OutboundRecord
from connectors.contracts.cap_alert import AlertStatus, CapAlert
from connectors.models import Connector, OutboxItem, State
from connectors.protocols.adapter import Receipt
from connectors.protocols.http import HttpSession
from connectors.services.outbox import deliver_due
from organisation.models import Membership, Organisation
from organisation.scope import Scope, acting_for, carrying
from outage.models import IssuedAlert, Outage, TimelineEntry
from outage.services.alert_settings import save_alert_settings
from outage.services.alerts import issue_alert
from tests import rows

HUB = "https://alerts.example/cap"


class Hub(PushAdapter):
    """A warning centre that takes CAP by POST."""

    kind: ClassVar[str] = "alert-hub"
    accepts: ClassVar[tuple[type[OutboundRecord], ...]] = (CapAlert,)

    def __init__(self, config: object, http: HttpSession) -> None:
        self.http = http

    def deliver(self, record: OutboundRecord) -> Receipt:
        assert isinstance(record, CapAlert)
        self.http.post(HUB, data=record.document.encode(), headers={"Content-Type": "application/cap+xml"})
        return Receipt(reference=record.identifier)


@pytest.fixture(autouse=True)
def _hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(registry, "ADAPTERS", (*registry.ADAPTERS, Hub))
    registry.adapters.cache_clear()
    yield
    registry.adapters.cache_clear()


@pytest.fixture
def outage(utility: Organisation, now: datetime) -> Outage:
    with acting_for(Scope(organisation_id=utility.pk)):
        save_alert_settings(
            sender="outages@utility.example",
            status=AlertStatus.ACTUAL,
            languages=["fr-FR"],
            web="",
            contact="",
            feed_is_public=False,
        )
        gis = rows.stream(rows.connector("Network GIS"), "network-element/1", proved_at=now)
        return rows.outage("2026-0117", rows.element(gis, at=now), now=now)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("status", "said", "reason"),
    [
        (202, "Warning centre took public alert utility.2026-0117.1", ""),
        (400, "Warning centre refused public alert utility.2026-0117.1", "alerts.example"),
    ],
)
def test_what_was_issued_is_delivered_and_its_receipt_stands_on_the_timeline(
    outage: Outage, coordinator: Membership, now: datetime, status: int, said: str, reason: str
) -> None:
    scope = Scope(organisation_id=outage.organisation_id)
    with acting_for(scope):
        rows.connector("Warning centre", kind="alert-hub")
        rows.connector("Switched off", kind="alert-hub", state=State.DISABLED)
        issued = issue_alert(outage=outage, reason="", actor=coordinator.user, now=now)

    with responses.RequestsMock() as wire, carrying(scope):
        wire.post(HUB, status=status, body="No.")
        delivered = deliver_due(clock=lambda: now + timedelta(seconds=1))
        [call] = wire.calls

    assert delivered == (status == 202)
    assert call.request.body == bytes(issued.content)
    with acting_for(scope):
        [item] = OutboxItem.objects.all()
        entry = TimelineEntry.objects.filter(outage=outage).latest("pk")
        assert item.contract == "cap-alert/1.2"
        assert (entry.kind, entry.summary, entry.source) == ("ALERT", said, "Warning centre")
        assert reason in entry.reason


@pytest.mark.django_db
def test_without_a_taker_nothing_waits_to_be_delivered(
    outage: Outage, coordinator: Membership, now: datetime, utility: Organisation
) -> None:
    with acting_for(Scope(organisation_id=utility.pk)):
        issue_alert(outage=outage, reason="", actor=coordinator.user, now=now)

        assert (IssuedAlert.objects.count(), OutboxItem.objects.count()) == (1, 0)
        assert list(Connector.objects.values_list("name", flat=True)) == ["Network GIS"]
