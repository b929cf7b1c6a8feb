"""The people of the tests under load: an admin and people with tokens, much to give, and no limit on giving."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.clock import Clock, file_clock
from core.services.common.actors import Actor, Scope
from core.services.common.ledger_service import LedgerService
from core.services.people import members, organizations, tokens
from core.wiring import open_ledger
from tests.support.builders import some_settings

SETTLEMENT_HOURS = 2
NO_LIMITS = {
    "settlement_hours": SETTLEMENT_HOURS,
    "credits_per_gift": None,
    "credits_per_day": None,
    "gifts_per_day": None,
    "gifts_per_pair_and_day": None,
}


@dataclass(frozen=True, slots=True)
class Population:
    """Member ids, with their tokens; the admin is one of them."""

    org: str
    admin: str
    tokens: dict[str, str]

    @property
    def people(self) -> list[str]:
        return [member for member in self.tokens if member != self.admin]


class HandClock:
    """A clock for several processes: it stands still until it is moved on, by a file that all of them read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._set(datetime(2026, 11, 20, 9, tzinfo=UTC))

    @property
    def now(self) -> datetime:
        return self.read()

    @property
    def read(self) -> Clock:
        return file_clock(self.path)

    def advance(self, by: timedelta) -> None:
        self._set(self.now + by)

    def _set(self, moment: datetime) -> None:
        aside = self.path.with_suffix(".new")
        aside.write_text(moment.isoformat())
        aside.rename(self.path)


def create_population(url: str, people: int, *, clock: Clock | None = None) -> Population:
    """Create an organization and its people in a migrated database; return them with their tokens."""
    ledger = open_ledger(some_settings(url), clock=clock)
    try:
        return asyncio.run(_create(ledger, people))
    finally:
        ledger.close()


async def _create(ledger: LedgerService, people: int) -> Population:
    org, admin, token = await organizations.create_organization(
        ledger, name="Acme", admin_name="Ada", policy=dict(NO_LIMITS)
    )
    actor = await tokens.authenticate(ledger, token)
    issued = dict([await _person(ledger, actor, f"PERSON{number}") for number in range(people)])
    return Population(org, admin.id, {admin.id: token} | issued)


async def _person(ledger: LedgerService, admin: Actor, name: str) -> tuple[str, str]:
    slack = ("T0ACME", f"U{name}")  # so that they are told of everything; nobody delivers it
    view = await members.add_member(ledger, actor=admin, name=name, verified=True, slack=slack)
    scopes = (Scope.READ, Scope.GIVE)
    token, _ = await tokens.issue_token(ledger, actor=admin, member_id=view.id, scopes=scopes, label="laptop")
    return view.id, token
