"""
What a command run by hand needs to find the running system: read from DATA_DIR what was not given.

Imported by the settings, so it stands on the standard library alone.
"""

import json
from collections.abc import Mapping
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
DEFAULT_DATA_DIR = ".data"

SECRETS_FILE = "secrets.json"
SERVICES_FILE = "services.json"


def data_dir_of(environ: Mapping[str, str]) -> Path:
    """The absolute DATA_DIR; a relative one counts from the project's own folder."""
    return PROJECT / (environ.get("DATA_DIR") or DEFAULT_DATA_DIR)


def discover(environ: Mapping[str, str]) -> dict[str, str]:
    """
    The variables of `environ`, and those that a supervisor on the same DATA_DIR left for others.

    What is given wins. The three addresses come as a set: whoever names a database of his own gets no
    credentials of the embedded one beside it.
    """
    folder = data_dir_of(environ)
    found = {**_read(folder / SECRETS_FILE), **_read(folder / SERVICES_FILE)}
    if environ.get("DATABASE_URL") or environ.get("DATABASE_OWNER_URL"):
        found.pop("DATABASE_URL", None)
        found.pop("DATABASE_OWNER_URL", None)
    given = {name: value for name, value in environ.items() if value}
    return {**found, **given, "DATA_DIR": str(folder)}


def _read(path: Path) -> dict[str, str]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return {name: value for name, value in content["environment"].items() if isinstance(value, str)}
