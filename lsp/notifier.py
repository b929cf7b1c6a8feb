"""Sends what changed, at most four times a second, and of what comes in between only the last."""

import asyncio
from collections.abc import Callable

from lsp.payload import Payload

INTERVAL_SECONDS = 0.25


class Notifier:
    """Stands between what the sidecar learns and who is told. Lives on one running loop."""

    def __init__(self, send: Callable[[Payload], None]) -> None:
        self._send = send
        self._told: Payload | None = None
        self._next: Payload | None = None
        self._not_before = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def offer(self, payload: Payload) -> None:
        """Send the payload now or as soon as the rate allows, unless it says what was said last."""
        self._next = payload
        if self._timer is None:
            loop = asyncio.get_running_loop()
            wait = self._not_before - loop.time()
            if wait <= 0:
                self._flush()
            else:
                self._timer = loop.call_later(wait, self._flush)

    def close(self) -> None:
        """Forget what is still waiting."""
        if self._timer:
            self._timer.cancel()

    def _flush(self) -> None:
        self._timer = None
        payload, self._next = self._next, None
        if payload is None or (self._told is not None and _same(payload, self._told)):
            return
        self._told = payload
        self._not_before = asyncio.get_running_loop().time() + INTERVAL_SECONDS
        self._send(payload)


def _same(one: Payload, other: Payload) -> bool:
    """Whether nothing but the time of asking differs; a stale state's time is part of what is said."""
    if one["text"] != other["text"]:
        return False
    return {**one, "asOf": None} == {**other, "asOf": None}
