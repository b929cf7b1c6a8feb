"""What a decision needs beyond what was locked sends its command to the next batch, and nobody else's (L7)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

from sqlalchemy import text

from core.ledger.credits import Credits
from core.ledger.ids import Prefix, parse_id
from core.ledger.lots import Source
from core.metering.usage import Rating, Usage
from core.services.common.recipients import Recipient
from core.services.grants import grants
from core.services.people import organizations
from core.services.usage.charge_commands import Charge
from core.services.wallet.verify import verify
from core.store.drivers.driver import Driver
from core.store.engine import writing
from core.store.queries import organizations as organization_queries
from tests.support.sample_org import SampleOrg, furnish, open_sample_ledger


class Interrupted:
    """A driver beside which something else happens once, just before the accounts are locked."""

    def __init__(self, driver: Driver, meanwhile: Callable[[], None]) -> None:
        self._driver, self._meanwhile = driver, [meanwhile]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._driver, name)

    def lock(self, accounts: Any) -> Any:
        if self._meanwhile:
            self._meanwhile.pop()()
        return self._driver.lock(accounts)


@contextmanager
def meanwhile(org: SampleOrg, happens: Callable[[], None]) -> Any:
    journal = org.ledger.journal
    opened, driver = journal._open_driver, journal._driver
    assert driver is not None
    journal._driver = Interrupted(driver, happens)  # type: ignore[assignment]
    yield
    journal._driver, journal._open_driver = driver, opened


async def test_a_charge_finds_the_pool_of_the_team_its_payer_has_just_joined(postgresql_url: str) -> None:
    """L7: nothing is locked late. A neighbour in the same batch is not held up by it."""
    with open_sample_ledger(postgresql_url) as (ledger, clock):
        org = await furnish(ledger, clock)
        team = await organizations.create_team(ledger, actor=org.ada.actor, name="Rich")
        to, admin = Recipient(pool=team.id), org.ada.actor
        await grants.grant(ledger, actor=admin, key="g", to=to, amount=Credits.of(50), source=Source.PURCHASE)
        own_org, bo, rich = admin.org_id, org.bo.actor.member_id, parse_id(Prefix.TEAM, team.id)

        def bo_joins() -> None:
            with writing(ledger.engine) as connection:
                organization_queries.add_team_member(
                    connection, org_id=own_org, team_id=rich, member_id=bo, is_lead=False
                )

        with meanwhile(org, bo_joins):
            rating = Rating(Credits.of(20), card="test", is_fallback=False)
            receipt = await ledger.execute(
                Charge(own_org, bo, "test", "event", "bo", Usage("m", input_tokens=1), rating)
            )
        query = text("SELECT remaining FROM position WHERE account_id % 8 = 1")
        left = await ledger.read(lambda connection: connection.execute(query).scalars().all())
        report = await verify(ledger)

    assert not receipt.replayed
    assert left == [30_000_000]
    assert report.clean


async def test_twins_of_one_key_follow_the_first_one_by_one(postgresql_url: str) -> None:
    """L6, L7: whichever comes first is new, the others are told what it did."""
    with open_sample_ledger(postgresql_url) as (ledger, clock):
        org = await furnish(ledger, clock)
        await org.grant(org.al)
        again = [org.grant(org.bo, "7") for _ in range(12)]
        await asyncio.gather(*again)
        query = text("SELECT sum(remaining) FROM position")
        held = await ledger.read(lambda connection: connection.execute(query).scalar_one())

    assert held == 1_007_000_000
