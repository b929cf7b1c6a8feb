"""The Slack front end as the server sees it: a router, a start and a stop (entry point ``teamcredits.frontends``)."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from fastapi import APIRouter
from pydantic import SecretStr
from slack_sdk.signature import Clock as RealClock

from bot.app import build_app
from bot.context import AppContext
from bot.delivery import OutboxDelivery
from bot.http_endpoint import slack_router
from bot.pacer import SECONDS_APART, Pacer
from bot.slack_api import SlackApi
from bot.socket_mode import keep_socket_open
from bot.workspace import connect, stay_connected
from core.services.common.ledger_service import LedgerService
from core.settings import Settings

FIRST_CONNECT_SECONDS: Final = 3.0


class SlackFrontend:
    """Slack, connected to one ledger."""

    def __init__(self, ledger: LedgerService, settings: Settings, *, token: SecretStr, pacer: Pacer) -> None:
        self._settings = settings
        self._pacer = pacer
        self._desk = AppContext(
            ledger,
            SlackApi(
                token=token.get_secret_value(),
                base_url=settings.slack_api_url,
                response_hosts=settings.slack_response_hosts,
            ),
        )
        self._app = build_app(self._desk)
        self._tasks: list[asyncio.Task[None]] = []
        secret = settings.slack_signing_secret
        self.router = APIRouter() if secret is None else slack_router(self._app, secret=secret, now=RealClock().now)

    async def start(self) -> None:
        """Connect and begin to deliver. A Slack that does not answer delays nothing but Slack."""
        self._desk.slack.open()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_CONNECT_SECONDS):
                await connect(self._desk, org=self._settings.slack_org)
        self._tasks = [
            asyncio.create_task(stay_connected(self._desk, org=self._settings.slack_org)),
            asyncio.create_task(OutboxDelivery(self._desk, self._pacer).run()),
        ]
        if self._settings.slack_app_token is not None:
            self._tasks.append(asyncio.create_task(keep_socket_open(self._app, token=self._settings.slack_app_token)))

    async def stop(self) -> None:
        """Finish answers that were promised, then stop delivering and close."""
        await self._desk.pending.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._desk.slack.close()


def build(
    ledger: LedgerService, settings: Settings, *, seconds_between_messages: float = SECONDS_APART
) -> SlackFrontend | None:
    """Return the front end, or None when Slack is not configured."""
    if settings.slack_bot_token is None:
        return None
    return SlackFrontend(ledger, settings, token=settings.slack_bot_token, pacer=Pacer(seconds_between_messages))
