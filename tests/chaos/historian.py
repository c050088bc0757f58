"""A historian that tells of changes: the pretend utility's, some of whose switches move all the time."""

import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from threading import Event, Thread
from typing import Any

import requests

from config.supervisor.environment import PROJECT
from tests.chaos.product import free_port, wait_until

TOKEN = "pi-demo-token"  # opens a pretend system only
DATA_SERVER = "\\\\PIServers[RURAL-DA]"
SWITCHES = tuple(f"SW-{number}" for number in range(10_770, 10_780))
TAGS = "SW-1077*.POS"

TROUBLES = ("forgotten", "reconfigured", "truncated", "500", "429", "401", "garbage", "cut")
"""
What befalls one request: the markers are lost, some streams are let go of, the server breaks in the middle of a good
answer, fails, wants us to wait, refuses us, or sends something else, or half of it.
"""

Moves = set[tuple[str, datetime, str]]
"""The path of a tag, when it changed, and to what."""


class Historian:
    """Its process is not killed, for its memory is the truth; what it knows of who listens is taken from it."""

    def __init__(self) -> None:
        self.address = f"http://127.0.0.1:{free_port()}"
        self.process: subprocess.Popen[bytes] | None = None
        self._open: set[str] = set()

    def start(self) -> None:
        """It is `ready` a little later."""
        port = self.address.rpartition(":")[2]
        self.process = subprocess.Popen([sys.executable, "-m", "simulator", f"--port={port}"], cwd=PROJECT)

    def ready(self) -> None:
        wait_until(self._answers, "the historian answers", within_s=60)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    @contextmanager
    def moving(self, seed: str) -> Iterator[None]:
        """Switches open and close all the while, and now and then a trouble befalls who asks."""
        chance, over = random.Random(seed), Event()

        def move_on() -> None:
            while not over.wait(chance.uniform(0.02, 0.3)):
                self.move(chance)
                if chance.random() < 0.1:
                    self._do("faults", system="pi", fault=chance.choice(TROUBLES), seconds=60, times=1)

        thread = Thread(target=move_on, name="moving switches", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            requests.delete(f"{self.address}/faults", timeout=30).raise_for_status()

    def move(self, chance: random.Random) -> None:
        switch = chance.choice(SWITCHES)
        if switch in self._open:
            self._do("scenarios/restore", element=switch)
        else:
            self._do("scenarios/hv-fault", element=switch, parts=["position"])
        self._open ^= {switch}

    def moves(self) -> Moves:
        """All that it has recorded of these switches."""
        [server] = self._ask("dataservers")
        points = self._ask(f"dataservers/{server['WebId']}/points", nameFilter=TAGS, webIdType="IDOnly")
        wanted = [point["WebId"] for point in points]
        recorded = self._ask("streamsets/recorded", webId=wanted, startTime="2000-01-01T00:00:00Z", maxCount=100_000)
        return {
            (stream["Path"], datetime.fromisoformat(value["Timestamp"]), value["Value"]["Name"].upper())
            for stream in recorded
            for value in stream["Items"]
        }

    def _ask(self, resource: str, **parameters: Any) -> list[dict[str, Any]]:
        url, headers = f"{self.address}/piwebapi/{resource}", {"Authorization": f"Bearer {TOKEN}"}
        answer = requests.get(url, params=parameters, headers=headers, timeout=30)
        answer.raise_for_status()
        items: list[dict[str, Any]] = answer.json()["Items"]
        return items

    def _do(self, what: str, **body: Any) -> None:
        requests.post(f"{self.address}/{what}", json=body, timeout=30).raise_for_status()

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.address}/health", timeout=5).ok
        except requests.ConnectionError:
            return False
