import json
from pathlib import Path

import pytest

from tests.benchmarks import __main__ as benchmarks
from tests.benchmarks.results import Result

MET = Result("quick", 1.25, "ms, p95", "< 5", True, "in a test")
MISSED = Result("slow", 40.0, "s", "< 30", False, "in a test")


def fails() -> list[Result]:
    raise RuntimeError("no server")


@pytest.fixture(autouse=True)
def three(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    measures = {"quick": lambda: [MET], "slow": lambda: [MISSED], "broken": fails}
    monkeypatch.setattr(benchmarks, "BENCHMARKS", measures)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))


def kept(tmp_path: Path) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = json.loads((tmp_path / "bench.json").read_text())
    return rows


def test_a_missed_target_and_a_broken_benchmark_fail_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert benchmarks.main([]) == 0

    assert kept(tmp_path) == [
        {"name": "quick", "value": 1.25, "unit": "ms, p95", "target": "< 5", "met": True, "detail": "in a test"},
        {"name": "slow", "value": 40.0, "unit": "s", "target": "< 30", "met": False, "detail": "in a test"},
        {"name": "broken", "value": None, "unit": "", "target": "", "met": False, "detail": "not measured: no server"},
    ]
    assert capsys.readouterr().out.splitlines()[:4] == [
        "        name    value         target  detail",
        "met     quick   1.25 ms, p95  < 5     in a test",
        "MISSED  slow    40 s          < 30    in a test",
        "MISSED  broken  —                     not measured: no server",
    ]


def test_one_is_run_alone(tmp_path: Path) -> None:
    assert benchmarks.main(["slow"]) == 0

    assert [row["name"] for row in kept(tmp_path)] == ["slow"]


def test_an_unknown_one_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmarks.main(["quick", "nonsense"]) == 2

    assert "no benchmark nonsense" in capsys.readouterr().err
    assert not (tmp_path / "bench.json").exists()
