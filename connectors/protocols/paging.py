"""Evidence, page by page, that a read brought the whole of what was asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2s
from typing import Any

import numpy as np
import numpy.typing as npt

MOST_PAGES = 20_000


class KeySet:
    """Which keys were seen, in eight bytes each: as many as a source has must not fill the memory."""

    def __init__(self) -> None:
        self._runs: list[npt.NDArray[np.int64]] = []
        """Sorted, each more than twice as long as the next."""

    def add(self, keys: Sequence[str]) -> int:
        """
        :return: how many of them were not there; one that comes twice counts once. By their hashes, of which two are
            the same by chance once in some ten million reads of a million keys.
        """
        hashes = np.fromiter(map(hash, keys), dtype=np.int64, count=len(keys))
        hashes.sort()
        is_new = np.ones(len(hashes), dtype=np.bool_)
        is_new[1:] = hashes[1:] != hashes[:-1]
        for run in self._runs:
            is_new &= run[np.minimum(np.searchsorted(run, hashes), len(run) - 1)] != hashes
        new = hashes[is_new]
        if len(new):
            self._keep(new)
        return len(new)

    def _keep(self, run: npt.NDArray[np.int64]) -> None:
        while self._runs and len(self._runs[-1]) < 2 * len(run):
            run = np.sort(np.concatenate([self._runs.pop(), run]))
        self._runs.append(run)


@dataclass
class ReadProof:
    """
    Counts distinct records and watches for pages that repeat. Kept in a cursor by `state`, without the keys:
    after a resume a repetition shows by the count, and by the digest of the last page.
    """

    seen: int = 0
    pages: int = 0
    total: int | None = None
    last_page: str = ""
    doubt: str = ""
    _keys: KeySet = field(default_factory=KeySet)
    _places: set[str] = field(default_factory=set)

    @classmethod
    def resumed(cls, state: Mapping[str, Any]) -> "ReadProof":
        return cls(**{name: state[name] for name in ("seen", "pages", "total", "last_page", "doubt")})

    def state(self) -> dict[str, Any]:
        return {
            "seen": self.seen,
            "pages": self.pages,
            "total": self.total,
            "last_page": self.last_page,
            "doubt": self.doubt,
        }

    def is_new_place(self, place: str) -> bool:
        """Whether the source sends us somewhere that we have not been, and not on without end."""
        if place in self._places or self.pages >= MOST_PAGES:
            self.doubt = "The source leads in a circle: a page points to one that was read before."
            return False
        self._places.add(place)
        return True

    def add(self, keys: Sequence[str | None], total: int | None) -> bool:
        """
        Take a page into account.

        :param keys: the records' own keys; `None` for a record without one
        :returns: false if the page brings nothing that was not there before, so that reading on is pointless
        """
        self.pages += 1
        self.total = total if total is not None else self.total
        known = [key for key in keys if key is not None]
        new = self._keys.add(known)
        digest = blake2s("\0".join(known).encode(), digest_size=8).hexdigest()
        if known and (not new or digest == self.last_page):
            self.doubt = "The source sends the same page again instead of the next one."
            return False
        if new < len(known):
            self.doubt = "The source sent a record twice: it changed while it was being read."
        elif len(known) < len(keys):
            self.doubt = "The source sent records without an id."
        self.seen += new
        self.last_page = digest
        return True

    def shortfall(self, *, last_page_full: bool, may_be_empty: bool) -> str:
        """
        Why this is not the whole, once the source has no further page; empty if it is.

        :param last_page_full: the last page held as many records as were asked for
        :param may_be_empty: nothing at all is an answer too, as when nothing has changed
        """
        if self.doubt:
            return self.doubt
        if self.total is not None:
            if self.seen == self.total:
                return ""
            return f"The source speaks of {self.total} records and sent {self.seen}."
        if self.seen == 0 and not may_be_empty:
            return "The source sent nothing and no count, which does not prove that it has nothing."
        if last_page_full:
            return "The last page was full and the source sends no count: there may be more."
        return ""
