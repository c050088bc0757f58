"""The ArcGIS adapter against the pretend utility: reading what has changed."""

from collections.abc import Iterator
from typing import Any

import pytest

from connectors.contracts.network_element import NetworkElement
from connectors.protocols.adapter import Mode, Page
from connectors.protocols.errors import BadConfig
from tests.connectors.adapters.arcgis import (
    BY_TRACKING,
    ZONES,
    arcgis,
    forget,
    ids,
    queries,
    read,
    rename,
    stream,
)
from tests.connectors.adapters.wire import PretendUtility, pretend_utility


@pytest.fixture
def pretend() -> Iterator[PretendUtility]:
    with pretend_utility() as utility:
        yield utility


def test_tracked_changes_are_asked_for_by_the_servers_generation(pretend: PretendUtility) -> None:
    devices = stream(**BY_TRACKING)
    adapter = arcgis()
    known = read(adapter, devices)[-1].cursor
    rename(pretend, "SW-10770", "Renamed")
    rename(pretend, "LN-0", "A line, which is in another layer")

    pages = read(adapter, devices, cursor=known, mode=Mode.INCREMENTAL)

    (raw,) = pages[0].records
    element = adapter.parse(raw, devices)
    assert isinstance(element, NetworkElement)
    assert (element.external_id, element.name) == ("SW-10770", "Renamed")
    assert element.geometry == {"type": "Point", "coordinates": [11.4096149, 53.6414371]}
    assert (len(pages), pages[0].complete) == (1, True)
    assert known is not None
    assert pages[0].cursor == known | {"generation": known["generation"] + 2}  # one for each layer that changed
    assert pretend.services().count("extractChanges") == 1


def test_an_edit_during_a_full_read_comes_with_the_next_changes(pretend: PretendUtility) -> None:
    devices = stream(**BY_TRACKING)
    adapter = arcgis()
    pages: list[Page] = []
    for page in adapter.fetch(devices, cursor=None, mode=Mode.FULL):
        if not pages:
            rename(pretend, "SW-10770", "Renamed")
        pages.append(page)

    changes = read(adapter, devices, cursor=pages[-1].cursor, mode=Mode.INCREMENTAL)

    assert ids(adapter, devices, changes) == ["SW-10770"]


def test_no_job_is_started_while_the_generation_stands_still(pretend: PretendUtility) -> None:
    devices = stream(**BY_TRACKING)
    adapter = arcgis()
    known = read(adapter, devices)[-1].cursor
    pretend.services()

    (page,) = read(adapter, devices, cursor=known, mode=Mode.INCREMENTAL)

    assert (list(page.records), page.complete, page.cursor) == ([], True, known)
    assert pretend.services() == ["0", "FeatureServer"]


def test_after_a_purge_of_change_tracking_everything_is_read(pretend: PretendUtility) -> None:
    devices = stream(**BY_TRACKING)
    adapter = arcgis()
    known = read(adapter, devices)[-1].cursor
    rename(pretend, "SW-10770", "Renamed")
    pretend.fault("arcgis", "purged", times=1)

    pages = read(adapter, devices, cursor=known, mode=Mode.INCREMENTAL)
    rename(pretend, "SW-10770", "Renamed again")
    later = read(adapter, devices, cursor=pages[-1].cursor, mode=Mode.INCREMENTAL)

    assert (len(ids(adapter, devices, pages)), pages[-1].complete) == (5998, True)
    assert ids(adapter, devices, later) == ["SW-10770"]


def test_a_layer_that_tracks_no_changes_cannot_be_asked_so(pretend: PretendUtility) -> None:
    with pytest.raises(BadConfig, match="does not track changes") as caught:
        read(arcgis(), stream(ZONES, "zone/1", **BY_TRACKING), mode=Mode.INCREMENTAL)

    assert caught.value.field == "changes"


def test_changes_by_the_edit_date_are_asked_for_with_an_overlap(pretend: PretendUtility) -> None:
    devices = stream()
    adapter = arcgis()
    full = read(adapter, devices)
    pretend.clock.advance(minutes=10)
    rename(pretend, "SW-10770", "Renamed")
    forget(pretend)

    changes = read(adapter, devices, cursor=full[-1].cursor, mode=Mode.INCREMENTAL)

    edited = "last_edited_date >= TIMESTAMP '2024-12-30 21:55:00'"
    assert full[-1].cursor == {"watermark": "2024-12-30T22:00:00Z", "generation": None, "edited": None}
    assert queries(pretend)[0]["where"] == edited
    assert "SW-10770" in ids(adapter, devices, changes)
    assert len(ids(adapter, devices, changes)) < 10
    assert changes[-1].cursor == {"watermark": "2026-11-24T01:25:00Z", "generation": None, "edited": None}
    assert changes[-1].complete


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"changes": "NONE"}, "cannot be asked for changes as it is set up"),
        ({"modified_property": "edited"}, "has no field edited. Its dates are: last_edited_date, installed."),
    ],
)
def test_a_layer_that_is_set_up_without_changes_is_not_asked_for_them(
    pretend: PretendUtility, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadConfig, match=said):
        read(arcgis(), stream(**options), mode=Mode.INCREMENTAL)
