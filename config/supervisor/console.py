"""What the supervisor says on its terminal. A closed terminal must not stop the stopping."""

import sys


def say(text: str) -> None:
    _write(sys.stdout, text)


def complain(text: str) -> None:
    _write(sys.stderr, text)


def _write(stream: object, text: str) -> None:
    try:
        print(text, file=stream, flush=True)  # type: ignore[call-overload]
    except OSError:
        pass
