"""Child processes: each in a session of its own, stopped with patience first."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil

LARGEST_LOG = 20_000_000
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True)
class StopSignal:
    """One step of stopping: what to send, and how long to wait for it."""

    signal: signal.Signals
    patience: float


POLITE = (StopSignal(signal.SIGTERM, 10), StopSignal(signal.SIGKILL, 10))


class Child:
    """A program under the supervisor."""

    def __init__(self, name: str, popen: "subprocess.Popen[bytes]", stopping: Sequence[StopSignal]) -> None:
        self.name = name
        self.stopping = stopping
        self.popen = popen

    @property
    def is_running(self) -> bool:
        return self.popen.poll() is None

    @property
    def exit_status(self) -> str:
        """How it ended, in words."""
        code = self.popen.poll()
        if code is None:
            return "still running"
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"

    def let_go(self) -> None:
        """Leave it running after us. `subprocess` would warn of a child that nobody waits for."""
        self.popen.returncode = 0

    def stop(self) -> None:
        """Stop it and what it left behind in its session. Returns when it is gone."""
        for step in self.stopping:
            if not self.is_running:
                break
            self.popen.send_signal(step.signal)
            try:
                self.popen.wait(step.patience)
            except subprocess.TimeoutExpired:
                continue
        # A pool's children outlive a parent that was killed; its session is the parent's pid.
        clear(session_members(self.popen.pid))


def die_with_parent(number: signal.Signals) -> None:
    """Have the kernel send this process a signal when the process that started it ends (Linux only)."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)


def start(
    name: str,
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    log: Path,
    folder: Path,
    stopping: Sequence[StopSignal] = POLITE,
    user: Any = None,
    attached: bool = True,
) -> Child:
    """
    Start a child in a session of its own, its output appended to `log`.

    :param user: an entry of the password database to run as; needs root.
    :param attached: end with the supervisor even if that is killed outright.
    """
    with open_log(log) as output:
        popen = subprocess.Popen(
            command,
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_dying_with_parent(stopping[0].signal) if attached else None,  # noqa: PLW1509 - the supervisor has one thread
            **as_user(user),
        )
    return Child(name, popen, stopping)


def _dying_with_parent(number: signal.Signals) -> Callable[[], None]:
    return lambda: die_with_parent(number)


def as_user(user: Any) -> dict[str, Any]:
    """Arguments that make `subprocess` run a program as this entry of the password database."""
    if user is None:
        return {}
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def open_log(path: Path) -> IO[bytes]:
    """Append to a log; one that has grown large is put aside first, the one before it is dropped."""
    if path.exists() and path.stat().st_size > LARGEST_LOG:
        path.replace(path.with_suffix(f"{path.suffix}.1"))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    return os.fdopen(descriptor, "ab")


def tail(path: Path, lines: int = 20) -> str:
    """The last lines of a log."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 200 * lines))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])


def session_members(leader: int) -> list[psutil.Process]:
    """The processes of the session that `leader` opened, itself included."""

    def is_member(process: psutil.Process) -> bool:
        try:
            return os.getsid(process.pid) == leader
        except (ProcessLookupError, PermissionError):
            return False

    return [process for process in psutil.process_iter() if is_member(process)]


def marked(name: str, value: str) -> list[psutil.Process]:
    """The processes that were started with this environment variable, ourselves apart."""

    def carries_it(process: psutil.Process) -> bool:
        try:
            return process.pid != os.getpid() and process.environ().get(name) == value
        except psutil.Error:
            return False

    return [process for process in psutil.process_iter() if carries_it(process)]


def command_lines_of_children(pid: int) -> list[str]:
    """What the children of a process are, in their own words; none if it is gone."""
    lines = []
    try:
        for child in psutil.Process(pid).children():
            with contextlib.suppress(psutil.NoSuchProcess):
                lines.append(" ".join(child.cmdline()))
    except psutil.NoSuchProcess:
        return []
    return lines


def working_in(folder: Path) -> list[psutil.Process]:
    """The processes whose working directory is `folder`: a server's own, whoever started it."""

    def works_here(process: psutil.Process) -> bool:
        try:
            return process.cwd() == str(folder)
        except psutil.Error:
            return False

    return [process for process in psutil.process_iter() if works_here(process)]


def clear(
    processes: Iterable[psutil.Process],
    steps: Sequence[StopSignal] = (StopSignal(signal.SIGTERM, 5), StopSignal(signal.SIGKILL, 5)),
) -> int:
    """End processes that are not our children. Returns how many there were."""
    left = [process for process in processes if not is_gone(process)]
    found = len(left)
    for step in steps:
        for process in left:
            try:
                process.send_signal(step.signal)
            except psutil.Error:
                continue
        deadline = time.monotonic() + step.patience
        while left and time.monotonic() < deadline:
            left = [process for process in left if not is_gone(process)]
            time.sleep(0.02 if left else 0)
    return found


def is_gone(process: psutil.Process) -> bool:
    """Whether it has ended, waited for or not."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return True
