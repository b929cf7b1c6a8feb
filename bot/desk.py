"""What every listener is handed: the ledger, Slack's Web API, and work that may outlive its request."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.errands import Errands
from bot.web_api import Identity, WebApi
from core.services.ledger import Ledger


@dataclass(slots=True)
class Desk:
    """One connected workspace. ``identity`` is None until Slack has said who we are."""

    ledger: Ledger
    slack: WebApi
    errands: Errands = field(default_factory=Errands)
    identity: Identity | None = None
