"""The folder that a running system keeps: who may read it, and the files that are written whole."""

import fcntl
import json
import os
import secrets
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

from config.supervisor.environment import SECRETS_FILE


class InUse(Exception):
    """Another process holds the lock."""


def make_private_folder(path: Path) -> Path:
    """Make a folder that nobody else may enter. One that exists keeps the mode that it has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def write_private(path: Path, content: str) -> None:
    """Replace a file at one stroke, readable by its owner only."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
    draft.replace(path)


def write_json(path: Path, content: Any) -> None:
    write_private(path, json.dumps(content, indent=2) + "\n")


def read_json(path: Path) -> Any:
    """The content, or None when there is no such file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


class Lock:
    """An advisory lock on a file: gone with the process that holds it, however that ends."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def take(self, *, shared: bool = False, wait: bool = False) -> None:
        """
        :raises InUse: if another process holds it and we do not `wait`.
        """
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(descriptor, kind | (0 if wait else fcntl.LOCK_NB))
        except OSError as error:
            os.close(descriptor)
            if isinstance(error, BlockingIOError):
                raise InUse(str(self.path)) from error
            raise
        self._descriptor = descriptor

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> "Lock":
        self.take(wait=True)
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def keep_secrets(folder: Path) -> dict[str, str]:
    """
    The keys of this system, generated at the first start.

    Shape of the file: `{"environment": {"SECRET_KEY": …, "SECRETS_KEYS": "<key id>:<Fernet key>"},
    "passwords": {"owner": …, "app": …, "valkey": …}}`.
    """
    path = folder / SECRETS_FILE
    content = read_json(path)
    if content is None:
        fernet_key = urlsafe_b64encode(secrets.token_bytes(32)).decode()
        content = {
            "environment": {
                "SECRET_KEY": secrets.token_urlsafe(48),
                "SECRETS_KEYS": f"{secrets.token_hex(4)}:{fernet_key}",
            },
            "passwords": {name: secrets.token_urlsafe(24) for name in ("owner", "app", "valkey")},
        }
        write_json(path, content)
    return {**content["environment"], **content["passwords"]}
