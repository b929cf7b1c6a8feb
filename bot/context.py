"""What every listener is handed: the ledger, Slack's Web API, and work that may outlive its request."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from bot.pending import PendingReplies
from bot.slack_api import Identity, SlackApi
from core.services.common.ledger_service import LedgerService


@dataclass(slots=True)
class AppContext:
    """One workspace. ``identity`` is None while Slack does not say who we are; ``lost`` is set then."""

    ledger: LedgerService
    slack: SlackApi
    pending: PendingReplies = field(default_factory=PendingReplies)
    identity: Identity | None = None
    lost: asyncio.Event = field(default_factory=asyncio.Event)

    def connected(self, identity: Identity) -> None:
        self.identity = identity
        self.lost.clear()

    def disconnected(self) -> None:
        """Take nothing from the outbox until Slack knows us again."""
        self.identity = None
        self.lost.set()
