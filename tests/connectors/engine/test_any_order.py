"""However a source behaved on the way, after one read that is whole all stands as one clean read would have left it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.models import Lease, Mode, Run, SeenPage, Stream, StreamState, Trigger
from connectors.protocols.errors import Unreachable
from connectors.services.outcomes import Ended
from connectors.services.sync import sync_stream
from gis.models import Zone
from tests.connectors.engine.scripted import Clock, Killed, Source, reset, zones

KEYS = "ABCDEFGH"
PATIENT = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@dataclass(frozen=True)
class Attempt:
    """
    A read that goes as it goes.

    :ivar pages: which records it brings, page by page, in whatever order and how often
    :ivar names: their name at that time
    :ivar breaks_at: the page at which the source is gone, or the worker
    """

    pages: Sequence[Sequence[str]]
    names: str
    is_complete: bool
    has_fingerprints: bool
    mode: Mode
    breaks_at: int | None
    dies: bool


attempts = st.builds(
    Attempt,
    pages=st.lists(st.lists(st.sampled_from(KEYS), min_size=1, max_size=4), min_size=1, max_size=4),
    names=st.sampled_from(["North", "South", "East"]),
    is_complete=st.booleans(),
    has_fingerprints=st.booleans(),
    mode=st.sampled_from([Mode.FULL, Mode.INCREMENTAL]),
    breaks_at=st.none() | st.integers(0, 3),
    dies=st.booleans(),
)


@st.composite
def truths(draw: st.DrawFn) -> dict[str, str]:
    return draw(st.dictionaries(st.sampled_from(KEYS), st.sampled_from(["North", "South"]), min_size=1))


def attempt(stream: Stream, clock: Clock, source: Source, one: Attempt) -> None:
    reset()
    source.pages = [zones(*keys, name=one.names) for keys in one.pages]
    source.is_complete, source.has_fingerprints = one.is_complete, one.has_fingerprints
    if one.breaks_at is not None:
        source.fails(Killed() if one.dies else Unreachable("gone"), at=one.breaks_at)  # type: ignore[arg-type]  # as a worker dies
    try:
        sync_stream(stream_id=stream.pk, mode=one.mode, trigger=Trigger.PERSON, clock=clock, pages_ahead=0)
    except Killed:
        clock.advance(31)
    clock.advance(60)


def read_whole(stream: Stream, clock: Clock, source: Source, truth: dict[str, str]) -> None:
    """Until the read that was asked for has been: one that was abandoned goes before it."""
    reset()
    source.has_fingerprints = True
    rows: list[dict[str, Any]] = [row for key, name in sorted(truth.items()) for row in zones(key, name=name)]
    source.pages = [rows[at : at + 3] for at in range(0, len(rows), 3)]
    for _ in range(2):
        while Lease.objects.exists():
            sync_stream(stream_id=stream.pk, mode=Mode.FULL, trigger=Trigger.PERSON, clock=clock, pages_ahead=0)
            clock.advance(31)
        synced = sync_stream(stream_id=stream.pk, mode=Mode.FULL, trigger=Trigger.PERSON, clock=clock, pages_ahead=0)
        clock.advance(60)
        assert synced.ended == Ended.READ


@pytest.mark.django_db
@PATIENT
@given(st.lists(attempts, max_size=4), truths())
def test_after_a_whole_read_all_is_as_the_source_has_it(
    stream: Stream, clock: Clock, source: Source, before: list[Attempt], truth: dict[str, str]
) -> None:
    for one in before:
        attempt(stream, clock, source, one)

    read_whole(stream, clock, source, truth)

    present = dict(Zone.objects.filter(stream=stream, retired_at=None).values_list("external_id", "name"))
    assert present == truth
    assert Zone.objects.filter(stream=stream).count() == len(
        set(Zone.objects.filter(stream=stream).values_list("external_id", flat=True))
    )
    assert not Run.objects.filter(stream=stream, status__in=["PENDING", "RUNNING"]).exists()
    assert not Lease.objects.filter(stream=stream).exists()
    assert not SeenPage.objects.exists()
    assert StreamState.objects.get(stream=stream).outcome == "SUCCEEDED"
