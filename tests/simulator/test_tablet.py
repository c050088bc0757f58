import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from simulator.tablet import NotPushed, PushAnswer, PushTarget, send
from tests.simulator.conftest import Clock, Simulator

CONFIG = {
    "url": "http://127.0.0.1:8000/registry/connectors/x/records/restoration-estimate/1",
    "token": "secret",
}


def configure(simulator: Simulator, **more: Any) -> None:
    simulator.push_config.write_text(json.dumps({**CONFIG, **more}))


def pushed(simulator: Simulator) -> list[list[dict[str, Any]]]:
    """The records of each push."""
    return [[json.loads(line) for line in body.splitlines()] for _, body in simulator.product.pushes]


def test_an_estimate_is_pushed_as_one_line_with_the_token(simulator: Simulator) -> None:
    configure(simulator)
    simulator.product.answer = PushAnswer(status=200, body='{"status":"landed"}\n')
    simulator.post("/scenarios/hv-fault", json={"element": "SW-10770"})

    assert simulator.utility.tablet.push_due() == 1

    target, body = simulator.product.pushes[0]
    assert (target.url, target.token) == (CONFIG["url"], "secret")
    assert body.endswith(b"}\n")
    assert pushed(simulator) == [
        [
            {
                "external_id": "EST-SW-10770-20261124T011500250000-1",
                "source_time": "2026-11-24T01:15:00.250000+00:00",
                "element": "SW-10770",
                "estimated_at": "2026-11-24T03:21:00+00:00",
                "confidence": "LOW",
                "work_order": "WO20001",
                "note": "First estimate, crew not on site yet.",
            }
        ]
    ]
    state = simulator.utility.tablet.state()
    assert (state.waiting, state.problem) == ([], None)
    assert state.delivered[0].result == {"status": "landed"}
    assert simulator.utility.tablet.push_due() == 0


def test_a_crew_on_site_sends_a_better_estimate(simulator: Simulator, clock: Clock) -> None:
    configure(simulator)
    simulator.post("/scenarios/hv-fault", json={"element": "SW-10770"})
    clock.advance(seconds=50)

    simulator.utility.advance()
    simulator.utility.advance()
    simulator.utility.tablet.push_due()

    first, second = pushed(simulator)[0]
    assert (first["confidence"], second["confidence"]) == ("LOW", "MEDIUM")
    assert second["cause"]
    assert second["external_id"] != first["external_id"]


def test_without_a_work_order_the_estimate_names_none(simulator: Simulator) -> None:
    configure(simulator)
    simulator.post("/scenarios/hv-fault", json={"element": "SW-10770", "parts": ["estimate"]})

    simulator.utility.tablet.push_due()

    assert "work_order" not in pushed(simulator)[0][0]


def test_without_a_configuration_the_estimate_waits_and_then_goes_at_once(simulator: Simulator) -> None:
    simulator.post("/scenarios/hv-fault", json={"element": "SW-10770"})

    assert simulator.utility.tablet.push_due() == 0
    assert simulator.utility.tablet.state().problem == f"Waiting for {simulator.push_config}."

    configure(simulator)
    assert simulator.utility.tablet.push_due() == 1


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"url": "http://x"}'])
def test_a_broken_configuration_is_told_and_nothing_is_lost(simulator: Simulator, content: str) -> None:
    simulator.push_config.write_text(content)
    simulator.post("/scenarios/hv-fault", json={"element": "SW-10770"})

    assert simulator.utility.tablet.push_due() == 0
    state = simulator.utility.tablet.state()
    assert state.problem == f"{simulator.push_config} cannot be read: it needs url and token."
    assert len(state.waiting) == 1


def test_a_refused_push_is_tried_again_later_and_later(simulator: Simulator, clock: Clock) -> None:
    configure(simulator)
    simulator.product.answer = PushAnswer(status=503, body="busy")
    simulator.post("/scenarios/hv-fault", json={"element": "SW-10770"})

    waits = []
    problems = set()
    for _ in range(7):
        simulator.utility.tablet.push_due()
        entry = simulator.utility.tablet.state().waiting[0]
        assert entry.due_at is not None
        waits.append((entry.due_at - clock()).total_seconds())
        problems.add(entry.problem)
        assert simulator.utility.tablet.push_due() == 0
        clock.instant = entry.due_at

    assert waits == [1, 2, 4, 8, 16, 30, 30]
    assert len(simulator.product.pushes) == 7
    assert problems == {"The product answered 503: busy"}
    simulator.product.answer = PushAnswer(status=200, body="")
    assert simulator.utility.tablet.push_due() == 1


def test_a_heartbeat_is_sent_only_when_it_is_asked_for(simulator: Simulator, clock: Clock) -> None:
    configure(simulator)
    simulator.utility.tablet.push_due()
    assert simulator.product.pushes == []

    configure(simulator, heartbeat_seconds=30)
    for _ in range(4):
        simulator.utility.tablet.push_due()
        clock.advance(seconds=15)

    assert [body for _, body in simulator.product.pushes] == [b"", b""]


def test_injected_faults_garble_the_push_and_the_whole_one_follows(simulator: Simulator, clock: Clock) -> None:
    configure(simulator)
    simulator.post("/scenarios/hv-fault", json={"element": "SW-10770"})
    for fault in ("401", "garbage", "500"):
        simulator.post("/faults", json={"system": "tablet", "fault": fault, "seconds": 60, "times": 1})
        assert simulator.utility.tablet.push_due() == (1 if fault == "401" else 0)
        simulator.post("/scenarios/hv-fault")
        clock.advance(seconds=31)

    assert simulator.utility.tablet.push_due() > 0
    targets = [target.token for target, _ in simulator.product.pushes]
    bodies = [body for _, body in simulator.product.pushes]
    assert targets == ["terces", "secret", "secret"]
    with pytest.raises(json.JSONDecodeError):
        json.loads(bodies[1].splitlines()[0])
    assert simulator.utility.tablet.state().waiting == []


class Recorder(BaseHTTPRequestHandler):
    """A product of few words: answers one line, keeps what it got."""

    got: list[tuple[str, str | None, str | None, bytes]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append((self.path, self.headers["Authorization"], self.headers["Content-Type"], body))
        answer = b'{"status":"landed"}\n'
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *arguments: Any) -> None:
        """Not on the terminal of the tests."""


@pytest.fixture
def recorder() -> Iterator[HTTPServer]:
    Recorder.got = []
    with HTTPServer(("127.0.0.1", 0), Recorder) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_push_goes_out_as_ndjson_with_a_bearer_token(recorder: HTTPServer) -> None:
    target = PushTarget(url=f"http://127.0.0.1:{recorder.server_port}/records", token="t", heartbeat=None)

    answer = send(target, b'{"a":1}\n')

    assert answer == PushAnswer(status=200, body='{"status":"landed"}\n')
    assert Recorder.got == [("/records", "Bearer t", "application/x-ndjson", b'{"a":1}\n')]


def test_no_answer_is_not_pushed() -> None:
    target = PushTarget(url="http://127.0.0.1:9/records", token="t", heartbeat=None)

    with pytest.raises(NotPushed, match=r"No answer from http://127\.0\.0\.1:9/records: ConnectionError\."):
        send(target, b"")
