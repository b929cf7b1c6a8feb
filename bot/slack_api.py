"""Slack's Web API as this house uses it: a handful of calls, and two ways in which they fail.

``Later``: the same call may work in a while (rate limit, outage, silence). ``Never``: it will not. A call that
timed out may have worked all the same; Slack has no idempotency keys, so a repeated message is possible and
harmless.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import proxy_bypass

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.log import quiet_logger
from bot.messages.blocks import Message

CALL_SECONDS: Final = 10.0
DEFAULT_RETRY_SECONDS: Final = 30.0
MAX_RETRY_SECONDS: Final = 3600.0

# Slack's own trouble, and what an operator can mend: nothing is wrong with the message.
_PASSING: Final = frozenset(
    {
        "access_denied",
        "fatal_error",
        "internal_error",
        "missing_scope",
        "no_permission",
        "not_allowed_token_type",
        "rate_limited",
        "ratelimited",
        "request_timeout",
        "service_unavailable",
        "team_access_not_granted",
    },
)
# The token or the installation is gone.
_NOT_CONNECTED: Final = frozenset(
    {"account_inactive", "invalid_auth", "not_authed", "org_login_required", "token_expired", "token_revoked"},
)


class RetryableError(Exception):
    """The call did not work now; it may after ``seconds`` (None: nobody said), or once we are connected again."""

    def __init__(self, why: str, seconds: float | None = None, *, is_disconnected: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.seconds = seconds
        self.is_disconnected = is_disconnected


class PermanentError(Exception):
    """The call will not work, however often it is made."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the bot token says we are."""

    team_id: str
    user_id: str
    bot_id: str | None


@dataclass(frozen=True, slots=True)
class PostedMessage:
    """Where a message is."""

    channel: str
    ts: str


class SlackApi:
    """One workspace's Web API. ``open`` before use, ``close`` after; one HTTP session for all calls."""

    def __init__(self, *, token: str, base_url: str, response_hosts: tuple[str, ...]) -> None:
        self.client = AsyncWebClient(token=token, base_url=base_url, logger=quiet_logger(), retry_handlers=[])
        if proxy_bypass(urlsplit(base_url).hostname or ""):
            self.client.proxy = None  # the SDK takes a proxy from the environment, but not its exceptions
        self._response_hosts = response_hosts

    def open(self) -> None:
        """Open the session; on the running event loop."""
        self.client.session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=CALL_SECONDS))

    async def close(self) -> None:
        if self.client.session is not None:
            await self.client.session.close()

    async def who_am_i(self) -> Identity:
        data = await _answer(self.client.auth_test())
        return Identity(_text(data, "team_id"), _text(data, "user_id"), data.get("bot_id"))

    async def user(self, user_id: str, *, seconds: float) -> dict[str, Any]:
        """Return what Slack knows of a person, waiting no longer than told."""
        data = await _answer(self.client.api_call("users.info", data={"user": user_id}), seconds=seconds)
        user = data.get("user")
        if not isinstance(user, dict):
            raise RetryableError("users.info answered without a user")
        return user

    async def post(self, channel: str, reply: Message) -> PostedMessage:
        """Post a message; a user's id as the channel is their direct messages."""
        call = self.client.chat_postMessage(channel=channel, **reply.payload(), unfurl_links=False, unfurl_media=False)
        data = await _answer(call)
        return PostedMessage(_text(data, "channel"), _text(data, "ts"))

    async def update(self, posted: PostedMessage, reply: Message) -> PostedMessage:
        """Change a message that was posted."""
        await _answer(self.client.chat_update(channel=posted.channel, ts=posted.ts, **reply.payload()))
        return posted

    async def publish_home(self, user_id: str, view: dict[str, Any]) -> None:
        await _answer(self.client.views_publish(user_id=user_id, view=view))

    def may_answer(self, url: str) -> bool:
        """Return whether a response URL is one of Slack's: a body could name any address."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            return False
        host = parts.hostname or ""
        if parts.scheme not in {"https", "http"} or parts.username or parts.password or not url.isascii():
            return False
        if parts.scheme == "http" and host not in {"127.0.0.1", "localhost", "::1"}:
            return False
        named = {host} if port is None or parts.scheme == "http" else set()
        return bool((named | {f"{host}:{port}"}) & set(self._response_hosts))

    async def answer(self, url: str, body: dict[str, Any]) -> None:
        """Post to a response URL. Raises Never for a host that is not Slack's and for one that has lapsed."""
        if not self.may_answer(url):
            raise PermanentError("response_url_not_allowed")
        await _unreachable(self._post_json(url, body))

    async def _post_json(self, url: str, body: dict[str, Any]) -> None:
        if self.client.session is None:
            raise RetryableError("not started")
        async with self.client.session.post(url, json=body, allow_redirects=False, proxy=self.client.proxy) as response:
            if response.status != 200:
                raise PermanentError(f"response_url_{response.status}")


async def _answer(call: Awaitable[Any], *, seconds: float = CALL_SECONDS) -> dict[str, Any]:
    """Await a call of the SDK. Raises Later or Never, and nothing else that Slack or the network may cause."""
    try:
        async with asyncio.timeout(seconds):
            response = await call
    except SlackApiError as error:
        raise _failure(error) from None
    except (TimeoutError, OSError, aiohttp.ClientError, SlackClientError, json.JSONDecodeError, UnicodeError) as error:
        raise RetryableError(type(error).__name__) from None
    data = response.data
    if not isinstance(data, dict):
        raise RetryableError("an answer that is no object")
    return data


async def _unreachable(call: Awaitable[None]) -> None:
    try:
        await call
    except (TimeoutError, OSError, aiohttp.ClientError) as error:
        raise RetryableError(type(error).__name__) from None


def _failure(error: SlackApiError) -> RetryableError | PermanentError:
    """Read the SDK's error: around its own response, or around the HTTP one when the body could not be read."""
    status = int(getattr(error.response, "status_code", 0) or getattr(error.response, "status", 0))
    headers = getattr(error.response, "headers", None) or {}
    data = getattr(error.response, "data", None)
    why = str(data.get("error") or "")[:80] if isinstance(data, dict) else ""
    pause = _seconds(headers.get("Retry-After"))
    if status == 429:
        return RetryableError("ratelimited", pause or DEFAULT_RETRY_SECONDS)
    if why in _NOT_CONNECTED:
        return RetryableError(why, 0.0, is_disconnected=True)
    if why in _PASSING or not why or status >= 500:
        return RetryableError(why or f"http_{status}", pause)
    return PermanentError(why)


def _seconds(text: str | None) -> float | None:
    """Read a Retry-After in seconds, within reason; None for anything else."""
    if text is None or not text.isascii() or not text.isdecimal() or len(text) > 6:
        return None
    return min(float(text), MAX_RETRY_SECONDS)


def _text(data: dict[str, Any], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not value:
        raise RetryableError(f"an answer without {name}")
    return value
