"""
`readings`: how fast readings land, through contract and merge, and what share of a bare COPY that is.

Measured in a process of its own (`tests.benchmarks.readings_run`).
"""

from collections.abc import Callable

from tests.benchmarks.results import Result, read
from tests.benchmarks.scratch import run, scratch_database


def readings() -> list[Result]:
    with scratch_database() as environment:
        run(environment, "manage.py", "database", "partitions")
        return read(run(environment, "-m", "tests.benchmarks.within", "tests.benchmarks.readings_run"))


BENCHMARKS: dict[str, Callable[[], list[Result]]] = {"readings": readings}
