"""Commands that sign in and out. The device code is polled in the background; the editor need not wait."""

import asyncio
import time
from typing import Any

from lsp import device
from lsp.errors import RefusalError
from lsp.features.desk import Desk, refusal
from lsp.wire import NotUnderstoodError

FINISH_SECONDS = 6.0


async def sign_in(desk: Desk, _arguments: tuple[Any, ...]) -> dict[str, Any]:
    """Show a code, and start waiting for its approval. Asked again meanwhile, it is the same code."""
    if desk.session.settings.env_token:
        raise RefusalError("token_from_environment", "TEAMCREDITS_TOKEN is set: unset it to sign in here.")
    if desk.session.credential:
        raise RefusalError("already_signed_in", "You are signed in. Sign out first to become someone else.")
    code = _present_code(desk)
    if code is None:
        code = await device.begin(desk.session.client, editor=desk.editor)
        desk.code = code
        desk.waiting = asyncio.create_task(_finish(desk, code))
    desk.session.say(code.message)
    return {
        "userCode": code.user_code,
        "verificationUri": code.uri,
        "verificationUriComplete": code.uri_complete,
        "expiresIn": max(0, round(code.expires_at - time.monotonic())),
        "message": code.message,
    }


async def finish_sign_in(desk: Desk, _arguments: tuple[Any, ...]) -> dict[str, Any]:
    """The payload once signed in; waits a few seconds for an approval that is on its way."""
    if desk.waiting is None:
        if desk.session.credential:
            return desk.session.picture.payload()
        raise RefusalError("no_sign_in", "No sign-in is under way. Sign in first.")
    try:
        problem = await asyncio.wait_for(asyncio.shield(desk.waiting), FINISH_SECONDS)
    except TimeoutError:
        return refusal("authorization_pending", "Not approved yet.")
    if problem is not None:
        return refusal("sign_in_failed", problem)
    return desk.session.picture.payload()


async def sign_out(desk: Desk, _arguments: tuple[Any, ...]) -> dict[str, Any]:
    """Forget the token on this machine."""
    if desk.waiting:
        desk.waiting.cancel()
        desk.waiting, desk.code = None, None
    await desk.session.sign_out()
    if desk.session.settings.env_token:
        desk.session.say("Credits: signed out until the editor restarts; TEAMCREDITS_TOKEN is still set.")
    return desk.session.picture.payload()


def _present_code(desk: Desk) -> device.DeviceCode | None:
    if desk.code and desk.waiting and not desk.waiting.done() and desk.code.expires_at > time.monotonic():
        return desk.code
    return None


async def _finish(desk: Desk, code: device.DeviceCode) -> str | None:
    """Wait for the token and use it. The problem in words, or None when all went well."""
    with desk.session.picture.busy():
        try:
            token = await device.wait_for_token(desk.session.client, code)
        except (RefusalError, NotUnderstoodError) as exc:
            desk.session.say(f"Credits: {exc.message}")
            return exc.message
        await desk.session.sign_in(token)
        await desk.session.refresh()
    desk.session.say("Credits: signed in.")
    return None
