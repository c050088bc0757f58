"""The ArcGIS adapter against a server that we did not write: koop, running."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.forms import Form

from connectors.adapters.arcgis_enterprise.adapter import ArcgisEnterpriseAdapter
from connectors.adapters.arcgis_enterprise.settings import ArcgisEnterpriseForm, LayerStreamForm
from connectors.contracts.network_element import ElementKind, NetworkElement
from connectors.protocols.adapter import Mode, Page, SourceStream
from connectors.protocols.egress import EgressPolicy
from connectors.protocols.errors import BadConfig
from connectors.protocols.http import HttpSession
from connectors.protocols.wire import RequestRefused

PEER = Path(__file__).parents[1] / "peers" / "koop"
MODULES = Path(__file__).parents[3] / ".venv-peers" / "koop" / "node_modules"
MISSING = "koop is not installed: tests/connectors/peers/koop/install.sh installs it"

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(shutil.which("node") is None or not MODULES.exists(), reason=MISSING),
]

NETWORK, AREAS = "network/FeatureServer/0", "areas/FeatureServer/0"
BOTH_FORMATS = pytest.mark.parametrize("geometry_format", ["GEOJSON", "JSON"])
SQUARE = [[0.0, 0.0], [9.0, 0.0], [9.0, 9.0], [0.0, 9.0], [0.0, 0.0]]
HOLE = [[2.0, 2.0], [2.0, 4.0], [4.0, 4.0], [4.0, 2.0], [2.0, 2.0]]
ISLAND = [[20.0, 0.0], [25.0, 0.0], [25.0, 5.0], [20.0, 0.0]]


def _element(number: int) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [round(11 + number / 10_000, 4), 53.6]},
        "properties": {
            "asset": number,
            "kind": "line" if number % 2 else "breaker",
            "name": f"Element {number}",
            "nominal_kv": 20,
            "from_node": f"N-{number}",
            "to_node": f"N-{number + 1}",
            "edited": f"2026-10-{number % 28 + 1:02}T00:00:00Z",
        },
    }


def _area(number: int, kind: str, coordinates: list[Any]) -> dict[str, Any]:
    geometry = {"type": kind, "coordinates": coordinates}
    return {"type": "Feature", "geometry": geometry, "properties": {"asset": number}}


def _write(folder: Path, name: str, features: list[dict[str, Any]]) -> None:
    # Without idField an object id is a hash of the contents.
    metadata = {"idField": "asset", "name": name, "maxRecordCount": 1_000}
    collection = {"type": "FeatureCollection", "metadata": metadata, "features": features}
    (folder / f"{name}.geojson").write_text(json.dumps(collection))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("koop")
    _write(folder, "network", [_element(number) for number in range(1, 2_501)])
    _write(
        folder,
        "areas",
        [_area(1, "Polygon", [SQUARE, HOLE]), _area(2, "MultiPolygon", [[SQUARE, HOLE], [ISLAND]])],
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    environment = os.environ | {"NODE_PATH": str(MODULES), "SUPPRESS_NO_CONFIG_WARNING": "1"}
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            ["node", str(PEER / "serve.js"), str(port)],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        _wait_for(port, server, folder / "log")
        yield f"http://127.0.0.1:{port}/file-geojson/rest/services"
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
    pytest.fail(f"koop did not start:\n{log.read_text()}")


@pytest.fixture
def gis(root: str) -> ArcgisEnterpriseAdapter:
    form = ArcgisEnterpriseForm({"base_url": f"{root}/network/FeatureServer", "sign_in": "NONE"})
    assert form.is_valid(), form.errors
    http = HttpSession(egress=EgressPolicy.of(["127.0.0.1"]), now=lambda: datetime.now(UTC))
    return ArcgisEnterpriseAdapter(form.cleaned_data, http)


def stream(name: str = NETWORK, contract: str = "network-element/1", **options: Any) -> SourceStream:
    form: Form = LayerStreamForm({"modified_property": "edited", **options})
    assert form.is_valid(), form.errors
    return SourceStream(name=name, contract=contract, options=form.cleaned_data)


def read(gis: ArcgisEnterpriseAdapter, one: SourceStream, **options: Any) -> list[Page]:
    return list(gis.fetch(one, **{"cursor": None, "mode": Mode.FULL, **options}))


def records(gis: ArcgisEnterpriseAdapter, one: SourceStream, pages: list[Page]) -> list[Any]:
    parse = gis.reader(one)
    return [parse(raw) for page in pages for raw in page.records]


def test_it_says_what_it_is_and_has(gis: ArcgisEnterpriseAdapter) -> None:
    probe = gis.probe()

    assert (probe.product_version, probe.findings) == ("11.2.0", ())
    assert [(one.name, one.contract) for one in gis.discover()] == [
        (NETWORK, "network-element/1"),
        (NETWORK, "feature/1"),
    ]


@BOTH_FORMATS
def test_a_layer_is_read_whole(gis: ArcgisEnterpriseAdapter, geometry_format: str) -> None:
    """Its GeoJSON never says that there is more."""
    one = stream(geometry_format=geometry_format)

    pages = read(gis, one)

    found = records(gis, one, pages)
    assert [len(page.records) for page in pages] == [1_000, 1_000, 500]
    assert pages[-1].complete
    assert [element.external_id for element in found] == [str(number) for number in range(1, 2_501)]
    assert found[1] == NetworkElement(
        external_id="2",
        source_time=datetime(2026, 10, 3, tzinfo=UTC),
        kind=ElementKind.BREAKER,
        name="Element 2",
        nominal_voltage_v=20_000.0,
        terminals=("N-2", "N-3"),
        geometry={"type": "Point", "coordinates": [11.0002, 53.6]},
    )


@BOTH_FORMATS
def test_areas_keep_their_holes(gis: ArcgisEnterpriseAdapter, geometry_format: str) -> None:
    """In f=json the rings of all areas stand in one list, by the direction in which koop turns them."""
    one = stream(AREAS, "feature/1", geometry_format=geometry_format)

    found = [json.loads(bytes(record.geometry)) for record in records(gis, one, read(gis, one))]

    simple, several = found
    assert simple["type"] == "Polygon"
    assert [len(ring) for ring in simple["coordinates"]] == [5, 5]
    assert sorted(map(tuple, simple["coordinates"][0])) == sorted(map(tuple, SQUARE))
    assert sorted(map(tuple, simple["coordinates"][1])) == sorted(map(tuple, HOLE))
    assert several["type"] == "MultiPolygon"
    assert [[len(ring) for ring in area] for area in several["coordinates"]] == [[5, 5], [4]]


def test_changes_are_asked_for_by_the_edit_date(gis: ArcgisEnterpriseAdapter) -> None:
    one = stream(overlap_s=0)

    pages = read(gis, one, cursor={"watermark": "2026-10-27T00:00:00Z"}, mode=Mode.INCREMENTAL)

    found = records(gis, one, pages)
    assert {record.source_time.day for record in found} == {27, 28}
    assert (len(found), pages[-1].complete) == (178, True)
    assert pages[-1].cursor == {"watermark": "2026-10-28T00:00:00Z", "generation": None, "edited": None}


def test_a_read_goes_on_where_it_was_broken_off(gis: ArcgisEnterpriseAdapter) -> None:
    first = next(iter(gis.fetch(stream(), cursor=None, mode=Mode.FULL)))

    rest = read(gis, stream(), cursor=json.loads(json.dumps(first.cursor)))

    assert [raw.id for page in rest for raw in page.records] == [str(number) for number in range(1_001, 2_501)]
    assert rest[-1].complete


def test_what_it_refuses_is_told(gis: ArcgisEnterpriseAdapter) -> None:
    with pytest.raises(RequestRefused, match="Check the names of fields and the condition"):
        read(gis, stream(where="kind = '"))
    with pytest.raises(BadConfig, match="has no such service or layer"):
        read(gis, stream("roads/FeatureServer/0"))
