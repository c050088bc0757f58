from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings

from connectors.contracts.alarm import Alarm as AlarmRecord
from connectors.contracts.alarm import AlarmCategory
from connectors.contracts.network_element import ElementKind
from connectors.contracts.signal import Signal as SignalRecord
from connectors.landing import Landed, Landing, SeenKeys
from connectors.models import Lease, SeenPage
from gis.models import ElementAlias, NetworkElement
from organisation.models import Organisation
from organisation.scope import Scope, acting_for
from telemetry.models import Alarm, Signal
from telemetry.queries.alarms import alarms_of_signals, retained_alarms
from telemetry.queries.signals import unresolved_aliases
from telemetry.services.alarms import land_alarms, retire_alarms
from telemetry.services.signals import land_signals, retire_signals
from tests.telemetry.conftest import content
from tests.telemetry.test_conditions import after, deliveries


def trip(time: datetime, *, active: bool = True, condition: str = "SW-1.Trip", **more: Any) -> AlarmRecord:
    return AlarmRecord(
        **{
            "external_id": condition,
            "condition": condition,
            "event_id": f"{time.isoformat()} {active}",
            "source_time": time,
            "category": AlarmCategory.TRIP,
            "name": "Trip",
            "message": "Breaker tripped",
            "severity": 800,
            "active": active,
            "acknowledged": False,
            **more,
        }
    )


def element(landing: Landing, external_id: str) -> NetworkElement:
    return NetworkElement.objects.create(
        connector_id=landing.connector_id,
        stream_id=landing.stream_id,
        external_id=external_id,
        landed_at=landing.now,
        kind=ElementKind.BREAKER,
        from_node="N-1",
        to_node="N-2",
    )


def test_lands_what_the_source_says(landing: Landing, now: datetime) -> None:
    breaker = element(landing, "SW-1")

    landed = land_alarms([trip(now, element="SW-1", signal="SW-1.POS", branch="b")], landing)

    alarm = Alarm.objects.get()
    assert landed == Landed(created=1, touched=(alarm.pk,))
    assert (alarm.external_id, alarm.condition, alarm.branch) == ("SW-1.Trip#b", "SW-1.Trip", "b")
    assert (alarm.source_time, alarm.landed_at, alarm.active_since) == (now, now, now)
    assert (alarm.category, alarm.name, alarm.message, alarm.severity) == ("TRIP", "Trip", "Breaker tripped", 800)
    assert (alarm.is_active, alarm.is_acknowledged, alarm.is_retained, alarm.activation) == (True, False, True, 1)
    assert alarm.alias is not None
    assert alarm.alias.element == breaker


def test_an_element_that_nobody_knows_yet_leaves_a_name_to_resolve(landing: Landing, now: datetime) -> None:
    land_alarms([trip(now, element="SW-1")], landing)

    assert [(alias.external_id, alias.element) for alias in unresolved_aliases()] == [("SW-1", None)]


def test_branches_of_a_condition_are_alarms_of_their_own(landing: Landing, now: datetime) -> None:
    land_alarms([trip(now), trip(now, active=False, branch="earlier")], landing)

    assert list(Alarm.objects.order_by("pk").values_list("branch", "is_active")) == [("", True), ("earlier", False)]


def test_a_course_of_notifications(landing: Landing, now: datetime) -> None:
    cleared, second = now + timedelta(minutes=20), now + timedelta(minutes=30)

    for record, expected in (
        (trip(now), (True, 1, now)),
        (trip(cleared, active=False), (False, 1, now)),
        (trip(second), (True, 2, second)),
        (trip(cleared, active=False), (True, 2, second)),
    ):
        land_alarms([record], landing)
        alarm = Alarm.objects.get()
        assert (alarm.is_active, alarm.activation, alarm.active_since) == expected


def test_landing_twice_changes_nothing_and_costs_two_queries(landing: Landing, now: datetime) -> None:
    page = [trip(now, element="SW-1"), trip(now, condition="SW-2.Trip"), trip(now + timedelta(seconds=1), active=False)]
    land_alarms(page, landing)
    rows = content(Alarm)

    with CaptureQueriesContext(connection) as queries:
        landed = land_alarms(page, replace(landing, now=now + timedelta(seconds=1)))

    assert landed == Landed(unchanged=2)
    assert len(queries) == 2
    assert content(Alarm) == rows


def test_a_late_notification_changes_nothing(landing: Landing, now: datetime) -> None:
    land_alarms([trip(now, active=False, retained=False)], landing)
    rows = content(Alarm)

    assert land_alarms([trip(now - timedelta(minutes=1))], landing) == Landed(unchanged=1)

    assert content(Alarm) == rows


def test_what_is_no_longer_retained_stays_as_a_row_off_the_list(landing: Landing, now: datetime) -> None:
    land_alarms([trip(now)], landing)
    assert retained_alarms().count() == 1

    land_alarms([trip(now + timedelta(minutes=1), active=False, acknowledged=True, retained=False)], landing)

    alarm = Alarm.objects.get()
    assert (alarm.is_retained, alarm.retired_at) == (False, None)
    assert retained_alarms().count() == 0


def test_the_worst_stand_first(landing: Landing, now: datetime) -> None:
    later = now + timedelta(minutes=1)
    land_alarms(
        [
            trip(now, condition="mild", severity=300),
            trip(now, condition="older", severity=900),
            trip(later, condition="newer", severity=900),
        ],
        landing,
    )

    assert [alarm.condition for alarm in retained_alarms()] == ["newer", "older", "mild"]


def test_what_a_complete_list_no_longer_holds_is_retired_and_may_come_back(landing: Landing, now: datetime) -> None:
    land_alarms([trip(now), trip(now, condition="SW-2.Trip")], landing)
    gone = Alarm.objects.get(external_id="SW-1.Trip")

    assert list(retire_alarms(landing, seen(landing, "SW-2.Trip"))) == [gone.pk]

    gone.refresh_from_db()
    assert (gone.retired_at, gone.is_retained, gone.is_active) == (now, False, False)
    assert [alarm.condition for alarm in retained_alarms()] == ["SW-2.Trip"]
    assert land_alarms([trip(now)], landing) == Landed(updated=1, touched=(gone.pk,))
    gone.refresh_from_db()
    assert (gone.retired_at, gone.is_retained, gone.activation) == (None, True, 1)


def seen(landing: Landing, *external_ids: str) -> SeenKeys:
    lease = Lease.objects.create(
        stream_id=landing.stream_id,
        fence=1,
        mode="FULL",
        trigger="SCHEDULE",
        started_at=landing.now,
        expires_at=landing.now,
    )
    SeenPage.objects.create(lease=lease, number=0, external_ids=list(external_ids))
    return SeenKeys(lease_id=lease.pk)


def test_an_alarm_without_an_element_stands_on_its_signals(landing: Landing, now: datetime) -> None:
    known, late = (SignalRecord(external_id=f"{name}.I", name="Current", element=name) for name in ("SW-1", "SW-2"))
    land_signals([known], landing)
    land_alarms(
        [
            trip(now, condition="SW-1.High", signal="SW-1.I"),
            trip(now, condition="SW-2.High", signal="SW-2.I"),
            trip(now, condition="none"),
        ],
        landing,
    )
    assert aliases() == {"SW-1.High": "SW-1", "SW-2.High": None, "none": None}

    signal_ids = land_signals([late], landing).touched

    assert aliases() == {"SW-1.High": "SW-1", "SW-2.High": "SW-2", "none": None}
    assert [alarm.condition for alarm in alarms_of_signals(signal_ids)] == ["SW-2.High"]
    assert land_alarms([trip(now, condition="SW-2.High", signal="SW-2.I")], landing) == Landed(unchanged=1)
    assert aliases()["SW-2.High"] == "SW-2"


def aliases() -> dict[str, str | None]:
    return dict(Alarm.objects.values_list("external_id", "alias__external_id"))


def test_signals_land_twice_alike_and_are_retired(landing: Landing, now: datetime) -> None:
    page = [
        SignalRecord(external_id="SW-1.I", name="Current", unit="A", element="SW-1"),
        SignalRecord(external_id="PUMP.LEVEL", name="Level", unit="m", equipment="EQ-7"),
    ]

    landed = land_signals(page, landing)
    rows = content(Signal)

    assert (landed.created, len(landed.touched)) == (2, 2)
    assert land_signals(page, replace(landing, now=now + timedelta(days=1))) == Landed(unchanged=2)
    assert content(Signal) == rows
    level, current = Signal.objects.order_by("external_id")
    assert (current.unit, current.kind, current.alias and current.alias.external_id) == ("A", "MEASUREMENT", "SW-1")
    assert (level.alias, level.equipment_external_id) == (None, "EQ-7")
    assert list(retire_signals(landing, seen(landing, "SW-1.I"))) == [level.pk]


def test_two_organisations_with_the_same_alarms_stay_apart(
    landing: Landing, next_door: Landing, neighbour: Organisation, now: datetime
) -> None:
    land_alarms([trip(now, element="SW-1")], landing)

    with acting_for(Scope(organisation_id=neighbour.pk)):
        assert content(Alarm) == []
        assert land_alarms([trip(now, element="SW-1", severity=1)], next_door).created == 1
        assert [alarm.severity for alarm in retained_alarms()] == [1]
        assert ElementAlias.objects.count() == 1

    assert [alarm.severity for alarm in retained_alarms()] == [800]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(delivery=deliveries(tells_since=True))
def test_any_order_and_repetition_ends_in_the_same_state(
    landing: Landing, delivery: tuple[list[AlarmRecord], list[list[AlarmRecord]]]
) -> None:
    course, pages = delivery
    land_alarms(course, landing)
    (expected,) = content(Alarm, "id", "activation")
    in_order = Alarm.objects.get().activation
    Alarm.objects.all().delete()

    for page in pages:
        land_alarms(page, landing)

    assert content(Alarm, "id", "activation") == [expected]
    alarm = Alarm.objects.get()
    assert in_order == after(*course).activation
    assert int(alarm.is_active) <= alarm.activation <= in_order
    assert land_alarms(course, landing) == Landed(unchanged=1)
    Alarm.objects.all().delete()
