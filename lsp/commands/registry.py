"""From a command's name to the function that answers it, and from every failure to an answer."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from lsp.commands import auth, gift, status
from lsp.commands.context import CommandContext, refusal
from lsp.errors import RefusalError
from lsp.wire import NotUnderstoodError

Command = Callable[[CommandContext, tuple[Any, ...]], Coroutine[Any, Any, dict[str, Any]]]
START_SECONDS = 10.0
log = logging.getLogger(__name__)

COMMANDS: dict[str, Command] = {
    "credits.status": status.status,
    "credits.refresh": status.refresh,
    "credits.show": status.show,
    "credits.why": status.why,
    "credits.gift": gift.gift,
    "credits.request": gift.request,
    "credits.signIn": auth.sign_in,
    "credits.finishSignIn": auth.finish_sign_in,
    "credits.signOut": auth.sign_out,
}


async def run(context: CommandContext, name: str, arguments: tuple[Any, ...]) -> dict[str, Any]:
    """The command's result, or its refusal as a result."""
    try:
        if name != "credits.status":
            await asyncio.wait_for(context.session.loaded.wait(), START_SECONDS)
        return await COMMANDS[name](context, arguments)
    except TimeoutError:
        return refusal("starting", "The credits sidecar is still starting.")
    except (RefusalError, NotUnderstoodError) as exc:
        code = exc.code if isinstance(exc, RefusalError) else "not_understood"
        context.tell(f"Credits: {exc.message}")
        return refusal(code, exc.message)
    except Exception as exc:  # whatever we got wrong, the editor gets an answer it can show
        log.error("%s failed: %s", name, type(exc).__name__)  # noqa: TRY400 - a traceback quotes arguments
        return refusal("internal_error", "Something went wrong in the credits sidecar.")
