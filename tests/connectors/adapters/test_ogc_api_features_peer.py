"""The GIS adapter against a server that we did not write: pygeoapi, running."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.adapters.ogc_api_features.adapter import OgcApiFeaturesAdapter
from connectors.adapters.ogc_api_features.settings import FeatureStreamForm, OgcApiFeaturesForm
from connectors.contracts.network_element import ElementKind, NetworkElement
from connectors.protocols.adapter import Mode, SourceStream
from connectors.protocols.egress import EgressPolicy
from connectors.protocols.errors import BadConfig
from connectors.protocols.http import HttpSession
from tests.connectors.peers.pygeoapi.server import EPSG, Pygeoapi

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("ogc-peers")]


@pytest.fixture
def gis(pygeoapi: Pygeoapi) -> OgcApiFeaturesAdapter:
    form = OgcApiFeaturesForm({"base_url": pygeoapi.base})
    assert form.is_valid(), form.errors
    http = HttpSession(egress=EgressPolicy.of(["127.0.0.1"]), now=lambda: datetime.now(UTC))
    return OgcApiFeaturesAdapter(form.cleaned_data, http)


def stream(**options: Any) -> SourceStream:
    form = FeatureStreamForm({"modified_property": "last_modified"} | options)
    assert form.is_valid(), form.errors
    return SourceStream(name="network", contract="network-element/1", options=form.cleaned_data)


def elements(gis: OgcApiFeaturesAdapter, one: SourceStream) -> list[NetworkElement]:
    pages = list(gis.fetch(one, cursor=None, mode=Mode.FULL))
    assert pages[-1].complete, pages[-1].incomplete_reason
    assert len(pages) == 3  # the server gives ten at a time, whatever is asked for
    records = [gis.parse(raw, one) for page in pages for raw in page.records]
    return [record for record in records if isinstance(record, NetworkElement)]


def test_it_says_who_it_is(gis: OgcApiFeaturesAdapter) -> None:
    probe = gis.probe()

    assert (probe.summary, probe.product) == ("A peer answers with 2 collections.", "pygeoapi")
    assert probe.findings == ()


def test_changes_are_offered_where_its_provider_can_tell_them(gis: OgcApiFeaturesAdapter) -> None:
    found = [(one.name, one.contract, one.modes, one.options["changes"]) for one in gis.discover()]

    # Its GeoJSON provider ignores `datetime`; its TinyDB provider heeds it, and says which property it is about.
    assert found == [
        ("network", "network-element/1", (Mode.FULL,), "NONE"),
        ("network", "feature/1", (Mode.FULL,), "NONE"),
        ("assets", "network-element/1", (Mode.FULL, Mode.INCREMENTAL), "DATETIME"),
        ("assets", "feature/1", (Mode.FULL, Mode.INCREMENTAL), "DATETIME"),
    ]


def test_the_whole_collection_is_read(gis: OgcApiFeaturesAdapter) -> None:
    found = elements(gis, stream())

    assert [element.external_id for element in found] == [str(number) for number in range(1, 26)]
    assert found[1] == NetworkElement(
        external_id="2",
        source_time=datetime(2026, 10, 2, tzinfo=UTC),
        kind=ElementKind.BREAKER,
        name="Element 2",
        nominal_voltage_v=20_000.0,
        terminals=("N-2", "N-3"),
        geometry={"type": "Point", "coordinates": [11.402, 53.602]},
    )


@pytest.mark.parametrize("crs", ["4326", "25833", "3035"])
def test_in_every_reference_system_the_elements_lie_in_the_same_place(gis: OgcApiFeaturesAdapter, crs: str) -> None:
    plain, other = elements(gis, stream()), elements(gis, stream(crs=EPSG + crs))

    for one, two in zip(plain, other, strict=True):
        assert one.geometry is not None
        assert two.geometry is not None
        assert two.geometry["coordinates"] == pytest.approx(one.geometry["coordinates"], abs=1e-6)


def test_a_reference_system_that_it_does_not_have_is_a_wrong_setting(gis: OgcApiFeaturesAdapter) -> None:
    with pytest.raises(BadConfig, match="not to be had in"):
        elements(gis, stream(crs=EPSG + "27700"))


def test_a_read_goes_on_where_it_was_broken_off(gis: OgcApiFeaturesAdapter) -> None:
    first = next(iter(gis.fetch(stream(), cursor=None, mode=Mode.FULL)))

    rest = list(gis.fetch(stream(), cursor=json.loads(json.dumps(first.cursor)), mode=Mode.FULL))

    assert [raw.id for page in rest for raw in page.records] == list(range(11, 26))
    assert rest[-1].complete
    assert rest[-1].cursor == {"watermark": "2026-10-25T00:00:00Z"}


@pytest.mark.parametrize("changes", ["DATETIME", "FILTER"])
def test_a_question_for_changes_that_it_ignores_is_found_out(gis: OgcApiFeaturesAdapter, changes: str) -> None:
    with pytest.raises(BadConfig, match="also sends what is older: it does not heed the question") as caught:
        list(gis.fetch(stream(changes=changes), cursor={"watermark": "2026-10-20T00:00:00Z"}, mode=Mode.INCREMENTAL))

    assert caught.value.field == "changes"
