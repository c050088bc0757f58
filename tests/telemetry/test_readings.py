import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from django.db import DataError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.contracts.reading import Quality
from connectors.contracts.reading import Reading as ReadingRecord
from connectors.contracts.signal import Signal as SignalRecord
from connectors.contracts.signal import SignalKind
from connectors.landing import Landed, Landing, SetAside
from organisation.models import Organisation
from organisation.scope import Scope, acting_for
from telemetry.models import LatestReading, Reading, Signal
from telemetry.services.readings import land_readings
from telemetry.services.signals import land_signals
from tests.telemetry.conftest import content

pytestmark = pytest.mark.usefixtures("days")


@pytest.fixture
def power(landing: Landing) -> int:
    return make_signals(landing, "SW-1.P")[0]


def make_signals(landing: Landing, *names: str, kind: SignalKind = SignalKind.MEASUREMENT) -> list[int]:
    records = [SignalRecord(external_id=name, name=name, kind=kind) for name in names]
    return list(land_signals(records, landing).touched)


def reading(time: datetime, value: float | None = None, *, signal: str = "SW-1.P", **more: Any) -> ReadingRecord:
    return ReadingRecord(external_id=signal, signal=signal, source_time=time, value=value, **more)


def history(signal_id: int) -> list[tuple[datetime, float | None]]:
    return list(Reading.objects.filter(signal_id=signal_id).order_by("source_time").values_list("source_time", "value"))


def test_lands_history_and_the_newest(landing: Landing, power: int, now: datetime) -> None:
    before = now - timedelta(minutes=15)

    landed = land_readings([reading(before, 7.0), reading(now, 7.25)], landing)

    assert landed == Landed(created=2, touched=(power,))
    assert history(power) == [(before, 7.0), (now, 7.25)]
    latest = LatestReading.objects.get(signal_id=power)
    assert (latest.source_time, latest.value, latest.landed_at, latest.quality) == (now, 7.25, now, "GOOD")
    assert (latest.usable_time, latest.usable_value) == (now, 7.25)


def test_an_equal_value_at_an_equal_time_is_not_fresh_and_costs_three_queries(
    landing: Landing, power: int, now: datetime
) -> None:
    land_readings([reading(now, 7.25)], landing)
    later = replace(landing, now=now + timedelta(seconds=1))
    rows = content(LatestReading), content(Reading)

    with CaptureQueriesContext(
        connection,
    ) as queries:
        landed = land_readings([reading(now, 7.25)], later)

    assert landed == Landed(unchanged=1)
    assert len(queries) == 3
    assert (content(LatestReading), content(Reading)) == rows


def test_an_equal_value_at_a_later_time_is_news(landing: Landing, power: int, now: datetime) -> None:
    land_readings([reading(now, 7.25)], landing)

    assert land_readings([reading(now + timedelta(seconds=1), 7.25)], landing) == Landed(created=1, touched=(power,))


def test_a_late_reading_joins_history_and_leaves_the_newest_alone(landing: Landing, power: int, now: datetime) -> None:
    early, between = now - timedelta(minutes=30), now - timedelta(minutes=15)
    land_readings([reading(early, 1.0), reading(now, 3.0)], landing)
    newest = content(LatestReading)

    landed = land_readings([reading(between, 2.0), reading(early, 1.0)], landing)

    assert landed == Landed(created=1, unchanged=1)
    assert history(power) == [(early, 1.0), (between, 2.0), (now, 3.0)]
    assert content(LatestReading) == newest


def test_a_restated_reading_replaces_what_it_restates(landing: Landing, power: int, now: datetime) -> None:
    early = now - timedelta(minutes=15)
    land_readings([reading(early, 1.0), reading(now, 2.0)], landing)

    of_history = land_readings([reading(early, 1.5)], landing)
    of_newest = land_readings([reading(now, None, quality=Quality.BAD, reason="BadSensorFailure")], landing)

    assert of_history == Landed(updated=1)
    assert of_newest == Landed(updated=1, touched=(power,))
    assert history(power) == [(early, 1.5), (now, None)]
    latest = LatestReading.objects.get(signal_id=power)
    assert (latest.quality, latest.reason, latest.value) == ("BAD", "BadSensorFailure", None)
    assert (latest.usable_time, latest.usable_value) == (now, 2.0)


def test_of_two_in_a_page_the_last_counts(landing: Landing, power: int, now: datetime) -> None:
    land_readings([reading(now, 1.0)], landing)

    assert land_readings([reading(now, 2.0), reading(now, 1.0)], landing) == Landed(unchanged=1)
    assert land_readings([reading(now, 1.0), reading(now, 2.0)], landing) == Landed(updated=1, touched=(power,))
    assert history(power) == [(now, 2.0)]


def test_a_usable_reading_behind_a_bad_one_is_told(landing: Landing, power: int, now: datetime) -> None:
    before = now - timedelta(seconds=5)
    land_readings([reading(now, None, quality=Quality.BAD, reason="BadNoCommunication")], landing)
    assert LatestReading.objects.get().usable_time is None

    landed = land_readings([reading(before, 4.0, quality=Quality.UNCERTAIN)], landing)

    assert landed == Landed(created=1, touched=(power,))
    latest = LatestReading.objects.get()
    assert (latest.source_time, latest.quality, latest.usable_time, latest.usable_value) == (
        now,
        "BAD",
        before,
        4.0,
    )


def test_sets_aside_what_names_no_known_signal(landing: Landing, power: int, now: datetime) -> None:
    landed = land_readings([reading(now, 1.0, signal="SW-9.P"), reading(now, 2.0)], landing)

    reason = "No signal SW-9.P is known from this system; read its signals first."
    assert landed == Landed(created=1, touched=(power,), set_aside=(SetAside(index=0, reason=reason, path="signal"),))


def test_sets_aside_what_comes_from_the_future(landing: Landing, power: int, now: datetime) -> None:
    landed = land_readings([reading(now + timedelta(hours=1), 1.0), reading(now + timedelta(minutes=9), 2.0)], landing)

    reason = "It is stamped 1:00:00 ahead of our clock. Check the source's clock and its time zone."
    assert landed.set_aside == (SetAside(index=0, reason=reason, path="source_time"),)
    assert (landed.created, LatestReading.objects.get().value) == (1, 2.0)


def test_a_switch_that_has_not_moved_for_years_has_a_newest_reading(landing: Landing, now: datetime) -> None:
    (position,) = make_signals(landing, "SW-1.POS", kind=SignalKind.SWITCH_POSITION)
    years_ago = now - timedelta(days=1_000)
    closed = reading(years_ago, signal="SW-1.POS", state="CLOSED")

    assert land_readings([closed], landing) == Landed(created=1, touched=(position,))
    assert land_readings([closed], landing) == Landed(unchanged=1)

    assert history(position) == []
    latest = LatestReading.objects.get(signal_id=position)
    assert (latest.source_time, latest.state, latest.usable_state) == (years_ago, "CLOSED", "CLOSED")


def test_sets_aside_a_late_reading_for_which_there_is_no_day(landing: Landing, power: int, now: datetime) -> None:
    land_readings([reading(now, 1.0)], landing)

    landed = land_readings([reading(now - timedelta(days=10), 2.0)], landing)

    reason = "It is of 2026-11-14, and the days kept begin on 2026-11-22; a newer reading of the signal is known."
    assert landed == Landed(set_aside=(SetAside(index=0, reason=reason, path="source_time"),))
    assert history(power) == [(now, 1.0)]


def test_readings_of_one_page_may_be_of_several_days(landing: Landing, power: int, now: datetime) -> None:
    times = [now - timedelta(days=days) for days in (2, 1, 0)]

    landed = land_readings([reading(time, 1.0) for time in times], landing)

    assert landed == Landed(created=3, touched=(power,))
    assert [time for time, _ in history(power)] == times


def test_one_page_may_bring_what_is_known_new_late_and_restated(landing: Landing, now: datetime) -> None:
    names = ("KNOWN", "LATE", "NEWS", "RESTATED")
    known, late, news, restated = make_signals(landing, *names)
    before = now - timedelta(minutes=15)
    land_readings([reading(before, 1.0, signal=name) for name in names], landing)
    second = timedelta(seconds=1)

    landed = land_readings(
        [
            reading(now, 1.0, signal="NOBODY"),
            reading(now, 2.0, signal="NEWS"),
            reading(before, 2.0, signal="RESTATED"),
            reading(before - second, 0.5, signal="LATE"),
            reading(before, 1.0, signal="KNOWN"),
            reading(now, 9.0, signal="NOBODY ELSE"),
            reading(now + timedelta(days=1), 9.0, signal="NEWS"),
            reading(now + second, None, signal="NEWS", quality=Quality.BAD, reason="BadNoCommunication"),
        ],
        landing,
    )

    assert (landed.created, landed.updated, landed.unchanged) == (3, 1, 1)
    assert landed.touched == (news, restated)
    assert [(one.index, one.path) for one in landed.set_aside] == [(0, "signal"), (5, "signal"), (6, "source_time")]
    assert [history(one) for one in (known, late, news, restated)] == [
        [(before, 1.0)],
        [(before - second, 0.5), (before, 1.0)],
        [(before, 1.0), (now, 2.0), (now + second, None)],
        [(before, 2.0)],
    ]
    latest = LatestReading.objects.get(signal_id=news)
    assert (latest.source_time, latest.quality, latest.value) == (now + second, "BAD", None)
    assert (latest.usable_time, latest.usable_value) == (now, 2.0)


def test_a_day_begins_with_its_first_moment(landing: Landing, power: int, now: datetime) -> None:
    midnight = datetime(2026, 11, 22, tzinfo=UTC)
    readings = [reading(midnight - timedelta(microseconds=1), 1.0), reading(midnight, 2.0)]

    assert land_readings(readings, landing) == Landed(created=2, touched=(power,))

    assert history(power) == [(midnight, 2.0)]


def test_what_history_holds_is_not_created_again_where_the_newest_was_lost(
    landing: Landing, power: int, now: datetime
) -> None:
    before = now - timedelta(minutes=15)
    land_readings([reading(before, 1.0), reading(now, 2.0)], landing)
    LatestReading.objects.all().delete()

    landed = land_readings([reading(before, 1.5), reading(now, 2.0), reading(now + timedelta(seconds=1), 3.0)], landing)

    assert landed == Landed(created=1, updated=1, unchanged=1, touched=(power,))
    assert history(power) == [(before, 1.5), (now, 2.0), (now + timedelta(seconds=1), 3.0)]
    assert LatestReading.objects.get().value == 3.0


def test_a_time_counts_whatever_zone_it_is_told_in(landing: Landing, power: int, now: datetime) -> None:
    land_readings([reading(now, 1.0)], landing)

    there = now.astimezone(timezone(timedelta(hours=5, minutes=45)))

    assert land_readings([reading(there, 1.0)], landing) == Landed(unchanged=1)


def test_a_text_that_the_database_cannot_keep_is_told_as_such(landing: Landing, power: int, now: datetime) -> None:
    with pytest.raises(DataError), transaction.atomic():
        land_readings([reading(now, state="OPEN\x00")], landing)

    assert history(power) == []


def test_an_empty_page_lands_nothing(landing: Landing) -> None:
    assert land_readings([], landing) == Landed()


def test_two_organisations_with_the_same_names_stay_apart(
    landing: Landing,
    next_door: Landing,
    power: int,
    utility: Organisation,
    neighbour: Organisation,
    now: datetime,
) -> None:
    land_readings([reading(now, 1.0)], landing)

    with acting_for(Scope(organisation_id=neighbour.pk)):
        assert [aside.index for aside in land_readings([reading(now, 2.0)], next_door).set_aside] == [0]
        (theirs,) = make_signals(next_door, "SW-1.P")
        assert land_readings([reading(now, 2.0)], next_door) == Landed(created=1, touched=(theirs,))
        assert list(Reading.objects.values_list("signal_id", "value")) == [(theirs, 2.0)]
        assert list(Signal.objects.values_list("pk", flat=True)) == [theirs]

    assert list(Reading.objects.values_list("signal_id", "value")) == [(power, 1.0)]
    assert list(LatestReading.objects.values_list("signal_id", "value")) == [(power, 1.0)]


NIGHT = datetime(2026, 11, 24, 1, tzinfo=UTC)
READINGS = st.lists(
    st.builds(
        lambda signal, minute, bad: reading(
            NIGHT + timedelta(minutes=minute),
            # One content for one signal and time: what restates depends on its order by intent.
            None if bad else float(minute),
            signal=f"SW-{signal}.P",
            quality=Quality.BAD if bad else Quality.GOOD,
        ),
        st.integers(1, 3),
        st.integers(0, 20),
        st.booleans(),
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda one: (one.signal, one.source_time),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=READINGS, data=st.data())
def test_any_order_and_repetition_ends_in_the_same_state(
    landing: Landing, records: list[ReadingRecord], data: st.DataObject
) -> None:
    make_signals(landing, "SW-1.P", "SW-2.P", "SW-3.P")
    land_readings(sorted(records, key=lambda one: one.source_time), landing)
    expected = _state()
    _forget()
    shuffled = data.draw(st.permutations(records + data.draw(st.lists(st.sampled_from(records), max_size=6))))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(shuffled)), max_size=4)))

    for begin, end in zip([0, *cuts], [*cuts, len(shuffled)], strict=True):
        land_readings(shuffled[begin:end], landing)

    assert _state() == expected
    again = land_readings(shuffled, landing)
    assert (again.created, again.updated, again.touched) == (0, 0, ())
    assert _state() == expected
    _forget()


def _state() -> tuple[list[Any], list[Any]]:
    newest = content(LatestReading, "id", "landed_at")
    return sorted(newest, key=lambda row: row["signal_id"]), sorted(
        Reading.objects.values_list("signal_id", "source_time", "value", "quality")
    )


def _forget() -> None:
    LatestReading.objects.all().delete()
    Reading.objects.all().delete()


@pytest.mark.long
def test_lands_a_large_page_and_a_repeated_one(landing: Landing, now: datetime) -> None:
    signals = make_signals(landing, *(f"S-{number}" for number in range(500)))
    start = now - timedelta(hours=1)
    records = [
        reading(start + timedelta(seconds=second), float(second), signal=f"S-{number}")
        for second in range(10)
        for number in range(500)
    ]
    random.Random(7).shuffle(records)

    assert land_readings(records, landing) == Landed(created=5_000, touched=tuple(sorted(signals)))
    assert land_readings(records, landing) == Landed(unchanged=5_000)
    assert set(LatestReading.objects.values_list("value", flat=True)) == {9.0}
