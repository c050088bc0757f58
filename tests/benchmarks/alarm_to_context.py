"""
`alarm-to-context`: from the alarm at the gateway to the outage in GraphQL with all four facts, at the demo's schedules,
on a running `make up` of its own.
"""

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from config.supervisor.environment import PROJECT
from tests.benchmarks.results import Result

SCENARIOS = 50
TARGET_S = 2.0
PATIENCE_S = 30.0

QUERY = """{ outages(first: 50, open: true) { edges { node { context {
  location { elementId freshness } customers { affected freshness } crew { name freshness }
  restoration { estimatedAt freshness } } } } } }"""


def alarm_to_context() -> list[Result]:
    with _running() as (port, simulator, token):
        seconds = sorted(_one(port, simulator, token) for _ in range(SCENARIOS))
    p95 = seconds[int(len(seconds) * 0.95) - 1]
    detail = f"{SCENARIOS} scenarios: median {statistics.median(seconds):.2f} s, worst {seconds[-1]:.2f} s"
    return [Result("alarm-to-context", round(p95, 3), "s, p95", f"< {TARGET_S:g}", p95 < TARGET_S, detail)]


def _one(port: int, simulator: int, token: str) -> float:
    element = _post(f"http://127.0.0.1:{simulator}/scenarios/hv-fault")["element"]
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE_S:
        answer = _post(f"http://127.0.0.1:{port}/graphql", {"query": QUERY}, Authorization=f"Bearer {token}")
        contexts = [edge["node"]["context"] for edge in answer["data"]["outages"]["edges"]]
        if any(_is_whole(context) for context in contexts if context["location"]["elementId"] == element):
            break
        time.sleep(0.02)
    taken = time.monotonic() - began
    _post(f"http://127.0.0.1:{simulator}/scenarios/restore")
    while _post(f"http://127.0.0.1:{port}/graphql", {"query": QUERY}, Authorization=f"Bearer {token}")["data"][
        "outages"
    ]["edges"]:
        time.sleep(0.1)
    # So that scenarios do not fall into step with the polls.
    time.sleep((time.monotonic() * 7.3) % 1.0)
    return taken


def _is_whole(context: dict[str, Any]) -> bool:
    values = (context["customers"]["affected"], context["crew"]["name"], context["restoration"]["estimatedAt"])
    return all(value is not None for value in values)


@contextmanager
def _running() -> Iterator[tuple[int, int, str]]:
    port, simulator = 8790, 8890
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        environment = {
            name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "VIRTUAL_ENV"}
        }
        environment |= {"PORT": str(port), "SIMULATOR_PORT": str(simulator), "DATA_DIR": folder}
        process = subprocess.Popen(
            [sys.executable, "-m", "config.supervisor", "up"],
            cwd=PROJECT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            said = _until_ready(process)
            if said is not None:
                raise RuntimeError(f"The demo did not start:\n{said}")
            yield port, simulator, (Path(folder) / "demo-token").read_text(encoding="utf-8").strip()
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)


def _until_ready(process: "subprocess.Popen[str]") -> str | None:
    said = []
    for line in process.stdout or ():
        said.append(line)
        if line.startswith("Ready:"):
            return None
    return "".join(said[-20:])


def _post(url: str, body: dict[str, Any] | None = None, **headers: str) -> dict[str, Any]:
    request = urllib.request.Request(  # noqa: S310  # our own loopback address
        url, json.dumps(body or {}).encode(), {"Content-Type": "application/json", **headers}
    )
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310  # as above
        answer: dict[str, Any] = json.load(response)
        return answer


BENCHMARKS: dict[str, Callable[[], list[Result]]] = {"alarm-to-context": alarm_to_context}
