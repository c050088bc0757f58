"""The GIS adapter against a server that we did not write: pygeoapi, running."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.adapters.ogc_api_features.adapter import OgcApiFeaturesAdapter
from connectors.adapters.ogc_api_features.settings import FeatureStreamForm, OgcApiFeaturesForm
from connectors.contracts.network_element import ElementKind, NetworkElement
from connectors.protocols.adapter import Mode, SourceStream
from connectors.protocols.egress import EgressPolicy
from connectors.protocols.errors import BadConfig, SourceError
from connectors.protocols.http import HttpSession

pytestmark = pytest.mark.long

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
SERVE = """
import sys
from pygeoapi.openapi import generate_openapi_document
from pathlib import Path
Path("openapi.yml").write_text(generate_openapi_document(Path("config.yml"), "yaml"))
from pygeoapi.flask_app import APP
from werkzeug.serving import make_server
make_server("127.0.0.1", int(sys.argv[1]), APP, threaded=True).serve_forever()
"""


def _feature(number: int) -> dict[str, Any]:
    return {
        "type": "Feature",
        "id": number,
        "geometry": {
            "type": "Point",
            "coordinates": [round(11.4 + number / 1_000, 3), round(53.6 + number / 1_000, 3)],
        },
        "properties": {
            "fid": number,
            "kind": "line" if number % 2 else "breaker",
            "name": f"Element {number}",
            "nominal_kv": 20,
            "from_node": f"N-{number}",
            "to_node": f"N-{number + 1}",
            "last_modified": f"2026-10-{number:02}T00:00:00Z",
        },
    }


def _config(base: str) -> dict[str, Any]:
    return {
        "server": {
            "bind": {"host": "127.0.0.1", "port": 0},
            "url": base,
            "mimetype": "application/json; charset=UTF-8",
            "encoding": "utf-8",
            "language": "en-US",
            "limits": {"default_items": 5, "max_items": 10},
            "map": {"url": "", "attribution": ""},
        },
        "logging": {"level": "ERROR"},
        "metadata": {
            "identification": {
                "title": "A peer",
                "description": "",
                "keywords": ["network"],
                "keywords_type": "theme",
                "terms_of_service": "",
                "url": base,
            },
            "license": {"name": "CC0", "url": base},
            "provider": {"name": "A peer", "url": base},
            "contact": {"name": "A peer"},
        },
        "resources": {
            "network": {
                "type": "collection",
                "title": "Network",
                "description": "",
                "keywords": ["network"],
                "links": [],
                "extents": {"spatial": {"bbox": [11, 53, 12, 54], "crs": CRS84}},
                "providers": [
                    {
                        "type": "feature",
                        "name": "GeoJSON",
                        "data": "network.geojson",
                        "id_field": "fid",
                        "crs": [CRS84, f"{EPSG}4326", f"{EPSG}25833", f"{EPSG}3035"],
                        "storage_crs": CRS84,
                    }
                ],
            }
        },
    }


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("pygeoapi")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    features = [_feature(number) for number in range(1, 26)]
    (folder / "network.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    # JSON is YAML.
    (folder / "config.yml").write_text(json.dumps(_config(address)))
    environment = os.environ | {"PYGEOAPI_CONFIG": "config.yml", "PYGEOAPI_OPENAPI": "openapi.yml"}
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(port)], cwd=folder, env=environment, stdout=log, stderr=log
        )
    try:
        _wait_for(port, server, folder / "log")
        yield address
    finally:
        server.terminate()
        server.wait(10)


def _wait_for(port: int, server: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(300):
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
        if server.poll() is not None:
            break
        time.sleep(0.1)
    pytest.fail(f"pygeoapi did not start:\n{log.read_text()}")


@pytest.fixture
def gis(base: str) -> OgcApiFeaturesAdapter:
    form = OgcApiFeaturesForm({"base_url": base})
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

    assert (probe.summary, probe.product) == ("A peer answers with 1 collections.", "pygeoapi")
    assert probe.findings == ()


def test_it_is_found_to_have_a_network_that_cannot_be_asked_for_changes(gis: OgcApiFeaturesAdapter) -> None:
    found = [(one.name, one.contract, one.modes) for one in gis.discover()]

    # Its GeoJSON provider does not filter.
    assert found == [
        ("network", "network-element/1", (Mode.FULL,)),
        ("network", "feature/1", (Mode.FULL,)),
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


def test_a_delta_that_it_cannot_tell_is_refused_rather_than_believed(gis: OgcApiFeaturesAdapter) -> None:
    with pytest.raises(SourceError):
        list(gis.fetch(stream(), cursor={"watermark": "2026-10-20T00:00:00Z"}, mode=Mode.INCREMENTAL))
