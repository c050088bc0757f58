"""docker/ as those read it who build and run it: instructions of the image, services with their variables filled in."""

import re
from collections.abc import Mapping
from typing import Any

import yaml

from config.supervisor.environment import PROJECT

DOCKER = PROJECT / "docker"
COMPOSE_FILES = (DOCKER / "compose.yaml", DOCKER / "compose.data.yaml")

# `${NAME}`, `${NAME:-instead}` or `${NAME:?complaint}`; what stands instead may hold others.
_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<if_empty>[-?])(?P<words>(?:[^{}]|\$\{[^{}]*\})*))?\}")


class Missing(Exception):
    """A variable that must be given is not; named."""


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's, in order: (`RUN`, `python -m …`). Continued lines are joined, comments left out."""
    text = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#")).replace("\\\n", " ")
    found = [line.strip().partition(" ") for line in lines.splitlines() if line.strip()]
    return [(name, " ".join(words.split())) for name, _, words in found]


def only(instruction: str) -> str:
    """What the last stage says by an instruction that stands there once."""
    every = instructions()
    stage = every[max(place for place, (name, _) in enumerate(every) if name == "FROM") :]
    (words,) = (words for name, words in stage if name == instruction)
    return words


def image_environment() -> dict[str, str]:
    """Every ENV of the Dockerfile."""
    pairs = (pair for name, words in instructions() if name == "ENV" for pair in words.split())
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs)}


def example() -> dict[str, str]:
    """What docker/env.example names, with what it says: mostly nothing yet."""
    lines = (DOCKER / "env.example").read_text(encoding="utf-8").splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def asked_for() -> set[str]:
    """Every variable that the compose files want filled in."""
    texts = (re.sub(r"(?m)^\s*#.*$", "", path.read_text(encoding="utf-8")) for path in COMPOSE_FILES)
    return {name for text in texts for name in re.findall(r"(?<!\$)\$\{(\w+)", text)}


def compose(given: Mapping[str, str]) -> dict[str, Any]:
    """
    compose.yaml with its variables filled in, as `docker compose config` would print it.

    :raises Missing: for a variable that must be given
    """
    filled: dict[str, Any] = _filled(yaml.safe_load(COMPOSE_FILES[0].read_text(encoding="utf-8")), given)
    return filled


def _filled(part: Any, given: Mapping[str, str]) -> Any:
    match part:
        case dict():
            return {name: _filled(value, given) for name, value in part.items()}
        case list():
            return [_filled(value, given) for value in part]
        case str():
            # `$$` is a dollar sign for the container's own shell.
            return "$".join(_fill(words, given) for words in part.split("$$"))
        case _:
            return part


def _fill(text: str, given: Mapping[str, str]) -> str:
    def value(variable: re.Match[str]) -> str:
        found = given.get(variable["name"], "")
        if found or variable["if_empty"] is None:
            return found
        if variable["if_empty"] == "?":
            raise Missing(variable["name"])
        return _fill(variable["words"], given)

    return _VARIABLE.sub(value, text)
