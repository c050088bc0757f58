"""What the gateway keeps in memory for who is connected: sessions, and what their subscriptions have yet to say."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from secrets import token_hex

from simulator.opcua.address_space import Node
from simulator.opcua.encoding import DataValue, Variant
from simulator.scada import Event

MOST_KEPT = 100
"""Messages that may be asked for again."""

EventFields = list[Variant | None]
Field = Callable[[Event], Variant | None]


@dataclass
class Item:
    """A value, or with `fields` the events of a node; `seen` is how many of all events there have been."""

    handle: int
    node: Node
    fields: list[Field] | None = None
    markers: list[str] = field(default_factory=list)
    seen: int = 0
    last: DataValue | None = None


@dataclass(frozen=True)
class Message:
    number: int
    at: datetime
    values: list[tuple[int, DataValue]]
    events: list[tuple[int, EventFields]]


@dataclass
class Subscription:
    number: int
    keep_alive_s: float
    most: int
    items: list[Item] = field(default_factory=list)
    values: list[tuple[int, DataValue]] = field(default_factory=list)
    events: list[tuple[int, EventFields]] = field(default_factory=list)
    kept: OrderedDict[int, Message] = field(default_factory=OrderedDict)
    following: int = 1
    wants_refresh: bool = False
    spoke_at: float = field(default_factory=time.monotonic)

    @property
    def has_more(self) -> bool:
        return bool(self.values or self.events)

    def is_silent(self) -> bool:
        """Whether a sign of life is due."""
        return time.monotonic() - self.spoke_at >= self.keep_alive_s

    def next_message(self, now: datetime) -> Message:
        """As much as one message holds of what there is to say; without any, a sign of life."""
        self.spoke_at = time.monotonic()
        values, self.values = self.values[: self.most], self.values[self.most :]
        events, self.events = self.events[: self.most], self.events[self.most :]
        message = Message(self.following, now, values, events)
        if values or events:
            self.following += 1
            self.kept[message.number] = message
            while len(self.kept) > MOST_KEPT:
                self.kept.popitem(last=False)
        return message


class Sessions:
    """Forgotten as a whole when the gateway restarts."""

    def __init__(self) -> None:
        self._by_token: dict[str, dict[int, Subscription]] = {}
        self._numbers = count(1)
        self._restarts = 0

    def forget_if_restarted(self, restarts: int) -> None:
        if restarts != self._restarts:
            self._restarts = restarts
            self._by_token.clear()

    def open(self) -> str:
        token = f"s={token_hex(16)}"
        self._by_token[token] = {}
        return token

    def close(self, token: str) -> None:
        self._by_token.pop(token, None)

    def of(self, token: str) -> dict[int, Subscription] | None:
        """The subscriptions of a session, by number; None if there is no such session."""
        return self._by_token.get(token)

    def subscribe(self, token: str, *, keep_alive_s: float, most: int) -> Subscription:
        subscription = Subscription(next(self._numbers), keep_alive_s, most)
        self._by_token[token][subscription.number] = subscription
        return subscription
