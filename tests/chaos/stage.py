"""Brings everything that takes part in a round into being, and clears it away."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.desk import Desk
from tests.chaos.historian import Historian
from tests.chaos.product import Product, wait_until
from tests.chaos.rounds import Stage
from tests.chaos.source import FEATURES
from tests.chaos.source_process import SourceProcess
from tests.chaos.truth import Truth
from tests.chaos.witness import Witness


@contextmanager
def staged(folder: Path, *, seed: int) -> Iterator[Stage]:
    """
    A running system, what it reads and what it listens to, and a person at its desk.

    :param folder: logs stay in it
    """
    source, historian, product = SourceProcess(folder), Historian(), Product(folder / "data")
    desk = Desk(product)
    try:
        truth = Truth(folder / FEATURES)
        truth.begin(random.Random(seed))
        source.start()
        historian.start()
        product.start()
        historian.ready()
        made = desk.set_up(source.address, historian.address)
        witness = Witness(product, organisation=made["organisation"], streams=made["streams"], values=made["values"])
        # A first read brings what is, not what was: nothing moves before.
        wait_until(lambda: not witness.unheard(historian.moves()), "the first values are there", within_s=60)
        yield Stage(product=product, source=source, historian=historian, truth=truth, desk=desk, witness=witness)
    finally:
        desk.close()
        product.stop()
        historian.stop()
        source.stop()
