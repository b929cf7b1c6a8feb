"""What the sidecar knows at this moment, where it is kept, and who is told when it changes. No network."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from lsp import clock
from lsp.payload import Connection, Payload, StatusSnapshot, Threshold, payload
from lsp.state_file import StateFile
from lsp.wire import WireStatus, parse_status


class StatusStore:
    """The one present picture. Every change goes through here: to disk, and to whoever shows it."""

    def __init__(self, *, threshold: Threshold, on_change: Callable[[Payload], None]) -> None:
        self.seen = StatusSnapshot(Connection.CONNECTING)
        self._threshold = threshold
        self._on_change = on_change
        self._memory: StateFile | None = None
        self._raw: dict[str, Any] | None = None
        self._offset = timedelta(0)
        self._busy = 0

    def payload(self) -> Payload:
        """The full payload. Time is the server's as far as it is known: a laptop's clock may be wrong."""
        return payload(self.seen, now=self._server_now(), zone=None, threshold=self._threshold)

    def recall(self, memory: StateFile) -> None:
        """Start from the last known state on disk, as stale as it is; and keep the next ones there."""
        self._memory = memory
        self.seen = StatusSnapshot(Connection.CONNECTING, busy=self._busy > 0)
        if kept := memory.load():
            self._raw, self._offset = kept.raw, timedelta(seconds=kept.offset_seconds)
            self.seen = replace(self.seen, status=kept.seen.status, confirmed_at=kept.seen.confirmed_at)
        self.tell()

    def confirm(self, raw: dict[str, Any]) -> WireStatus:
        """The server has just said this. Raises NotUnderstoodError and changes nothing if it makes no sense."""
        status = parse_status(raw)
        self._offset = status.as_of - clock.now()
        self._raw = raw
        self._change(replace(self.seen, link=Connection.LIVE, status=status, confirmed_at=None, problem=""))
        return status

    def lose(self, link: Connection, problem: str, *, silent_for: float = 0.0) -> None:
        """The server is out of reach or answers nonsense: from now on the number is only as good as it was."""
        confirmed_at = self.seen.confirmed_at
        if self.seen.link is Connection.LIVE:
            confirmed_at = self._server_now() - timedelta(seconds=silent_for)
        self._change(replace(self.seen, link=link, confirmed_at=confirmed_at, problem=problem))

    def sign_out(self, problem: str) -> None:
        """Nobody is signed in: nothing of what was known may be shown or kept."""
        if self._memory:
            self._memory.forget()
        self._raw, self._memory = None, None
        self._change(StatusSnapshot(Connection.SIGNED_OUT, problem=problem))

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """While this is open, something the person asked for is under way."""
        self._busy += 1
        self.tell()
        try:
            yield
        finally:
            self._busy -= 1
            self.tell()

    def tell(self) -> None:
        """Offer the present picture: words such as `12 d` change without any news."""
        self.seen = replace(self.seen, busy=self._busy > 0)
        self._on_change(self.payload())

    def keep(self) -> None:
        """Write the present state to its file."""
        if self._memory:
            offset = self._offset.total_seconds()
            self._memory.save(self._raw, self.seen, offset_seconds=offset, resident=True)

    def mark(self) -> None:
        """Tell readers of the file that this sidecar still stands behind it."""
        if self._memory:
            self._memory.mark()

    def _change(self, seen: StatusSnapshot) -> None:
        self.seen = seen
        self.tell()

    def _server_now(self) -> datetime:
        return clock.now() + self._offset
