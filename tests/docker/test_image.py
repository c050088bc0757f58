"""The Dockerfile and .dockerignore: what they name exists, and nothing gets in that should not."""

import json
import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.core.management import get_commands, load_command_class
from django.test import Client, override_settings

from config.environment import SETTINGS
from config.supervisor.environment import PROJECT
from config.supervisor.launch import Options, Service, parts
from tests.docker.files import compose, example, image_environment, instructions, only

PYTHON_S_OWN = {"PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))


def is_copied(path: str) -> bool:
    """By .dockerignore: of the patterns that match a path or a folder above it, the last one decides."""
    copied = True
    parents = [path, *(str(parent) for parent in Path(path).parents if str(parent) != ".")]
    for line in (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.removeprefix("!")
        anywhere = pattern.startswith("**/")
        for part in parents:
            if fnmatch(Path(part).name, pattern[3:]) if anywhere else fnmatch(part, pattern):
                copied = line.startswith("!")
    return copied


def test_it_stands_on_the_python_that_the_lock_was_made_for() -> None:
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    (locked_for,) = re.findall(r"--python-version (\S+)", makefile)

    froms = [words for name, words in instructions() if name == "FROM"]

    assert froms == [f"python:{locked_for}-slim-bookworm AS base", "base AS build", "base"]
    assert PYPROJECT["project"]["requires-python"] == f">={locked_for}"


def test_it_installs_the_lock_with_hashes_and_nothing_else() -> None:
    installs = [words for name, words in instructions() if name == "RUN" and "install" in words]

    (install,) = installs
    assert "--require-hashes --requirement requirements/runtime.txt" in install
    assert ("COPY", "requirements/runtime.txt requirements/runtime.txt") in instructions()
    assert (PROJECT / "requirements" / "runtime.txt").is_file()


def test_it_runs_as_somebody_who_is_not_root() -> None:
    (made,) = re.findall(r"useradd --uid (\d+) --user-group", " ".join(words for _, words in instructions()))

    assert only("USER") == f"{made}:{made}"
    names = [name for name, _ in instructions()]
    assert names.index("USER") < names.index("CMD")
    assert "RUN" not in names[names.index("USER") :]


def test_it_sets_what_the_settings_read_and_no_secret() -> None:
    known = {setting.name for setting in SETTINGS}

    assert set(image_environment()) - PYTHON_S_OWN == {"DATA_DIR", "DEMO", "LOG_FORMAT"}
    assert known >= {"DATA_DIR", "DEMO", "LOG_FORMAT"}
    assert not [words for name, words in instructions() if name == "ARG"]


def test_every_command_of_ours_that_it_runs_exists() -> None:
    runs = " ".join(words for name, words in instructions() if name == "RUN")

    called = re.findall(r"manage\.py (\w+) (--\w+)", runs)

    assert called == [("collectstatic", "--noinput")]
    parser = load_command_class(get_commands()["collectstatic"], "collectstatic").create_parser("manage.py", "")
    assert parser.parse_args(["--noinput"]).interactive is False


def test_it_serves_as_make_up_does() -> None:
    (web,) = (part for part in parts(Options.of({})) if part.name == "web")
    assert isinstance(web, Service)
    of_the_place = {"--host=127.0.0.1": "--host=0.0.0.0", "--port=8000": f"--port={only('EXPOSE')}"}

    assert json.loads(only("CMD")) == ["python", *(of_the_place.get(word, word) for word in web.command[1:])]


def test_its_health_is_asked_where_it_answers() -> None:
    (address,) = re.findall(r"urlopen\('(\S+)'", only("HEALTHCHECK"))
    filled = compose({name: value or "given" for name, value in example().items()})
    allowed = filled["services"]["web"]["environment"]["ALLOWED_HOSTS"].split(",")

    asked = urlsplit(address)
    with override_settings(ALLOWED_HOSTS=allowed):
        answer = Client().get(asked.path, headers={"host": asked.netloc})

    assert str(asked.port) == only("EXPOSE")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_what_is_let_in_exists() -> None:
    let_in = [
        line[1:] for line in (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[0] == "!"
    ]

    assert [path for path in let_in if not (PROJECT / path).exists()] == []


def test_all_of_the_product_is_let_in() -> None:
    packages = set(PYPROJECT["tool"]["importlinter"]["root_packages"]) - {"simulator"}
    folders = [*settings.STATICFILES_DIRS, *settings.TEMPLATES[0]["DIRS"]]

    assert packages <= {path.parent.name for path in PROJECT.glob("*/__init__.py")}
    for path in [
        "manage.py",
        "requirements/runtime.txt",
        "docs/connectors/maximo.md",
        *packages,
        *(folder.name for folder in folders),
    ]:
        assert is_copied(path), path


@pytest.mark.parametrize(
    "path",
    [
        ".env",
        "docker/.env",
        ".data/secrets.json",
        ".git/config",
        ".venv/pyvenv.cfg",
        "config/__pycache__/settings.cpython-311.pyc",
        "requirements/development.txt",
        "simulator/__main__.py",
        "tests/conftest.py",
    ],
)
def test_secrets_and_what_is_not_the_product_stay_out(path: str) -> None:
    assert not is_copied(path)


def test_the_file_of_secrets_is_not_committed_by_mistake() -> None:
    assert "/docker/.env" in (PROJECT / ".gitignore").read_text(encoding="utf-8").splitlines()
