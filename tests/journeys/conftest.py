"""The product as a newcomer has it: a fresh clone, `make up`, and what answers there."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2]
READY_WITHIN_S = 240
"""With packages to fetch. From cached ones it takes a third of that; the tests beside it take their share."""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def until(ask: Callable[[], Any], *, within_s: float, what: str) -> Any:
    """The first true answer; its question is asked again until then."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if answer := ask():
            return answer
        time.sleep(0.05)
    pytest.fail(f"Not within {within_s} s: {what}")


@dataclass(frozen=True)
class System:
    port: int
    simulator_port: int
    data_dir: Path
    process: subprocess.Popen[str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def simulator(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        return _post(f"http://127.0.0.1:{self.simulator_port}{path}", body or {})

    def graphql(self, query: str, **variables: Any) -> dict[str, Any]:
        token = (self.data_dir / "demo-token").read_text(encoding="utf-8").strip()
        answer = _post(
            f"{self.url}/graphql",
            {"query": query, "variables": variables},
            headers={"Authorization": f"Bearer {token}"},
        )
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data


def _post(url: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> dict[str, Any]:
    request = urllib.request.Request(  # noqa: S310  # our own loopback address
        url, json.dumps(body).encode(), {"Content-Type": "application/json", **(headers or {})}
    )
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310  # as above
        answer: dict[str, Any] = json.load(response)
        return answer


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is committed, and nothing else."""
    folder = tmp_path_factory.mktemp("newcomer") / "clone"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(PROJECT), str(folder)], check=True)
    return folder


@pytest.fixture(scope="session")
def system(clone: Path) -> Iterator[System]:
    """`make up` in the fresh clone, until it says that it is ready; Ctrl-C at the end must leave nothing behind."""
    port, simulator_port = free_port(), free_port()
    inherited = ("PATH", "HOME", "LANG", "TMPDIR", "PIP_CERT", "PIP_FIND_LINKS", "PIP_DEFAULT_TIMEOUT")
    environment = {name: os.environ[name] for name in inherited if name in os.environ}
    output = clone.parent / "up.log"
    with output.open("w", encoding="utf-8") as written:
        process = subprocess.Popen(
            ["make", "up"],
            cwd=clone,
            env={**environment, "PORT": str(port), "SIMULATOR_PORT": str(simulator_port), "DATA_DIR": ".data"},
            stdout=written,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    ready = f"Ready: http://127.0.0.1:{port}/"
    deadline = time.monotonic() + READY_WITHIN_S
    while ready not in output.read_text(encoding="utf-8").splitlines():
        if process.poll() is not None or time.monotonic() > deadline:
            os.killpg(process.pid, signal.SIGTERM)
            pytest.fail(f"make up is not ready:\n{output.read_text(encoding='utf-8')[-3000:]}")
        time.sleep(0.2)
    yield System(port=port, simulator_port=simulator_port, data_dir=clone / ".data", process=process)
    os.killpg(process.pid, signal.SIGINT)
    process.wait(timeout=60)
    left = subprocess.run(["pgrep", "-f", str(clone)], capture_output=True, text=True, check=False).stdout.split()
    assert left == [], f"still running: {left}"


@pytest.fixture
def browser(system: System) -> Iterator[Any]:
    """Debian's Chromium, headless, signed in as nobody."""
    from selenium import webdriver  # noqa: PLC0415  # only who has a browser needs it
    from selenium.webdriver.chrome.service import Service  # noqa: PLC0415

    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--window-size=1440,1000",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    yield driver
    driver.quit()


def needs_a_browser() -> bool:
    return not (Path("/usr/bin/chromium").exists() and Path("/usr/bin/chromedriver").exists())
