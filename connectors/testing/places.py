"""Where the tests of an adapter are."""

import inspect
from pathlib import Path

from connectors.protocols.adapter import Adapter

MARKS = ("pyproject.toml", "setup.cfg", "setup.py")


def root_of(adapter: type[Adapter]) -> Path:
    """The folder of the project that an adapter is in: the nearest above its module that has a project file."""
    folder = Path(inspect.getfile(adapter)).resolve().parent
    return next((one for one in (folder, *folder.parents) if any((one / mark).exists() for mark in MARKS)), folder)
