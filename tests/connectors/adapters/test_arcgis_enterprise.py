"""The ArcGIS adapter against the pretend utility: finding services and layers, and what a feature becomes."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.adapters.arcgis_enterprise.adapter import ArcgisEnterpriseAdapter
from connectors.adapters.arcgis_enterprise.settings import ArcgisEnterpriseForm, LayerStreamForm
from connectors.protocols.errors import BadConfig, SourceError
from simulator.arcgis.layers import global_id
from tests.connectors.adapters.arcgis import (
    APP,
    DEVICES,
    LINES,
    SERVICE,
    SERVICES,
    ZONES,
    arcgis,
    ids,
    read,
    stream,
)
from tests.connectors.adapters.wire import PretendUtility, build, pretend_utility


@pytest.fixture
def pretend() -> Iterator[PretendUtility]:
    with pretend_utility() as utility:
        yield utility


def test_says_who_answers_and_what_there_is(pretend: PretendUtility) -> None:
    probe = arcgis().probe()

    assert probe.summary == "ArcGIS Server 11.2.0 at utility.example shows us 1 service of features."
    assert (probe.product, probe.product_version, probe.findings) == ("ArcGIS Server", "11.2.0", ())


def test_finds_layers_and_how_each_can_be_asked_for_changes(pretend: PretendUtility) -> None:
    found = [(one.name, one.contract, one.label, dict(one.options)) for one in arcgis().discover()]

    tracked = {"modified_property": "last_edited_date", "changes": "TRACKING"}
    untracked = {"modified_property": "", "changes": "NONE"}
    assert found == [
        (DEVICES, "network-element/1", "Devices", tracked),
        (DEVICES, "feature/1", "Devices", tracked),
        (LINES, "network-element/1", "Lines", tracked),
        (LINES, "feature/1", "Lines", tracked),
        (ZONES, "zone/1", "Zones", untracked),
        (ZONES, "feature/1", "Zones", untracked),
    ]


@pytest.mark.parametrize("address", ["", "/Electric", f"/{SERVICE}", f"/{SERVICE}/"])
def test_the_address_may_be_that_of_a_folder_or_a_service(pretend: PretendUtility, address: str) -> None:
    adapter = build(ArcgisEnterpriseAdapter, **APP, base_url=SERVICES + address)

    assert {one.name for one in adapter.discover()} == {DEVICES, LINES, ZONES}


def test_the_address_of_a_layer_is_a_wrong_setting(pretend: PretendUtility) -> None:
    adapter = build(ArcgisEnterpriseAdapter, **APP, base_url=f"{SERVICES}/{DEVICES}")

    with pytest.raises(BadConfig, match="This is the address of a layer") as caught:
        list(adapter.discover())

    assert caught.value.field == "base_url"


def test_an_address_outside_a_services_directory_is_refused_in_the_form() -> None:
    form = ArcgisEnterpriseForm({"base_url": "https://gis.example.org/portal", **APP})

    assert "must lead into a services directory" in form.errors["base_url"][0]


def test_a_condition_and_change_tracking_do_not_go_together() -> None:
    form = LayerStreamForm({"changes": "TRACKING", "where": "kind = 'fuse'"})

    assert form.errors["changes"] == [
        "Change tracking knows no condition. Ask by the edit date, or drop the condition."
    ]


def test_without_a_field_for_the_id_the_global_id_names_a_feature(pretend: PretendUtility) -> None:
    """In small letters and without braces, however a server writes it."""
    switch = stream(where="assetid = 'SW-10770'", id_property="")
    adapter = arcgis()

    assert ids(adapter, switch, read(adapter, switch)) == [global_id("SW-10770").strip("{}").lower()]


def test_features_of_any_kind_pass_on_as_they_are(pretend: PretendUtility) -> None:
    one = {"where": "assetid = 'SW-10770'"}
    adapter = arcgis()
    plain, converted = (
        adapter.reader(stream(contract="feature/1", **one))(page.records[0])
        for layer_format in ("GEOJSON", "JSON")
        for page in read(adapter, stream(contract="feature/1", geometry_format=layer_format, **one))
    )

    assert plain is not None
    assert plain.external_id == f"{DEVICES}/SW-10770"
    assert plain.source_time == datetime(2024, 8, 26, tzinfo=UTC)
    assert converted == plain


def test_no_layer_is_written_to() -> None:
    with pytest.raises(BadConfig, match="only read"):
        arcgis().deliver(None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "field", "said"),
    [
        ({"where": "colour = 'red'"}, None, "There is no queryable colour.*Check the names of fields"),
        ({"id_property": "mrid"}, "id_property", "has no field mrid. It has: OBJECTID, GlobalID, assetid"),
    ],
)
def test_a_wrong_name_is_told(pretend: PretendUtility, options: dict[str, Any], field: str | None, said: str) -> None:
    with pytest.raises(SourceError, match=said) as caught:
        read(arcgis(), stream(**options))

    assert getattr(caught.value, "field", None) == field


@pytest.mark.parametrize(
    ("name", "said"),
    [(f"{SERVICE}/9", "no such service or layer"), (SERVICE, "is no layer. Name it by its path")],
)
def test_a_layer_that_is_gone_is_a_wrong_setting(pretend: PretendUtility, name: str, said: str) -> None:
    with pytest.raises(BadConfig, match=said):
        read(arcgis(), stream(name))
