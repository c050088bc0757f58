"""
`python -m tests.benchmarks [NAME]`: measures, prints a table and writes <DATA_DIR>/bench.json.

A target that is missed fails nothing: the figures are of one run on one machine.
"""

import os
import signal
import sys
from collections.abc import Callable, Sequence

from config.supervisor.environment import data_dir_of
from tests.benchmarks import alarm_to_context, impact, readings, sync
from tests.benchmarks.adapters import benchmarks as adapters
from tests.benchmarks.results import Result, table, write

MODULES = (impact, alarm_to_context, sync, readings, adapters)
BENCHMARKS: dict[str, Callable[[], list[Result]]] = {
    name: measure for module in MODULES for name, measure in module.BENCHMARKS.items()
}


def main(arguments: Sequence[str]) -> int:
    wanted = arguments or list(BENCHMARKS)
    if unknown := [name for name in wanted if name not in BENCHMARKS]:
        sys.stderr.write(f"There is no benchmark {', '.join(unknown)}. There are: {', '.join(BENCHMARKS)}.\n")
        return 2
    results: list[Result] = []
    for name in wanted:
        sys.stderr.write(f"{name} …\n")
        try:
            results += BENCHMARKS[name]()
        except Exception as error:  # noqa: BLE001  # what one could not measure must not keep the others from being shown
            results.append(Result(name, None, "", "", False, f"not measured: {error}"))
    path = data_dir_of(os.environ) / "bench.json"
    write(results, path)
    sys.stdout.write(f"{table(results)}\n\nWritten to {path}\n")
    return 0


def _stop(*received: object) -> None:
    """So that what a benchmark made is taken away again."""
    sys.exit(143)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)
    sys.exit(main(sys.argv[1:]))
