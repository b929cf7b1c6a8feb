"""Puts the working parts together. Imported after `initialize` was answered, for it brings httpx with it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from lsp.client import Client
from lsp.clientinfo import ClientInfo, Push
from lsp.features.desk import Desk
from lsp.picture import Picture
from lsp.pusher import Pusher
from lsp.session import Session
from lsp.settings import Settings
from lsp.status import Payload


@asynccontextmanager
async def assembled(
    settings: Settings, editor: ClientInfo, *, send: Callable[[Payload], None], say: Callable[[str], None]
) -> AsyncIterator[Desk]:
    """The desk of one editor, with everything behind it open."""
    async with Client(settings) as client:

        def publish(payload: Payload) -> None:
            picture.keep()
            send(payload)

        pusher = Pusher(publish)
        picture = Picture(threshold=editor.threshold, on_change=pusher.offer)
        session = Session(settings, client, picture, say=say)
        desk = Desk(session, editor.name, speaks_for_itself=editor.push is Push.STATUS)
        try:
            yield desk
        finally:
            pusher.close()
            if desk.waiting:
                desk.waiting.cancel()
            await asyncio.sleep(0)
