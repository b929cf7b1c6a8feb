"""Commands that sign in and out. The device code is polled in the background; the editor need not wait."""

import asyncio
import time
from typing import Any

from lsp import device_flow
from lsp.commands.context import CommandContext, refusal
from lsp.errors import RefusalError
from lsp.wire import NotUnderstoodError

FINISH_SECONDS = 6.0


async def sign_in(context: CommandContext, _arguments: tuple[Any, ...]) -> dict[str, Any]:
    """Show a code, and start waiting for its approval. Asked again meanwhile, it is the same code."""
    if context.session.settings.env_token:
        raise RefusalError("token_from_environment", "TEAMCREDITS_TOKEN is set: unset it to sign in here.")
    if context.session.credential:
        raise RefusalError("already_signed_in", "You are signed in. Sign out first to become someone else.")
    code = _present_code(context)
    if code is None:
        code = await device_flow.begin(context.session.client, editor=context.editor)
        context.code = code
        context.waiting = asyncio.create_task(_finish(context, code))
    context.session.say(code.message)
    return {
        "userCode": code.user_code,
        "verificationUri": code.uri,
        "verificationUriComplete": code.uri_complete,
        "expiresIn": max(0, round(code.expires_at - time.monotonic())),
        "message": code.message,
    }


async def finish_sign_in(context: CommandContext, _arguments: tuple[Any, ...]) -> dict[str, Any]:
    """The payload once signed in; waits a few seconds for an approval that is on its way."""
    if context.waiting is None:
        if context.session.credential:
            return context.session.store.payload()
        raise RefusalError("no_sign_in", "No sign-in is under way. Sign in first.")
    try:
        problem = await asyncio.wait_for(asyncio.shield(context.waiting), FINISH_SECONDS)
    except TimeoutError:
        return refusal("authorization_pending", "Not approved yet.")
    if problem is not None:
        return refusal("sign_in_failed", problem)
    return context.session.store.payload()


async def sign_out(context: CommandContext, _arguments: tuple[Any, ...]) -> dict[str, Any]:
    """Forget the token on this machine."""
    if context.waiting:
        context.waiting.cancel()
        context.waiting, context.code = None, None
    await context.session.sign_out()
    if context.session.settings.env_token:
        context.session.say("Credits: signed out until the editor restarts; TEAMCREDITS_TOKEN is still set.")
    return context.session.store.payload()


def _present_code(context: CommandContext) -> device_flow.DeviceCode | None:
    if context.code and context.waiting and not context.waiting.done() and context.code.expires_at > time.monotonic():
        return context.code
    return None


async def _finish(context: CommandContext, code: device_flow.DeviceCode) -> str | None:
    """Wait for the token and use it. The problem in words, or None when all went well."""
    with context.session.store.busy():
        try:
            token = await device_flow.wait_for_token(context.session.client, code)
        except (RefusalError, NotUnderstoodError) as exc:
            context.session.say(f"Credits: {exc.message}")
            return exc.message
        await context.session.sign_in(token)
        await context.session.refresh()
    context.session.say("Credits: signed in.")
    return None
