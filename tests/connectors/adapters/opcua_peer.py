"""OPC UA servers that others wrote, behind a thin gateway of the Web API: processes of their own, for the tests."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

import pytest

PEER = Path(__file__).parents[1] / "peers" / "opcua"
MODULES = Path(__file__).parents[3] / ".venv-peers" / "opcua" / "node_modules"
MISSING = "node-opcua is not installed: tests/connectors/peers/opcua/install.sh installs it"
IS_MISSING = shutil.which("node") is None or not (MODULES / "node-opcua-json").exists()

_PATIENCE_S = 60


@contextmanager
def running_peers(folder: Path, *, since: datetime) -> Iterator[str]:
    """
    A plant by node-opcua and a historian by asyncua, behind the gateway; its address.

    :param folder: where they keep certificates and logs
    :param since: from when on they have recorded
    """
    plant, historian, gateway = _free_ports(3)
    with ExitStack() as running:
        moment = since.isoformat()
        plant_js, historian_py = str(PEER / "plant.js"), str(PEER / "historian.py")
        running.enter_context(_process(folder, "plant", ["node", plant_js, str(plant), moment, str(folder)]))
        running.enter_context(_process(folder, "historian", [sys.executable, historian_py, str(historian), moment]))
        for port in (plant, historian):
            _wait_for(port, folder)
        served = [f"plant=opc.tcp://127.0.0.1:{plant}/plant", f"historian=opc.tcp://127.0.0.1:{historian}/historian"]
        running.enter_context(
            _process(folder, "gateway", ["node", str(PEER / "gateway.js"), str(gateway), str(folder), *served])
        )
        _wait_for(gateway, folder)
        yield f"http://127.0.0.1:{gateway}"


@contextmanager
def _process(folder: Path, name: str, command: Sequence[str]) -> Iterator[None]:
    environment = os.environ | {"NODE_PATH": str(MODULES)}
    with (folder / f"{name}.log").open("w") as log:
        running = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        yield
    finally:
        running.terminate()
        running.wait(10)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _wait_for(port: int, folder: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    logs = "\n".join(path.read_text() for path in sorted(folder.glob("*.log")))
    pytest.fail(f"The OPC UA peers did not start:\n{logs}")
