"""What the commands of one editor share, and how a refusal becomes an answer."""

import asyncio
from dataclasses import dataclass
from typing import Any

from lsp.device_flow import DeviceCode
from lsp.errors import RefusalError
from lsp.session import Sidecar


@dataclass(slots=True)
class CommandContext:
    """One editor's place at the counter."""

    session: Sidecar
    editor: str  # its name, as the person will read it when approving a sign-in
    speaks_for_itself: bool  # a client with its own plugin shows results; the others get them as messages
    code: DeviceCode | None = None
    waiting: asyncio.Task[str | None] | None = None

    def tell(self, sentence: str) -> None:
        """Show the outcome to a person whose editor would show nothing."""
        if not self.speaks_for_itself:
            self.session.say(sentence)


def refusal(code: str, message: str) -> dict[str, Any]:
    """A refusal as a command's result: never a JSON-RPC error, which editors show as a crash."""
    return {"code": code, "message": message}


def options(arguments: tuple[Any, ...], *names: str) -> dict[str, Any]:
    """The one object a command takes. Raises RefusalError for anything else and for unknown names."""
    found = arguments[0] if arguments else {}
    if len(arguments) > 1 or not isinstance(found, dict):
        raise RefusalError("invalid_arguments", f"Expected one object with: {', '.join(names)}.")
    if unknown := sorted(set(found) - set(names)):
        raise RefusalError("invalid_arguments", f"Unknown: {', '.join(map(str, unknown))[:100]}.")
    return found
