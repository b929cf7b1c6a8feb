"""Commands that look: what there is, and why."""

from typing import Any

from lsp import gift as typed
from lsp import words
from lsp.features.desk import Desk, options
from lsp.status import Payload
from lsp.tooltip import lines
from lsp.wire import NotUnderstoodError


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


async def why(desk: Desk, arguments: tuple[Any, ...]) -> dict[str, Any]:
    """`{amount?}` or `{model, tokens}` → the server's account of what blocks, with every limit it tested (S1)."""
    asked = options(arguments, "amount", "model", "tokens")
    if asked.get("amount") is not None:
        asked["amount"] = typed.amount(asked["amount"])
    answer = await desk.session.client.why({name: str(value) for name, value in asked.items() if value is not None})
    if not isinstance(sentence := answer.get("sentence"), str):
        raise NotUnderstoodError("The server's answer has no sentence.")
    desk.tell(words.plain(sentence))
    return {**answer, "message": words.plain(sentence)}
