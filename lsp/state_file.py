"""The last known state on disk: what a start shows first, and what prompts and status lines read.

One small file for each server and token. Free text (notices) is never kept.
"""

import contextlib
import json
import logging
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lsp.files import MAX_BYTES, read_json, write_private
from lsp.payload import Connection, StatusSnapshot
from lsp.settings import SidecarSettings
from lsp.wire import NotUnderstoodError, WireStatus, parse_status

FILE_VERSION = 1
RESIDENT_SECONDS = 25.0
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StoredStatus:
    """A state as it was kept; `offset_seconds` is the server's clock minus this machine's."""

    raw: dict[str, Any]
    seen: StatusSnapshot
    offset_seconds: float


class StateFile:
    """The state file of one credential."""

    def __init__(self, settings: SidecarSettings, hint: str) -> None:
        self.path: Path = settings.folder / f"status-{hint}.json"
        self._failed = False

    def save(self, raw: dict[str, Any] | None, seen: StatusSnapshot, *, offset_seconds: float, resident: bool) -> None:
        """Keep the state. A folder that cannot be written is worth one warning, never a failure."""
        kept = {
            "version": FILE_VERSION,
            "resident": resident,
            "link": seen.link.value,
            "problem": seen.problem,
            "confirmed_at": seen.confirmed_at.isoformat() if seen.confirmed_at else None,
            "offset_seconds": offset_seconds,
            "status": {**raw, "notices": []} if raw else None,
        }
        text = json.dumps(kept, separators=(",", ":"))
        if len(text) > MAX_BYTES:
            return
        try:
            write_private(self.path, text)
        except OSError as exc:
            if not self._failed:
                log.warning("the state cannot be kept: %s", exc.strerror)
            self._failed = True

    def load(self) -> StoredStatus | None:
        """The kept state, or None when there is none that this sidecar can read."""
        kept = read_json(self.path)
        if kept.get("version") != FILE_VERSION:
            return None
        try:
            offset = float(kept["offset_seconds"])
            status = parse_status(kept["status"]) if kept["status"] else None
            seen = StatusSnapshot(
                link=Connection(kept["link"]),
                status=status,
                confirmed_at=self._confirmed_at(kept["confirmed_at"], status, offset),
                problem=str(kept["problem"]),
            )
            return StoredStatus(kept["status"] or {}, seen, offset)
        except (KeyError, TypeError, ValueError, OverflowError, OSError, NotUnderstoodError):
            return None

    def _confirmed_at(self, kept: str | None, status: WireStatus | None, offset_seconds: float) -> datetime:
        """A live state was good until its sidecar last marked the file: never before it was told, although file
        systems tell the time by a coarse clock, some milliseconds slow.
        """
        if kept:
            return datetime.fromisoformat(kept)
        marked = datetime.fromtimestamp(self.path.stat().st_mtime + offset_seconds, UTC)
        return marked if status is None else max(marked, status.as_of)

    def is_resident(self) -> bool:
        """Whether a sidecar that still runs wrote the file: it marks it every few seconds."""
        if not read_json(self.path).get("resident"):
            return False
        try:
            return abs(time.time() - self.path.stat().st_mtime) < RESIDENT_SECONDS
        except OSError:
            return False

    def mark(self) -> None:
        """Say that this sidecar still stands behind the file."""
        with contextlib.suppress(OSError):
            os.utime(self.path)

    def forget(self) -> None:
        """Remove the file."""
        with contextlib.suppress(OSError):
            self.path.unlink()
