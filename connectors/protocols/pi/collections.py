"""
Collections in pages, without losing one of their members.

A page that is full may be the last, or cut short at `maxCount`: the server does not say. So the next page is asked
for from the last member of the one before (its anchor): if that is not where it was, the collection has changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.protocols.errors import ContractBroken
from connectors.protocols.paging import ReadProof
from connectors.protocols.pi.web_api import items_of

MOVED = "The PI Web API's list changed while it was read, so some of it may have been missed."


@dataclass
class Collection:
    """
    How far a collection was read. `state` is kept in a cursor.

    :param size: how many members to ask for at a time, 2 or more: one of them is the anchor
    """

    size: int
    start: int = 0
    anchor: str = ""
    proof: ReadProof = field(default_factory=ReadProof)

    @classmethod
    def resumed(cls, state: Mapping[str, Any], *, size: int) -> "Collection":
        return cls(size=size, start=state["start"], anchor=state["anchor"], proof=ReadProof.resumed(state["proof"]))

    def state(self) -> dict[str, Any]:
        return {"start": self.start, "anchor": self.anchor, "proof": self.proof.state()}

    @property
    def window(self) -> dict[str, int]:
        """The parameters that ask for the next page."""
        return {"startIndex": self.start, "maxCount": self.size}

    @property
    def doubt(self) -> str:
        """Why this may not be all that there is, as a sentence."""
        return self.proof.doubt

    def take(self, body: Mapping[str, Any]) -> tuple[int, bool]:
        """
        Take a page into account.

        :return: how many of its members stood on the page before, and whether it is the last page
        :raises ContractBroken: if it is no page, or its members have no WebId
        """
        keys = _keys(items_of(body))
        links = body.get("Links")
        goes_on = isinstance(links, dict) and bool(links.get("Next"))
        is_last = len(keys) < self.size and not goes_on
        known = 1 if self.anchor and keys[:1] == [self.anchor] else 0
        if self.anchor and not known:
            self.proof.doubt = self.proof.doubt or MOVED
        if not keys[known:]:
            if goes_on:
                self.proof.doubt = (
                    self.proof.doubt or "The PI Web API says that its list goes on and sends nothing more."
                )
            return known, True
        is_news = self.proof.add(keys[known:], None)
        self.start += len(keys) - 1
        self.anchor = keys[-1]
        return known, is_last or not is_news


def _keys(items: Sequence[Mapping[str, Any]]) -> list[str]:
    keys = [item.get("WebId") for item in items]
    if not all(isinstance(key, str) and key for key in keys):
        raise ContractBroken("The PI Web API lists something without a WebId.")
    return [str(key) for key in keys]
