"""Commands that look: what there is, and why."""

from typing import Any

from lsp import words
from lsp.features.desk import Desk
from lsp.status import Payload
from lsp.tooltip import lines


async def status(desk: Desk, _arguments: tuple[Any, ...]) -> Payload:
    """The present payload, from memory."""
    return desk.session.picture.payload()


async def refresh(desk: Desk, _arguments: tuple[Any, ...]) -> Payload:
    """The payload after asking the server; when it cannot be asked, the payload says so."""
    with desk.session.picture.busy():
        await desk.session.refresh()
    return desk.session.picture.payload()


async def show(desk: Desk, _arguments: tuple[Any, ...]) -> Payload:
    """The details as a message, for every editor; the payload as the result."""
    shown = desk.session.picture.payload()
    desk.session.say(lines(shown["tooltip"]))
    return shown


async def why(desk: Desk, _arguments: tuple[Any, ...]) -> dict[str, Any]:
    """The server's account of what blocks, with every limit it tested (S1)."""
    answer = await desk.session.client.why()
    if isinstance(sentence := answer.get("message"), str):
        desk.tell(words.plain(sentence))
    return answer
