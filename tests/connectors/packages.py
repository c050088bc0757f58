"""A Python package that brings an adapter by its entry point, as pip would install it."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from connectors import registry

METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"


def install(folder: Path, *, package: str, points: str, files: dict[str, str]) -> None:
    """
    :param points: what stands under the group of entry points, a line each
    :param files: the package's files, by path in it
    """
    for path, text in {"__init__.py": "", **files}.items():
        (folder / package / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / package / path).write_text(text, encoding="utf-8")
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(METADATA.format(name=package), encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[{registry.ENTRY_POINTS}]\n{points}\n", encoding="utf-8")


@contextmanager
def installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What was installed into the folder is there until the end, and the registry looks anew."""
    with monkeypatch.context() as patched:
        patched.syspath_prepend(folder)
        importlib.invalidate_caches()
        registry.adapters.cache_clear()
        yield
    registry.adapters.cache_clear()
    for name in [name for name in sys.modules if (folder / name.partition(".")[0]).is_dir()]:
        del sys.modules[name]
