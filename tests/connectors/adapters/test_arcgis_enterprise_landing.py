"""Layers of ArcGIS through the whole engine, into the domain that holds what they show."""

from collections.abc import Iterator

import pytest
from django.utils import timezone

from connectors.models import Mode, RejectedRecord, Stream, StreamState, Trigger
from connectors.services.outcomes import Synced
from connectors.services.settings import save_connector, save_stream
from connectors.services.sync import sync_stream
from gis.models import NetworkElement, Zone
from organisation.scope import Scope
from simulator.arcgis.layers import global_id
from tests.connectors.adapters.arcgis import APP, DEVICES, SERVICES, ZONES
from tests.connectors.adapters.wire import PretendUtility, pretend_utility


@pytest.fixture
def pretend() -> Iterator[PretendUtility]:
    with pretend_utility() as utility:
        yield utility


def layer(name: str, contract: str, **options: str) -> Stream:
    connector = save_connector(
        kind="arcgis-enterprise", name="GIS", settings={"base_url": SERVICES, **APP}, now=timezone.now()
    )
    settings = {"id_property": "assetid", **options}
    return save_stream(connector=connector, name=name, contract=contract, label=name, options=settings)


def sync(stream: Stream, mode: Mode, trigger: Trigger = Trigger.SCHEDULE) -> Synced:
    return sync_stream(stream_id=stream.pk, mode=mode, trigger=trigger, pages_ahead=0)


def test_a_layer_lands_once_and_what_is_gone_is_retired(scope: Scope, pretend: PretendUtility) -> None:
    zones = layer(ZONES, "zone/1", changes="NONE")

    first, second = sync(zones, Mode.FULL), sync(zones, Mode.FULL)
    pretend.utility.features.remove("ZONE-LV1.101")
    third = sync(zones, Mode.FULL)

    assert (first.counts.created, first.detail) == (100, "")
    assert (second.counts.created, second.counts.updated, second.counts.unchanged) == (0, 0, 100)
    assert third.counts.retired == 1
    assert Zone.objects.get(external_id="ZONE-LV1.101").retired_at is not None


def test_changes_land_after_a_full_read_and_a_bad_record_is_set_aside(scope: Scope, pretend: PretendUtility) -> None:
    devices = layer(DEVICES, "network-element/1", changes="TRACKING", modified_property="last_edited_date")
    features = pretend.utility.features
    features.edit("SW-10770", {"kind": "kraken"}, now=pretend.clock())

    full = sync(devices, Mode.FULL)
    features.edit("SW-10770", {"kind": "breaker", "name": "Renamed"}, now=pretend.clock())
    changes = sync(devices, Mode.INCREMENTAL)

    assert (full.counts.created, full.counts.rejected) == (5997, 1)
    assert RejectedRecord.objects.get().reason == "“kraken” is not in the table of kinds"
    assert (changes.counts.created, changes.counts.records) == (1, 1)
    assert NetworkElement.objects.get(external_id="SW-10770").name == "Renamed"


def test_what_is_deleted_is_retired_without_a_full_read(scope: Scope, pretend: PretendUtility) -> None:
    devices = layer(DEVICES, "network-element/1", changes="TRACKING", id_property="")
    sync(devices, Mode.FULL)
    pretend.utility.features.remove("SW-10770")

    changes, again = sync(devices, Mode.INCREMENTAL), sync(devices, Mode.INCREMENTAL)

    assert (changes.outcome, changes.counts.retired, again.counts.retired) == ("SUCCEEDED", 1, 0)
    gone = NetworkElement.objects.exclude(retired_at=None).get()
    assert gone.external_id == global_id("SW-10770").strip("{}").lower()


def test_what_landed_before_a_read_broke_off_stays(scope: Scope, pretend: PretendUtility) -> None:
    devices = layer(DEVICES, "network-element/1", modified_property="last_edited_date")
    pretend.fault("arcgis", "429", after=5)

    broken = sync(devices, Mode.FULL)
    retry_at = StreamState.objects.get(stream=devices).retry_at
    pretend.clock.advance(minutes=2)
    mended = sync(devices, Mode.FULL, Trigger.PERSON)

    assert (broken.outcome, broken.counts.created, retry_at is not None) == ("THROTTLED", 2000, True)
    assert (mended.outcome, mended.counts.created, mended.counts.unchanged) == ("SUCCEEDED", 3998, 2000)
    assert NetworkElement.objects.filter(retired_at=None).count() == 5998
