"""Commands that look: what there is, and why."""

from typing import Any

from lsp import formatting
from lsp import gift_input as typed
from lsp.commands.context import CommandContext, options
from lsp.payload import Payload
from lsp.tooltip import lines
from lsp.wire import NotUnderstoodError


async def status(context: CommandContext, _arguments: tuple[Any, ...]) -> Payload:
    """The present payload, from memory."""
    return context.session.store.payload()


async def refresh(context: CommandContext, _arguments: tuple[Any, ...]) -> Payload:
    """The payload after asking the server; when it cannot be asked, the payload says so."""
    with context.session.store.busy():
        await context.session.refresh()
    return context.session.store.payload()


async def show(context: CommandContext, _arguments: tuple[Any, ...]) -> Payload:
    """The details as a message, for every editor; the payload as the result."""
    shown = context.session.store.payload()
    context.session.say(lines(shown["tooltip"]))
    return shown


async def why(context: CommandContext, arguments: tuple[Any, ...]) -> dict[str, Any]:
    """`{amount?}` or `{model, tokens}` → the server's account of what blocks, with every limit it tested (S1)."""
    asked = options(arguments, "amount", "model", "tokens")
    if asked.get("amount") is not None:
        asked["amount"] = typed.amount(asked["amount"])
    answer = await context.session.client.why({name: str(value) for name, value in asked.items() if value is not None})
    if not isinstance(sentence := answer.get("sentence"), str):
        raise NotUnderstoodError("The server's answer has no sentence.")
    context.tell(formatting.plain(sentence))
    return {**answer, "message": formatting.plain(sentence)}
