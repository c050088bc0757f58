"""AVEVA PI through the whole engine: from the pretend utility's historian into the database."""

from collections.abc import Callable, Iterator
from datetime import datetime

import pytest

from connectors import secrets
from connectors.models import Connector, Mode, Outcome, Stream, StreamState, Trigger
from connectors.services.listening import listen_to_stream
from connectors.services.outbox import deliver_due
from connectors.services.outcomes import Ended, Synced
from connectors.services.sync import sync_stream
from organisation.models import Membership
from organisation.scope import Scope
from telemetry.models import Alarm, LatestReading, Reading, Signal
from telemetry.services.acknowledgements import acknowledge_alarm
from tests.connectors.adapters.wire import BASE, PretendUtility, pretend_utility
from tests.telemetry.days import make_days

SWITCH, DATABASE = "SW-10770", "\\\\RURAL-AF\\Grid"


@pytest.fixture
def pi() -> Iterator[PretendUtility]:
    with pretend_utility() as utility:
        yield utility


@pytest.fixture
def historian(scope: Scope, pi: PretendUtility) -> Connector:
    make_days(pi.clock())
    return Connector.objects.create(
        kind="pi-web-api",
        name="Historian",
        config={"base_url": f"{BASE}/piwebapi", "sign_in": "BEARER", "overlap_seconds": 0},
        secrets=secrets.encrypt({"token": "pi-demo-token"}),
    )


def stream_of(historian: Connector, contract: str) -> Stream:
    options = {"name_filter": SWITCH} if contract != "alarm/1" else {}
    return Stream.objects.create(connector=historian, name=DATABASE, contract=contract, options=options)


def run(stream: Stream, pi: PretendUtility, mode: Mode = Mode.INCREMENTAL) -> Synced:
    return sync_stream(stream_id=stream.pk, mode=mode, trigger=Trigger.PERSON, clock=pi.clock)


def position() -> tuple[str | None, datetime]:
    newest = LatestReading.objects.get(signal__external_id__endswith="|POS")
    return newest.state, newest.source_time


@pytest.mark.django_db(transaction=True)
def test_signals_readings_and_alarms_land_and_land_once(historian: Connector, pi: PretendUtility) -> None:
    signals, readings = stream_of(historian, "signal/1"), stream_of(historian, "reading/1")
    alarms = stream_of(historian, "alarm/1")
    assert run(signals, pi, Mode.FULL).ended is Ended.READ
    assert sorted(Signal.objects.values_list("name", flat=True)) == [f"{SWITCH} {name}" for name in ("I", "P", "POS")]

    assert run(readings, pi).counts.created == 3
    assert position()[0] == "CLOSED"
    again = run(readings, pi, Mode.FULL).counts
    assert (again.created, again.updated) == (0, 0)

    pi.clock.advance(minutes=3)
    pi.utility.hv_fault(SWITCH)
    opened_at = pi.clock()
    pi.clock.advance(minutes=1)
    assert run(readings, pi).ended is Ended.READ
    assert run(alarms, pi).ended is Ended.READ

    assert position() == ("OPEN", opened_at)
    alarm = Alarm.objects.get()
    assert (alarm.is_active, alarm.is_acknowledged) == (True, False)
    assert run(alarms, pi).counts.updated == 0


@pytest.mark.django_db(transaction=True)
def test_a_read_that_broke_is_resumed_and_nothing_between_is_lost(historian: Connector, pi: PretendUtility) -> None:
    signals, readings = stream_of(historian, "signal/1"), stream_of(historian, "reading/1")
    run(signals, pi, Mode.FULL)
    run(readings, pi)
    pi.clock.advance(minutes=3)
    pi.utility.hv_fault(SWITCH)
    pi.clock.advance(minutes=1)
    pi.fault("pi", "429", after=1, times=1)

    throttled = run(readings, pi)

    state = StreamState.objects.get(stream=readings)
    assert throttled.ended is not Ended.READ
    assert state.outcome == Outcome.THROTTLED
    assert state.retry_at == pi.clock.instant.replace(second=2)
    pi.clock.advance(minutes=5)
    assert run(readings, pi).ended is Ended.READ
    assert position()[0] == "OPEN"
    assert Reading.objects.filter(signal__external_id__endswith="|POS").count() == 2


@pytest.mark.django_db(transaction=True)
def test_what_the_historian_tells_lands_as_a_page_does(historian: Connector, pi: PretendUtility) -> None:
    signals, readings = stream_of(historian, "signal/1"), stream_of(historian, "reading/1")
    run(signals, pi, Mode.FULL)
    pi.clock.advance(minutes=1)
    happenings: Iterator[Callable[[], object]] = iter(
        [lambda: None, lambda: pi.utility.hv_fault(SWITCH), lambda: pi.fault("pi", "forgotten", times=1)]
    )
    moments: list[datetime] = []

    def is_stopping() -> bool:
        """Asked before it listens and after each page: one thing more happens each time, until all has been heard."""
        moments.append(pi.clock.advance(seconds=2))
        happening = next(happenings, None)
        if happening is not None:
            happening()
        return len(moments) > 5

    readings.options |= {"poll_seconds": 1}
    readings.save()
    ended = listen_to_stream(stream_id=readings.pk, is_stopping=is_stopping, clock=pi.clock)

    state = StreamState.objects.get(stream=readings)
    assert (ended.ended, state.outcome) == (Ended.READ, Outcome.SUCCEEDED)
    assert position() == ("OPEN", moments[1])
    assert state.cursor == {"since": "2026-11-24T01:16:02Z", "behind": {}}
    assert Reading.objects.filter(signal__external_id__endswith="|POS").count() == 2
    assert run(readings, pi).counts.created == 0


@pytest.mark.django_db(transaction=True)
def test_an_alarm_that_a_person_has_seen_is_acknowledged_in_the_historian(
    historian: Connector, pi: PretendUtility, coordinator: Membership
) -> None:
    alarms = stream_of(historian, "alarm/1")
    pi.utility.hv_fault(SWITCH)
    run(alarms, pi)
    acknowledge_alarm(alarm=Alarm.objects.get(), comment="", actor=coordinator.user, now=pi.clock())
    pi.clock.advance(seconds=1)

    assert deliver_due(clock=pi.clock) == 1
    assert Alarm.objects.get().is_acknowledged is False
    run(alarms, pi)
    assert Alarm.objects.get().is_acknowledged is True
