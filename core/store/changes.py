"""Who should look again: a commit says whose view changed, open streams wait for their own.

Topics are ids of members, and of teams and organizations for their pools. Nothing is carried but the fact of
a change, so waiting twice and being told once is the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable


class Subscription:
    """One listener; several changes before it looks are one."""

    def __init__(self, changes: Changes, topics: frozenset[int]) -> None:
        self.topics = topics
        self._changes = changes
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()

    async def wait(self, timeout: float | None = None) -> bool:  # noqa: ASYNC109  (a wait, not a failure)
        """Return whether something changed since the last wait, waiting up to ``timeout`` seconds for it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._changed.wait()
        changed = self._changed.is_set()
        self._changed.clear()
        return changed

    def close(self) -> None:
        self._changes.forget(self)

    def wake(self) -> None:
        """Tell the listener, from any thread."""
        with contextlib.suppress(RuntimeError):  # its loop has ended
            self._loop.call_soon_threadsafe(self._changed.set)


class Changes:
    """The open subscriptions of this process, by topic."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._by_topic: defaultdict[int, set[Subscription]] = defaultdict(set)
        self._told_first: list[Callable[[Iterable[int] | None], object]] = []

    def subscribe(self, *topics: int) -> Subscription:
        """Listen to topics, on the running event loop. No topic means every change."""
        subscription = Subscription(self, frozenset(topics or (EVERYTHING,)))
        with self._guard:
            for topic in subscription.topics:
                self._by_topic[topic].add(subscription)
        return subscription

    def forget(self, subscription: Subscription) -> None:
        with self._guard:
            for topic in subscription.topics:
                self._by_topic[topic].discard(subscription)
                if not self._by_topic[topic]:
                    del self._by_topic[topic]

    def tell_first(self, listener: Callable[[Iterable[int] | None], object]) -> None:
        """Call a listener with the topics of each change, in whichever thread it is told, before anybody looks."""
        self._told_first.append(listener)

    def publish(self, topics: Iterable[int] | None) -> None:
        """Tell whoever listens to any of the topics; None tells everybody."""
        topics = None if topics is None else tuple(topics)
        for tell in self._told_first:
            tell(topics)
        with self._guard:
            wanted = self._by_topic.keys() if topics is None else (*topics, EVERYTHING)
            listeners = {each for topic in wanted for each in self._by_topic.get(topic, ())}
        for subscription in listeners:
            subscription.wake()


EVERYTHING = 0
