"""What was read a moment ago and is read again all the time: tokens and rate cards of a gateway's requests.

A value is kept for at most a second, so that what another process changed counts within that time; what this process
writes, and what it hears of, counts at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import Final, Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")

FRESH_SECONDS: Final = 1.0
MAX_KEPT: Final = 10_000


class Fresh(Generic[Key, Value]):
    """Values by key, each about somebody or something with an id: its topic."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._kept: dict[Key, tuple[float, Value]] = {}
        self._keys: dict[int, set[Key]] = {}
        self._changed: dict[int, float] = {}
        self._all_changed = 0.0

    def get(self, key: Key) -> Value | None:
        found = self._kept.get(key)
        return found[1] if found is not None and time.monotonic() - found[0] < FRESH_SECONDS else None

    def keep(self, key: Key, topic: int, value: Value, *, read_at: float) -> None:
        """Keep what was read from ``read_at`` (monotonic) on, unless it has changed since."""
        with self._guard:
            if read_at <= max(self._all_changed, self._changed.get(topic, 0.0)):
                return
            if len(self._kept) >= MAX_KEPT:
                self._clear()
            self._kept[key] = (read_at, value)
            self._keys.setdefault(topic, set()).add(key)

    def forget(self, topics: Iterable[int] | None = None) -> None:
        """Let go of what is about these topics, or of everything. Called after each commit that changed them."""
        now = time.monotonic()
        with self._guard:
            if topics is None or len(self._changed) > MAX_KEPT:
                self._clear()
                self._changed.clear()
                self._all_changed = now
                return
            for topic in topics:
                self._changed[topic] = now
                for key in self._keys.pop(topic, ()):
                    self._kept.pop(key, None)

    def _clear(self) -> None:
        self._kept.clear()
        self._keys.clear()
