"""Shows each event for the person once: only the window whose claim the server grants says it."""

import asyncio
from collections.abc import Callable

from lsp import formatting
from lsp.client import Client
from lsp.errors import RefusalError
from lsp.wire import NotUnderstoodError, WireNotice

MAX_AT_ONCE = 20
MAX_REMEMBERED = 1000


class NoticeClaims:
    """The notices this sidecar has seen, and the claims under way."""

    def __init__(self, client: Client, say: Callable[[str], None]) -> None:
        self._client = client
        self._say = say
        self._decided: dict[str, None] = {}
        self._working: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def offer(self, notices: tuple[WireNotice, ...]) -> None:
        """Claim the new ones in the background. One that could not be asked about is asked about again."""
        new = [n for n in notices if n.id not in self._decided and n.id not in self._working][:MAX_AT_ONCE]
        if not new:
            return
        self._working.update(notice.id for notice in new)
        task = asyncio.create_task(self._claim_all(new))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _claim_all(self, notices: list[WireNotice]) -> None:
        try:
            for notice in notices:
                if await self._client.claim(notice.id):
                    self._say(formatting.plain(notice.text))
                self._decided[notice.id] = None
        except (RefusalError, NotUnderstoodError):
            return  # offered again with the next state
        finally:
            self._working.difference_update(notice.id for notice in notices)
            while len(self._decided) > MAX_REMEMBERED:
                self._decided.pop(next(iter(self._decided)))
