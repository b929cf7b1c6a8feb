"""Threads of which only one ever runs: each goes on when it is told to, as far as it says itself.

So code that blocks, like the journal's writer, can be stopped between any two calls, and what happens in which
order is decided by whoever holds the other end.
"""

from __future__ import annotations

import threading

PATIENCE_SECONDS = 60.0


class CrashError(BaseException):
    """The process ends here. No code of it may catch this as an error of its own."""


class Baton:
    """The baton between a thread and the one that steers it."""

    def __init__(self) -> None:
        self._go, self._back = threading.Lock(), threading.Lock()
        self._go.acquire()
        self._back.acquire()
        self.ended = False

    def resume(self) -> None:
        """Let the thread go on, and wait until it stops again or ends."""
        self._go.release()
        self.wait()

    def wait(self) -> None:
        """Wait until the thread stops."""
        if not self._back.acquire(timeout=PATIENCE_SECONDS):
            raise TimeoutError("a thread of the simulation waits for something that nobody will give it")

    def park(self) -> None:
        """Stop here, in the thread itself, until told to go on. Raises CrashError when it never will be."""
        self._back.release()
        self._go.acquire()
        if self.ended:
            raise CrashError

    def leave(self) -> None:
        """Tell the other end that the thread is about to end."""
        self.ended = True
        self._back.release()
