"""How fast one connector may ask its source."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock


@dataclass
class TokenBucket:
    """
    A rate limit that lets a burst pass: `rate` tokens a second flow in, at most `burst` of them stay.

    Share one bucket among the sessions of a connector and they share its limit.
    """

    rate: float
    burst: float
    clock: Callable[[], float] = time.monotonic
    _tokens: float = field(init=False)
    _filled_at: float = field(init=False)
    _lock: Lock = field(init=False, default_factory=Lock)

    def __post_init__(self) -> None:
        self._tokens = self.burst
        self._filled_at = self.clock()

    def take(self, *, longest: float) -> float:
        """
        Take one token; the seconds to wait before using it. A wait longer than `longest` takes nothing.
        """
        with self._lock:
            now = self.clock()
            self._tokens = min(self.burst, self._tokens + (now - self._filled_at) * self.rate)
            self._filled_at = now
            wait = max(0.0, (1 - self._tokens) / self.rate)
            if wait <= longest:
                self._tokens -= 1
            return wait
