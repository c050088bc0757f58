"""What notifications make of a condition, without a database."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.contracts.alarm import Alarm
from telemetry.conditions import EVENTS_KEPT, Condition, fold

NIGHT = datetime(2026, 11, 24, 2, 15, tzinfo=UTC)


def at(minute: float) -> datetime:
    return NIGHT + timedelta(minutes=minute)


def note(minute: float, *, active: bool, event: str = "", since: float | None = None, **more: Any) -> Alarm:
    return Alarm(
        external_id="SW-1.Trip",
        condition="SW-1.Trip",
        event_id=event or f"event at {minute}",
        source_time=at(minute),
        severity=800,
        active=active,
        acknowledged=more.pop("acknowledged", False),
        active_since=None if since is None else at(since),
        **more,
    )


def after(*notifications: Alarm) -> Condition:
    """The condition when they come one at a time."""
    known = None
    for notification in notifications:
        known = fold(known, [notification])
    assert known is not None
    return known


def summary(condition: Condition) -> tuple[bool, int, datetime | None]:
    return condition.newest.active, condition.activation, condition.active_since


TRIP, CLEAR, SECOND_TRIP = note(0, active=True), note(5, active=False), note(9, active=True)


def test_a_first_trip_is_the_first_activation() -> None:
    assert summary(after(TRIP)) == (True, 1, at(0))


def test_a_condition_that_was_clear_when_we_first_heard_of_it_has_had_no_activation() -> None:
    assert summary(after(CLEAR)) == (False, 0, None)


def test_repeats_begin_nothing() -> None:
    assert after(TRIP, TRIP) == after(TRIP)
    assert after(TRIP, CLEAR, TRIP, CLEAR, CLEAR, TRIP) == after(TRIP, CLEAR)


def test_a_trip_after_a_clear_is_a_new_activation() -> None:
    assert summary(after(TRIP, CLEAR)) == (False, 1, at(0))
    assert summary(after(TRIP, CLEAR, SECOND_TRIP)) == (True, 2, at(9))


def test_another_notification_of_an_active_condition_is_the_same_activation() -> None:
    acknowledged = note(1, active=True, acknowledged=True)

    condition = after(TRIP, acknowledged)

    assert summary(condition) == (True, 1, at(0))
    assert condition.newest == acknowledged


def test_what_is_late_neither_overwrites_nor_begins() -> None:
    assert after(CLEAR, TRIP) == after(CLEAR)
    assert after(SECOND_TRIP, CLEAR, TRIP) == after(SECOND_TRIP)
    assert after(TRIP, SECOND_TRIP, CLEAR) == after(TRIP, SECOND_TRIP)


def test_notifications_of_one_page_count_in_the_order_of_their_time() -> None:
    assert fold(None, [SECOND_TRIP, TRIP, CLEAR]) == after(TRIP, CLEAR, SECOND_TRIP)


def test_the_source_may_show_an_activation_whose_clear_we_never_saw() -> None:
    first, second = note(0, active=True, since=0), note(9, active=True, since=8)

    assert summary(after(first, second)) == (True, 2, at(8))


def test_since_when_it_is_active_may_be_stamped_after_the_notification_of_it() -> None:
    first, acknowledged = note(0, active=True, since=0.1), note(1, active=True, since=0.1, acknowledged=True)

    assert summary(after(first, acknowledged)) == (True, 1, at(0.1))


def test_an_active_time_before_the_notification_that_we_know_begins_nothing() -> None:
    assert summary(after(note(5, active=True), note(6, active=True, since=2))) == (True, 1, at(5))


def test_a_late_trip_tells_since_when_a_cleared_condition_was_active() -> None:
    assert summary(after(CLEAR, note(0, active=True, since=0))) == (False, 0, at(0))


def test_two_notifications_of_one_second_count_in_the_order_in_which_they_come() -> None:
    trip, clear = note(0, active=True, event="trip"), note(0, active=False, event="clear")

    assert summary(after(trip, clear)) == (False, 1, at(0))
    assert summary(after(clear, trip)) == (True, 1, at(0))
    assert after(trip, clear, trip, clear) == after(trip, clear)
    assert after(clear, trip, clear, trip) == after(clear, trip)


def test_a_reclose_and_a_trip_within_the_second_of_the_first_trip_are_a_second_activation() -> None:
    notes = [note(0, active=active, event=event) for active, event in ((True, "a"), (False, "b"), (True, "c"))]

    assert summary(after(*notes)) == (True, 2, at(0))
    assert after(*notes, *notes) == after(*notes)


def test_a_source_may_amend_a_notification_without_beginning_anything() -> None:
    amended = note(0, active=True, acknowledged=True)
    cleared = note(0, active=False)

    assert after(TRIP, amended).newest == amended
    assert summary(after(TRIP, amended)) == (True, 1, at(0))
    assert summary(after(TRIP, cleared, TRIP)) == (True, 1, at(0))
    assert summary(after(cleared, TRIP)) == (True, 1, at(0))


def test_the_notifications_of_one_moment_do_not_fill_a_row() -> None:
    condition = after(*(note(0, active=True, event=str(number)) for number in range(EVENTS_KEPT + 8)))

    assert len(condition.event_ids) == EVENTS_KEPT
    assert condition.event_ids[-1] == str(EVENTS_KEPT + 7)
    assert after(TRIP, SECOND_TRIP).event_ids == (SECOND_TRIP.event_id,)


@st.composite
def courses(draw: st.DrawFn, *, tells_since: bool) -> list[Alarm]:
    """What really happened to a condition, in order: runs of notifications, active and clear in turn."""
    course: list[Alarm] = []
    minute, active = 0, draw(st.booleans())
    for length in draw(st.lists(st.integers(1, 3), min_size=1, max_size=5)):
        since = minute
        for _ in range(length):
            course.append(note(minute, active=active, since=since if active and tells_since else None))
            minute += draw(st.integers(1, 3))
        active = not active
    return course


@st.composite
def deliveries(draw: st.DrawFn, *, tells_since: bool) -> tuple[list[Alarm], list[list[Alarm]]]:
    """A course, and pages that bring all of it in any order, some of it more than once."""
    course = draw(courses(tells_since=tells_since))
    sent = draw(st.permutations(course + draw(st.lists(st.sampled_from(course), max_size=6))))
    cuts = sorted(draw(st.lists(st.integers(0, len(sent)), max_size=5)))
    return course, [sent[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(sent)], strict=True)]


def delivered(pages: list[list[Alarm]]) -> Condition:
    known = None
    for page in pages:
        known = fold(known, page)
    assert known is not None
    return known


def activations(course: list[Alarm]) -> int:
    return sum(one.active and (not index or not course[index - 1].active) for index, one in enumerate(course))


@settings(max_examples=400, deadline=None)
@given(delivery=deliveries(tells_since=True))
def test_any_order_and_repetition_ends_in_the_same_state(delivery: tuple[list[Alarm], list[list[Alarm]]]) -> None:
    course, pages = delivery
    in_order = after(*course)

    condition = delivered(pages)

    assert condition.newest == in_order.newest == course[-1]
    assert condition.event_ids == in_order.event_ids
    assert condition.active_since == in_order.active_since
    assert in_order.activation == activations(course)
    assert int(course[-1].active) <= condition.activation <= in_order.activation
    assert delivered([*pages, course]) == condition


@settings(max_examples=400, deadline=None)
@given(delivery=deliveries(tells_since=False))
def test_it_holds_for_a_source_that_does_not_say_since_when(delivery: tuple[list[Alarm], list[list[Alarm]]]) -> None:
    course, pages = delivery
    in_order = after(*course)

    condition = delivered(pages)

    assert condition.newest == in_order.newest == course[-1]
    assert in_order.activation == activations(course)
    assert int(course[-1].active) <= condition.activation <= in_order.activation
    # Then the beginning is as early as it was told in time.
    if course[-1].active:
        assert condition.active_since is not None
        assert condition.active_since in {one.source_time for one in course if one.active}
    assert delivered([*pages, course]) == condition


@settings(max_examples=200, deadline=None)
@given(course=courses(tells_since=False), data=st.data())
def test_an_overlap_that_is_read_again_and_again_changes_nothing(course: list[Alarm], data: st.DataObject) -> None:
    known = None
    for index in range(len(course)):
        overlap = data.draw(st.integers(0, index))
        known = fold(known, course[overlap : index + 1])

    assert known == after(*course)
