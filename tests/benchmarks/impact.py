"""
`impact-query` and `impact-rebuild`: who loses supply, in a network of 1,000,000 elements.

Both are measured in a process of their own (`tests.benchmarks.network`), so that the memory is what a rebuild needs.
"""

from collections.abc import Callable
from functools import cache

from tests.benchmarks.results import Result, read
from tests.benchmarks.scratch import run, scratch_database


@cache
def _measured() -> list[Result]:
    with scratch_database() as environment:
        return read(run(environment, "-m", "tests.benchmarks.within", "tests.benchmarks.network"))


def _named(name: str) -> Callable[[], list[Result]]:
    return lambda: [one for one in _measured() if one.name == name]


BENCHMARKS: dict[str, Callable[[], list[Result]]] = {name: _named(name) for name in ("impact-query", "impact-rebuild")}
