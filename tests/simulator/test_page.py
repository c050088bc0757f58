import json
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.simulator.conftest import Clock, Simulator


def test_nothing_on_the_page_runs_inline_or_comes_from_elsewhere(simulator: Simulator) -> None:
    page = simulator.get("/")

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'; script-src 'self'" in page.headers["content-security-policy"]
    assets = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert sorted(assets) == ["/assets/drawing.js", "/assets/page.css", "/assets/page.js"]
    assert re.findall(r"<script[^>]*>[^<]", page.text) == []
    assert re.findall(r"\s(on\w+|style)=", page.text) == []
    for asset in assets:
        assert simulator.get(asset).status_code == 200


def test_every_field_and_table_of_the_page_has_a_name(simulator: Simulator) -> None:
    page = simulator.get("/").text

    for field in re.findall(r"<(?:input|select) id=\"([^\"]+)\"", page):
        assert re.search(rf'<label for="{field}"|<label>[^<]*<(?:input|select) id="{field}"', page)
    for section in re.findall(r'aria-labelledby="([^"]+)"', page):
        assert f'id="{section}"' in page


def test_the_drawing_has_every_line_and_every_switch_of_20_and_110_kv(simulator: Simulator) -> None:
    grid = simulator.get("/grid.json").json()

    assert len(grid["switches"]) == 294
    assert len(grid["lines"]) == 99
    assert sum(len(area["lines"]) for area in grid["areas"]) == 5292
    assert grid["sources"] == [[11.4096, 53.6414]]


def test_the_state_shows_what_a_fault_did(simulator: Simulator, clock: Clock) -> None:
    before = simulator.get("/state").json()
    simulator.post("/scenarios/hv-fault", json={"element": "SW-10770", "parts": ["position", "alarm", "work-order"]})
    clock.advance(seconds=20)

    state = simulator.get("/state").json()

    assert before["dead"] == {"lines": [], "areas": {}}
    assert state["truth"]["off"] == sum(state["dead"]["areas"].values()) == 666
    assert "LN-5292" in state["dead"]["lines"]
    tripped = [item for item in state["open"] if item["since"]]
    assert [(item["id"], item["service_points"], item["held_back"]) for item in tripped] == [
        ("SW-10770", 666, ["estimate"])
    ]
    assert [alarm["switch"] for alarm in state["alarms"]] == ["SW-10770"]
    assert state["work_orders"][0]["status"] == "ENROUTE"
    assert state["crews"][0]["order"] == "WO20001"
    simulator.post("/scenarios/restore")
    assert simulator.get("/state").json()["dead"] == {"lines": [], "areas": {}}


def test_health_is_ok(simulator: Simulator) -> None:
    assert simulator.get("/health").json() == {"status": "ok"}


@pytest.mark.long
def test_the_command_serves_pushes_and_stops(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    config = tmp_path / "push.json"
    config.write_text(json.dumps({"url": "http://127.0.0.1:9/", "token": "t"}))
    command = [sys.executable, "-m", "simulator", "--port", str(port), "--push-config", str(config)]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2])
    base = f"http://127.0.0.1:{port}"
    try:
        for _ in range(100):
            try:
                httpx.get(f"{base}/health", trust_env=False)
                break
            except httpx.TransportError:
                time.sleep(0.1)
        fault = httpx.post(f"{base}/scenarios/hv-fault", trust_env=False).json()
        assert fault["element"] == "SW-10770"
        tablet = {}
        for _ in range(50):
            tablet = httpx.get(f"{base}/state", trust_env=False).json()["tablet"]
            if tablet["problem"]:
                break
            time.sleep(0.1)
        assert tablet["problem"] == "No answer from http://127.0.0.1:9/: ConnectionError."
    finally:
        process.terminate()
        process.wait(timeout=10)
