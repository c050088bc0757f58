"""What the GIS adapter reads, held against what GDAL and OWSLib, which share no code with it, read there."""

import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import msgspec
import numpy as np
import pyogrio
import pytest
import shapely
from owslib.ogcapi.features import Features
from owslib.util import Authentication

from connectors.adapters.ogc_api_features.adapter import OgcApiFeaturesAdapter
from connectors.adapters.ogc_api_features.settings import FeatureStreamForm, OgcApiFeaturesForm
from connectors.contracts.feature import Feature
from connectors.protocols.adapter import Mode, SourceStream
from connectors.protocols.egress import EgressPolicy
from connectors.protocols.http import HttpSession
from simulator.credentials import GIS_BEARER_TOKEN
from tests.connectors.peers.pygeoapi.server import Pygeoapi
from tests.connectors.peers.served import free_port, served

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("ogc-peers")]


class Server(NamedTuple):
    base: str
    collection: str
    token: str


class Told(NamedTuple):
    """A feature, by its id: where it is, as WKB, and its properties but for those without a value."""

    place: bytes
    properties: dict[str, Any]


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "simulator", f"--port={port}"]
    environment = {"PYTHONPATH": str(Path(__file__).parents[3])}
    with served(command, port=port, folder=tmp_path_factory.mktemp("simulator"), environment=environment):
        yield f"http://127.0.0.1:{port}/gis"


@pytest.fixture(params=["pygeoapi", "zones of the simulator"])
def server(request: pytest.FixtureRequest) -> Server:
    if request.param == "pygeoapi":
        peer: Pygeoapi = request.getfixturevalue("pygeoapi")
        return Server(peer.base, "network", "")
    return Server(request.getfixturevalue("simulator"), "zones", GIS_BEARER_TOKEN)


def ours(server: Server) -> dict[str, Told]:
    form = OgcApiFeaturesForm(
        {"base_url": server.base, "sign_in": "BEARER" if server.token else "NONE", "token": server.token}
    )
    assert form.is_valid(), form.errors
    options = FeatureStreamForm({})
    assert options.is_valid(), options.errors
    http = HttpSession(egress=EgressPolicy.of(["127.0.0.1"]), now=lambda: datetime.now(UTC))
    adapter = OgcApiFeaturesAdapter(form.cleaned_data, http)
    stream = SourceStream(name=server.collection, contract="feature/1", options=options.cleaned_data)
    found = {}
    for page in adapter.fetch(stream, cursor=None, mode=Mode.FULL):
        for raw in page.records:
            record = adapter.parse(raw, stream)
            assert isinstance(record, Feature)
            found[record.external_id.removeprefix(f"{server.collection}/")] = told(
                *map(decoded, (record.geometry, record.properties))
            )
    return found


def decoded(part: Any) -> Any:
    """A part of a record may have travelled unparsed."""
    return msgspec.json.decode(msgspec.json.encode(part))


def told(geometry: Any, properties: dict[str, Any]) -> Told:
    place = shapely.to_wkb(shapely.from_geojson(json.dumps(geometry)))
    return Told(place, {name: value for name, value in properties.items() if value is not None})


def by_owslib(server: Server) -> dict[str, Told]:
    headers = {"Authorization": f"Bearer {server.token}"} if server.token else {}
    client = Features(server.base, headers=headers, auth=Authentication())
    found: dict[str, Told] = {}
    asked = {"limit": "1000"}
    while asked:
        page = client.collection_items(server.collection, **asked)
        found |= {str(one["id"]): told(one["geometry"], one["properties"]) for one in page["features"]}
        onwards = next((link["href"] for link in page["links"] if link["rel"] == "next"), "")
        asked = dict(parse_qsl(urlsplit(onwards).query))
    return found


def by_gdal(server: Server) -> dict[str, Told]:
    signed_in = {"GDAL_HTTP_AUTH": "BEARER", "GDAL_HTTP_BEARER": server.token} if server.token else {}
    pyogrio.set_gdal_config_options(signed_in)
    try:
        meta, numbers, places, columns = pyogrio.raw.read(
            f"OAPIF:{server.base}", layer=server.collection, return_fids=True
        )
    finally:
        pyogrio.set_gdal_config_options(dict.fromkeys(signed_in))
    names = meta["fields"].tolist()
    found = {}
    for number, place, *values in zip(numbers, places, *map(plain, columns), strict=True):
        row = dict(zip(names, values, strict=True))
        # A whole number names a row; any other name is a column.
        found[str(row.pop("id", number))] = told(json.loads(shapely.to_geojson(shapely.from_wkb(place))), row)
    return found


def plain(column: np.ndarray[Any, Any]) -> list[Any]:
    """GDAL takes texts that are moments for moments."""
    if column.dtype.kind == "M":
        return [f"{one}Z" for one in np.datetime_as_string(column, unit="s")]
    return [None if one != one else one for one in column.tolist()]  # a number that is none


@pytest.mark.parametrize("second", [by_owslib, by_gdal])
def test_another_reader_sees_the_same_features(server: Server, second: Callable[[Server], dict[str, Told]]) -> None:
    found = ours(server)

    assert len(found) > 20
    assert second(server) == found
