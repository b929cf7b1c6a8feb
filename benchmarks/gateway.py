"""A gateway that loads a server over HTTP: keep-alive connections, each with one request under way.

It waits in ``select``, which wakes to the micro-second, and does no more for a request than write it and read the
answer, so that the other core is more than enough for it and what is measured is the server.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator
from typing import Final, Self

from benchmarks.harness import Timing

PATIENCE_SECONDS: Final = 10.0
_CHUNK: Final = 65_536


class Gateway:
    """Connections to a server, as a context; they stay open from one load to the next."""

    def __init__(self, port: int, connections: int) -> None:
        self._free = [_Connection(port) for _ in range(connections)]
        self._busy: set[_Connection] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for each in (*self._free, *self._busy):
            each.socket.close()

    def load(self, requests: Iterator[bytes], seconds: float, rate: float | None = None) -> Timing:
        """Send requests for so long: so many a second, or without a rate each as soon as a connection is free.

        At a rate they are sent whether or not the last ones were answered, and a latency counts from the moment at
        which its request was due: a wait for a free connection, and a delay of our own, are part of it.
        """
        timing = Timing()
        due = began = time.perf_counter()
        end, sent = began + seconds, 0
        while self._busy or due < end:
            now = time.perf_counter()
            while self._free and due <= now and due < end:
                self._ask(next(requests), due)
                sent += 1
                due = now if rate is None else began + sent / rate
            waits_for_due = self._free and due < end
            self._collect(timing, max(due - time.perf_counter(), 0) if waits_for_due else PATIENCE_SECONDS)
        timing.seconds = time.perf_counter() - began
        timing.count = len(timing.latencies)
        return timing

    def _ask(self, request: bytes, due: float) -> None:
        connection = self._free.pop()
        connection.ask(request, due)
        self._busy.add(connection)

    def _collect(self, timing: Timing, patience: float) -> None:
        """Wait for answers, no longer than so many seconds."""
        ready, _, _ = select.select(self._busy, (), (), patience)
        assert ready or patience < PATIENCE_SECONDS, "the server answers no more"
        for each in ready:
            if each.has_answer():
                timing.latencies.append(time.perf_counter() - each.due)
                self._busy.remove(each)
                self._free.append(each)


class _Connection:
    """One connection, when its request was due, and what has come of the answer."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.due = 0.0
        self._got = b""

    def fileno(self) -> int:
        return self.socket.fileno()

    def ask(self, request: bytes, due: float) -> None:
        self.due, self._got = due, b""
        self.socket.sendall(request)

    def has_answer(self) -> bool:
        """Read what has come and return whether it is the whole answer."""
        self._got += self.socket.recv(_CHUNK)
        head, _, body = self._got.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 201"), self._got
        return len(body) >= int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
