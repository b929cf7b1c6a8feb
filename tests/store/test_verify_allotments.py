"""verify recomputes what allotments, refunds and resets left behind, and names the row that differs (L3)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from core.ledger.credits import Credits
from core.ledger.ids import Prefix, shown_id
from core.ledger.lots import Source
from core.metering.usage import Rating, Usage
from core.services.common.recipients import Recipient
from core.services.grants import allotments, grants, refunds
from core.services.usage.charge_commands import Charge
from core.services.wallet.verify import verify
from tests.support.sample_org import SampleOrg, furnish, open_sample_ledger


@pytest.fixture
async def org(database_url: str) -> Any:
    """A house with a run of an allotment, and a charge of 30 cr of which 25 were given back: 20 owed, 5 paid."""
    with open_sample_ledger(database_url) as (ledger, clock):
        org = await furnish(ledger, clock)
        to = Recipient(member=org.bo.id)
        await allotments.begin(ledger, actor=org.ada.actor, key="a", to=to, amount=Credits.of(7), day=1)
        await grants.grant(ledger, actor=org.ada.actor, key="g", to=to, amount=Credits.of(10), source=Source.PURCHASE)
        bo, rating = org.bo.actor, Rating(Credits.of(30), "c", is_fallback=False)
        charge = Charge(bo.org_id, bo.member_id, "gateway", "e", "bo", Usage("opus", 1), rating)
        number = shown_id(Prefix.TRANSFER, (await ledger.execute(charge)).first_id)
        for key, amount in (("r1", 24), ("r2", 1)):
            await refunds.refund(
                ledger,
                actor=org.ada.actor,
                key=key,
                transfer_id=number,
                reason="x",
                amount=Credits.of(amount),
            )
        clock.now = datetime(2026, 12, 1, tzinfo=UTC)
        await allotments.run_due(ledger)
        yield org


async def _found(org: SampleOrg, statement: str) -> list[str]:
    """Change the database behind the ledger's back and return what verify says of it."""
    changed = await org.ledger.write(lambda connection: connection.execute(text(statement)).rowcount)
    assert changed > 0
    return [f"{each.row} {each.problem}" for each in (await verify(org.ledger)).findings]


async def test_an_untouched_database_is_clean(org: SampleOrg) -> None:
    assert (await verify(org.ledger)).findings == []


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE allotment SET granted = granted + 1", "has given 7000001 micro-credits, its lots sum to 7000000"),
        ("UPDATE refund SET allowance = 1 WHERE cancelled = 0", "micro-credits, but moved 1000000"),
        ("DELETE FROM refund WHERE cancelled = 0", "is in the books, but of no charge"),
        ("UPDATE refund SET amount = amount + 9000000", "is of 30000000 micro-credits, but 43000000 were given back"),
        ("UPDATE obligation SET cancelled = 5", "is cancelled by 5 micro-credits, its refunds by 20000000"),
    ],
)
async def test_what_was_changed_is_named(org: SampleOrg, statement: str, said: str) -> None:
    assert any(said in finding for finding in await _found(org, statement))
