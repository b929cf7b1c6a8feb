"""What every listener is handed: the ledger, Slack's Web API, and work that may outlive its request."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from bot.errands import Errands
from bot.web_api import Identity, WebApi
from core.services.ledger import Ledger


@dataclass(slots=True)
class Desk:
    """One workspace. ``identity`` is None while Slack does not say who we are; ``lost`` is set then."""

    ledger: Ledger
    slack: WebApi
    errands: Errands = field(default_factory=Errands)
    identity: Identity | None = None
    lost: asyncio.Event = field(default_factory=asyncio.Event)

    def connected(self, identity: Identity) -> None:
        self.identity = identity
        self.lost.clear()

    def disconnected(self) -> None:
        """Take nothing from the outbox until Slack knows us again."""
        self.identity = None
        self.lost.set()
