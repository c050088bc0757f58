"""The simulator's ArcGIS as Esri's own client understands it, so that it does not just agree with our adapter."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simulator import credentials

PROJECT = Path(__file__).parents[2]
CLIENT = Path(__file__).parent / "peers" / "arcgis_rest" / "client.cjs"
MODULES = PROJECT / ".venv-peers" / "arcgis-rest" / "node_modules"
MISSING = "Esri's client is not installed: tests/simulator/peers/arcgis_rest/install.sh installs it"

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(shutil.which("node") is None or not MODULES.exists(), reason=MISSING),
]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "simulator", "--host", "127.0.0.1", "--port", str(port)],
        cwd=PROJECT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port, server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(10)


def _wait_for(port: int, server: "subprocess.Popen[bytes]") -> None:
    for _ in range(300):
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
        if server.poll() is not None:
            break
        time.sleep(0.1)
    pytest.fail("the simulator did not start")


@pytest.fixture(scope="module")
def told(address: str) -> Any:
    app = (credentials.ARCGIS_CLIENT_ID, credentials.ARCGIS_CLIENT_SECRET)
    user = (credentials.GIS_USERNAME, credentials.GIS_PASSWORD)
    done = subprocess.run(
        ["node", str(CLIENT), address, *app, *user],
        env=os.environ | {"NODE_PATH": str(MODULES)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_tokens_last_as_long_as_the_client_reads(told: Any) -> None:
    """`expires_in` in seconds for an app, `expires` as a moment in milliseconds for a user."""
    assert told["secondsLeft"] in range(290, 301)
    assert told["userSecondsLeft"] in range(290, 301)


def test_layers_and_pages_are_what_the_client_expects(told: Any) -> None:
    assert told["objectIdField"] == "OBJECTID"
    assert told["breakers"] == 236
    assert told["geometry"] == ["x", "y"]
    assert told["geojson"] == ["FeatureCollection", 2, True]


def test_errors_are_what_the_client_takes_for_errors(told: Any) -> None:
    assert told["wrongSecret"].startswith("ArcGISTokenRequestError")
    assert told["noToken"] == "ArcGISAuthError 499: Token Required"
    assert told["wrongWhere"] == "ArcGISRequestError 400: Cannot perform query. Invalid query parameters."
