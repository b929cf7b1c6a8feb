"""What was read a moment ago and is read again all the time: tokens and rate cards of a gateway's requests.

A value is kept for at most a second, so that what another process changed counts within that time; what this process
writes, and what it hears of, counts at once. What is asked all the time is read anew before its second is over, so
that nobody waits for it.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

FRESH_SECONDS: Final = 1.0
RENEWED_AFTER_SECONDS: Final = 0.5
MAX_KEPT: Final = 10_000


class RefreshingCache(Generic[K, V]):
    """Values by key, each about somebody or something with an id: its topic."""

    def __init__(self, *, topic: Callable[[K, V], int], clock: Callable[[], float] = time.monotonic) -> None:
        self._topic = topic
        self._clock = clock
        self._renewals: dict[K, asyncio.Task[None]] = {}
        self._guard = threading.Lock()
        self._kept: dict[K, tuple[float, V]] = {}
        self._keys: dict[int, set[K]] = {}
        self._changed: dict[int, float] = {}
        self._all_changed = 0.0

    async def get(self, key: K, read: Callable[[], Awaitable[V]]) -> V:
        """Return what is kept, or what is read. Raises what reading does; then nothing is kept."""
        found = self._kept.get(key)
        age = FRESH_SECONDS if found is None else self._clock() - found[0]
        if found is None or age >= FRESH_SECONDS:
            return await self._read(key, read)
        if age >= RENEWED_AFTER_SECONDS and key not in self._renewals:
            renewal = asyncio.get_running_loop().create_task(self._renew(key, read))
            self._renewals[key] = renewal
            renewal.add_done_callback(lambda _: self._renewals.pop(key, None))
        return found[1]

    async def _read(self, key: K, read: Callable[[], Awaitable[V]]) -> V:
        read_at = self._clock()
        value = await read()
        self._keep(key, value, read_at)
        return value

    async def _renew(self, key: K, read: Callable[[], Awaitable[V]]) -> None:
        """Read a value anew. Where that fails it is kept no longer: the next to ask is told why."""
        try:
            await self._read(key, read)
        except Exception:
            with self._guard:
                self._kept.pop(key, None)

    def _keep(self, key: K, value: V, read_at: float) -> None:
        """Keep what was read from ``read_at`` (monotonic) on, unless it has changed since."""
        topic = self._topic(key, value)
        with self._guard:
            if read_at <= max(self._all_changed, self._changed.get(topic, 0.0)):
                return
            if len(self._kept) >= MAX_KEPT:
                self._clear()
            self._kept[key] = (read_at, value)
            self._keys.setdefault(topic, set()).add(key)

    def forget(self, topics: Iterable[int] | None = None) -> None:
        """Let go of what is about these topics, or of everything. Called after each commit that changed them."""
        now = self._clock()
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
