"""The source's process, and what the harness tells it."""

import subprocess
import sys
import urllib.request
from collections import Counter
from pathlib import Path

import orjson

from config.supervisor.environment import PROJECT
from tests.chaos.product import free_port, wait_until
from tests.chaos.source import WEATHER
from tests.chaos.truth import write_whole


class SourceProcess:
    """Comes back on the same port as often as it is killed. Its features are the caller's to write."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.weather({}, seed=0)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.source", str(self.port), str(self.folder)], cwd=PROJECT
        )
        wait_until(self._answers, "the source answers", within_s=60)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def restart(self) -> None:
        self.stop()
        self.start()

    def weather(self, troubles: dict[str, float], *, seed: int) -> None:
        write_whole(self.folder / WEATHER, {"troubles": troubles, "seed": seed})

    def asked(self) -> Counter[str]:
        """How often each collection was asked for: `poles whole`, `poles changes`. From nought after a restart."""
        with urllib.request.urlopen(f"{self.address}/asked", timeout=30) as answer:  # noqa: S310  # our own address
            return Counter(orjson.loads(answer.read()))

    def _answers(self) -> bool:
        try:
            self.asked()
        except OSError:
            return False
        return True
