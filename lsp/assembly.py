"""Puts the working parts together. Imported after `initialize` was answered, for it brings httpx with it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from lsp import clientinfo
from lsp.client import Client
from lsp.clientinfo import ClientInfo, Push
from lsp.features.desk import Desk
from lsp.features.table import run
from lsp.picture import Picture
from lsp.pusher import Pusher
from lsp.session import Session
from lsp.settings import Settings
from lsp.status import Payload, server_status

__all__ = ["assembled", "clientinfo", "run"]


@asynccontextmanager
async def assembled(
    settings: Settings,
    editor: ClientInfo,
    *,
    notify: Callable[[str, dict[str, Any]], None],
    say: Callable[[str], None],
) -> AsyncIterator[Desk]:
    """The desk of one editor, with everything behind it open."""

    def publish(payload: Payload) -> None:
        picture.keep()
        match editor.push:
            case Push.STATUS:
                notify(editor.push.value, payload)
            case Push.SERVER_STATUS:
                notify(editor.push.value, server_status(payload))
            case Push.NOTHING:
                pass

    async with Client(settings) as client:
        pusher = Pusher(publish)
        picture = Picture(threshold=editor.threshold, on_change=pusher.offer)
        session = Session(settings, client, picture, say=say)
        desk = Desk(session, editor.name, speaks_for_itself=editor.push is Push.STATUS)
        try:
            yield desk
        finally:
            pusher.close()
