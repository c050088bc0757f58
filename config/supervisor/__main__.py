"""`python -m config.supervisor up`: run the whole system in the foreground."""

import argparse
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence

from config.supervisor import postgresql, residence, test_services, valkey
from config.supervisor.caller import follow_make, watch_terminal
from config.supervisor.console import complain
from config.supervisor.data_dir import InUse, Lock, keep_secrets
from config.supervisor.failures import StartFailed
from config.supervisor.launch import SERVERS, Options, parts
from config.supervisor.leftovers import clear_leftovers
from config.supervisor.supervise import Supervisor


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m config.supervisor", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="run everything until Ctrl-C")
    services = commands.add_parser("services", help="run PostgreSQL and Valkey alone until Ctrl-C")
    for command in (up, services):
        command.add_argument("--under-make", action="store_true", help="stop with the make that calls")
    commands.add_parser("reset", help="delete the data of a stopped system")
    commands.add_parser("test-services", help="start PostgreSQL and Valkey for the test suite, and return")
    commands.add_parser("stop-test-services", help="stop them and drop their data")
    within = commands.add_parser("with-test-services", help="run a command beside them")
    within.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- COMMAND")
    given = parser.parse_args(arguments)
    try:
        match given.command:
            case "up" | "services":
                return run(alone=given.command == "services", under_make=given.under_make)
            case "reset":
                return reset()
            case "test-services":
                test_services.ensure()
                return 0
            case "stop-test-services":
                return stop_test_services()
            case _:
                return within_test_services([part for part in given.argv if part != "--"])
    except StartFailed as failure:
        complain(str(failure))
        return 1


def run(*, alone: bool, under_make: bool) -> int:
    gone = [watch_terminal(), *([follow_make()] if under_make else [])]
    options = Options.of(os.environ)
    supervisor = Supervisor(
        options=options,
        parts=SERVERS if alone else parts(options),
        environ=os.environ,
        ready="PostgreSQL and Valkey are running." if alone else f"Ready: {options.url}",
        gone=gone,
    )
    return supervisor.run()


def reset() -> int:
    folder = Options.of(os.environ).data_dir
    if not folder.exists():
        # Deleted by hand: as root the database lies elsewhere.
        residence.remove(folder)
        return 0
    lock = Lock(folder / "supervisor.lock")
    try:
        lock.take()
    except InUse:
        complain("The system runs. Stop it first.")
        return 1
    secrets = keep_secrets(folder)
    server = postgresql.PostgreSQL(data_dir=folder, log=folder / "reset.log", passwords=secrets)
    broker = valkey.Valkey(folder=folder / "valkey", log=folder / "reset.log", password=secrets["valkey"])
    clear_leftovers(folder, (broker, server))
    residence.remove(folder)
    for path in folder.iterdir():
        if path.is_dir() and path != test_services.FOLDER:
            shutil.rmtree(path)
        elif path.is_file():
            path.unlink()
    lock.release()
    return 0


def stop_test_services() -> int:
    if test_services.remove():
        return 0
    complain("A test run is using PostgreSQL and Valkey: they stay.")
    return 1


def within_test_services(command: Sequence[str]) -> int:
    """Run a command beside the test suite's servers; stop them afterwards if they did not run before."""
    ran_before = test_services.is_running()
    environment = test_services.ensure()
    child = subprocess.Popen(command, env={**os.environ, **environment})
    # Ctrl-C reaches the command by itself; it may take its time.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: child.send_signal(number))
    status = child.wait()
    if not ran_before:
        test_services.stop()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
