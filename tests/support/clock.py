"""Clocks that tests move: one in the process, one in a file that a whole running house reads."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


class SettableClock:
    """The present as the test says; give it wherever a ``Clock`` is asked for."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> datetime:
        """Move on (or back, by less than zero) and return the new present."""
        self.now += by
        return self.now


class ClockFile(SettableClock):
    """The same, kept in the file that ``TEAMCREDITS_CLOCK_FILE`` names; replaced whole, so never read half."""

    def __init__(self, path: Path, now: datetime = START) -> None:
        super().__init__(now)
        self.path = path
        self._write()

    def advance(self, by: timedelta) -> datetime:
        super().advance(by)
        self._write()
        return self.now

    def _write(self) -> None:
        aside = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        aside.write_text(self.now.isoformat(), encoding="ascii")
        aside.replace(self.path)
