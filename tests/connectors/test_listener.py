"""Listeners as they run: processes of their own against the pretend utility, one of which is killed."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
import requests
from django.db import connection
from django.utils import timezone

from config.supervisor.environment import PROJECT
from connectors.adapters.opcua_rest.settings import OpcUaRestForm
from connectors.models import Lease, Stream, StreamState
from connectors.services.settings import save_connector, save_stream
from organisation.models import Organisation
from organisation.scope import Scope, acting_for
from telemetry.models import Alarm

LEASE_S = 3
GIVEN = ("base_url", "sign_in", "token")
DEFAULTS = {
    name: field.prepare_value(field.initial)
    for name, field in OpcUaRestForm.base_fields.items()
    if field.initial not in (None, False) and name not in GIVEN
}


def until(ask: Callable[[], Any], what: str, *, within_s: float = 60) -> Any:
    deadline = time.monotonic() + within_s
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(0.1)
    return answer


class Pretend:
    """The simulator, on a port of its own."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def is_up(self) -> bool:
        try:
            return requests.get(f"{self.url}/health", timeout=5).ok
        except requests.ConnectionError:
            return False

    def post(self, path: str, **body: Any) -> None:
        requests.post(f"{self.url}{path}", json=body, timeout=10).raise_for_status()

    def trips(self, switch: str) -> None:
        self.post("/scenarios/hv-fault", element=switch, parts=["position", "alarm"])


class Listeners:
    """Processes of `manage.py listen`, which sign in to the suite's database as the product does."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.stack, self.folder = stack, folder
        self.environment = {name: value for name, value in os.environ.items() if name != "DATABASE_ROLE"}
        database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
        self.environment |= {"DATABASE_URL": urlunsplit(database), "LEASE_S": str(LEASE_S), "LOG_LEVEL": "INFO"}

    def start(self, name: str, *command: str) -> "subprocess.Popen[bytes]":
        log = self.stack.enter_context((self.folder / f"{name}.log").open("wb"))
        process = subprocess.Popen(
            [sys.executable, *(command or ("manage.py", "listen"))],
            cwd=PROJECT,
            env=self.environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        self.stack.callback(process.wait)
        self.stack.callback(process.kill)
        return process


@pytest.fixture
def listeners(tmp_path: Path, transactional_db: None) -> Iterator[Listeners]:
    with ExitStack() as stack:
        listeners = Listeners(stack, tmp_path)
        assert listeners.start("roles", "manage.py", "database", "roles").wait() == 0  # the role app gets its password
        yield listeners


@pytest.fixture
def pretend(listeners: Listeners) -> Pretend:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    listeners.start("simulator", "-m", "simulator", f"--port={port}")
    simulator = Pretend(port)
    until(simulator.is_up, "the simulator")
    return simulator


@pytest.fixture
def scope(utility: Organisation) -> Scope:
    return Scope(organisation_id=utility.pk)


@pytest.fixture
def streams(scope: Scope, pretend: Pretend) -> list[int]:
    """Alarms and readings of the pretend gateway, both to be listened to, with nothing that would poll them."""
    with acting_for(scope):
        connector = save_connector(
            kind="opcua-rest",
            name="SCADA gateway",
            settings={
                "base_url": f"{pretend.url}/opcua",
                "sign_in": "BEARER",
                "token": "scada-demo-token",
                **DEFAULTS,
            },
            now=timezone.now(),
        )
        return [
            save_stream(connector=connector, name=name, contract=contract, is_listened_to=True).pk
            for name, contract in (("alarms", "alarm/1"), ("readings", "reading/1"))
        ]


@pytest.mark.long
def test_a_listener_that_is_killed_is_taken_over_and_nothing_is_missed(
    listeners: Listeners, pretend: Pretend, streams: list[int], scope: Scope
) -> None:
    def live() -> set[int]:
        with acting_for(scope):
            found = Lease.objects.filter(phase="LISTENING", expires_at__gt=timezone.now())
            return set(found.values_list("fence", flat=True)) if found.count() == len(streams) else set()

    def alarm_of(switch: str) -> bool:
        with acting_for(scope):
            return Alarm.objects.filter(external_id__contains=f"s={switch}.Trip", is_active=True).exists()

    first = listeners.start("first")
    before = until(live, "both streams to be listened to")
    pretend.trips("SW-10770")
    until(lambda: alarm_of("SW-10770"), "the first alarm")

    first.send_signal(signal.SIGKILL)
    first.wait()
    pretend.trips("SW-10918")
    second = listeners.start("second")
    after = until(lambda: {*live()} - before, "another listener to take both over")
    until(lambda: alarm_of("SW-10918"), "the alarm that nobody heard")

    pretend.post("/scada/restart")
    pretend.trips("SW-10771")
    until(lambda: alarm_of("SW-10771"), "an alarm after the gateway's restart")

    second.send_signal(signal.SIGTERM)
    assert second.wait(15) == 0
    with acting_for(scope):
        assert len(after) == len(streams)
        assert not Lease.objects.exists()
        assert not StreamState.objects.exclude(outcome="SUCCEEDED").exists()
        assert Stream.objects.count() == len(streams)
