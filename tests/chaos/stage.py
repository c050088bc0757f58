"""Brings everything that takes part in a round into being, and clears it away."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.desk import Desk
from tests.chaos.product import Product
from tests.chaos.rounds import Stage
from tests.chaos.source import FEATURES
from tests.chaos.source_process import SourceProcess
from tests.chaos.truth import Truth
from tests.chaos.witness import Witness


@contextmanager
def staged(folder: Path, *, seed: int) -> Iterator[Stage]:
    """
    A running system, its source, and a person at its desk.

    :param folder: logs stay in it
    """
    source, product = SourceProcess(folder), Product(folder / "data")
    desk = Desk(product)
    try:
        truth = Truth(folder / FEATURES)
        truth.begin(random.Random(seed))
        source.start()
        product.start()
        made = desk.set_up(source.address)
        witness = Witness(product, organisation=made["organisation"], streams=made["streams"])
        yield Stage(product=product, source=source, truth=truth, desk=desk, witness=witness)
    finally:
        desk.close()
        product.stop()
        source.stop()
