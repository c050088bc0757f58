"""The person at the system's desk, as the harness speaks with them."""

import select
import subprocess
import sys
from typing import Any

import orjson

from config.supervisor.environment import PROJECT
from tests.chaos.product import Product, TookTooLong
from tests.chaos.witness import Edits

PATIENCE_S = 120


class Refused(Exception):
    """It could not be done, or nobody could say whether it was."""


class Desk:
    """
    Keeps account of what was asked for, and of what the system said that it did.

    :ivar runs: the reads that it said had been started
    """

    FIRST_LABEL = "poles"

    def __init__(self, product: Product) -> None:
        self.product = product
        self.runs: list[int] = []
        self._asked = [self.FIRST_LABEL]
        self._acknowledged = {self.FIRST_LABEL}
        self._actor = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def edits(self) -> Edits:
        return Edits(actor=self._actor, asked=tuple(self._asked), acknowledged=frozenset(self._acknowledged))

    def set_up(self, source: str, historian: str) -> dict[str, Any]:
        """
        An organisation that reads from one address and listens to another: `{"organisation", "streams", "values",
        "actor"}`.
        """
        made = self._ask(do="set_up", source=source, historian=historian)
        self._actor = made["actor"]
        return made

    def schedule(self, *, on: bool) -> bool:
        """Whether it was done."""
        return self._try(do="schedule", on=on) is not None

    def edit(self) -> None:
        label = f"poles, edit {len(self._asked)}"
        self._asked.append(label)
        if self._try(do="edit", label=label) is not None:
            self._acknowledged.add(label)

    def sync(self, stream: int, mode: str) -> None:
        answer = self._try(do="sync", stream=stream, mode=mode)
        if answer is not None:
            self.runs.append(answer["run"])

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _try(self, **request: Any) -> dict[str, Any] | None:
        try:
            return self._ask(**request)
        except Refused:
            return None

    def _ask(self, **request: Any) -> dict[str, Any]:
        """
        :raises Refused: with what the system said
        :raises TookTooLong: if it says nothing
        """
        process = self._at_work()
        stdin, stdout = process.stdin, process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("A desk has a line in and a line out.")
        stdin.write(orjson.dumps(request) + b"\n")
        stdin.flush()
        if not select.select([stdout], [], [], PATIENCE_S)[0]:
            self.close()
            raise TookTooLong(f"not within {PATIENCE_S} s: an answer to {request}")
        answer = orjson.loads(stdout.readline())
        if "failed" in answer:
            raise Refused(answer["failed"])
        done: dict[str, Any] = answer["done"]
        return done

    def _at_work(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.deeds"],
                cwd=PROJECT,
                # Not kept open: every deed finds the database as it is then.
                env={**self.product.environment(), "DATABASE_POOL": "0", "LOG_LEVEL": "ERROR"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        return self._process
