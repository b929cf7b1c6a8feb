"""Puts the working parts together. Imported after `initialize` was answered, for it brings httpx with it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from lsp import client_info
from lsp.client import Client
from lsp.client_info import ClientInfo, Push
from lsp.commands.context import CommandContext
from lsp.commands.registry import run
from lsp.notifier import Notifier
from lsp.payload import Payload, server_status
from lsp.session import Sidecar
from lsp.settings import SidecarSettings
from lsp.status_store import StatusStore

__all__ = ["build_context", "client_info", "run"]


@asynccontextmanager
async def build_context(
    settings: SidecarSettings,
    editor: ClientInfo,
    *,
    notify: Callable[[str, dict[str, Any]], None],
    say: Callable[[str], None],
) -> AsyncIterator[CommandContext]:
    """The desk of one editor, with everything behind it open."""

    def publish(payload: Payload) -> None:
        store.keep()
        match editor.push:
            case Push.STATUS:
                notify(editor.push.value, payload)
            case Push.SERVER_STATUS:
                notify(editor.push.value, server_status(payload))
            case Push.NOTHING:
                pass

    async with Client(settings) as client:
        notifier = Notifier(publish)
        store = StatusStore(threshold=editor.threshold, on_change=notifier.offer)
        session = Sidecar(settings, client, store, say=say)
        context = CommandContext(session, editor.name, speaks_for_itself=editor.push is Push.STATUS)
        try:
            yield context
        finally:
            notifier.close()
