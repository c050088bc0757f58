import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import DataError, connection
from django.db.transaction import TransactionManagementError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.contracts.zone import ZoneLevel
from connectors.landing import Landing, SeenKeys
from connectors.merge import Merged, merge, retire
from connectors.models import Connector, Lease, SeenPage, Stream
from gis.models import Zone
from organisation.models import Organisation
from organisation.scope import Scope, acting_for, current_scope

NIGHT = datetime(2026, 11, 24, 2, 15, tzinfo=UTC)
COLUMNS = ("external_id", "source_time", "name", "level", "geometry", "extent")


def zone(key: str, name: str = "North", **values: Any) -> tuple[Any, ...]:
    row = {"source_time": None, "level": ZoneLevel.COMPANY, "geometry": None, "extent": None, **values}
    return tuple({"external_id": key, "name": name, **row}[column] for column in COLUMNS)


def a_landing(name: str = "GIS", now: datetime = NIGHT) -> Landing:
    connector, _ = Connector.objects.get_or_create(kind="ogc-api-features", name=name)
    stream, _ = Stream.objects.get_or_create(connector=connector, name="zones", contract="zone/1")
    return Landing(
        organisation_id=current_scope().organisation_id,
        connector_id=connector.pk,
        stream_id=stream.pk,
        now=now,
    )


Land = Callable[..., Merged]


@pytest.fixture
def land(scope: Scope) -> Land:
    def land(rows: Sequence[tuple[Any, ...]], *, minutes: int = 0, **options: Any) -> Merged:
        landing = a_landing(now=NIGHT + timedelta(minutes=minutes))
        return merge(Zone, rows, landing=landing, columns=COLUMNS, **options)

    return land


def counts(merged: Merged) -> tuple[int, int, int]:
    return merged.created, merged.updated, merged.unchanged


def test_new_rows_are_created_with_all_that_the_landing_knows(land: Land) -> None:
    shape = {"type": "Point", "coordinates": [8.5, 49.25]}

    merged = land([zone("Z-1", "Nord “ä”\t\\N\n", source_time=NIGHT, geometry=shape, extent="(2,2),(1,1)")])

    row = Zone.objects.get()
    assert counts(merged) == (1, 0, 0)
    assert merged.ids_touched == (row.pk,)
    assert merged.ids_by_key == {"Z-1": row.pk}
    assert (row.name, row.level, row.geometry) == ("Nord “ä”\t\\N\n", "COMPANY", shape)
    assert (row.source_time, row.landed_at, row.retired_at) == (NIGHT, NIGHT, None)
    assert (row.connector_id, row.stream_id) == (a_landing().connector_id, a_landing().stream_id)
    assert row.extent == "(2,2),(1,1)"


def test_landing_the_same_again_changes_nothing(land: Land) -> None:
    rows = [zone(f"Z-{n}", geometry={"n": [n, None]}, extent="(2,2),(1,1)") for n in range(20)]
    first = land(rows)

    again = land(rows, minutes=5)

    assert counts(again) == (0, 0, 20)
    assert again.ids_touched == ()
    assert again.ids_by_key == first.ids_by_key
    assert set(Zone.objects.values_list("landed_at", flat=True)) == {NIGHT}


def test_only_what_differs_is_updated(land: Land) -> None:
    before = land([zone("Z-1"), zone("Z-2"), zone("Z-3")]).ids_by_key

    merged = land([zone("Z-1"), zone("Z-2", "South"), zone("Z-4")], minutes=5)

    assert counts(merged) == (1, 1, 1)
    assert merged.ids_touched == tuple(sorted((before["Z-2"], merged.ids_by_key["Z-4"])))
    landed = dict(Zone.objects.values_list("external_id", "landed_at"))
    later = NIGHT + timedelta(minutes=5)
    assert landed == {"Z-1": NIGHT, "Z-2": later, "Z-3": NIGHT, "Z-4": later}


def test_the_last_of_several_with_one_key_counts(land: Land) -> None:
    merged = land([zone("Z-1", "first"), zone("Z-2"), zone("Z-1", "last")])

    assert counts(merged) == (2, 0, 0)
    assert Zone.objects.get(external_id="Z-1").name == "last"


def test_boxes_alone_make_no_difference(land: Land) -> None:
    land([zone("Z-1", extent="(2,2),(1,1)")])

    merged = land([zone("Z-1", extent="(3,3),(1,1)")], minutes=5)

    assert counts(merged) == (0, 0, 1)
    assert Zone.objects.get().extent == "(2,2),(1,1)"


def test_null_and_a_value_differ_both_ways(land: Land) -> None:
    land([zone("Z-1", geometry=None)])

    assert counts(land([zone("Z-1", geometry={"a": 1})])) == (0, 1, 0)
    assert counts(land([zone("Z-1", geometry=None)])) == (0, 1, 0)
    assert Zone.objects.get().geometry is None


def test_compare_says_which_columns_matter(land: Land) -> None:
    land([zone("Z-1", source_time=NIGHT)])

    merged = land([zone("Z-1", source_time=NIGHT + timedelta(hours=1))], compare=["name"])

    assert counts(merged) == (0, 0, 1)
    assert Zone.objects.get().source_time == NIGHT


def test_an_older_row_does_not_replace_a_newer_one(land: Land) -> None:
    new, old = NIGHT, NIGHT - timedelta(hours=1)
    land([zone("Z-1", "new", source_time=new)])

    merged = land([zone("Z-1", "old", source_time=old)], minutes=5, newest_by="source_time")
    within = land([zone("Z-2", "new", source_time=new), zone("Z-2", "old", source_time=old)], newest_by="source_time")

    assert counts(merged) == (0, 0, 1)
    assert merged.ids_by_key == {"Z-1": Zone.objects.get(external_id="Z-1").pk}
    assert counts(within) == (1, 0, 0)
    assert set(Zone.objects.values_list("name", flat=True)) == {"new"}


def test_fields_that_nothing_names_get_their_default_and_stay(scope: Scope) -> None:
    landing = a_landing()
    columns = ("external_id", "name")

    merge(Zone, [("Z-1", "North")], landing=landing, columns=columns)
    Zone.objects.update(level="SUBSTATION")
    merge(Zone, [("Z-1", "South")], landing=landing, columns=columns)

    assert list(Zone.objects.values_list("name", "level")) == [("South", "SUBSTATION")]


def test_what_cannot_be_kept_is_an_error_of_data(land: Land, scope: Scope) -> None:
    with pytest.raises(DataError, match="invalid byte sequence"), acting_for(scope):
        land([zone("Z-1", name="half a \0 name")])

    assert not Zone.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_it_refuses() -> None:
    landing = Landing(organisation_id=1, connector_id=1, stream_id=1, now=NIGHT)

    with pytest.raises(TransactionManagementError):
        merge(Zone, [zone("Z-1")], landing=landing, columns=COLUMNS)


def test_the_planner_is_as_before_afterwards(land: Land) -> None:
    land([zone("Z-1")])

    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('enable_hashjoin'), current_setting('enable_mergejoin')")
        assert cursor.fetchone() == ("on", "on")


def test_several_tables_and_columns_in_one_transaction(land: Land) -> None:
    land([zone("Z-1")])
    merge(
        Zone,
        [("Z-1", "named anew", "COMPANY")],
        landing=a_landing(),
        columns=("external_id", "name", "level"),
    )

    assert counts(land([zone("Z-1", "named anew")])) == (0, 0, 1)


def test_two_connectors_and_two_organisations_keep_their_own_rows(
    land: Land, scope: Scope, neighbour: Organisation
) -> None:
    land([zone("Z-1")])
    other = merge(Zone, [zone("Z-1", "other system")], landing=a_landing("Other GIS"), columns=COLUMNS)
    with acting_for(Scope(organisation_id=neighbour.pk)):
        theirs = merge(Zone, [zone("Z-1", "neighbour")], landing=a_landing(), columns=COLUMNS)
        assert list(Zone.objects.values_list("name", flat=True)) == ["neighbour"]

    assert (counts(other), counts(theirs)) == ((1, 0, 0), (1, 0, 0))
    assert sorted(Zone.objects.values_list("name", flat=True)) == ["North", "other system"]


def seen(landing: Landing, *pages: list[str]) -> SeenKeys:
    lease = Lease.objects.create(
        stream_id=landing.stream_id,
        fence=1,
        mode="FULL",
        trigger="SCHEDULE",
        started_at=NIGHT,
        expires_at=NIGHT,
    )
    for number, keys in enumerate(pages):
        SeenPage.objects.create(lease=lease, number=number, external_ids=keys)
    return SeenKeys(lease_id=lease.pk)


def test_what_no_page_held_is_retired_and_comes_back(land: Land, scope: Scope) -> None:
    ids = land([zone("Z-1"), zone("Z-2"), zone("Z-3")]).ids_by_key
    landing = a_landing(now=NIGHT + timedelta(minutes=5))
    merge(Zone, [zone("Z-9")], landing=a_landing("Other GIS"), columns=COLUMNS)
    keys = seen(landing, ["Z-1"], ["Z-3", "Z-4"])

    assert retire(Zone, landing, keys) == [ids["Z-2"]]
    assert retire(Zone, landing, keys) == []

    gone = Zone.objects.get(external_id="Z-2")
    assert (gone.retired_at, gone.landed_at) == (landing.now, landing.now)
    assert Zone.objects.filter(retired_at=None).count() == 3
    back = land([zone("Z-2")], minutes=10)
    assert counts(back) == (0, 1, 0)
    assert Zone.objects.get(external_id="Z-2").retired_at is None


KEYS = st.sampled_from(["a", "b", "c", "d"])
VERSIONS = st.integers(0, 3)
FEED = st.lists(st.tuples(KEYS, VERSIONS), min_size=1, max_size=8)


def version(key: str, number: int) -> tuple[Any, ...]:
    return zone(key, f"{key}{number}", source_time=NIGHT + timedelta(minutes=number), geometry={"v": number})


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(feed=FEED, shuffled=st.randoms(use_true_random=False), cuts=st.lists(st.integers(0, 8), max_size=3))
def test_any_order_repetition_and_paging_end_alike(land: Land, feed: Any, shuffled: Any, cuts: Any) -> None:
    Zone.objects.all().delete()
    again = [*feed, *feed]
    shuffled.shuffle(again)
    bounds = [0, *sorted(cuts), len(again)]
    total = 0

    for start, end in pairwise(bounds):
        merged = land([version(*one) for one in again[start:end]], newest_by="source_time")
        total += merged.created

    newest: dict[str, int] = {}
    for key, number in feed:
        newest[key] = max(newest.get(key, 0), number)
    assert dict(Zone.objects.values_list("external_id", "name")) == {k: f"{k}{n}" for k, n in newest.items()}
    assert total == len(newest)


@pytest.mark.django_db(transaction=True)
def test_merges_of_shared_keys_at_once_neither_deadlock_nor_lose_a_row(utility: Organisation) -> None:
    scope = Scope(organisation_id=utility.pk)
    with acting_for(scope):
        landing = a_landing()
    keys = [f"Z-{number}" for number in range(300)]

    def merge_shuffled(seed: int) -> list[int]:
        try:
            known = []
            for step in range(4):
                shuffled = random.Random(f"{seed} {step}").sample(keys, len(keys))
                moment = NIGHT + timedelta(seconds=seed * 10 + step)
                with acting_for(scope):
                    rows = [zone(key, f"{seed} {step}", source_time=moment) for key in shuffled]
                    merged = merge(Zone, rows, landing=landing, columns=COLUMNS, newest_by="source_time")
                known.append(len(merged.ids_by_key))
            return known
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=3) as pool:
        known = [one for result in pool.map(merge_shuffled, range(3)) for one in result]

    assert known == [len(keys)] * 12
    with acting_for(scope):
        assert set(Zone.objects.values_list("name", flat=True)) == {"2 3"}
        assert Zone.objects.count() == len(keys)
