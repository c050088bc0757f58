"""The field tablets' gateway: pushes restoration estimates to the product, keeps what it cannot hand over."""

import json
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import requests

FIRST_RETRY = timedelta(seconds=1)
LAST_RETRY = timedelta(seconds=30)
TIMEOUT_SECONDS = (3, 15)
BATCH = 500


@dataclass(frozen=True)
class PushTarget:
    url: str
    token: str
    heartbeat: timedelta | None


@dataclass(frozen=True)
class PushAnswer:
    status: int
    body: str


class NotPushed(Exception):
    """The records are still ours. Says why, for the page."""


Send = Callable[[PushTarget, bytes], PushAnswer]


def send(target: PushTarget, body: bytes) -> PushAnswer:
    """
    :raises NotPushed: if there was no answer.
    """
    headers = {"Authorization": f"Bearer {target.token}", "Content-Type": "application/x-ndjson"}
    with requests.Session() as session:
        # Straight to the product: a proxy of the environment must not see the token.
        session.trust_env = False
        try:
            answer = session.post(
                target.url, data=body, headers=headers, timeout=TIMEOUT_SECONDS, allow_redirects=False
            )
        except requests.RequestException as error:
            raise NotPushed(f"No answer from {target.url}: {type(error).__name__}.") from error
    return PushAnswer(status=answer.status_code, body=answer.text)


@dataclass
class Entry:
    record: Mapping[str, Any]
    attempts: int = 0
    due_at: datetime | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Delivery:
    record: Mapping[str, Any]
    delivered_at: datetime
    result: Any


@dataclass
class Garbled:
    """What an injected fault does to one push."""

    wrong_token: bool = False
    broken_lines: bool = False
    gateway_down: bool = False
    wait: float = 0.0


@dataclass(frozen=True)
class TabletState:
    waiting: list[Entry]
    delivered: list[Delivery]
    problem: str | None


class Tablet:
    """Safe to use from any thread. Nothing is held locked while a request is on its way."""

    def __init__(
        self,
        *,
        push_config: Path | None,
        clock: Callable[[], datetime],
        garble: Callable[[], Garbled],
        sender: Send = send,
    ) -> None:
        self._push_config = push_config
        self._clock = clock
        self._garble = garble
        self._send = sender
        self._lock = threading.Lock()
        self._pushing = threading.Lock()
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._waiting: deque[Entry] = deque()
        self._delivered: deque[Delivery] = deque(maxlen=50)
        self._fingerprint: tuple[int, int] | None = None
        self._spoke_at: datetime | None = None
        self._problem: str | None = None

    def enqueue(self, record: Mapping[str, Any]) -> None:
        with self._lock:
            self._waiting.append(Entry(record))
        self._wake.set()

    def state(self) -> TabletState:
        with self._lock:
            return TabletState(list(self._waiting), list(self._delivered), self._problem)

    def push_due(self) -> int:
        """Push what is due, in one request; gives how many records were taken over."""
        with self._pushing:
            batch = self._take_due()
            try:
                target = self._read_target()
                if batch:
                    answer = self._push(target, batch)
                elif self._heartbeat_is_due(target):
                    answer = self._push(target, [])
                else:
                    return 0
            except NotPushed as error:
                self._keep(batch, problem=str(error))
                return 0
            self._settle(batch, answer)
            return len(batch)

    def run(self, *, on_tick: Callable[[], None]) -> None:
        """Push as records come, and call `on_tick` about once a second, until `stop`."""
        while not self._stopped.is_set():
            self._wake.wait(timeout=1.0)
            self._wake.clear()
            if not self._stopped.is_set():
                on_tick()
                self.push_due()

    def stop(self) -> None:
        self._stopped.set()
        self._wake.set()

    def _take_due(self) -> list[Entry]:
        now = self._clock()
        config_changed = self._config_changed()
        with self._lock:
            due = [entry for entry in self._waiting if config_changed or entry.due_at is None or entry.due_at <= now]
        return due[:BATCH]

    def _config_changed(self) -> bool:
        before = self._fingerprint
        try:
            status = self._push_config.stat() if self._push_config else None
        except OSError:
            status = None
        self._fingerprint = (status.st_mtime_ns, status.st_size) if status else None
        return self._fingerprint is not None and self._fingerprint != before

    def _read_target(self) -> PushTarget:
        if self._push_config is None:
            raise NotPushed("No push configuration was named at the start (--push-config).")
        try:
            config = json.loads(self._push_config.read_text(encoding="utf-8"))
            heartbeat = config.get("heartbeat_seconds")
            return PushTarget(
                url=str(config["url"]),
                token=str(config["token"]),
                heartbeat=None if heartbeat is None else timedelta(seconds=float(heartbeat)),
            )
        except FileNotFoundError as error:
            raise NotPushed(f"Waiting for {self._push_config}.") from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise NotPushed(f"{self._push_config} cannot be read: it needs url and token.") from error

    def _heartbeat_is_due(self, target: PushTarget) -> bool:
        if target.heartbeat is None:
            return False
        return self._spoke_at is None or self._clock() - self._spoke_at >= target.heartbeat

    def _push(self, target: PushTarget, batch: list[Entry]) -> PushAnswer:
        garbled = self._garble()
        if garbled.gateway_down:
            raise NotPushed("The tablet gateway is down (injected).")
        if garbled.wait:
            self._stopped.wait(garbled.wait)
        if garbled.wrong_token:
            target = replace(target, token=target.token[::-1])
        lines = [json.dumps(entry.record, ensure_ascii=False) for entry in batch]
        if garbled.broken_lines:
            lines = [line[: len(line) // 2] for line in lines]
        body = "".join(f"{line}\n" for line in lines)
        self._spoke_at = self._clock()
        answer = self._send(target, body.encode())
        if answer.status != 200:
            raise NotPushed(f"The product answered {answer.status}: {answer.body[:200]}")
        if garbled.broken_lines:
            # The product has set the broken lines aside; the tablet still owes the whole ones.
            raise NotPushed("Broken lines were sent (injected); the whole ones follow.")
        return answer

    def _keep(self, batch: list[Entry], *, problem: str) -> None:
        now = self._clock()
        with self._lock:
            self._problem = problem
            for entry in batch:
                entry.attempts += 1
                entry.problem = problem
                entry.due_at = now + min(FIRST_RETRY * 2 ** min(entry.attempts - 1, 10), LAST_RETRY)

    def _settle(self, batch: list[Entry], answer: PushAnswer) -> None:
        now = self._clock()
        results = [_result(line) for line in answer.body.splitlines() if line.strip()]
        with self._lock:
            self._problem = None
            for index, entry in enumerate(batch):
                result = results[index] if index < len(results) else None
                self._waiting.remove(entry)
                self._delivered.append(Delivery(entry.record, now, result))


def _result(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return line
