"""The short form of `make chaos`: each part of a real system is killed once while its source flaps."""

from collections.abc import Iterator

import pytest

from tests.chaos.rounds import Plan, Stage, play
from tests.chaos.stage import staged

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("chaos")]

SEED = 4
VICTIMS = (("worker",), ("listener", "beat"), ("web",), ("valkey",), ("postgresql",))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("chaos"), seed=SEED) as staged_once:
        yield staged_once


@pytest.mark.parametrize("victims", VICTIMS, ids=" and ".join)
def test_nothing_is_lost_or_doubled_when_a_part_is_killed(stage: Stage, victims: tuple[str, ...]) -> None:
    play(Plan.of(seed=SEED, number=VICTIMS.index(victims) + 1, victims=victims), stage)
