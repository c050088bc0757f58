"""
Long arrays of numbers are kept as pages of 1,024: a look-up reads one small row, and a rebuild writes a thousandth of
the rows that it would otherwise. SQL says `number >> 10` for the page and `(number & 1023) + 1` for the place in it.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

BITS = 10
SIZE = 1 << BITS


def pages(numbers: npt.NDArray[Any], *arrays: npt.NDArray[Any], fill: int) -> Iterator[tuple[Any, ...]]:
    """
    Lay values out by number.

    :param numbers: distinct numbers in ascending order
    :param arrays: the values that belong to them
    :param fill: what stands at numbers of a page that are not given
    :return: page, and one list per array
    """
    page_of = numbers >> BITS
    starts = np.flatnonzero(np.diff(page_of, prepend=-1)).tolist()
    for start, end in pairwise([*starts, len(numbers)]):
        places = numbers[start:end] & (SIZE - 1)
        laid_out = []
        for values in arrays:
            page = np.full(SIZE, fill, dtype=np.int32)
            page[places] = values[start:end]
            laid_out.append(page.tolist())
        yield (int(page_of[start]), *laid_out)
