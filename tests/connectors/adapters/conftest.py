"""Servers of OGC API - Features that others wrote, each started once for all tests of `xdist_group("ogc-peers")`."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.connectors.peers.pygeoapi.server import Pygeoapi, running_pygeoapi
from tests.connectors.peers.tipg.server import Tipg, running_tipg


def peer_feature(number: int) -> dict[str, Any]:
    """A line or breaker as its GIS sends it, last modified on a day of October 2026 that is its number."""
    place = [round(11.4 + number / 1_000, 3), round(53.6 + number / 1_000, 3)]
    return {
        "type": "Feature",
        "id": number,
        "geometry": {"type": "Point", "coordinates": place},
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


@pytest.fixture(scope="session")
def pygeoapi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pygeoapi]:
    network = [peer_feature(number) for number in range(1, 26)]
    assets = [feature | {"id": f"A-{feature['id']}"} for feature in network]
    with running_pygeoapi(tmp_path_factory.mktemp("pygeoapi"), network=network, assets=assets) as server:
        yield server


@pytest.fixture(scope="session")
def tipg(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tipg]:
    with running_tipg(tmp_path_factory.mktemp("tipg")) as server:
        yield server
