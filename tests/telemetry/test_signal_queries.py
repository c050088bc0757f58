from datetime import datetime, timedelta

import pytest

from connectors.contracts.reading import Quality, SwitchState
from connectors.contracts.reading import Reading as ReadingRecord
from connectors.contracts.signal import Signal as SignalRecord
from connectors.contracts.signal import SignalKind
from connectors.landing import Landing
from gis.models import ElementAlias
from gis.positions import PositionReport
from organisation.models import Organisation
from organisation.scope import Scope, acting_for
from telemetry.models import Signal
from telemetry.queries.signals import (
    latest_of_elements,
    switch_positions,
    switch_positions_of_aliases,
    switch_positions_of_elements,
    unresolved_aliases,
)
from telemetry.services.readings import land_readings
from telemetry.services.signals import land_signals
from tests.telemetry.test_alarms import element

pytestmark = pytest.mark.usefixtures("days")


def make(landing: Landing, name: str, *, of: str | None, kind: SignalKind = SignalKind.SWITCH_POSITION) -> int:
    (signal_id,) = land_signals([SignalRecord(external_id=name, name=name, kind=kind, element=of)], landing).touched
    return signal_id


def show(landing: Landing, name: str, state: str | None, time: datetime, *, quality: Quality = Quality.GOOD) -> None:
    record = ReadingRecord(external_id=name, signal=name, source_time=time, state=state, quality=quality)
    land_readings([record], landing)


def report(element_id: int, state: SwitchState, time: datetime) -> PositionReport:
    return PositionReport(element_id=element_id, state=state, source_time=time)


def test_tells_where_a_switch_stands(landing: Landing, now: datetime) -> None:
    switch = element(landing, "SW-1")
    position = make(landing, "SW-1.POS", of="SW-1")
    assert switch_positions([position]) == []

    show(landing, "SW-1.POS", "OPEN", now)

    assert switch_positions([position]) == [report(switch.pk, SwitchState.OPEN, now)]
    assert switch_positions_of_elements([switch.pk]) == [report(switch.pk, SwitchState.OPEN, now)]
    assert switch_positions([position + 1]) == []


def test_a_failed_point_leaves_the_switch_where_it_was_seen(landing: Landing, now: datetime) -> None:
    switch = element(landing, "SW-1")
    position = make(landing, "SW-1.POS", of="SW-1")
    record = ReadingRecord(external_id="SW-1.POS", signal="SW-1.POS", source_time=now, state="OPEN")
    failed = ReadingRecord(
        external_id="SW-1.POS", signal="SW-1.POS", source_time=now + timedelta(seconds=1), quality=Quality.BAD
    )

    # In one page: nobody had a chance to see the position in between.
    land_readings([record, failed], landing)

    assert switch_positions([position]) == [report(switch.pk, SwitchState.OPEN, now)]


def test_an_uncertain_position_is_one(landing: Landing, now: datetime) -> None:
    switch = element(landing, "SW-1")
    position = make(landing, "SW-1.POS", of="SW-1")

    show(landing, "SW-1.POS", "CLOSED", now, quality=Quality.UNCERTAIN)

    assert switch_positions([position]) == [report(switch.pk, SwitchState.CLOSED, now)]


def test_of_two_signals_of_one_switch_the_newest_counts(landing: Landing, now: datetime) -> None:
    switch = element(landing, "SW-1")
    signals = [make(landing, name, of="SW-1") for name in ("SW-1.POS", "SW-1.POS2")]
    show(landing, "SW-1.POS", "OPEN", now)
    show(landing, "SW-1.POS2", "CLOSED", now - timedelta(minutes=1))

    assert switch_positions(signals) == [report(switch.pk, SwitchState.OPEN, now)]


def test_leaves_out_what_is_no_position(landing: Landing, now: datetime) -> None:
    element(landing, "SW-1")
    status = make(landing, "SW-1.LOCAL", of="SW-1", kind=SignalKind.STATUS)
    odd = make(landing, "SW-1.POS", of="SW-1")
    nowhere = make(landing, "X.POS", of=None)
    for name, word in (("SW-1.LOCAL", "OPEN"), ("SW-1.POS", "EARTHED"), ("X.POS", "OPEN")):
        show(landing, name, word, now)

    assert switch_positions([status, odd, nowhere]) == []


def test_leaves_out_a_signal_that_its_source_no_longer_has(landing: Landing, now: datetime) -> None:
    element(landing, "SW-1")
    position = make(landing, "SW-1.POS", of="SW-1")
    show(landing, "SW-1.POS", "OPEN", now)
    Signal.objects.update(retired_at=now)

    assert switch_positions([position]) == []


def test_a_position_that_was_read_before_its_switch_was_known_is_told_afterwards(
    landing: Landing, now: datetime
) -> None:
    position = make(landing, "SW-1.POS", of="SW-1")
    show(landing, "SW-1.POS", "OPEN", now)
    assert switch_positions([position]) == []
    (alias,) = unresolved_aliases()
    assert alias.external_id == "SW-1"

    switch = element(landing, "SW-1")
    ElementAlias.objects.filter(pk=alias.pk).update(element=switch)

    expected = [report(switch.pk, SwitchState.OPEN, now)]
    assert switch_positions_of_aliases([alias.pk]) == expected
    assert switch_positions_of_elements([switch.pk]) == expected
    assert unresolved_aliases() == []


def test_the_newest_readings_of_an_element_stand_by_name(landing: Landing, now: datetime) -> None:
    switch, other = element(landing, "SW-1"), element(landing, "SW-2")
    for name in ("SW-1.P", "SW-1.I", "SW-1.Q"):
        make(landing, name, of="SW-1", kind=SignalKind.MEASUREMENT)
    for name, value in (("SW-1.P", 7.25), ("SW-1.I", 41.0)):
        land_readings([ReadingRecord(external_id=name, signal=name, source_time=now, value=value)], landing)

    found = latest_of_elements([switch.pk, other.pk])

    assert {key: [(one.signal.name, one.value) for one in readings] for key, readings in found.items()} == {
        switch.pk: [("SW-1.I", 41.0), ("SW-1.P", 7.25)]
    }


def test_two_organisations_stay_apart(
    landing: Landing, next_door: Landing, neighbour: Organisation, now: datetime
) -> None:
    ours = element(landing, "SW-1")
    signal_id = make(landing, "SW-1.POS", of="SW-1")
    show(landing, "SW-1.POS", "OPEN", now)

    with acting_for(Scope(organisation_id=neighbour.pk)):
        theirs = element(next_door, "SW-1")
        make(next_door, "SW-1.POS", of="SW-1")
        show(next_door, "SW-1.POS", "CLOSED", now)
        assert switch_positions([signal_id]) == []
        assert switch_positions_of_elements([ours.pk, theirs.pk]) == [report(theirs.pk, SwitchState.CLOSED, now)]
        assert unresolved_aliases() == []

    assert switch_positions_of_elements([ours.pk, theirs.pk]) == [report(ours.pk, SwitchState.OPEN, now)]
