"""The present: the one place that reads a clock.

Everything else is given ``now``. A clock file makes the present settable from outside in demo and test mode,
so that a whole running house can be moved through time without sleeping.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """Return the present as an aware UTC time."""
    return datetime.now(UTC)  # noqa: TID251  (the seam itself)


def file_clock(path: Path) -> Clock:
    """Return a clock that reads one ISO instant from a file at each use; an absent file is the real present.

    Raises ValueError when the file holds something else, so that a slip never passes for a time.
    """

    def now() -> datetime:
        try:
            text = path.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return system_clock()
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError(f"the clock file needs a time zone, like 2026-11-20T12:00:00Z, not {text!r}")
        return moment.astimezone(UTC)

    return now
