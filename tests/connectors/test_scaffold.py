"""A new adapter from the scaffold: it installs, is found, is in form, and passes everything from the start."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command

from connectors import registry
from connectors.grades import Grade, grades_of
from connectors.protocols.adapter import Family
from tests.connectors.packages import installed

BIN = Path(sys.executable).parent
FILES = [
    "pyproject.toml",
    "tests/conftest.py",
    "tests/test_adapter.py",
    "tests/test_contract.py",
    "tide_gauges/__init__.py",
    "tide_gauges/adapter.py",
    "tide_gauges/settings.py",
    "tide_gauges/tide-gauges.md",
    "tide_gauges/tide-gauges.samples.json",
]


def new(capsys: pytest.CaptureFixture[str], into: Path, *arguments: str) -> tuple[int, dict[str, object]]:
    """The exit status of the command, and what it tells."""
    capsys.readouterr()
    status = 0
    try:
        call_command("connector", "new", *arguments, "--into", str(into), "--json")
    except SystemExit as left:
        status = int(left.code or 0)
    told: dict[str, object] = json.loads(capsys.readouterr().out)
    return status, told


@pytest.fixture
def package(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    arguments = ("tide-gauges", "--label", "Tide gauges (harbour's)", "--family", "telemetry")
    status, told = new(capsys, tmp_path, *arguments)
    assert (status, sorted(told["files"])) == (0, FILES)  # type: ignore[call-overload]  # a list of paths
    return Path(str(told["folder"]))


@pytest.fixture
def site(package: Path, tmp_path: Path) -> Path:
    """Where it is installed, as from an index, without asking one."""
    into = tmp_path / "site"
    command = ["uv", "pip", "install", "--quiet", "--offline", "--no-deps", "--python", sys.executable]
    subprocess.run([BIN / command[0], *command[1:], "--target", into, package], check=True)
    return into


def test_what_is_installed_is_in_the_catalogue_and_backs_its_grade(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with installed(site, monkeypatch):
        adapter = registry.adapter_for("tide-gauges")
        report = grades_of(adapter)

    assert (adapter.label, adapter.family) == ("Tide gauges (harbour's)", Family.TELEMETRY)
    assert registry.package_of(adapter) == "tide_gauges"
    assert (report.claimed, report.backed, report.missing) == (Grade.BRONZE, Grade.BRONZE, ())


def test_its_code_is_in_form(package: Path) -> None:
    for check in (["check"], ["format", "--check"]):
        subprocess.run([BIN / "ruff", *check, "--quiet", "--no-cache", "."], cwd=package, check=True)


@pytest.mark.long
def test_its_tests_and_the_contract_suite_pass(package: Path, site: Path) -> None:
    path = os.pathsep.join([str(site), str(settings.BASE_DIR)])
    ask = ["-m", "pytest", "-q", "-c", "pyproject.toml", "-p", "no:xdist"]
    ended = subprocess.run(
        [sys.executable, *ask, "-p", "no:cacheprovider", package / "tests"],
        cwd=settings.BASE_DIR,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stdout[-4_000:] + ended.stderr[-2_000:]
    assert "24 passed" in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["Tide Gauges"], "is no kind. Write it in small letters with hyphens, such as tide-gauges."),
        (["maximo"], "There is an adapter of kind maximo already. Choose another name."),
        (["tides", "--label", 'The "tides"'], "Leave quotes, colons, braces and backslashes out of the label."),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    status, told = new(capsys, tmp_path, *arguments)

    assert status == 2
    assert said in str(told["error"])
    assert list(tmp_path.iterdir()) == []


def test_what_was_written_is_not_overwritten(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (package / "pyproject.toml").write_text("mine")

    status, told = new(capsys, package.parent, "tide-gauges")

    assert (status, told["error"]) == (2, f"{package} is there already. Nothing was written.")
    assert (package / "pyproject.toml").read_text() == "mine"
