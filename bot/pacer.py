"""About one message a second to each person, as Slack asks. Times are seconds of the event loop's clock. Pure."""

from __future__ import annotations

from typing import Final

SECONDS_APART: Final = 1.0
MAX_REMEMBERED: Final = 10_000


class Pacer:
    """When each person may be sent the next message."""

    def __init__(self, seconds_apart: float = SECONDS_APART) -> None:
        self._seconds_apart = seconds_apart
        self._next: dict[str, float] = {}

    def wait_for(self, person: str, now: float) -> float:
        """Take the person's next turn and return how long to wait for it."""
        if len(self._next) >= MAX_REMEMBERED:
            self._next = {key: free for key, free in self._next.items() if free > now}
        turn = max(self._next.get(person, now), now)
        self._next[person] = turn + self._seconds_apart
        return turn - now
