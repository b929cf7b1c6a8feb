"""Signing in by the device flow (RFC 8628): a code for the person, a token for the sidecar once they approve."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from lsp import formatting
from lsp.client import Client
from lsp.errors import RefusalError, UnreachableError
from lsp.wire import NotUnderstoodError

DEFAULT_INTERVAL = 5.0
LONGEST_INTERVAL = 60.0
LONGEST_LIFE = 1800.0
SLOW_DOWN_SECONDS = 5.0

REFUSED = {
    "access_denied": "The sign-in was denied.",
    "expired_token": "The code has expired. Sign in again for a new one.",
}


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """One sign-in under way. `expires_at` is on the monotonic clock."""

    secret: str = field(repr=False)
    user_code: str
    uri: str
    uri_complete: str
    interval: float
    expires_at: float

    @property
    def message(self) -> str:
        """What the person is to do, wherever they read it."""
        return f"Credits: to sign in, type /credits link {self.user_code} in Slack, or open {self.uri_complete}"


async def begin(client: Client, *, editor: str) -> DeviceCode:
    """Ask for a code. `editor` is how the person will recognise this device when they approve it."""
    device = formatting.plain(f"{editor or 'Editor'} on {socket.gethostname()}", limit=80)
    found = await client.authorize_device(device)
    secret, user_code, uri = (found.get(name) for name in ("device_code", "user_code", "verification_uri"))
    if not (isinstance(secret, str) and isinstance(user_code, str) and isinstance(uri, str)):
        raise NotUnderstoodError("The server's sign-in answer is incomplete.")
    return DeviceCode(
        secret=secret,
        user_code=formatting.plain(user_code, limit=40),
        uri=formatting.plain(uri),
        uri_complete=formatting.plain(str(found.get("verification_uri_complete") or uri)),
        interval=_seconds(found.get("interval"), DEFAULT_INTERVAL, longest=LONGEST_INTERVAL),
        expires_at=time.monotonic() + _seconds(found.get("expires_in"), 900.0, longest=LONGEST_LIFE),
    )


async def wait_for_token(
    client: Client, code: DeviceCode, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> str:
    """The token, once the person approves. Raises RefusalError when denied or expired.

    A server that does not answer is asked again until the code expires; `slow_down` adds five seconds for good.
    """
    interval = code.interval
    while time.monotonic() + interval < code.expires_at:
        await sleep(interval)
        try:
            answer = await client.device_token(code.secret)
        except UnreachableError:
            interval = min(LONGEST_INTERVAL, interval * 1.5)
        except RefusalError as exc:
            if exc.code == "slow_down":
                interval += SLOW_DOWN_SECONDS
            elif exc.code != "authorization_pending":
                raise RefusalError(exc.code, REFUSED.get(exc.code, exc.message)) from exc
        else:
            return _token(answer)
    raise RefusalError("expired_token", REFUSED["expired_token"])


def _token(answer: dict[str, Any]) -> str:
    token = answer.get("access_token")
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
        raise NotUnderstoodError("The server's sign-in answer holds no token.")
    return token


def _seconds(value: object, default: float, *, longest: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        return default
    return min(float(value), longest)
