"""Whoever runs us in the foreground: a terminal that may be closed, a `make` that may be told to hang up."""

import os
import select
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from config.supervisor.processes import die_with_parent


def watch_terminal() -> Callable[[], bool]:
    """
    Answers whether the terminal that we were started in is closed.

    Only the leader of its session hears SIGHUP then: a shell passes it on, `xterm -e make up` does not.
    """
    if not sys.stdin or not sys.stdin.isatty() or signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        return lambda: False
    poll = select.poll()
    poll.register(sys.stdin.fileno(), 0)
    return lambda: bool(poll.poll(0))


def follow_make() -> Callable[[], bool]:
    """
    Have the kernel send us SIGTERM when `make` is killed; answers whether it was told to hang up.

    GNU make passes SIGTERM on to its children but not SIGHUP: it then waits for them inside its handler, in
    which, as in any handler, the signal is blocked.
    """
    die_with_parent(signal.SIGTERM)
    make = os.getppid()
    if _blocks_hang_up(make):
        return lambda: False
    return lambda: _blocks_hang_up(make)


def _blocks_hang_up(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    blocked = next((line.split()[1] for line in status.splitlines() if line.startswith("SigBlk:")), "0")
    return bool(int(blocked, 16) & 1 << (signal.SIGHUP - 1))
