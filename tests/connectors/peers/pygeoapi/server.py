"""pygeoapi: a server of OGC API - Features with four reference systems, and a collection that can be edited."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.connectors.peers.served import free_port, served

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


@dataclass(frozen=True, kw_only=True)
class Pygeoapi:
    """
    A running pygeoapi, which gives ten features at a time, whatever is asked for.

    `network`, from a GeoJSON file, ignores `datetime` and filters. `assets`, from TinyDB, heeds `datetime`, which is
    when an asset was last modified.

    :param base: its landing page
    """

    base: str

    def put(self, feature: dict[str, Any]) -> None:
        """Put one of `assets` in the place of what it was (Part 4)."""
        self._sent("PUT", f"/{feature['id']}", json=feature)

    def post(self, feature: dict[str, Any]) -> None:
        """Add one of `assets` (Part 4)."""
        self._sent("POST", "", json=feature)

    def delete(self, feature_id: str) -> None:
        """Remove one of `assets` (Part 4)."""
        self._sent("DELETE", f"/{feature_id}")

    def _sent(self, method: str, path: str, **body: Any) -> None:
        url = f"{self.base}/collections/assets/items{path}"
        headers = {"Content-Type": "application/geo+json"}
        requests.request(method, url, headers=headers, timeout=10, **body).raise_for_status()


@contextmanager
def running_pygeoapi(
    folder: Path, *, network: list[dict[str, Any]], assets: list[dict[str, Any]]
) -> Iterator[Pygeoapi]:
    """
    :param network: GeoJSON features with an integer `fid`
    :param assets: GeoJSON features with text ids, and `last_modified`
    """
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    (folder / "network.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": network}))
    (folder / "assets.json").write_text(json.dumps({"_default": dict(enumerate(assets, start=1))}))
    # JSON is YAML.
    (folder / "config.yml").write_text(json.dumps(_config(base)))
    environment = {"PYGEOAPI_CONFIG": "config.yml", "PYGEOAPI_OPENAPI": "openapi.yml"}
    with served([sys.executable, "-c", SERVE, str(port)], port=port, folder=folder, environment=environment):
        yield Pygeoapi(base=base)


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
            "network": _collection("Network", {"name": "GeoJSON", "data": "network.geojson", "id_field": "fid"}),
            "assets": _collection(
                "Assets",
                {
                    "name": "TinyDB",
                    "data": "assets.json",
                    "id_field": "id",
                    "time_field": "last_modified",
                    "editable": True,
                },
            ),
        },
    }


def _collection(title: str, provider: dict[str, Any]) -> dict[str, Any]:
    offered = [CRS84, f"{EPSG}4326", f"{EPSG}25833", f"{EPSG}3035"]
    return {
        "type": "collection",
        "title": title,
        "description": "",
        "keywords": ["network"],
        "links": [],
        "extents": {"spatial": {"bbox": [11, 53, 12, 54], "crs": CRS84}},
        "providers": [{"type": "feature", "crs": offered, "storage_crs": CRS84, **provider}],
    }
