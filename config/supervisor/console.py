"""What the supervisor says on its terminal. A closed terminal must not stop the stopping."""

import contextlib
import sys
from typing import TextIO


def say(text: str) -> None:
    _write(sys.stdout, text)


def complain(text: str) -> None:
    _write(sys.stderr, text)


def _write(stream: TextIO, text: str) -> None:
    with contextlib.suppress(OSError):
        print(text, file=stream, flush=True)
